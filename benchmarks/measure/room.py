"""A group with many members in this process, and counting what reaches them."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from benchmarks.measure.socket import Socket
from benchmarks.wire import AppOptions, Dialect, get_payload

_FIRST = 30.0
"""Seconds that the first delivery may take."""


class Room:
    """Members of one group; the first of them is the one who speaks."""

    def __init__(self, application: Any, options: AppOptions, dialect: Dialect) -> None:
        self.sockets: list[Socket] = []
        self._application = application
        self._options = options
        self._dialect = dialect
        self._text = dialect.make("say", get_payload())
        self._expected = 0
        self._arrived = 0
        self.last_arrival = 0.0
        """When the last delivery came that was waited for."""
        self._complete: asyncio.Future[None] | None = None

    async def fill(self, size: int) -> None:
        """Connect members until there are ``size`` of them, twenty at a time."""
        while len(self.sockets) < size:
            count = min(20, size - len(self.sockets))
            new = [Socket(self._application, self._options, self._dialect) for _ in range(count)]
            await asyncio.gather(*(socket.open(self._count) for socket in new))
            self.sockets += new

    async def broadcast(self, patience: float) -> int:
        """Say something; return to how many it was delivered.

        Ends when everybody has it, or when nothing has arrived for ``patience`` seconds.
        """
        return await self.expect(len(self.sockets), patience, self.speak)

    def speak(self) -> None:
        """Let the first member say something to all."""
        self.sockets[0].say(self._text)

    async def expect(self, count: int, patience: float, act: Callable[[], None]) -> int:
        """Act, and wait for so many deliveries; return how many there were."""
        self._expected, self._arrived = count, 0
        complete = self._complete = asyncio.get_running_loop().create_future()
        act()
        before = 0
        await asyncio.wait({complete}, timeout=_FIRST)
        while not complete.done() and before != self._arrived:
            before = self._arrived
            await asyncio.wait({complete}, timeout=patience)
        if not complete.done():
            self.last_arrival = time.perf_counter() - patience
        self._complete = None
        return self._arrived

    def _count(self, text: str) -> None:
        self._arrived += 1
        if self._arrived == self._expected and self._complete:
            self.last_arrival = time.perf_counter()
            self._complete.set_result(None)
