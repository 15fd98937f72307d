"""Writing for many connections in as few tasks as possible."""

import asyncio
import contextvars
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanx.engine.events import Delivery, GroupEvent
from chanx.engine.hub import Hub
from chanx.engine.limits import Limits
from chanx.engine.writers import Writers, get_writers
from tests.engine.fakes import (
    PATIENCE,
    FakeMember,
    MemoryBroker,
    Running,
    Server,
    Start,
    Watched,
    settle,
)

label: contextvars.ContextVar[str] = contextvars.ContextVar("label", default="none")


class Pen(Watched):
    """A writer that can be held up, and that remembers the task it ran in."""

    def __init__(self, name: str = "", log: list[str] | None = None) -> None:
        super().__init__()
        self.name = name
        self.log = [] if log is None else log
        self.tasks: list[asyncio.Task[Any] | None] = []
        """The current one before the writing and after it."""
        self.given: asyncio.Task[Any] | None = None
        self.paper = asyncio.Event()
        self.paper.set()
        self.wait: Callable[[], Awaitable[Any]] = self.paper.wait

    async def write(self, task: asyncio.Task[Any]) -> None:
        self.given = task
        self.tasks.append(asyncio.current_task())
        self.changed()
        await self.wait()
        self.tasks.append(asyncio.current_task())
        self.log.append(self.name)
        self.changed()

    @property
    def is_done(self) -> bool:
        return len(self.tasks) == 2

    async def until_done(self) -> None:
        await self.until(lambda: self.is_done)


class Listener(FakeMember):
    """A member that hands on what it gets to its connection."""

    def __init__(self, name: str, running: Running) -> None:
        super().__init__(name)
        self.running = running

    def deliver(self, event: GroupEvent, delivery: Delivery) -> None:
        self.running.connection.deliver(delivery.text, delivery.size)


def stalled(name: str = "", log: list[str] | None = None) -> Pen:
    pen = Pen(name, log)
    pen.paper.clear()
    return pen


async def test_writers_that_need_not_wait_share_one_task_in_order() -> None:
    log: list[str] = []
    pens = [Pen(str(number), log) for number in range(100)]
    writers = Writers()
    for pen in pens:
        writers.add(pen)
    assert log == []  # in the next turn, and not inside of the caller
    await pens[-1].until_done()
    assert log == [pen.name for pen in pens]
    assert len({task for pen in pens for task in pen.tasks}) == 1
    assert all(pen.given is pen.tasks[0] for pen in pens)


async def test_writer_that_waits_holds_up_nobody_and_stays_in_its_task() -> None:
    first, slow, last = Pen(), stalled(), Pen()
    writers = Writers()
    for pen in (first, slow, last):
        writers.add(pen)
    await last.until_done()
    assert not slow.is_done
    assert slow.given is first.given
    assert last.given is not slow.given
    slow.paper.set()
    await slow.until_done()
    assert slow.tasks == [slow.given, slow.given]


async def test_writer_added_by_a_writer_is_run() -> None:
    outer, inner = Pen(), Pen()
    writers = Writers()

    async def wait() -> None:
        writers.add(inner)

    outer.wait = wait
    writers.add(outer)
    await inner.until_done()


async def test_timeout_in_a_writer_is_that_writer_s_alone() -> None:
    slow, other = stalled(), Pen()
    expired: list[bool] = []

    async def wait() -> None:
        try:
            async with asyncio.timeout(0.01):
                await slow.paper.wait()
        except TimeoutError:
            expired.append(True)

    slow.wait = wait
    writers = Writers()
    writers.add(slow)
    writers.add(other)
    await other.until_done()
    await slow.until_done()
    assert expired == [True]


async def test_cancelling_a_writer_touches_no_other() -> None:
    slow, waiting = stalled(), stalled()
    writers = Writers()
    writers.add(slow)
    writers.add(waiting)
    await waiting.until(lambda: bool(waiting.tasks))
    later = Pen()
    writers.add(later)
    assert slow.given
    slow.given.cancel()
    await later.until_done()
    waiting.paper.set()
    await waiting.until_done()
    assert slow.given.cancelled()
    assert not slow.is_done


async def test_task_of_a_writer_that_outlives_its_cancellation_takes_nobody_along() -> None:
    stubborn = stalled()

    async def wait() -> None:
        try:
            await stubborn.paper.wait()
        except asyncio.CancelledError:
            stubborn.log.append("cancelled")

    stubborn.wait = wait
    writers = Writers()
    writers.add(stubborn)
    await stubborn.until(lambda: bool(stubborn.tasks))
    task = stubborn.given
    assert task
    task.cancel()
    later = Pen()
    writers.add(later)
    await later.until_done()
    assert stubborn.log == ["cancelled", ""]
    assert later.given is not task
    await settle()
    assert task.done()


async def test_error_of_a_writer_costs_no_other_and_is_reported() -> None:
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    broken, other = Pen(), Pen()

    async def wait() -> None:
        raise RuntimeError("broken")

    broken.wait = wait
    writers = Writers()
    writers.add(broken)
    writers.add(other)
    await other.until_done()
    broken.given = None
    broken.tasks.clear()
    gc.collect()
    await settle()
    assert [str(context["exception"]) for context in reported] == ["broken"]


