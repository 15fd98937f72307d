"""Consumers that get into the situations in which the peers failed."""

import asyncio
from typing import Any, Literal

from django.contrib.auth.models import User
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.messages.incoming import PingMessage
from chanx.settings import DEFAULTS
from tests.live.site.consumers import LiveConsumer
from tests.live.site.messages import BlockMessage, EchoMessage, PublishMessage


class TurnsMessage(BaseMessage):
    """Is sent back after some turns of the event loop."""

    action: Literal["turns"] = "turns"
    payload: dict[str, int]


class EventMessage(BaseMessage):
    """Sends an event of any kind to a group, by the channel layer alone."""

    action: Literal["event"] = "event"
    payload: dict[str, Any]


class PeerIncomingMessage(BaseIncomingMessage):
    """What clients may send."""

    message: PingMessage | EchoMessage | BlockMessage | PublishMessage | TurnsMessage | EventMessage


class PeerConsumer(LiveConsumer):
    """The live site's consumer, which can do a little more."""

    INCOMING_MESSAGE_SCHEMA = PeerIncomingMessage  # type: ignore[assignment]  # inferred too narrow
    # A list on the class, to which the groups of a connection must not be added.
    groups = ["lobby"]
    max_message_size = DEFAULTS["MAX_MESSAGE_SIZE"]

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Do what the message says."""
        match message:
            case TurnsMessage():
                for _ in range(message.payload["turns"]):
                    await asyncio.sleep(0)
                await self.send_message(message)
            case EventMessage():
                await self.channel_layer.group_send(**message.payload)
            case _:
                await super().receive_message(message, **kwargs)


class ConcurrentConsumer(PeerConsumer):
    """Handles two messages at once."""

    concurrent_messages = 2


class IsAlice(BasePermission):
    """Everybody may see alice, and nobody else."""

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        """Tell whether it is alice."""
        return bool(obj.username == "alice")


class ObjectConsumer(PeerConsumer):
    """Has an object, and a manager to look it up."""

    queryset = User.objects
    permission_classes = [IsAlice]
