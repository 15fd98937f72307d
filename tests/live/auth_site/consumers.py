"""A consumer for each way in, named by what is special about it."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from rest_framework.authentication import (
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import PongMessage
from tests.live.auth_site.classes import (
    AsyncEmailAuthentication,
    EmailAuthentication,
    HasNickname,
    IsInRoom,
    RoomIsPublic,
    Switchable,
    TwoPerMinute,
)
from tests.live.auth_site.messages import (
    AuthIncomingMessage,
    AuthOutgoingGroupMessage,
    MeMessage,
    SaidMessage,
    SayMessage,
    WhoMessage,
)
from tests.live.auth_site.models import Room
from tests.live.site.consumers import get_parameters

__all__ = ["BaseConsumer"]

OFTEN = 0.2
"""Seconds between the checks of those consumers that check often."""


class BaseConsumer(AsyncJsonWebsocketConsumer[Any]):
    """The project's defaults: session or token, and a user is needed."""

    INCOMING_MESSAGE_SCHEMA = AuthIncomingMessage
    OUTGOING_GROUP_MESSAGE_SCHEMA = AuthOutgoingGroupMessage

    async def build_groups(self) -> Iterable[str]:
        """Join ``?group=``."""
        group = get_parameters(self.scope).get("group")
        return [group] if group else []

    async def receive_message(
        self, message: PingMessage | WhoMessage | SayMessage, **kwargs: Any
    ) -> None:
        """Answer."""
        match message:
            case PingMessage():
                await self.send_message(PongMessage())
            case WhoMessage():
                await self.send_message(MeMessage(payload=self.describe()))
            case SayMessage():
                said = SaidMessage(payload=message.payload)
                await self.send_group_message(said, exclude_current=False)

    def describe(self) -> dict[str, Any]:
        """Return who the client is, in the user, in the request and in the object."""
        request_user: Any = self.request.user
        return {
            "user": getattr(self.user, "email", None),
            "user_class": type(self.user).__name__,
            "request_user": getattr(request_user, "email", None),
            "auth": type(self.request.auth).__name__,
            "obj": str(self.obj) if self.obj else None,
        }


class DefaultConsumer(BaseConsumer):
    """As it is."""


class SessionConsumer(BaseConsumer):
    """Sessions only; no challenge, so who is refused gets a 403."""

    authentication_classes = [SessionAuthentication]


class TokenConsumer(BaseConsumer):
    """Tokens only."""

    authentication_classes = [TokenAuthentication]


class BasicConsumer(BaseConsumer):
    """Passwords."""

    authentication_classes = [BasicAuthentication]


class JwtConsumer(BaseConsumer):
    """JSON web tokens."""

    authentication_classes = [JWTAuthentication]


class CustomConsumer(BaseConsumer):
    """A class of the site's own."""

    authentication_classes = [EmailAuthentication]


class AsyncConsumer(BaseConsumer):
    """A class that works on the event loop."""

    authentication_classes = [AsyncEmailAuthentication]


class ComposedConsumer(BaseConsumer):
    """Users that are staff or have a nickname, but not both."""

    permission_classes = [
        IsAuthenticated & (IsAdminUser | HasNickname) & ~(IsAdminUser & HasNickname)
    ]


class ThrottledConsumer(BaseConsumer):
    """Two handshakes a minute for each user."""

    throttle_classes = [TwoPerMinute]


class RoomConsumer(BaseConsumer):
    """An object, looked up by another field than the key."""

    queryset = Room.objects.all()
    lookup_field = "slug"
    lookup_url_kwarg = "room"
    permission_classes = [IsAuthenticated, IsInRoom | RoomIsPublic]


class OwnRoomConsumer(BaseConsumer):
    """Only objects that the user may see exist."""

    lookup_field = "slug"

    def get_queryset(self, request: Request) -> "QuerySet[Room]":
        """Return the rooms of the user."""
        return Room.objects.filter(members=request.user.pk)


class AllowAnyConsumer(BaseConsumer):
    """Everybody, known or not."""

    permission_classes = [AllowAny]


class NoClassesConsumer(BaseConsumer):
    """Everybody, and nobody is asked."""

    authentication_classes = []
    permission_classes = []


class HeaderConsumer(BaseConsumer):
    """Tokens in the header and nowhere else."""

    authentication_classes = [JWTAuthentication, TokenAuthentication]
    token_transports = ["header"]


class SubprotocolConsumer(BaseConsumer):
    """Tokens as a subprotocol and nowhere else."""

    authentication_classes = [JWTAuthentication, TokenAuthentication]
    token_transports = ["subprotocol"]


class QueryConsumer(BaseConsumer):
    """Tokens in the query string too."""

    authentication_classes = [JWTAuthentication, TokenAuthentication]
    token_transports = ["header", "query"]


class MessageConsumer(BaseConsumer):
    """Tokens in the first message too."""

    authentication_classes = [JWTAuthentication]
    token_transports = ["header", "message"]


class ImpatientConsumer(MessageConsumer):
    """Waits for the first message, but not for long."""

    authentication_timeout = 0.3


class NoTransportsConsumer(BaseConsumer):
    """Takes no tokens at all."""

    authentication_classes = [SessionAuthentication, JWTAuthentication]
    token_transports = []


class EarlyConsumer(BaseConsumer):
    """Refuses before it accepts."""

    authentication_classes = [TokenAuthentication, SessionAuthentication]
    refuse_before_accept = True


class EarlySessionConsumer(EarlyConsumer):
    """Has no challenge."""

    authentication_classes = [SessionAuthentication]


class EarlyRoomConsumer(RoomConsumer):
    """Refuses before it accepts, for all reasons that there are."""

    refuse_before_accept = True
    throttle_classes = [TwoPerMinute]


class OpenOriginConsumer(BaseConsumer):
    """Takes further origins."""

    allowed_origins = ["https://app.example.com", "https://*.example.org"]


class AnyOriginConsumer(BaseConsumer):
    """Does not look at the origin."""

    allowed_origins = ["*"]


class OftenConsumer(BaseConsumer):
    """Is checked often."""

    recheck_interval: float | None = OFTEN

    authentication_classes = [SessionAuthentication, TokenAuthentication, JWTAuthentication]
    permission_classes = [IsAuthenticated, Switchable]


class OftenRoomConsumer(RoomConsumer):
    """Is checked often, the object too."""

    recheck_interval = OFTEN


class NeverConsumer(OftenConsumer):
    """Is checked when there is an event, and else never."""

    recheck_interval = None
