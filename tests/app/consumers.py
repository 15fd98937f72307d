"""The consumers that most tests extend."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseIncomingMessage
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import PongMessage
from tests.app.messages import DoMessage, Incoming, SaidMessage, SayMessage

Consumer = AsyncJsonWebsocketConsumer[Any]
ConsumerClass = type[Consumer]

# What Channels lets a subclass override, and what chanx adds.
STEPS = (
    "dispatch",
    "websocket_connect",
    "websocket_receive",
    "websocket_disconnect",
    "connect",
    "disconnect",
    "accept",
    "close",
    "receive",
    "receive_json",
    "decode_json",
    "send",
    "send_json",
    "encode_json",
    "send_message",
    "send_group_member",
)
VARIANTS = ("plain", *STEPS, "all")


class HeaderAuthentication(BaseAuthentication):
    """Believes the header ``x-user``, without a database."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Return the user that the header names, its length being the key."""
        name = request.headers.get("x-user")
        return (User(pk=len(name), username=name), None) if name else None

    def authenticate_header(self, request: Request) -> str:
        """Make refusals a 401."""
        return "X-User"


class OpenConsumer(Consumer):
    """Lets everybody in, and needs no thread for that."""

    authentication_classes: Sequence[Any] | None = ()
    permission_classes: Sequence[Any] | None = (AllowAny,)
    INCOMING_MESSAGE_SCHEMA: type[BaseIncomingMessage] = Incoming

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Answer pings with pongs, tell groups what is said, and send back the rest."""
        match message:
            case PingMessage():
                await self.send_message(PongMessage())
            case SayMessage(payload=payload):
                await self.send_group_message(SaidMessage(payload=payload))
            case DoMessage(payload=name):
                await getattr(self, f"do_{name}")()
            case _:
                await self.send_message(message)


class RoomConsumer(OpenConsumer):
    """Puts every connection into the group "room", as the user of its header."""

    authentication_classes: Sequence[Any] | None = (HeaderAuthentication,)

    async def build_groups(self) -> Iterable[str]:
        """Return the one group."""
        return ["room"]


def override(base: ConsumerClass, variant: str, calls: list[str] | None = None) -> ConsumerClass:
    """Return a subclass that overrides a step of ``STEPS``, or all, and only calls ``super()``.

    The names of the steps are put into ``calls``.
    """
    if variant == "plain":
        return base
    seen = [] if calls is None else calls
    names = STEPS if variant == "all" else (variant,)
    consumer: ConsumerClass = type(
        f"{base.__name__}With_{variant}",
        (base,),
        {name: _make_step(base, name, seen) for name in names},
    )
    return consumer


def _make_step(base: ConsumerClass, name: str, calls: list[str]) -> Any:
    original: Callable[..., Any] = getattr(base, name)

    if isinstance(inspect.getattr_static(base, name), classmethod):

        async def class_step(cls: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            return await original(*args, **kwargs)

        return classmethod(class_step)

    async def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return await original(self, *args, **kwargs)

    return step
