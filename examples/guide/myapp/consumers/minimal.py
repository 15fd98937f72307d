"""Section "Minimal Consumer Example"."""

# --- as printed ---
# fmt: off
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.incoming import IncomingMessage

class MyConsumer(AsyncJsonWebsocketConsumer):
    """Basic WebSocket consumer."""

    # Required: Specify the message schema
    INCOMING_MESSAGE_SCHEMA = IncomingMessage

    async def receive_message(self, message, **kwargs):
        """Handle incoming validated messages."""
        # Handle message based on its action
        if message.action == "ping":
            from chanx.messages.outgoing import PongMessage
            await self.send_message(PongMessage())
# fmt: on
# --- end ---
