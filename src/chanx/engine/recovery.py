"""Finding out when a broker that failed is back: one who asks, however many wait."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from chanx.engine.stats import counters
from chanx.engine.tasks import raise_own_cancellation, spawn_detached

__all__ = ["CALM", "FIRST_DELAY", "LONGEST_DELAY", "Recovery", "get_delay"]

FIRST_DELAY: Final = 0.05
LONGEST_DELAY: Final = 1.0
"""Seconds between two tries. Deliveries are to work two seconds after the broker has come back, and
the mending takes some of that."""

CALM: Final = 10.0
"""Seconds without an outage after which the next one is tried to be mended at once."""


def get_delay(tries: int) -> float:
    """Return the seconds to wait after so many failures: twice as long each time, up to a bound.

    By chance up to half of it less, or all processes of a site would come at the same moment.
    """
    longest = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(tries - 1, 10))
    return random.uniform(longest / 2, longest)


class Recovery:
    """Whether a broker is down, and the one task that tries to mend what is broken.

    ``mend`` asks the broker for what is wanted of it, and raises while that is in vain. ``on_down``
    is called once per outage with the error, ``on_up`` once with the seconds that it took.
    """

    def __init__(
        self,
        mend: Callable[[], Awaitable[None]],
        on_down: Callable[[BaseException], None],
        on_up: Callable[[float], None],
    ) -> None:
        self.is_down = False
        self.outages = 0
        """Those that are over. A call that began before the last one ended tells nothing new."""
        self._mend = mend
        self._on_down = on_down
        self._on_up = on_up
        self._since = 0.0
        self._ended = float("-inf")
        self._tries = 0
        self._has_failed = False
        self._is_wanted = False
        self._task: asyncio.Task[None] | None = None

    @property
    def seconds_down(self) -> float:
        """How long the outage has lasted."""
        return asyncio.get_running_loop().time() - self._since if self.is_down else 0.0

    def fail(self, error: BaseException, outages: int | None = None) -> None:
        """Begin an outage, unless it has begun. ``outages``: as it stood when the call began."""
        if outages is not None and outages != self.outages:
            return
        self._has_failed = True
        if not self.is_down:
            self.is_down = True
            self._since = asyncio.get_running_loop().time()
            if self._since - self._ended > CALM:
                self._tries = 0
            self._on_down(error)
        self.start()

    def start(self) -> None:
        """Mend soon; once more after the present try, if there is one."""
        self._is_wanted = True
        if self._task is None or self._task.done():
            self._task = spawn_detached(self._run(), "chanx broker recovery")

    async def _run(self) -> None:
        while self._is_wanted:
            if self.is_down and self._tries:
                await asyncio.sleep(get_delay(self._tries))
            self._is_wanted = self._has_failed = False
            try:
                await self._mend()
            except (Exception, asyncio.CancelledError) as error:
                raise_own_cancellation(error)
                self.fail(error)
            if self._has_failed:
                # Or something failed during the mending that was not part of it.
                self._is_wanted = True
                self._tries += 1
            elif self.is_down:
                self._end_outage()

    def _end_outage(self) -> None:
        seconds = self.seconds_down
        self.is_down = False
        self.outages += 1
        self._ended = self._since + seconds
        self._tries += 1  # should it fail again soon
        counters.broker["reconnects"] += 1
        self._on_up(seconds)
