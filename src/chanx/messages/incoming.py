"""What clients send, in the simplest case."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chanx.messages.base import BaseIncomingMessage, BaseMessage

__all__ = ["AuthenticateMessage", "AuthenticatePayload", "IncomingMessage", "PingMessage"]


class PingMessage(BaseMessage):
    """Asks the server for a sign of life."""

    action: Literal["ping"] = "ping"
    payload: Any = None


class IncomingMessage(BaseIncomingMessage):
    """Clients may send a ping, and nothing else."""

    message: PingMessage


class AuthenticatePayload(BaseModel):
    """A token, which is used as the one of an Authorization header would be.

    A scheme may stand before it, with a space between them.
    """

    model_config = ConfigDict(extra="forbid")

    token: str = Field(repr=False)


class AuthenticateMessage(BaseMessage):
    """Shows a token: the first one of a connection, or a fresh one for the one that expires.

    chanx handles it: it may be sent at any time, and no schema need know it.
    """

    action: Literal["authenticate"] = "authenticate"
    payload: AuthenticatePayload
