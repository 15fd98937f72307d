"""Takes events from where they are few, and keeps them where they may be many."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from chanx.engine.tasks import cancel_and_wait, spawn_detached

__all__ = ["CAPACITY", "Pump"]

CAPACITY: Final = 4096
"""Events of one group that wait to be handed over. At the bound the channel is not read on; it is
then the broker's capacity that counts, and what exceeds that is seen to be missing."""


class Pump:
    """Lets a channel be read on while its events are handed over, one after the other.

    Brokers drop what exceeds their capacity, and handing over takes its time: with many members
    for the members, with one for the turns of the loop.
    """

    def __init__(
        self,
        handle: Callable[[Any], Awaitable[None]],
        name: str,
        capacity: int = CAPACITY,
    ) -> None:
        self._handle = handle
        self._name = name
        self._capacity = capacity
        self._waiting: deque[Any] = deque()
        self._task: asyncio.Task[None] | None = None
        self._room: asyncio.Event | None = None

    async def put(self, event: Any) -> None:
        """Have an event handed over after those before it. Waits while there are too many.

        The loop gets a turn each time: a broker may give the next event without suspending.
        """
        self._waiting.append(event)
        if self._task is None:
            self._task = spawn_detached(self._run(), self._name)
        if len(self._waiting) < self._capacity:
            await asyncio.sleep(0)
            return
        self._room = self._room or asyncio.Event()
        await self._room.wait()

    async def close(self, timeout: float | None) -> None:
        """Hand nothing over any more; an event that is being handed over is broken off."""
        self._waiting.clear()
        await cancel_and_wait((self._task,), timeout)

    async def _run(self) -> None:
        waiting = self._waiting
        try:
            while waiting:
                event = waiting.popleft()
                if self._room and len(waiting) < self._capacity // 2:
                    self._room.set()
                    self._room = None
                await self._handle(event)
        finally:
            self._task = None
            if self._room:
                self._room.set()
                self._room = None
