"""Database lanes: who runs where, in which order, and when database connections are closed."""

import asyncio
import contextvars
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, async_to_sync, sync_to_async
from channels.db import database_sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections
from django.test import override_settings

from chanx.integrations import lanes as module
from chanx.integrations.database import close_stale_connections
from chanx.integrations.lanes import Lanes, Seat, is_on_lane

SCOPE: dict[str, Any] = {"type": "websocket", "asgi": {"version": "3.0"}}
DEADLINE = 60.0

T = TypeVar("T")


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    """Lanes of the test's own."""
    found = Lanes()
    yield found
    found.close()


class Member:
    """A WebSocket connection as the lanes see it: a context with a seat."""

    def __init__(self, lanes: Lanes, scope: dict[str, Any] = SCOPE) -> None:
        self.lanes = lanes
        self.context = contextvars.copy_context()
        self.seat = self.context.run(lanes.take_seat, scope)

    def call(self, function: Callable[..., T], *args: Any) -> "asyncio.Task[T]":
        """Start a call as a handler does."""

        async def call() -> T:
            return await sync_to_async(function)(*args)

        return asyncio.get_running_loop().create_task(call(), context=self.context)

    def leave(self) -> None:
        assert self.seat
        self.context.run(self.lanes.leave, self.seat)


