"""What clients send, in the simplest case."""

from typing import Any, Literal

from chanx.messages.base import BaseIncomingMessage, BaseMessage

__all__ = ["IncomingMessage", "PingMessage"]


class PingMessage(BaseMessage):
    """Asks the server for a sign of life."""

    action: Literal["ping"] = "ping"
    payload: Any = None


class IncomingMessage(BaseIncomingMessage):
    """Clients may send a ping, and nothing else."""

    message: PingMessage
