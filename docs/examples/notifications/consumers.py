from collections.abc import Iterable
from typing import Any

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.incoming import IncomingMessage, PingMessage
from chanx.messages.outgoing import PongMessage
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework_simplejwt.authentication import JWTAuthentication


# region: consumer
class NotificationsConsumer(AsyncJsonWebsocketConsumer):
    authentication_classes = [JWTAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    token_transports = ["header", "subprotocol", "message"]
    INCOMING_MESSAGE_SCHEMA = IncomingMessage

    async def build_groups(self) -> Iterable[str]:
        return [f"user-{self.user.pk}"]

    async def receive_message(self, message: PingMessage, **kwargs: Any) -> None:
        await self.send_message(PongMessage())


# endregion: consumer


# region: early
class EarlyConsumer(NotificationsConsumer):
    token_transports = ["header", "subprotocol"]
    refuse_before_accept = True


# endregion: early
