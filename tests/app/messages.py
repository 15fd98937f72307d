"""The messages of the test site."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from chanx.messages.base import (
    BaseGroupMessage,
    BaseIncomingMessage,
    BaseMessage,
    BaseOutgoingGroupMessage,
)
from chanx.messages.incoming import PingMessage


class EchoMessage(BaseMessage):
    """Goes out as it came in."""

    action: Literal["echo"] = "echo"
    payload: Any = None


class Order(BaseModel):
    """A payload with types."""

    item_name: str
    how_many: int = 1
    wanted_at: datetime | None = None
    extra_notes: dict[str, Any] = {}


class OrderMessage(BaseMessage):
    """A message whose payload is validated."""

    action: Literal["order"] = "order"
    payload: Order


class DoMessage(BaseMessage):
    """Names what the handler of a test is to do."""

    action: Literal["do"] = "do"
    payload: str


class SayMessage(BaseMessage):
    """Is to be told to the groups."""

    action: Literal["say"] = "say"
    payload: Any = None


class SaidMessage(BaseGroupMessage):
    """Tells a group."""

    action: Literal["said"] = "said"
    payload: Any = None


class Incoming(BaseIncomingMessage):
    """What clients of the test site send."""

    message: PingMessage | EchoMessage | OrderMessage | DoMessage | SayMessage


class Outgoing(BaseOutgoingGroupMessage):
    """What groups of the test site are told."""

    group_message: SaidMessage
