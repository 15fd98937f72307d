"""Outages: one who asks, told once, back as soon as it works."""

import asyncio

import pytest

from chanx.engine import recovery as module
from chanx.engine.recovery import Recovery, get_delay
from chanx.engine.stats import counters
from tests.engine.fakes import PATIENCE, Watched, settle


class Broken(Watched):
    """Something that can be mended when it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.is_back = False
        self.tries = 0
        self.told: list[object] = []
        self.recovery = Recovery(self.mend, self.told.append, self.told.append)

    async def mend(self) -> None:
        self.tries += 1
        self.changed()
        await asyncio.sleep(0)
        if not self.is_back:
            raise ConnectionError("down")

    async def until_back(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.recovery.is_down:
                await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.0)


async def test_outage_is_told_once_and_so_is_its_end() -> None:
    broken = Broken()
    counters.reset()
    error = ConnectionError("first")
    for each in (error, ConnectionError("second")):
        broken.recovery.fail(each)
    await broken.until(lambda: broken.tries == 3)
    broken.recovery.fail(ConnectionError("third"))
    assert broken.recovery.is_down
    assert broken.told == [error]
    broken.is_back = True
    await broken.until_back()
    assert broken.told[0] is error
    assert isinstance(broken.told[1], float)
    assert broken.told[1] >= 0
    assert len(broken.told) == 2
    assert broken.recovery.outages == 1
    assert counters.broker["reconnects"] == 1
    assert broken.recovery.seconds_down == 0
    tries = broken.tries
    await settle()
    assert broken.tries == tries


async def test_first_outage_is_mended_at_once() -> None:
    broken = Broken()
    broken.is_back = True
    broken.recovery.fail(ConnectionError())
    await settle()
    assert not broken.recovery.is_down
    assert broken.tries == 1


async def test_call_that_began_before_the_return_tells_nothing_new() -> None:
    broken = Broken()
    broken.is_back = True
    before = broken.recovery.outages
    broken.recovery.fail(ConnectionError(), before)
    await broken.until_back()
    broken.recovery.fail(ConnectionError("late"), before)
    assert not broken.recovery.is_down
    broken.recovery.fail(ConnectionError("new"), broken.recovery.outages)
    assert broken.recovery.is_down
    await broken.until_back()


async def test_failure_during_the_mending_makes_it_begin_anew() -> None:
    broken = Broken()
    broken.is_back = True
    broken.recovery.fail(ConnectionError())
    await broken.until(lambda: broken.tries == 1)
    broken.recovery.fail(ConnectionError("again"))
    await broken.until_back()
    assert broken.tries == 2
    assert len(broken.told) == 2


async def test_mending_without_an_outage_is_told_to_nobody() -> None:
    broken = Broken()
    broken.is_back = True
    broken.recovery.start()
    broken.recovery.start()
    await settle()
    assert broken.tries in (1, 2)
    assert broken.told == []


async def test_mending_that_fails_is_an_outage() -> None:
    broken = Broken()
    broken.recovery.start()
    await broken.until(lambda: broken.tries == 2)
    assert broken.recovery.is_down
    assert len(broken.told) == 1
    broken.is_back = True
    await broken.until_back()


async def test_cancellation_by_others_is_a_failure_of_the_mending() -> None:
    broken = Broken()
    future = asyncio.get_running_loop().create_future()
    future.cancel()

    async def mend() -> None:
        broken.tries += 1
        broken.changed()
        if not broken.is_back:
            await future

    broken.recovery = Recovery(mend, broken.told.append, broken.told.append)
    broken.recovery.fail(ConnectionError())
    await broken.until(lambda: broken.tries == 2)
    broken.is_back = True
    await broken.until_back()


def test_delays_grow_up_to_a_bound_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.1)
    for tries in range(1, 2000):
        longest = min(module.LONGEST_DELAY, 0.1 * 2 ** min(tries - 1, 20))
        assert longest / 2 <= get_delay(tries) <= longest
    assert len({get_delay(100) for _ in range(10)}) > 1
