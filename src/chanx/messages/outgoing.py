"""What chanx itself sends to clients."""

from typing import Any, Final, Literal

from pydantic import BaseModel

from chanx.messages.base import BaseMessage

__all__ = [
    "ACTION_COMPLETE",
    "GROUP_ACTION_COMPLETE",
    "AuthenticationMessage",
    "AuthenticationPayload",
    "CompleteMessage",
    "DroppedMessage",
    "DroppedPayload",
    "ErrorMessage",
    "GroupCompleteMessage",
    "PongMessage",
]

ACTION_COMPLETE: Final = "complete"
GROUP_ACTION_COMPLETE: Final = "group_complete"


class PongMessage(BaseMessage):
    """The answer to a ping."""

    action: Literal["pong"] = "pong"
    payload: Any = None


class ErrorMessage(BaseMessage):
    """Something went wrong with a message of the client.

    The payload is a list of validation errors, or a dict with ``detail``.
    """

    action: Literal["error"] = "error"
    payload: Any = None


class AuthenticationPayload(BaseModel):
    """How authentication ended, in the terms of an HTTP response."""

    status_code: int
    status_text: str
    data: Any = None


class AuthenticationMessage(BaseMessage):
    """The first message of a connection. After a 200 the client is in its groups."""

    action: Literal["authentication"] = "authentication"
    payload: AuthenticationPayload


class CompleteMessage(BaseMessage):
    """A frame of the client has been handled; comes after all that the handler sent."""

    action: Literal["complete"] = ACTION_COMPLETE
    payload: Any = None


class GroupCompleteMessage(BaseMessage):
    """Comes after each message of a group."""

    action: Literal["group_complete"] = GROUP_ACTION_COMPLETE
    payload: Any = None


class DroppedPayload(BaseModel):
    """How many messages were dropped since the client was told last."""

    count: int


class DroppedMessage(BaseMessage):
    """A client that read too slowly missed group messages, and has read all the others by now.

    Sent where ``slow_client_policy`` drops messages; the client may want to load its state anew.
    """

    action: Literal["dropped"] = "dropped"
    payload: DroppedPayload
