"""Connections that come and go, and connections that stay and do nothing."""

import asyncio
import gc
import time
from typing import Any

from benchmarks.measure.room import Room
from benchmarks.measure.socket import Socket, get_resident_bytes
from benchmarks.wire import AppOptions, Dialect


async def measure_connect(
    application: Any,
    options: AppOptions,
    dialect: Dialect,
    *,
    seconds: float,
    at_once: int = 10,
) -> dict[str, float]:
    """Return how many connections a second come, are authenticated, and go; ten at a time."""
    count = 0
    until = 0.0

    async def come_and_go() -> None:
        nonlocal count
        while time.perf_counter() < until:
            socket = Socket(application, options, dialect)
            await socket.open(lambda text: None)
            await socket.close()
            count += 1

    for share in (0.3, 1.0):  # the first warms up
        count = 0
        started = time.perf_counter()
        until = started + seconds * share
        await asyncio.gather(*(come_and_go() for _ in range(at_once)))
    return {"per_second": count / (time.perf_counter() - started)}


async def measure_memory(
    application: Any, options: AppOptions, dialect: Dialect, *, connections: int
) -> dict[str, float]:
    """Return KiB per connection that is in a group and idle, the harness's share included."""
    room = Room(application, options, dialect)
    # The first ones load modules and fill caches.
    await room.fill(connections // 10)
    before = await _get_settled_bytes()
    await room.fill(connections // 10 + connections)
    after = await _get_settled_bytes()
    return {"kib": (after - before) / connections / 1024}


async def _get_settled_bytes() -> int:
    await asyncio.sleep(0.2)
    gc.collect()
    return get_resident_bytes()
