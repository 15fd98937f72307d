"""A clock that a test has in its hand. Needs no Django."""

import asyncio

import pytest

__all__ = ["Clock", "stop_clock"]


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


def stop_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the clock of the running event loop until the test ends, and return it."""
    loop = asyncio.get_running_loop()
    clock = Clock(loop.time())
    monkeypatch.setattr(loop, "time", clock.time)
    return clock
