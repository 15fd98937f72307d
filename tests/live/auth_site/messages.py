"""What clients of the site say."""

from typing import Any, Literal

from chanx.messages.base import (
    BaseGroupMessage,
    BaseIncomingMessage,
    BaseMessage,
    BaseOutgoingGroupMessage,
)
from chanx.messages.incoming import PingMessage

__all__ = [
    "AuthIncomingMessage",
    "AuthOutgoingGroupMessage",
    "MeMessage",
    "SaidMessage",
    "SayMessage",
    "WhoMessage",
]


class WhoMessage(BaseMessage):
    """Asks who the client is."""

    action: Literal["who"] = "who"
    payload: None = None


class MeMessage(BaseMessage):
    """Tells it."""

    action: Literal["me"] = "me"
    payload: dict[str, Any]


class SayMessage(BaseMessage):
    """Says something to all connections of ``?group=``."""

    action: Literal["say"] = "say"
    payload: str


class SaidMessage(BaseGroupMessage):
    """What was said."""

    action: Literal["said"] = "said"
    payload: str


class AuthIncomingMessage(BaseIncomingMessage):
    """What clients may send."""

    message: PingMessage | WhoMessage | SayMessage


class AuthOutgoingGroupMessage(BaseOutgoingGroupMessage):
    """What groups get."""

    group_message: SaidMessage
