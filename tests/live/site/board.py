"""Counts what happens in the process, and wakes those who wait for it."""

import asyncio
from collections import Counter, defaultdict

__all__ = ["Board", "board"]


class Board:
    """How often something happened, and to which client."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._changed = asyncio.Event()

    def add(self, event: str, client: str) -> None:
        """Count an event."""
        self._counts[event][client] += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, event: str, count: int, prefix: str = "") -> None:
        """Wait until something has happened this often to clients whose names begin so."""
        while self._count(event, prefix) < count:
            await self._changed.wait()

    def _count(self, event: str, prefix: str) -> int:
        clients = self._counts[event]
        return sum(count for client, count in clients.items() if client.startswith(prefix))

    def report(self) -> dict[str, dict[str, int]]:
        """Return all counts, by event and client."""
        return {event: dict(clients) for event, clients in self._counts.items()}


board = Board()
