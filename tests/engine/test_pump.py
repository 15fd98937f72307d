"""A channel that is read on while its events are handed over."""

import asyncio

import pytest

from chanx.engine.pump import Pump
from tests.engine.fakes import PATIENCE, settle


class Handler:
    """Takes events, when it may."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.may_go_on = asyncio.Event()

    async def handle(self, event: int) -> None:
        await self.may_go_on.wait()
        self.taken.append(event)


async def test_events_are_taken_while_one_is_handed_over_and_keep_their_order() -> None:
    handler = Handler()
    pump = Pump(handler.handle, "pump")
    async with asyncio.timeout(PATIENCE):
        for number in range(100):
            await pump.put(number)
    assert handler.taken == []
    handler.may_go_on.set()
    await settle()
    assert handler.taken == list(range(100))
    await pump.put(100)
    await settle()
    assert handler.taken[-1] == 100
    await pump.close(PATIENCE)


async def test_full_pump_takes_no_more_until_half_of_it_is_handed_over() -> None:
    handler = Handler()
    pump = Pump(handler.handle, "pump", capacity=10)
    putting = asyncio.create_task(put_all(pump, range(30)))
    await settle()
    assert not putting.done()
    handler.may_go_on.set()
    async with asyncio.timeout(PATIENCE):
        await putting
    await settle()
    assert handler.taken == list(range(30))
    await pump.close(PATIENCE)


async def put_all(pump: Pump, numbers: range) -> None:
    for number in numbers:
        await pump.put(number)


async def test_closing_breaks_off_and_lets_those_who_put_go() -> None:
    handler = Handler()
    pump = Pump(handler.handle, "pump", capacity=2)
    putting = asyncio.create_task(put_all(pump, range(2)))
    await settle()
    before = asyncio.all_tasks()
    async with asyncio.timeout(PATIENCE):
        await pump.close(PATIENCE)
        await putting
    assert handler.taken == []
    assert asyncio.all_tasks() <= before
    await pump.close(PATIENCE)


@pytest.mark.parametrize("capacity", [1, 2, 3])
async def test_smallest_pumps_work(capacity: int) -> None:
    handler = Handler()
    handler.may_go_on.set()
    pump = Pump(handler.handle, "pump", capacity)
    async with asyncio.timeout(PATIENCE):
        await put_all(pump, range(10))
    await settle()
    assert handler.taken == list(range(10))
