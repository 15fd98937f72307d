"""Section "Configuration Options"."""

from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.outgoing import PongMessage
from myapp.messages import GroupMessage, MyIncomingMessage, MyOutgoingGroupMessage


# --- as printed ---
# fmt: off
class ConfiguredConsumer(AsyncJsonWebsocketConsumer):
    # Authentication
    authentication_classes = [SessionAuthentication]
    permission_classes = [IsAuthenticated]
    queryset = None
    auth_method = "get"

    # Message handling
    INCOMING_MESSAGE_SCHEMA = MyIncomingMessage
    OUTGOING_GROUP_MESSAGE_SCHEMA = MyOutgoingGroupMessage

    # Behavior flags
    send_completion = True # Send completion messages
    send_message_immediately = True # Yield control after sending
    log_received_message = True # Log received messages
    log_sent_message = True # Log sent messages
    log_ignored_actions = ["ping", "pong"] # Don't log these actions
    send_authentication_message = True # Send auth status
# fmt: on
# --- end ---


class ConfiguredChatConsumer(ConfiguredConsumer):
    """The printed class with a group and a handler."""

    groups = ["configured"]

    async def receive_message(self, message, **kwargs):
        """Answer a ping; put what is said into the group, the sender included."""
        if message.action == "ping":
            await self.send_message(PongMessage())
        else:
            group_message = GroupMessage(payload=message.payload)
            await self.send_group_message(group_message, exclude_current=False)