class Gate:
    """Holds a lane up until it is opened."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._entered = asyncio.Event()
        self._opened = threading.Event()

    def wait(self) -> None:
        self._loop.call_soon_threadsafe(self._entered.set)
        assert self._opened.wait(DEADLINE)

    async def entered(self) -> None:
        await asyncio.wait_for(self._entered.wait(), DEADLINE)

    def open(self) -> None:
        self._opened.set()


async def gather(calls: list["asyncio.Task[Any]"]) -> list[Any]:
    return await asyncio.wait_for(asyncio.gather(*calls), DEADLINE)


def get_thread() -> str:
    return threading.current_thread().name


async def test_connections_are_spread_over_the_lanes_and_stay(lanes: Lanes) -> None:
    with override_settings(CHANX={"DATABASE_LANES": 3}):
        members = [Member(lanes) for _ in range(9)]
    threads = [await gather([member.call(get_thread) for _ in range(3)]) for member in members]
    assert [len(set(names)) for names in threads] == [1] * 9
    assert [names[0] for names in threads] == [f"chanx-database-{n}" for n in (1, 2, 3)] * 3


async def test_new_connection_gets_the_lane_with_the_fewest(lanes: Lanes) -> None:
    with override_settings(CHANX={"DATABASE_LANES": 2}):
        first, _, _ = (Member(lanes) for _ in range(3))
        first.leave()
        assert [lane["connections"] for lane in lanes.report()] == [1, 1]
        _, last = Member(lanes), Member(lanes)
    assert [lane["connections"] for lane in lanes.report()] == [2, 2]
    assert await last.call(get_thread) == "chanx-database-2"


async def test_no_thread_is_started_before_it_is_needed(lanes: Lanes) -> None:
    before = set(threading.enumerate())
    members = [Member(lanes) for _ in range(8)]
    assert set(threading.enumerate()) <= before
    await members[0].call(get_thread)
    assert len(set(threading.enumerate()) - before) == 1


async def test_number_of_lanes_may_change(lanes: Lanes) -> None:
    with override_settings(CHANX={"DATABASE_LANES": 3}):
        members = [Member(lanes) for _ in range(3)]
    with override_settings(CHANX={"DATABASE_LANES": 1}):
        members += [Member(lanes) for _ in range(2)]
    assert [lane["connections"] for lane in lanes.report()] == [3, 1, 1]
    with override_settings(CHANX={"DATABASE_LANES": None}):
        assert Member(lanes).seat is None


@pytest.mark.parametrize("value", [0, -1, "4", True, 1.5])
async def test_number_that_is_none_is_refused(lanes: Lanes, value: Any) -> None:
    with (
        override_settings(CHANX={"DATABASE_LANES": value}),
        pytest.raises(ImproperlyConfigured, match=r"CHANX\['DATABASE_LANES'\] must be"),
    ):
        Member(lanes)


async def test_connections_of_a_lane_take_turns(lanes: Lanes) -> None:
    """What one has queued costs another one call, the one that runs."""
    order: list[str] = []
    gate = Gate()
    with override_settings(CHANX={"DATABASE_LANES": 1}):
        busy, other, third = (Member(lanes) for _ in range(3))
    calls = [busy.call(gate.wait)]
    await gate.entered()
    calls += [busy.call(order.append, f"busy {number}") for number in range(100)]
    await asyncio.sleep(0)
    calls += [other.call(order.append, f"other {number}") for number in range(2)]
    calls += [third.call(order.append, "third")]
    await asyncio.sleep(0)
    assert lanes.report()[0]["waiting"] == 103
    gate.open()
    await gather(calls)
    assert order[:5] == ["other 0", "third", "busy 0", "other 1", "busy 1"]
    assert order[5:] == [f"busy {number}" for number in range(2, 100)]
    assert lanes.report() == [{"connections": 3, "waiting": 0, "calls": 104, "broken": 0}]


async def test_other_lanes_go_on(lanes: Lanes) -> None:
    gate = Gate()
    with override_settings(CHANX={"DATABASE_LANES": 2}):
        busy, other = Member(lanes), Member(lanes)
    stuck = busy.call(gate.wait)
    await gate.entered()
    assert await asyncio.wait_for(other.call(get_thread), DEADLINE) == "chanx-database-2"
    gate.open()
    await stuck


async def test_call_of_a_cancelled_task_is_not_made(lanes: Lanes) -> None:
    made: list[str] = []
    gate = Gate()
    member = Member(lanes)
    running = member.call(gate.wait)
    await gate.entered()
    cancelled, kept = member.call(made.append, "cancelled"), member.call(made.append, "kept")
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    gate.open()
    await gather([running, kept])
    assert made == ["kept"]


async def test_error_reaches_its_caller_only(lanes: Lanes) -> None:
    member = Member(lanes)

    def fail() -> None:
        raise LookupError("mine")

    failing, working = member.call(fail), member.call(get_thread)
    with pytest.raises(LookupError, match="mine"):
        await failing
    assert await working == "chanx-database-1"


async def test_call_is_counted_by_the_time_its_result_is_known(lanes: Lanes) -> None:
    member, gate = Member(lanes), Gate()
    assert member.seat
    counts: list[int] = []
    future = member.seat.lane.submit(gate.wait)
    await gate.entered()
    # In the lane's thread, and at the moment in which others are told.
    future.add_done_callback(lambda _: counts.append(lanes.report()[0]["calls"]))
    gate.open()
    await asyncio.wait_for(asyncio.wrap_future(future), DEADLINE)
    assert counts == [1]


async def test_calls_from_elsewhere_have_a_turn_of_their_own(lanes: Lanes) -> None:
    """A context that carries the lane and not the seat, as somebody may make."""
    member = Member(lanes)
    assert member.seat
    future = member.seat.lane.submit(get_thread)
    assert await asyncio.wrap_future(future) == "chanx-database-1"


async def test_synchronous_code_may_call_asynchronous_code_that_calls_back(lanes: Lanes) -> None:
    async def ask() -> str:
        return await sync_to_async(get_thread)()

    def convert() -> str:
        return async_to_sync(ask)()

    assert await asyncio.wait_for(Member(lanes).call(convert), DEADLINE) == "chanx-database-1"


async def test_nothing_of_a_call_is_kept(lanes: Lanes) -> None:
    class Thing:
        def fail(self) -> None:
            raise LookupError

    member = Member(lanes)
    thing = Thing()
    gone = weakref.ref(thing)
    with pytest.raises(LookupError):
        await member.call(thing.fail)
    del thing
    # Another turn of the lane: it is through with the first.
    await member.call(get_thread)
    gc.collect()
    assert gone() is None


async def test_seat_is_given_back_with_all_that_it_set(lanes: Lanes) -> None:
    seat = lanes.take_seat(SCOPE)
    assert seat
    assert is_on_lane()
    lanes.leave(seat)
    assert not is_on_lane()
    assert SyncToAsync.thread_sensitive_context.get(None) is None
    assert lanes.report()[0]["connections"] == 0


async def test_seat_may_be_given_back_in_another_context(lanes: Lanes) -> None:
    member = Member(lanes)
    assert isinstance(member.seat, Seat)
    contextvars.Context().run(lanes.leave, member.seat)
    assert lanes.report()[0]["connections"] == 0


async def test_test_clients_get_no_lane(lanes: Lanes) -> None:
    assert lanes.take_seat({"type": "websocket"}) is None
    assert lanes.take_seat({**SCOPE, "chanx.observer": object()}) is None


async def test_thread_that_somebody_has_chosen_is_kept(lanes: Lanes) -> None:
    async with ThreadSensitiveContext():
        assert lanes.take_seat(SCOPE) is None


def test_thread_of_synchronous_code_is_kept(lanes: Lanes) -> None:
    async def serve() -> Seat | None:
        return lanes.take_seat(SCOPE)

    assert async_to_sync(serve)() is None


def test_event_loops_share_the_lanes(lanes: Lanes) -> None:
    async def serve() -> list[Any]:
        members = [Member(lanes) for _ in range(20)]
        return await gather([member.call(get_thread) for member in members for _ in range(20)])

    def run() -> list[Any]:
        return asyncio.run(serve())

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(run) for _ in range(4)]
        threads = {name for result in results for name in result.result(DEADLINE)}
    assert threads == {f"chanx-database-{number}" for number in range(1, 5)}
    assert [lane["connections"] for lane in lanes.report()] == [20] * 4


async def test_closing_ends_the_running_call_and_cancels_the_waiting(lanes: Lanes) -> None:
    gate = Gate()
    member = Member(lanes)
    running, waiting = member.call(gate.wait), member.call(get_thread)
    await gate.entered()
    closing = asyncio.ensure_future(asyncio.to_thread(lanes.close))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.open()
    await gather([running, closing])
    with pytest.raises(RuntimeError, match="was stopped"):
        await member.call(get_thread)


# --- database connections -------------------------------------------------------------------------


class Closing:
    """Counts how often a lane has looked for stale connections, and tells of each."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.deadline: float | None = None
        self.error: Exception | None = None
        self._loop = asyncio.get_running_loop()
        self._looked = asyncio.Event()

    def look(self) -> None:
        self.threads.append(get_thread())
        self._loop.call_soon_threadsafe(self._looked.set)
        if self.error:
            raise self.error

    def get_deadline(self) -> float | None:
        return self.deadline

    async def looked(self) -> None:
        await asyncio.wait_for(self._looked.wait(), DEADLINE)
        self._looked.clear()


