"""Consumers that count what happens to them, and one that tells the counts."""

import asyncio
import resource
import sys
import threading
from typing import Any, Final, assert_never
from urllib.parse import parse_qs

from rest_framework.authentication import BaseAuthentication, BasicAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

import chanx
from chanx.generic.authenticator import AuthenticationResult, ChanxWebsocketAuthenticator
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.integrations.channel_layer import get_hub
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import PongMessage
from tests.live.site.board import board
from tests.live.site.messages import (
    BlockMessage,
    ControlIncomingMessage,
    DirectMessage,
    EchoMessage,
    FailMessage,
    LiveIncomingMessage,
    NameMessage,
    NumberedMessage,
    NumberMessage,
    OpenGateMessage,
    PublishMessage,
    ReleaseMessage,
    Report,
    ReportMessage,
    TextMessage,
    WaitMessage,
)

# How getrusage() counts memory differs.
_MEMORY_UNIT: Final = 1 if sys.platform == "darwin" else 1024

LiveMessage = (
    PingMessage
    | EchoMessage
    | NumberMessage
    | FailMessage
    | BlockMessage
    | PublishMessage
    | NameMessage
    | DirectMessage
)


def get_parameters(scope: Any) -> dict[str, str]:
    """Return the query string, each parameter once."""
    return {key: values[-1] for key, values in parse_qs(scope["query_string"].decode()).items()}


class LiveConsumer(AsyncJsonWebsocketConsumer):
    """Does what its messages say. ``?client=`` names it in the counts, ``?groups=`` its groups."""

    authentication_classes = []
    permission_classes = []
    INCOMING_MESSAGE_SCHEMA = LiveIncomingMessage
    # These tests send as fast as they can; those of the limits have consumers of their own.
    message_rate = None
    max_invalid_messages = None
    max_message_size = 1024 * 1024
    # A handler waits for the test, or publishes a great deal: how long is up to the machine.
    handler_timeout = None

    @property
    def client(self) -> str:
        """The name in the counts."""
        return get_parameters(self.scope).get("client", "?")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Count the beginning and the end of all that is done for a connection."""
        name = get_parameters(scope).get("client", "?")
        board.add("begun", name)
        try:
            await super().__call__(scope, receive, send)
        finally:
            board.add("ended", name)

    async def connect(self) -> None:
        """Count, and accept, unless ``?stay=connecting`` says to wait for ever."""
        board.add("connecting", self.client)
        if get_parameters(self.scope).get("stay") == "connecting":
            await asyncio.Event().wait()
        await self.accept()

    async def build_groups(self) -> list[str]:
        """Return the names in ``?groups=``, separated by commas."""
        groups = get_parameters(self.scope).get("groups", "")
        return [name for name in groups.split(",") if name]

    async def disconnect(self, code: int) -> None:
        """Count."""
        board.add("disconnected", self.client)

    async def receive_message(self, message: LiveMessage, **kwargs: Any) -> None:
        """Do what the message says."""
        match message:
            case PingMessage():
                await self.send_message(PongMessage())
            case EchoMessage():
                board.add("echoing", self.client)
                await self.send_message(message)
            case NumberMessage():
                await self.send_message(message)
            case FailMessage():
                raise RuntimeError("secret of the server")
            case BlockMessage():
                board.add("blocking", self.client)
                await released.wait()
            case PublishMessage():
                await self.publish(message)
            case NameMessage():
                await self.send_message(NameMessage(payload=self.channel_name))
            case DirectMessage():
                event = {"type": "plain.text", "text": message.payload.text}
                await self.channel_layer.send(message.payload.channel, event)
            case _:
                assert_never(message)

    async def publish(self, message: PublishMessage) -> None:
        """Publish numbers, one after the other."""
        wanted = message.payload
        for number in range(wanted.start, wanted.start + wanted.count):
            await self.send_group_message(
                NumberedMessage(payload=number, padding=wanted.padding),
                [wanted.group],
                exclude_current=False,
                kind="json",
            )

    async def plain_text(self, event: dict[str, Any]) -> None:
        """Pass on what somebody sent with Channels' own means."""
        await self.send_message(TextMessage(payload=event["text"]))


released = asyncio.Event()
gate = threading.Event()


class GateAuthentication(BaseAuthentication):
    """Holds everybody up until the gate is opened."""

    def authenticate(self, request: Request) -> None:
        """Wait, and leave the client anonymous."""
        gate.wait()


class CountingAuthenticator(ChanxWebsocketAuthenticator):
    """Counts who has come so far."""

    async def authenticate(self, scope: Any) -> AuthenticationResult:
        """Count, and authenticate."""
        board.add("authenticating", get_parameters(scope).get("client", "?"))
        return await super().authenticate(scope)


class GatedConsumer(LiveConsumer):
    """Authenticates when the gate is open."""

    authentication_classes = [GateAuthentication]
    authenticator_class = CountingAuthenticator


class PatientConsumer(LiveConsumer):
    """Keeps whatever its client does not read in time."""

    outbox_frames = None
    outbox_bytes = None


class ClosedConsumer(LiveConsumer):
    """Refuses whoever has no password, before it accepts."""

    authentication_classes = [BasicAuthentication]
    permission_classes = [IsAuthenticated]
    refuse_before_accept = True


class GraceConsumer(LiveConsumer):
    """Gives a handler time after the connection has ended; it says when it has used it.

    That of a message that says to block uses all of it.
    """

    disconnect_grace = 30

    async def receive_message(self, message: LiveMessage, **kwargs: Any) -> None:
        """Go on until some time after the close, with what any handler might still have to do."""
        board.add("blocking", self.client)
        if isinstance(message, BlockMessage):
            await released.wait()
        while self._driver.is_open:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        self._driver.log.info("Finished after the close")


class ControlConsumer(AsyncJsonWebsocketConsumer):
    """Tells a test about the process, which is how it waits for what happens there."""

    authentication_classes = []
    permission_classes = []
    INCOMING_MESSAGE_SCHEMA = ControlIncomingMessage
    message_rate = None
    # Waiting is what it is for.
    handler_timeout = None

    async def receive_message(
        self,
        message: WaitMessage | OpenGateMessage | ReleaseMessage | ReportMessage,
        **kwargs: Any,
    ) -> None:
        """Wait if that is asked for, and report."""
        if isinstance(message, WaitMessage):
            wanted = message.payload
            await board.wait(wanted.event, wanted.count, wanted.prefix)
        elif isinstance(message, OpenGateMessage):
            gate.set()
        elif isinstance(message, ReleaseMessage):
            released.set()
        await self.send_message(ReportMessage(payload=self.make_report()))

    def make_report(self) -> Report:
        """Return the counts, the members of each group in this process, and the memory in bytes."""
        found = get_hub(self.channel_layer_alias)
        names = found[0].get_names() if found else ()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return Report(
            counts=board.report(),
            members={name: len(found[0].get_members(name)) for name in names} if found else {},
            peak_memory=usage.ru_maxrss * _MEMORY_UNIT,
            events_lost=chanx.stats().counters["broker"].get("events_lost", 0),
        )
