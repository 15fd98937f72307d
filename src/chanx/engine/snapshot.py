"""How this process is, at one moment: what was counted, and what is looked up."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from chanx.engine.connection import Connection, State
from chanx.engine.hub import get_hubs
from chanx.engine.registry import registry
from chanx.engine.stats import counters

__all__ = ["Lengths", "Stats", "add_source", "stats"]

_STARTED: Final = time.time()

_sources: dict[str, Callable[[], Any]] = {}


@dataclass(frozen=True, slots=True)
class Lengths:
    """Of a queue of each connection: all together, and the longest."""

    total: int
    longest: int


@dataclass(frozen=True, slots=True)
class Stats:
    """A snapshot of one process. ``to_dict`` has the same keys, made of JSON types.

    The counts of ``counters`` are totals since the process began; all else is as it is now.
    """

    pid: int
    started: float
    """When chanx was imported: seconds since 1970."""
    is_draining: bool
    """New handshakes are refused."""
    connections: dict[str, int]
    """By state: connecting (not accepted yet), authenticating (accepted, and not yet in its
    groups), open, closing."""
    users: int
    """Authenticated users with a connection."""
    addresses: int
    """Client addresses with a connection."""
    inbox: Lengths
    """Frames and events that wait for a handler."""
    outbox: Lengths
    """Frames that wait for a socket, or are on their way to it."""
    outbox_bytes: Lengths
    groups: int
    memberships: int
    """Connections in groups, once for each group."""
    more: dict[str, Any]
    """What others look up, by the name that they gave to ``add_source``."""
    counters: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the snapshot as JSON types."""
        return asdict(self)


def add_source(name: str, get: Callable[[], Any]) -> None:
    """Have something more looked up with each snapshot. It must return JSON types and not wait."""
    _sources[name] = get


def stats() -> Stats:
    """Return how this process is.

    May be called in any thread; while the event loop runs in another one, the parts are not all of
    exactly the same moment. Costs a look at each connection.
    """
    connections = registry.get_connections()
    queued = [connection.queued for connection in connections] or [(0, 0, 0)]
    inboxes, outboxes, sizes = zip(*queued, strict=True)
    hubs = get_hubs()
    return Stats(
        pid=os.getpid(),
        started=_STARTED,
        is_draining=registry.is_draining,
        connections=_count_states(connections),
        users=len(registry.users),
        addresses=len(registry.addresses),
        inbox=Lengths(sum(inboxes), max(inboxes)),
        outbox=Lengths(sum(outboxes), max(outboxes)),
        outbox_bytes=Lengths(sum(sizes), max(sizes)),
        groups=sum(hub.group_count for hub in hubs),
        memberships=sum(hub.membership_count for hub in hubs),
        more={name: get() for name, get in _sources.items()},
        counters=counters.to_dict(),
    )


def _count_states(connections: list[Connection]) -> dict[str, int]:
    counts = {"connecting": 0, "authenticating": 0, "open": 0, "closing": 0}
    for connection in connections:
        if connection.state is State.CONNECTING:
            counts["connecting"] += 1
        elif connection.is_closing:
            counts["closing"] += 1
        elif connection.is_holding:
            counts["authenticating"] += 1
        else:
            counts["open"] += 1
    return counts
