"""Every exception that chanx raises. The texts say what to do."""

from typing import Any

__all__ = [
    "BrokerError",
    "BrokerTimeout",
    "BrokerUnavailable",
    "ChanxError",
    "EventMalformed",
    "MessageInvalid",
    "MessageNotInSchema",
    "NoChannelLayer",
    "TooManyGroups",
]


class ChanxError(Exception):
    """Base of all exceptions of chanx."""


class MessageInvalid(ChanxError, ValueError):
    """A frame is not a message of the consumer's schema: the client's mistake.

    ``errors`` are JSON-ready dicts with ``type``, ``loc`` and ``msg``, safe to send to the client.
    """

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(f"{len(errors)} error(s) in an incoming message")
        self.errors = errors


class MessageNotInSchema(ChanxError, TypeError):
    """A group message is of a class that OUTGOING_GROUP_MESSAGE_SCHEMA does not hold."""


class EventMalformed(ChanxError, ValueError):
    """An event from the broker does not have the shape of a group message."""


class BrokerError(ChanxError):
    """The broker (for Django: the channel layer) failed. ``__cause__`` is its own exception."""


class BrokerUnavailable(BrokerError):
    """The broker cannot be reached or does not answer; the same call may succeed later."""


class BrokerTimeout(BrokerUnavailable, TimeoutError):
    """The broker did not answer within the deadline."""


class NoChannelLayer(ChanxError, RuntimeError):
    """A consumer uses groups or its channel name, and CHANNEL_LAYERS does not configure a layer."""


class TooManyGroups(ChanxError, ValueError):
    """A connection would be in more groups than MAX_GROUPS, or max_groups on its class, allows."""
