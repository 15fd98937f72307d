"""Asking a server under stress how it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.live.clients import Client
from tests.live.processes import Server

__all__ = ["Control", "control"]


class Control(Client):
    """The client of the control endpoint."""

    async def report(self) -> dict[str, Any]:
        """Return the counts, the groups, the tasks, the memory and the counters of chanx."""
        return _get_report(await self.ask("report"))

    async def wait(self, event: str, count: int, prefix: str = "") -> dict[str, Any]:
        """Wait until something has happened this often to clients whose names begin with the
        prefix; return the report."""
        message = await self.ask("wait", {"event": event, "count": count, "prefix": prefix})
        return _get_report(message)

    async def release(self, key: str) -> None:
        """Let the handlers that wait under this key go on."""
        await self.ask("release", key)

    async def count(self, event: str, prefix: str) -> dict[str, int]:
        """Return how often something has happened, to each client whose name begins so."""
        counts = (await self.report())["counts"].get(event, {})
        return {name: count for name, count in counts.items() if name.startswith(prefix)}


@asynccontextmanager
async def control(server: Server) -> AsyncIterator[Control]:
    """Connect to the control endpoint."""
    client = await Control.open(server, "/ws/control/")
    try:
        async with asyncio.timeout(60):
            await client.receive()
        yield client
    finally:
        await client.close()


def _get_report(message: dict[str, Any]) -> dict[str, Any]:
    if message["action"] != "report":
        raise RuntimeError(f"The server does not report, but says {message}")
    payload: dict[str, Any] = message["payload"]
    return payload