@pytest.fixture
async def closing(monkeypatch: pytest.MonkeyPatch) -> Closing:
    """Closing that happens soon after use."""
    found = Closing()
    monkeypatch.setattr(module, "close_stale_connections", found.look)
    monkeypatch.setattr(module, "get_next_deadline", found.get_deadline)
    monkeypatch.setattr(module, "_INTERVAL", 0.001)
    return found


async def test_lane_looks_for_stale_connections_after_its_last_use(
    lanes: Lanes, closing: Closing
) -> None:
    member = Member(lanes)
    await member.call(get_thread)
    await closing.looked()
    assert closing.threads == ["chanx-database-1"]
    await member.call(get_thread)
    await closing.looked()


async def test_lane_looks_again_when_a_connection_reaches_its_age(
    lanes: Lanes, closing: Closing
) -> None:
    closing.deadline = 0.0
    await Member(lanes).call(get_thread)
    for _ in range(3):
        await closing.looked()


async def test_lane_lives_on_when_closing_fails(
    lanes: Lanes, closing: Closing, logs: list[Any]
) -> None:
    closing.error = OperationalError("cannot even close")
    member = Member(lanes)
    await member.call(get_thread)
    await closing.looked()
    assert await member.call(get_thread) == "chanx-database-1"
    assert logs[0]["event"] == "Failed to close database connections"


@pytest.fixture
def database(tmp_path: Any) -> Iterator[None]:
    """A file as database, which unlike one in memory can be closed."""
    settings = connections.settings["default"]
    before = {name: settings[name] for name in ("NAME", "CONN_MAX_AGE")}
    settings.update(NAME=str(tmp_path / "db.sqlite3"), CONN_MAX_AGE=0)
    yield
    settings.update(before)


