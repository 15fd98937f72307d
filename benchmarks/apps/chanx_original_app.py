"""The newest original chanx from PyPI: a handler per message, DRF in an authenticator."""

import os
from typing import Literal

from benchmarks.apps import django_site, logs


def make_app(options):
    """Return the application."""
    logs.configure(options)
    # Without it, or DJANGO_SETTINGS_MODULE, the package does not read Django's settings.
    os.environ["CHANX_USE_DJANGO"] = "1"
    django_site.configure(
        options,
        CHANX={"CAMELIZE": options.camelize, "LOG_WEBSOCKET_MESSAGE": options.logs},
    )
    from pydantic import BaseModel
    from rest_framework.authentication import SessionAuthentication, TokenAuthentication
    from rest_framework.permissions import AllowAny, IsAuthenticated

    from chanx.channels.authenticator import DjangoAuthenticator
    from chanx.channels.websocket import AsyncJsonWebsocketConsumer
    from chanx.core.decorators import ws_handler
    from chanx.messages.base import BaseMessage
    from chanx.messages.incoming import PingMessage
    from chanx.messages.outgoing import PongMessage

    class Payload(BaseModel):
        message_id: int
        user_name: str
        sent_at: str
        body_text: str

    class EchoMessage(BaseMessage):
        action: Literal["echo"] = "echo"
        payload: Payload

    class SayMessage(BaseMessage):
        action: Literal["say"] = "say"
        payload: Payload

    class SaidMessage(BaseMessage):
        action: Literal["said"] = "said"
        payload: Payload

    class ReadyMessage(BaseMessage):
        action: Literal["ready"] = "ready"
        payload: None = None

    class Authenticator(DjangoAuthenticator):
        authentication_classes = {
            "none": [],
            "session": [SessionAuthentication],
            "token": [TokenAuthentication],
        }[options.credentials]
        permission_classes = [AllowAny if options.credentials == "none" else IsAuthenticated]

    class Consumer(AsyncJsonWebsocketConsumer):
        authenticator_class = Authenticator
        groups = ["room"] if options.mode == "room" else []

        async def post_authentication(self):
            if options.mode == "room":
                await self.send_message(ReadyMessage())

        @ws_handler
        async def ping(self, message: PingMessage) -> PongMessage:
            return PongMessage()

        @ws_handler
        async def echo(self, message: EchoMessage) -> EchoMessage:
            return message

        @ws_handler
        async def say(self, message: SayMessage) -> None:
            await self.broadcast_message(SaidMessage(payload=message.payload))

    return django_site.make_router(Consumer, django_site.get_session_middleware(options))
