"""``python -m stress [SCENARIO...]``, which scripts/stress calls. SEED and DURATION (seconds) are
read from the environment."""

import asyncio
import os
import random
import secrets
import sys
import time
from collections.abc import Sequence

from stress.scenarios import SCENARIOS
from stress.world import Broken, open_world

__all__ = ["run_scenarios"]


async def run_scenarios(seed: str, names: Sequence[str], duration: float = 0) -> int:
    """Run each scenario once, and all again until the time is over; return how many were run.

    Raises Broken with the scenario and its seed.
    """
    count = 0
    until = time.monotonic() + duration
    async with open_world() as world:
        while count == 0 or time.monotonic() < until:
            for name in names:
                turn = count // len(names)
                rng = random.Random(f"{seed}/{turn}/{name}")
                began = time.monotonic()
                try:
                    figures = await SCENARIOS[name](world, rng, f"{name}-{turn}")
                    await world.until_empty()
                except Exception as error:
                    raise Broken(f"{name}, turn {turn}, SEED={seed}: {error!r}") from error
                seconds = time.monotonic() - began
                print(f"{turn:3} {name:14} {seconds:6.1f} s  {figures}", flush=True)
                count += 1
    return count


def main(arguments: list[str]) -> int:
    """Run what is named, or everything."""
    unknown = [name for name in arguments if name not in SCENARIOS]
    if unknown:
        sys.exit(f"No scenario is called {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    seed = os.environ.get("SEED") or secrets.token_hex(4)
    duration = float(os.environ.get("DURATION") or 0)
    names = [name for name in SCENARIOS if name in arguments] or list(SCENARIOS)
    print(f"SEED={seed} DURATION={duration:g} {' '.join(names)}", flush=True)
    try:
        count = asyncio.run(run_scenarios(seed, names, duration))
    except Broken as broken:
        print(f"FAILED: {broken}", file=sys.stderr)
        return 1
    print(f"All of {count} held. Again: SEED={seed} DURATION={duration:g}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
