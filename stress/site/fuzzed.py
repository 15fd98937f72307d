"""The consumers under fuzz: each sends back what it has understood."""

from typing import Any

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from stress.site.rich import RichIncomingMessage


class RichConsumer(AsyncJsonWebsocketConsumer):
    """Answers each message with itself, as often as the client likes."""

    authentication_classes = []
    permission_classes = []
    INCOMING_MESSAGE_SCHEMA = RichIncomingMessage
    message_rate = None
    max_invalid_messages = None

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Send it back, as Pydantic writes it."""
        await self.send_message(message)


class CompletingConsumer(RichConsumer):
    """Says also when a frame is handled."""

    send_completion = True


class SteppingConsumer(RichConsumer):
    """Overrides the steps of Channels, so that none of them is skipped."""

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        """Pass on."""
        await super().receive(text_data, bytes_data, **kwargs)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Pass on."""
        await super().receive_json(content, **kwargs)

    async def send_json(self, content: Any, close: bool | int = False) -> None:
        """Pass on."""
        await super().send_json(content, close)
