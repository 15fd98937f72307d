"""A token bucket: so many messages per second on the average, and a burst at once."""

from typing import Final

__all__ = ["PATIENCE", "TokenBucket"]

PATIENCE: Final = 1.0
"""Seconds from the first refusal until who goes on is cut off: time to be told, and to stop.

Messages that were held up on their way, by a network or a busy server, come all at once.
"""


class TokenBucket:
    """Knows no clock: whoever asks says what time it is, in seconds, and never goes back.

    Refused messages cost a token as well, so the bucket of somebody who goes on runs into debt.
    """

    __slots__ = ("_burst", "_patience", "_rate", "_refused_since", "_time", "_tokens")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._patience = PATIENCE
        self._tokens = float(burst)
        self._time = now
        self._refused_since: float | None = None

    def take(self, now: float, has_waited: bool = False) -> bool:
        """Take a token for a message; False: there is none, and the message is to be refused.

        ``has_waited``: it came while others were being handled, so the time since then counts in
        full: it was not the sender who saved it up.
        """
        tokens = self._tokens + (now - self._time) * self._rate
        if tokens > self._burst and not has_waited:
            tokens = float(self._burst)
        self._time = now
        if tokens >= 1:
            self._tokens = tokens - 1
            self._refused_since = None
            return True
        self._tokens = max(tokens - 1, float(-self._burst))
        if self._refused_since is None:
            self._refused_since = now
        return False

    @property
    def wait(self) -> float:
        """Seconds from the last ``take`` until a message will be taken again."""
        return max(0.0, (1 - self._tokens) / self._rate)

    @property
    def is_exhausted(self) -> bool:
        """As many messages as a burst were refused, and for longer than ``patience`` seconds."""
        return (
            self._refused_since is not None
            and self._time - self._refused_since >= self._patience
            # Not "<= -burst": a little time has passed since the last one.
            and self._tokens < 1 - self._burst
        )
