"""The task that reads a channel: one receive at a time, whatever happens to it."""

import asyncio
from typing import Any

import pytest
from channels.layers import BaseChannelLayer

from chanx.integrations.reader import Reader
from tests.engine.fakes import settle
from tests.patience import PATIENCE


class Layer(BaseChannelLayer):
    """Gives what is put into it, and takes its time to clean up behind a cancelled receive."""

    def __init__(self) -> None:
        super().__init__()
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.receiving = 0
        self.most = 0
        self.begun = 0
        self.cleaned = 0
        self.may_clean = asyncio.Event()

    async def receive(self, channel: str) -> Any:
        self.begun += 1
        self.receiving += 1
        self.most = max(self.most, self.receiving)
        try:
            event = await self.events.get()
        except asyncio.CancelledError:
            await self.may_clean.wait()
            self.cleaned += 1
            raise
        finally:
            self.receiving -= 1
        if isinstance(event, BaseException):
            raise event
        return event


class Reading:
    """A reader, and what it has told."""

    def __init__(self, layer: BaseChannelLayer) -> None:
        self.handled: asyncio.Queue[Any] = asyncio.Queue()
        self.failures: asyncio.Queue[BaseException] = asyncio.Queue()
        self.malformed: list[Exception] = []
        self.reader = Reader(
            layer,
            "channel",
            self.handled.put,
            self.failures.put_nowait,
            self.malformed.append,
            "reader",
        )


@pytest.fixture
def layer() -> Layer:
    return Layer()


@pytest.fixture
def reading(layer: Layer) -> Reading:
    return Reading(layer)


async def test_restart_waits_for_the_receive_before_it_however_often(
    layer: Layer, reading: Reading
) -> None:
    reading.reader.start()
    await settle()
    for _ in range(3):
        reading.reader.restart()
        await settle()
    assert (layer.begun, layer.receiving) == (1, 1)
    layer.may_clean.set()
    layer.events.put_nowait("a")
    async with asyncio.timeout(PATIENCE):
        assert await reading.handled.get() == "a"
    assert (layer.most, layer.cleaned) == (1, 1)
    await reading.reader.close(PATIENCE)
    assert layer.receiving == 0


async def test_cleaning_up_is_waited_for_and_not_broken_off_by_closing(
    layer: Layer, reading: Reading
) -> None:
    reading.reader.start()
    await settle()
    reading.reader.restart()
    await settle()
    closing = asyncio.create_task(reading.reader.close(None))
    await settle()
    assert not closing.done()
    layer.may_clean.set()
    async with asyncio.timeout(PATIENCE):
        await closing
    assert (layer.cleaned, layer.receiving, layer.most) == (1, 0, 1)


async def test_closing_waits_no_longer_than_it_may(layer: Layer, reading: Reading) -> None:
    reading.reader.start()
    await settle()
    await reading.reader.close(0.01)
    assert layer.receiving == 1
    layer.may_clean.set()
    await settle()
    assert layer.receiving == 0
    reading.reader.start()  # it was closed for good
    await settle()
    assert layer.begun == 1


@pytest.mark.parametrize("kind", [ConnectionError, asyncio.CancelledError])
async def test_failure_is_told_and_ends_the_reading_until_it_is_started_again(
    layer: Layer, reading: Reading, kind: type[BaseException]
) -> None:
    reading.reader.start()
    error = kind()
    layer.events.put_nowait(error)
    async with asyncio.timeout(PATIENCE):
        assert await reading.failures.get() is error
    await settle()
    assert not reading.reader.is_running
    reading.reader.start()
    layer.events.put_nowait("a")
    async with asyncio.timeout(PATIENCE):
        assert await reading.handled.get() == "a"
    layer.may_clean.set()
    await reading.reader.close(PATIENCE)
    assert reading.failures.empty()


async def test_event_that_a_receive_gives_when_it_is_cancelled_is_the_last() -> None:
    class Swallowing(BaseChannelLayer):
        """Has an event at the moment in which it is cancelled, as wait_for() of Python 3.11 may."""

        begun = 0

        async def receive(self, channel: str) -> Any:
            self.begun += 1
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if self.begun > 1:
                    raise
                return "late"

    layer = Swallowing()
    reading = Reading(layer)
    reading.reader.start()
    await settle()
    async with asyncio.timeout(PATIENCE):
        await reading.reader.close(None)
    assert reading.handled.get_nowait() == "late"
    assert layer.begun == 1
