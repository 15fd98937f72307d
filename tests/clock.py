"""A clock that a test has in its hand. Needs no Django."""

__all__ = ["Clock"]


class Clock:
    """Goes only when a test says so: no pause of the process lets a time pass on it."""

    def __init__(self, now: float) -> None:
        self._now = now

    def time(self) -> float:
        """Return the time that it shows, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let this time pass. The timers of an event loop that goes by it come in its next turn."""
        self._now += seconds
