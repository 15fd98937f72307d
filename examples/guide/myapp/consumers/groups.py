"""Section "Group Management"."""

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from myapp.messages import ChatIncomingMessage


# --- as printed ---
# fmt: off
class ChatConsumer(AsyncJsonWebsocketConsumer):
    async def build_groups(self):
        """
        Define which groups this consumer should join.

        Returns:
            Iterable of group names
        """
        # Get room ID from URL parameters
        room_id = self.scope["url_route"]["kwargs"].get("room_id", "default")

        # Return list of groups to join
        return [f"chat_room_{room_id}"]

    async def receive_message(self, message, **kwargs):
        if message.action == "chat":
            # Forward message to the entire group
            await self.send_group_message(message)
# fmt: on
# --- end ---


class GroupChatConsumer(ChatConsumer):
    """The printed class with a schema."""

    INCOMING_MESSAGE_SCHEMA = ChatIncomingMessage


class EchoingChatConsumer(GroupChatConsumer):
    """The room of the guide's test case, which expects to get its own message back.

    The printed class leaves the sender out, as `send_group_message` does unless told otherwise.
    """

    async def receive_message(self, message, **kwargs):
        """Send the message to the others, and to the sender."""
        await super().receive_message(message, **kwargs)
        await self.send_message(message)
