"""Section "Sending Messages"."""

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from myapp.messages import ChatIncomingMessage, GroupMessage, MyMessage


class SendingConsumer(AsyncJsonWebsocketConsumer):
    """A class and a method around the printed lines."""

    INCOMING_MESSAGE_SCHEMA = ChatIncomingMessage
    groups = ["sending"]

    async def post_authentication(self) -> None:
        """Join the group that the lines name, beside this connection's own one."""
        await self.channel_layer.group_add("custom_group", self.channel_name)

    async def receive_message(self, message, **kwargs):
        """Whatever comes in, send what the section sends."""
        # --- as printed ---
        # fmt: off
        # Send to the connected client
        await self.send_message(MyMessage())

        # Send to all clients in groups (excluding this one)
        await self.send_group_message(
            GroupMessage(),
            exclude_current=True # Don't echo to sender
        )

        # Send to specific groups
        await self.send_group_message(
            GroupMessage(),
            groups=["custom_group"], # Override default groups
            exclude_current=False # Include sender
        )
        # fmt: on
        # --- end ---