def open_connection() -> Any:
    connection = connections["default"]
    connection.ensure_connection()
    return connection


@pytest.mark.usefixtures("database")
async def test_suspect_connection_is_looked_at_before_the_next_call(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(module, "close_stale_connections", lambda: looked.append(get_thread()))
    member = Member(lanes)

    def fail() -> None:
        with open_connection().cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")

    with pytest.raises(OperationalError):
        await member.call(fail)
    assert await member.call(len, looked) == 1
    assert lanes.report()[0]["broken"] >= 1


def is_open(connection: Any) -> bool:
    return connection.connection is not None


async def wait_until(is_done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not await is_done():
            await asyncio.sleep(0)


@pytest.mark.usefixtures("database")
async def test_old_connection_is_closed_without_another_call(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_INTERVAL", 0.001)
    connection = await Member(lanes).call(open_connection)

    async def is_closed() -> bool:
        return not is_open(connection)

    await wait_until(is_closed)


@pytest.mark.usefixtures("database")
async def test_connection_is_not_closed_in_a_transaction(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is left open between two calls."""
    from django.db import transaction

    looked = threading.Semaphore(0)

    def look() -> None:
        close_stale_connections()
        looked.release()

    monkeypatch.setattr(module, "close_stale_connections", look)
    monkeypatch.setattr(module, "_INTERVAL", 0.001)
    member = Member(lanes)
    atomic = transaction.atomic()

    def begin() -> Any:
        connection = open_connection()
        atomic.__enter__()
        return connection

    connection = await member.call(begin)
    for _ in range(2):
        assert await asyncio.to_thread(looked.acquire, timeout=DEADLINE)
    assert is_open(connection)
    await member.call(atomic.__exit__, None, None, None)

    async def is_closed() -> bool:
        return not is_open(connection)

    await wait_until(is_closed)


@pytest.mark.usefixtures("database")
async def test_closing_the_lanes_closes_their_connections(lanes: Lanes) -> None:
    connection = await Member(lanes).call(open_connection)
    assert is_open(connection)
    await asyncio.to_thread(lanes.close)
    assert not is_open(connection)


async def test_lane_that_was_stopped_is_forgotten_with_its_last_connection(lanes: Lanes) -> None:
    member = Member(lanes)
    assert await member.call(lambda: 1) == 1
    assert member.seat
    reference = weakref.ref(member.seat.lane)
    await asyncio.to_thread(lanes.close)
    with pytest.raises(RuntimeError, match="takes no more calls"):
        await member.call(lambda: 1)
    member.leave()
    del member
    for _ in range(3):  # first its context, with which asgiref's dictionary lets it go
        await asyncio.sleep(0)
        gc.collect()
    assert reference() is None


_PROGRAM = """
import asyncio, threading, time
import django
from django.conf import settings
settings.configure(DATABASES={{"default": {{
    "ENGINE": "django.db.backends.sqlite3", "NAME": {name!r}, "CONN_MAX_AGE": None}}}})
django.setup()
from asgiref.sync import sync_to_async
from django.db import connection
from chanx.integrations.lanes import lanes

def query():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()[0]

async def main():
    lanes.take_seat({{"type": "websocket", "asgi": {{}}}})
    print(await sync_to_async(query)(), threading.active_count())

asyncio.run(main())
print("main ends")
"""


def test_idle_lanes_do_not_keep_the_process(tmp_path: Any) -> None:
    program = _PROGRAM.format(name=str(tmp_path / "db.sqlite3"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 2\nmain ends\n", "")


@pytest.mark.usefixtures("database")
async def test_connection_is_used_again_by_those_who_close_old_ones_around_each_call(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels' function, with CONN_MAX_AGE=0: on a lane a second is the least."""
    monkeypatch.setattr(module, "_INTERVAL", DEADLINE)
    member = Member(lanes)

    async def ask() -> Any:
        return (await database_sync_to_async(open_connection)()).connection

    def start() -> "asyncio.Task[Any]":
        return asyncio.get_running_loop().create_task(ask(), context=member.context)

    assert await start() is await start() is not None
