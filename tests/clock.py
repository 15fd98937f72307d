"""A clock that a test has in its hand. Needs no Django."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Final

import pytest

__all__ = ["Clock", "clock"]

_PATIENCE: Final = 60.0
"""Seconds that a test may take whose clock is stopped."""


class Clock:
    """Goes only when a test says so: no pause of the process lets a time pass on it."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._released_at: float | None = None

    def time(self) -> float:
        """Return the time that it shows, in seconds."""
        passed = 0.0 if self._released_at is None else time.monotonic() - self._released_at
        return self._now + passed

    def advance(self, seconds: float) -> None:
        """Let this time pass. The timers of an event loop that goes by it come in its next turn."""
        self._now += seconds

    def release(self) -> None:
        """Go as other clocks do, and fast: every deadline that was set is over."""
        self._now += 1e6
        self._released_at = time.monotonic()


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Clock]:
    """The clock of the test's event loop, stopped: no pause of the process can bring a timer on.

    No deadline comes either. So a test that waits in vain has it go on after a minute, and fails.
    """
    loop = asyncio.get_running_loop()
    clock = Clock(loop.time())
    monkeypatch.setattr(loop, "time", clock.time)
    watchdog = threading.Timer(_PATIENCE, loop.call_soon_threadsafe, (clock.release,))
    watchdog.daemon = True
    watchdog.start()
    yield clock
    watchdog.cancel()
    watchdog.join()
