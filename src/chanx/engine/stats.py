"""What has happened in this process, counted in one small object.

Counting is adding to plain attributes: no lock, no call. It is done in the thread of the event loop
only. What can be read off the live connections (states, queue lengths) is not counted but looked up
when somebody asks.
"""

from bisect import bisect_left
from collections import Counter
from typing import Any, Final

__all__ = ["HANDLER_BUCKETS", "QUICK", "Counters", "counters"]

HANDLER_BUCKETS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
)
"""Upper bounds, in seconds, of the classes of handler times; the last class has none."""


QUICK: Final = HANDLER_BUCKETS[0]
"""Seconds; messages that are handled in less need not look for their class."""


class Counters:
    """Totals since the process began, or since ``reset``.

    Every frame that was read from a socket ends in one of the counters of ``messages_in`` by
    outcome, so ``received`` is their sum plus what waits or runs now.
    """

    __slots__ = (
        "_slower",
        "broker",
        "closes",
        "connections",
        "deliveries",
        "dropped",
        "handled_quickly",
        "handler_seconds",
        "messages_out",
        "outcomes",
        "received",
        "rechecks",
        "refused",
    )

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew; for tests."""
        self.connections = 0
        """Sockets that were opened, those that were refused included."""
        self.received = 0
        """Text and binary frames that clients sent."""
        self.outcomes: Counter[str] = Counter()
        """What became of them, but for those that were handled quickly."""
        self.handled_quickly = 0
        """Messages that were handled, in less than ``QUICK``."""
        self.messages_out = 0
        """Frames that the server has taken, deliveries included."""
        self.deliveries = 0
        """Group messages handed to connections."""
        self.dropped: Counter[str] = Counter()
        """Frames that were not sent, by reason: the connection was closed, or its client slow."""
        self.closes: Counter[int] = Counter()
        """Connections that have ended, by close code: ours if we closed, or else the client's."""
        self.refused: Counter[str] = Counter()
        """Connections that were refused, by reason: address, authentication, draining,
        origin, user."""
        self.rechecks: Counter[str] = Counter()
        """Looks whether a connection may stay, by outcome: passed, refused, failed. A token that
        expires is no look."""
        self.broker: Counter[str] = Counter()
        """failures, timeouts, reconnects, events_malformed, events_lost, memberships_lost,
        refresh_failures."""
        self.handler_seconds = 0.0
        """Seconds that handlers took, all together."""
        self._slower = [0] * (len(HANDLER_BUCKETS) + 1)

    def add_message(self, outcome: str, seconds: float) -> None:
        """Count a message that was handled, and how long it took."""
        self.outcomes[outcome] += 1
        self.handler_seconds += seconds
        self._slower[bisect_left(HANDLER_BUCKETS, seconds)] += 1

    @property
    def messages_in(self) -> Counter[str]:
        """What became of frames: handled, failed, timed_out, invalid, refused, too_big, ..."""
        # A copy first: somebody may look from another thread.
        return Counter(self.outcomes.copy()) + Counter(handled=self.handled_quickly)

    @property
    def handler_buckets(self) -> list[int]:
        """Messages by the time that their handler took, in the classes of ``HANDLER_BUCKETS``."""
        return [self._slower[0] + self.handled_quickly, *self._slower[1:]]

    def to_dict(self) -> dict[str, Any]:
        """Return a copy, made of JSON types."""
        bounds = [*map(str, HANDLER_BUCKETS), "inf"]
        return {
            "connections_opened": self.connections,
            "connections_refused": dict(self.refused),
            "messages_received": self.received,
            "messages_in": dict(self.messages_in),
            "messages_out": self.messages_out,
            "deliveries": self.deliveries,
            "dropped": dict(self.dropped),
            "closes": {str(code): count for code, count in dict(self.closes).items()},
            "rechecks": dict(self.rechecks),
            "broker": dict(self.broker),
            "handler_seconds": {
                "count": sum(self.handler_buckets),
                "sum": self.handler_seconds,
                "buckets": dict(zip(bounds, self.handler_buckets, strict=True)),
            },
        }


counters: Final = Counters()
"""The counters of this process."""
