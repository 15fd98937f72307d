"""Starting and ending tasks."""

import asyncio
import contextvars
import sys

import pytest

from chanx.engine.tasks import cancel_and_wait, spawn, spawn_detached
from tests.engine.fakes import settle

IS_EAGER = sys.version_info >= (3, 12)
value: contextvars.ContextVar[str] = contextvars.ContextVar("value", default="none")


async def test_spawned_task_runs_to_its_end() -> None:
    ran = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        ran.set()

    task = spawn(work())
    await task
    assert ran.is_set()


@pytest.mark.skipif(not IS_EAGER, reason="Python 3.12 brought eager tasks")
async def test_spawned_task_that_never_waits_is_done_on_return() -> None:
    steps: list[asyncio.Task[None] | None] = []

    async def work() -> None:
        steps.append(asyncio.current_task())

    task = spawn(work())
    assert task.done()
    assert steps == [task]
    assert asyncio.current_task() is not task


@pytest.mark.skipif(IS_EAGER, reason="before Python 3.12 there are no eager tasks")
async def test_spawned_task_starts_in_the_next_turn() -> None:
    steps: list[str] = []

    async def work() -> None:
        steps.append("ran")

    task = spawn(work())
    assert steps == []
    await task
    assert steps == ["ran"]


async def test_spawned_task_inherits_the_context() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append(value.get())
        value.set("theirs")

    value.set("ours")
    await spawn(work())
    assert seen == ["ours"]
    assert value.get() == "ours"


async def test_detached_task_has_a_name_and_an_empty_context() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append(value.get())

    value.set("ours")
    task = spawn_detached(work(), "a name")
    assert task.get_name() == "a name"
    await task
    assert seen == ["none"]


async def test_cancel_and_wait_waits_for_the_end_of_the_cleaning_up() -> None:
    cleaning_up, may_end = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaning_up.set()
            await may_end.wait()

    task = asyncio.create_task(work())
    await settle()
    waiting = asyncio.create_task(cancel_and_wait([task], timeout=60))
    await cleaning_up.wait()
    await settle()
    assert not waiting.done()
    may_end.set()
    assert await waiting is True
    assert task.cancelled()


async def test_cancel_and_wait_gives_up_on_a_task_that_does_not_end() -> None:
    may_end = asyncio.Event()

    async def work() -> None:
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    task = asyncio.create_task(work())
    await settle()
    assert await cancel_and_wait([task], timeout=0.01) is False
    assert not task.done()
    may_end.set()
    await task


async def test_cancel_and_wait_spares_the_calling_task_and_what_is_over() -> None:
    async def nothing() -> None:
        return None

    over = asyncio.create_task(nothing())
    await over
    assert await cancel_and_wait([None, over, asyncio.current_task()], timeout=60) is True
    current = asyncio.current_task()
    assert current
    assert current.cancelling() == 0


async def test_cancel_and_wait_raises_nothing_of_what_the_tasks_raise() -> None:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("while cleaning up")

    task = asyncio.create_task(work())
    await settle()
    assert await cancel_and_wait([task], timeout=60) is True
    assert isinstance(task.exception(), ValueError)
