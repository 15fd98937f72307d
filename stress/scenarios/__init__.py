"""What can happen to servers, each with exact counts, order and codes.

A scenario takes the world, a source of random numbers that decides all it does, and a name that no
other run of it has; it returns figures, and raises Broken when something does not hold.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

from stress.scenarios import broken_redis, flood, handlers, slow, storm, vanish
from stress.world import World

__all__ = ["SCENARIOS", "Scenario"]

Scenario = Callable[[World, random.Random, str], Awaitable[dict[str, Any]]]

SCENARIOS: Final[dict[str, Scenario]] = {
    "storm": storm.storm,
    "slow": slow.slow,
    "vanish": vanish.vanish,
    "flood": flood.flood,
    "misunderstand": flood.misunderstand,
    "timeout": handlers.time_out,
    "disconnect": handlers.disconnect,
    "side-by-side": handlers.side_by_side,
    "redis-killed": broken_redis.kill,
    "redis-frozen": broken_redis.freeze,
}
