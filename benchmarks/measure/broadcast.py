"""One message to all members of a group: how long, how often, how much of it arrives."""

import asyncio
import time
from typing import Any

from benchmarks.measure.room import Room
from benchmarks.redis import Redis
from benchmarks.wire import AppOptions, Dialect

_PATIENCE = 5.0


async def measure_broadcast(
    application: Any,
    options: AppOptions,
    dialect: Dialect,
    *,
    members: int,
    seconds: float,
    least: int = 3,
    most: int = 200,
) -> dict[str, float]:
    """Return microseconds per delivery, from the first message to the last delivery of the last.

    Each message waits until all have the one before. As many as fit into the time, and ``least``
    at least; the first is not counted, unless it is the only one.
    """
    room = Room(application, options, dialect)
    await room.fill(members)
    arrived, count = 0, 0
    started = last = time.perf_counter()
    until = started + seconds
    while count < least or (time.perf_counter() < until and count < most):
        if count == 1:
            started, until = time.perf_counter(), time.perf_counter() + seconds
        arrived += await room.broadcast(_PATIENCE)
        last = room.last_arrival
        count += 1
    return {
        "us_per_delivery": (last - started) / max(count - 1, 1) / members * 1e6,
        "delivered": arrived / (count * members),
        "broadcasts": count,
    }


async def measure_burst(
    application: Any, options: AppOptions, dialect: Dialect, *, members: int, messages: int
) -> dict[str, float]:
    """Return the share that arrives of messages sent without a pause, and the cost of each."""
    room = Room(application, options, dialect)
    await room.fill(members)
    await room.broadcast(_PATIENCE)

    def act() -> None:
        for _ in range(messages):
            room.speak()

    started = time.perf_counter()
    arrived = await room.expect(members * messages, 2.0, act)
    elapsed = room.last_arrival - started
    return {
        "delivered": arrived / (members * messages),
        "us_per_delivery": elapsed / max(arrived, 1) * 1e6,
    }


async def measure_stall(
    application: Any,
    options: AppOptions,
    dialect: Dialect,
    *,
    members: int,
    seconds: float,
    most: int = 10,
) -> dict[str, float]:
    """Return the longest that the event loop was busy with one thing while a broadcast went out.

    A callback that calls itself in the next turn sees how long each turn took. With it the
    broadcast itself takes longer, so its time is not taken here.
    """
    room = Room(application, options, dialect)
    await room.fill(members)
    await room.broadcast(_PATIENCE)
    watch = _Watch()
    longest: list[float] = []
    until = time.perf_counter() + seconds
    while not longest or (time.perf_counter() < until and len(longest) < most):
        watch.start()
        await room.broadcast(_PATIENCE)
        longest.append(watch.stop())
    return {
        "largest_ms": max(longest) * 1e3,
        "median_ms": sorted(longest)[len(longest) // 2] * 1e3,
        "broadcasts": len(longest),
    }


class _Watch:
    """Measures the turns of the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_on = False
        self._last = self._longest = 0.0

    def start(self) -> None:
        """Begin."""
        self._is_on = True
        self._longest = 0.0
        self._last = time.perf_counter()
        self._loop.call_soon(self._turn)

    def stop(self) -> float:
        """End; return the seconds of the longest turn."""
        self._is_on = False
        return max(self._longest, time.perf_counter() - self._last)

    def _turn(self) -> None:
        now = time.perf_counter()
        self._longest = max(self._longest, now - self._last)
        self._last = now
        if self._is_on:
            self._loop.call_soon(self._turn)


async def measure_commands(
    application: Any, options: AppOptions, dialect: Dialect, *, members: int, broadcasts: int
) -> dict[str, float]:
    """Return how many commands Redis carries out per broadcast, by its own statistics."""
    room = Room(application, options, dialect)
    await room.fill(members)
    await room.broadcast(_PATIENCE)
    redis = Redis(options.redis_url)
    redis.call("CONFIG", "RESETSTAT")
    for _ in range(broadcasts):
        await room.broadcast(_PATIENCE)
    commands = redis.count_commands()
    redis.close()
    return {"commands": sum(commands.values()) / broadcasts} | {
        name: count / broadcasts for name, count in sorted(commands.items())
    }