async def test_loop_gets_turns_while_thousands_write() -> None:
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(count)

    pens = [Pen() for _ in range(2_000)]
    writers = Writers()
    for pen in pens:
        writers.add(pen)
    count()
    await pens[-1].until_done()
    assert turns >= 9


@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=30))
def test_everybody_writes_once_whoever_waits(steps: list[tuple[bool, int]]) -> None:
    """Each step adds a writer, held up or not, and then leaves the loop some turns."""

    async def run() -> None:
        log: list[str] = []
        writers = Writers()
        pens = []
        for number, (waits, turns) in enumerate(steps):
            pen = stalled(str(number), log) if waits else Pen(str(number), log)
            pens.append(pen)
            writers.add(pen)
            for _ in range(turns):
                await asyncio.sleep(0)
        await settle()
        free = [pen.name for pen, (waits, _) in zip(pens, steps, strict=True) if not waits]
        assert log == free  # in order, and past those who wait
        for pen in pens:
            pen.paper.set()
        async with asyncio.timeout(PATIENCE):
            for pen in pens:
                await pen.until_done()
        assert sorted(log, key=int) == [pen.name for pen in pens]
        waiting = {pen.given for pen, (waits, _) in zip(pens, steps, strict=True) if waits}
        assert len(waiting) == len(steps) - len(free)  # each waited in a task of its own
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def test_each_loop_has_writers_of_its_own_and_is_not_kept_alive_by_them() -> None:
    async def get() -> Writers:
        assert get_writers() is get_writers()
        get_writers().add(pen := Pen())
        await pen.until_done()
        return get_writers()

    def use_loop() -> tuple[weakref.ref[Any], weakref.ref[Any]]:
        loop = asyncio.new_event_loop()
        writers = loop.run_until_complete(get())
        loop.close()
        return weakref.ref(loop), weakref.ref(writers)

    for _ in range(2):  # the second loop may have the address of the first
        alive = use_loop()
        gc.collect()
        assert [reference() for reference in alive] == [None, None]


async def test_what_one_writer_leaves_in_the_context_no_other_sees() -> None:
    seen: list[str] = []

    class Leaving(Pen):
        async def write(self, task: asyncio.Task[Any]) -> None:
            seen.append(label.get())
            label.set("theirs")
            await super().write(task)

    label.set("mine")
    pens = [Leaving() for _ in range(3)]
    writers = Writers()
    for pen in pens:
        writers.add(pen)
    await pens[-1].until_done()
    assert seen == ["none"] * 3


async def test_waiting_ends_when_all_have_begun_and_does_not_wait_for_sockets() -> None:
    writers = Writers()
    slow = [stalled() for _ in range(3)]
    pens = [pen for number in range(500) for pen in (*slow[number : number + 1], Pen())]
    for pen in pens:
        writers.add(pen)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(writers.wait() for _ in range(3)))
    assert all(pen.tasks for pen in pens)
    assert [pen for pen in pens if not pen.is_done] == slow
    async with asyncio.timeout(PATIENCE):
        await writers.wait()  # with nothing to wait for
    for pen in slow:
        pen.paper.set()
        await pen.until_done()


async def test_groups_that_broadcast_at_once_do_not_run_ahead_of_the_sockets(start: Start) -> None:
    """Each event reaches all members before its group's next; a small outbox shows it."""
    hub = Hub(MemoryBroker())
    limits = Limits(outbox_frames=4)
    groups = [f"group {number}" for number in range(8)]
    events = 20
    members: list[Running] = []
    for group in groups:
        for number in range(60):
            running = await start(limits=limits)
            members.append(running)
            await hub.join(Listener(f"{group} {number}", running), [group])

    async def read(group: str) -> None:
        for number in range(events):
            event = GroupEvent(group, str(number), kind="json")
            await hub.handle_event(group, event.to_dict())

    await asyncio.gather(*(read(group) for group in groups))
    await settle()
    expected = [str(number) for number in range(events)]
    assert all(running.server.texts == expected for running in members)


async def test_broadcast_to_a_hundred_connections_takes_one_task(start: Start) -> None:
    connections = [await start() for _ in range(100)]
    made: list[Any] = []

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    asyncio.get_running_loop().set_task_factory(make)
    for running in connections:
        running.connection.deliver("hello", 5)
    await settle()
    asyncio.get_running_loop().set_task_factory(None)
    assert all(running.server.texts == ["hello"] for running in connections)
    assert len(made) == 1


@pytest.mark.parametrize("is_slow", [False, True])
async def test_send_of_a_server_may_use_timeouts(
    start: Start, monkeypatch: pytest.MonkeyPatch, is_slow: bool
) -> None:
    take = Server.send

    async def send(server: Server, event: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            await take(server, event)

    monkeypatch.setattr(Server, "send", send)
    running, other = await start(), await start()
    if is_slow:
        running.server.stall()
    running.connection.deliver("hello", 5)
    other.connection.deliver("hello", 5)
    await other.server.until_texts(1)
    running.server.resume()
    await running.server.until_texts(1)
