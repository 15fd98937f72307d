"""Section "Message Handling"."""

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from myapp.messages import ChatIncomingMessage


class HandlingConsumer(AsyncJsonWebsocketConsumer):
    """A class around the printed method."""

    INCOMING_MESSAGE_SCHEMA = ChatIncomingMessage

    # --- as printed ---
    # fmt: off
    async def receive_message(self, message, **kwargs):
        """
        Handle incoming validated messages.

        Args:
            message: The validated message object
            **kwargs: Additional arguments from receive_json
        """
        # Access the action field to determine message type
        if message.action == "chat":
            # Access payload for message data
            text = message.payload

            # Create response message
            from myapp.messages import ChatResponse
            response = ChatResponse(payload=f"Received: {text}")

            # Send response to the client
            await self.send_message(response)
    # fmt: on
    # --- end ---
