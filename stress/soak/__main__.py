"""``python -m stress.soak``, which scripts/soak calls. MINUTES and SEED are read from the
environment."""

import asyncio
import os
import random
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from stress.memory import get_resident_bytes
from stress.scenarios.storm import storm
from stress.soak.loads import LOADS, Load
from stress.world import Broken, World, check, open_world

__all__ = ["judge_memory", "soak"]

_DOWN: Final = 3.0
"""Seconds that Redis stays away, once a minute."""
_GROWTH: Final = 0.05
"""Share by which the memory may differ at the end from what it was after two minutes."""
_WARM: Final = 2
"""Minutes after which the memory is what it is."""
_MINUTE: Final = 60.0

_COLUMNS: Final = (
    *("minute", "echoes", "queries", "fuzzed", "published", "unpublished", "delivered"),
    *("guests", "vanished", "floods", "stalled", "MiB", "tasks"),
)


@dataclass
class _Diary:
    """The memory of each server, minute by minute."""

    world: World
    load: Load
    memory: list[list[int]] = field(default_factory=list)

    async def write(self) -> None:
        """Add a line for the minute that is over."""
        sizes = [get_resident_bytes(server.pid) for server in self.world.servers]
        self.memory.append(sizes)
        reports = [await watcher.report() for watcher in self.world.watchers]
        values: dict[str, Any] = {
            **self.load.counts,
            "minute": len(self.memory),
            "MiB": "+".join(f"{size / 2**20:.0f}" for size in sizes),
            "tasks": "+".join(str(len(report["tasks"])) for report in reports),
        }
        print(" ".join(f"{values.get(name, 0)!s:>11}" for name in _COLUMNS), flush=True)


def judge_memory(memory: Sequence[Sequence[int]]) -> str:
    """Hold the last minute against the second, for each server. Raises Broken.

    ``memory`` has the bytes of each server, minute by minute.
    """
    if len(memory) <= _WARM:
        return "memory: not judged in less than three minutes"
    changes = [
        after / before - 1 for before, after in zip(memory[_WARM - 1], memory[-1], strict=True)
    ]
    text = ", ".join(f"{change:+.1%}" for change in changes)
    check(max(changes) <= _GROWTH, f"the memory has grown since minute two: {text}")
    return f"memory since minute two: {text}"


async def soak(seed: str, minutes: float) -> None:
    """Run the load and print a line each minute and the verdict. Raises Broken."""
    async with open_world() as world:
        load = Load(world, seed)
        diary = _Diary(world, load)
        print(" ".join(f"{name:>11}" for name in _COLUMNS), flush=True)
        try:
            async with asyncio.TaskGroup() as group:
                for function, count in LOADS.items():
                    for number in range(count):
                        rng = random.Random(f"{seed}/{function.__name__}/{number}")
                        group.create_task(_run(function, load, rng))
                group.create_task(_break_redis(load))
                try:
                    for _ in range(max(1, round(minutes))):
                        await asyncio.sleep(_MINUTE)
                        await diary.write()
                finally:
                    load.is_over.set()
        except* Broken as broken:
            raise broken.exceptions[0] from None
        reports = await world.until_empty()
        print("no connection, no member and no task is left; every frame has its outcome:")
        for report in reports:
            stats = report["stats"]
            print(f"  received {stats['messages_received']}: {stats['messages_in']}")
            print(f"  dropped {stats['dropped']}, closed {stats['closes']}, {stats['broker']}")
        await storm(world, random.Random(seed), "after")
        print("a storm afterwards loses nothing")
        print(judge_memory(diary.memory))


async def _run(function: Any, load: Load, rng: random.Random) -> None:
    try:
        await function(load, rng)
    except Exception as error:
        raise Broken(f"{function.__name__}: {error!r}") from error


async def _break_redis(load: Load) -> None:
    while load.goes_on:
        await load.rest(_MINUTE / 2)
        if load.goes_on:
            load.world.redis.kill()
            await asyncio.sleep(_DOWN)
            load.world.redis.start()
            load.counts["redis killed"] += 1
        await load.rest(_MINUTE / 2 - _DOWN)


def main() -> int:
    """Soak, and tell what came of it."""
    seed = os.environ.get("SEED") or secrets.token_hex(4)
    minutes = float(os.environ.get("MINUTES") or 10)
    print(f"SEED={seed} MINUTES={minutes:g}", flush=True)
    began = time.monotonic()
    try:
        asyncio.run(soak(seed, minutes))
    except Broken as broken:
        print(f"FAILED after {time.monotonic() - began:.0f} s: {broken}", file=sys.stderr)
        return 1
    print("Everything held.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
