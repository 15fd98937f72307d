"""Section "Error Handling"."""

from typing import Any

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.outgoing import ErrorMessage
from myapp.messages import ChatIncomingMessage, SuccessMessage


class CarefulConsumer(AsyncJsonWebsocketConsumer):
    """A class around the printed method."""

    INCOMING_MESSAGE_SCHEMA = ChatIncomingMessage

    # --- as printed ---
    # fmt: off
    async def receive_message(self, message, **kwargs):
        try:
            result = await self.process_message(message)
            await self.send_message(SuccessMessage(payload=result))
        except ValueError as e:
            # Send custom error for specific exceptions
            await self.send_message(ErrorMessage(payload={"detail": str(e)}))
        # Other exceptions are handled automatically
    # fmt: on
    # --- end ---

    async def process_message(self, message: Any) -> int:
        """Return 100 divided by the number in the message: not a number is a ValueError, zero is
        an error that nobody foresaw."""
        return 100 // int(message.payload)
