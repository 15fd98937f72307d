"""The bounds of one connection, and what is wrong with those that somebody set."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

__all__ = ["CLASS_LIMITS", "PROCESS_LIMITS", "Limits", "SlowClientPolicy", "find_bad_limits"]

SlowClientPolicy = Literal["close", "drop_newest", "drop_oldest", "coalesce"]
"""What happens when a client reads so slowly that its outbox is full."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Every queue and every wait of a connection, with what happens at the bound; None: no bound.

    Raises ValueError for values that make no sense.
    """

    max_message_size: int | None = 64 * 1024
    """UTF-8 bytes of a frame. A larger one closes the connection with 1009, unparsed."""

    max_json_depth: int | None = 64
    """Arrays and objects inside of each other; deeper ones are invalid messages."""

    max_invalid_messages: int | None = 20
    """Invalid messages in a row; one more closes the connection with 4400."""

    message_rate: float | None = 100
    """Messages per second, on the average. Those beyond are refused with an error."""

    message_burst: int = 200
    """Messages at once before the rate counts, and refused ones before a close with 4429."""

    max_connections_per_user: int | None = 100
    """In this process. One more is refused with 4429; anonymous users are not counted."""

    max_connections_per_address: int | None = None
    """In this process. Off, because behind a proxy all clients may have the proxy's address."""

    max_groups: int | None = 1000
    """Groups of one connection. Joining one more raises TooManyGroups."""

    inbox_frames: int | None = 64
    """Events waiting for the handler. At the bound the socket is not read; TCP slows the sender."""

    inbox_bytes: int | None = 1024 * 1024
    """UTF-8 bytes of frames that wait, with the same consequence."""

    inbox_events: int | None = 1024
    """Broker events among them. At the bound the connection is closed with 1013."""

    outbox_frames: int | None = 1024
    """Frames waiting for the socket. One delivery more is a case for the policy."""

    outbox_bytes: int | None = 1024 * 1024
    """UTF-8 bytes of text waiting for the socket, with the same consequence."""

    slow_client_policy: SlowClientPolicy = "close"
    """close: with 1013; else the connection lives on, and is told how many messages it missed."""

    handler_timeout: float | None = 60
    """Seconds for one message. Then the handler is cancelled, and the client gets an error."""

    disconnect_grace: float = 0
    """Seconds that running handlers have to end by themselves when the client is gone."""

    idle_timeout: float | None = None
    """Seconds without a frame of the client, after which it is closed with 4408."""

    heartbeat_interval: float | None = 30
    """Seconds between pings to clients that asked for them; unanswered, they are closed as idle."""

    authentication_timeout: float = 10
    """Seconds that a client has to send its token in a message; then it is closed with 4408."""

    recheck_interval: float | None = 300
    """Seconds within which it is asked anew whether the client may still be connected."""

    concurrent_messages: int = 1
    """Messages and events of one connection that are handled at the same time."""

    close_timeout: float = 5.0
    """Seconds that a client which does not read has to take the close frame."""

    answer_timeout: float = 30.0
    """Seconds that it then has to answer it, where the server sets no end itself."""

    cancel_timeout: float = 10.0
    """Seconds that a cancelled handler has to end, before the connection is given up without it."""

    def __post_init__(self) -> None:
        values = {name: getattr(self, name) for name in CLASS_LIMITS}
        for name, problem in find_bad_limits(values):
            raise ValueError(f"{name} {problem}")


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_duration(value: Any) -> bool:
    return bool(_is_number(value) and value > 0)


_Rule = tuple[Callable[[Any], bool], str]

_COUNT: Final[_Rule] = (_is_count, "a whole number above 0")
_COUNT_OR_NONE: Final[_Rule] = (
    lambda value: value is None or _is_count(value),
    "a whole number above 0, or None for no limit",
)
_POSITIVE_OR_NONE: Final[_Rule] = (
    lambda value: value is None or _is_duration(value),
    "a number above 0, or None for no limit",
)
_FROM_ZERO: Final[_Rule] = (
    lambda value: bool(_is_number(value) and value >= 0),
    "a number of seconds from 0",
)

_RULES: Final[dict[str, _Rule]] = {
    "max_message_size": _COUNT_OR_NONE,
    "max_json_depth": (
        lambda value: value is None or (_is_count(value) and value <= 200),
        "a whole number from 1 to 200, which is as deep as the parser goes, or None for no other "
        "limit",
    ),
    "max_invalid_messages": _COUNT_OR_NONE,
    "message_rate": _POSITIVE_OR_NONE,
    "message_burst": _COUNT,
    "max_connections_per_user": _COUNT_OR_NONE,
    "max_connections_per_address": _COUNT_OR_NONE,
    "max_groups": _COUNT_OR_NONE,
    "inbox_frames": _COUNT_OR_NONE,
    "inbox_bytes": _COUNT_OR_NONE,
    "inbox_events": _COUNT_OR_NONE,
    "outbox_frames": _COUNT_OR_NONE,
    "outbox_bytes": _COUNT_OR_NONE,
    "slow_client_policy": (
        lambda value: value in get_args(SlowClientPolicy),
        f"one of {', '.join(get_args(SlowClientPolicy))}",
    ),
    "handler_timeout": _POSITIVE_OR_NONE,
    "disconnect_grace": _FROM_ZERO,
    "idle_timeout": _POSITIVE_OR_NONE,
    "heartbeat_interval": _POSITIVE_OR_NONE,
    "authentication_timeout": (_is_duration, "a number of seconds above 0"),
    "recheck_interval": _POSITIVE_OR_NONE,
    "concurrent_messages": _COUNT,
}
_PROCESS_RULES: Final[dict[str, _Rule]] = {
    "broker_timeout": _POSITIVE_OR_NONE,
    "database_lanes": _COUNT_OR_NONE,
}

CLASS_LIMITS: Final = tuple(_RULES)
"""The bounds that a consumer class may have as attributes; the rest are constants."""

PROCESS_LIMITS: Final = tuple(_PROCESS_RULES)
"""The bounds that hold for the process."""


def find_bad_limits(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name of each bound whose value makes no sense, and what is wrong with it."""
    for name, value in values.items():
        is_fine, wanted = _RULES.get(name) or _PROCESS_RULES[name]
        if not is_fine(value):
            yield name, f"is {value!r}, but must be {wanted}"
