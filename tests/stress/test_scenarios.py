"""Each scenario once, as `make stress` runs them."""

import pytest

from stress.__main__ import main, run_scenarios
from stress.scenarios import SCENARIOS

PARTS = [
    ["storm", "slow"],
    ["vanish", "flood", "misunderstand"],
    ["timeout", "disconnect", "side-by-side"],
    ["redis-killed", "redis-frozen"],
]
"""Servers for each, so that no test takes long."""


@pytest.mark.live
@pytest.mark.redis
@pytest.mark.usefixtures("_redis")
@pytest.mark.parametrize("names", PARTS, ids=" ".join)
async def test_scenarios_hold(names: list[str]) -> None:
    assert await run_scenarios("make test", names) == len(names)


def test_every_scenario_is_tested() -> None:
    assert [name for names in PARTS for name in names] == list(SCENARIOS)


def test_an_unknown_scenario_is_said_to_be_unknown() -> None:
    with pytest.raises(SystemExit, match="No scenario is called rain; there are storm, "):
        main(["rain"])
