"""Stale database connections are closed: seldom, in the background, and after errors."""

import asyncio
import gc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from chanx.integrations import database
from chanx.messages.incoming import PingMessage
from tests.app.consumers import OpenConsumer
from tests.conftest import Connect
from tests.patience import PATIENCE

PROCESSING_ERROR = {"action": "error", "payload": {"detail": "Failed to process message"}}


class Clock:
    """Counts the calls, and stands still unless told otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.calls = 0
        self.called = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def monotonic(self) -> float:
        return self.now

    def close(self) -> None:
        self.calls += 1
        self.loop.call_soon_threadsafe(self.called.set)

    async def wait(self) -> None:
        await asyncio.wait_for(self.called.wait(), PATIENCE)
        self.called.clear()


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    clock = SimpleNamespace(monotonic=found.monotonic)
    monkeypatch.setattr("chanx.integrations.database.time", clock)
    monkeypatch.setattr(database, "close_stale_connections", found.close)
    monkeypatch.setattr(database, "_next_time", 0.0)
    monkeypatch.setattr(database, "_running", set())  # of event loops that were closed before
    return found


@pytest.fixture
async def event_loop_errors() -> list[Any]:
    """What asyncio complains of."""
    found: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    return found


async def test_connections_are_closed_once_per_interval(clock: Clock) -> None:
    for _ in range(100):
        database.close_connections_when_due()
    await clock.wait()
    assert clock.calls == 1
    clock.now += 3600
    for _ in range(100):
        database.close_connections_when_due()
    await clock.wait()
    assert clock.calls == 2


async def test_events_of_a_connection_close_them_when_due(clock: Clock, connect: Connect) -> None:
    client = await connect(OpenConsumer.as_asgi())
    await clock.wait()
    for _ in range(10):
        await client.send_message(PingMessage())
    await client.receive_all_json()
    assert clock.calls == 1
    clock.now += 3600
    await client.send_message(PingMessage())
    await clock.wait()
    assert clock.calls == 2


async def test_database_error_closes_them_at_once(clock: Clock, connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            raise OperationalError("server closed the connection")

    client = await connect(Consumer.as_asgi())
    await clock.wait()
    await client.send_message(PingMessage())
    assert await client.receive_all_json() == [PROCESSING_ERROR]
    assert clock.calls == 2


async def test_other_errors_close_nothing(clock: Clock, connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            raise RuntimeError("secret")

    client = await connect(Consumer.as_asgi())
    await clock.wait()
    await client.send_message(PingMessage())
    await client.receive_all_json()
    assert clock.calls == 1


@pytest.fixture
def broken_database(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    def close() -> None:
        clock.close()
        raise OperationalError("cannot even close")

    monkeypatch.setattr(database, "close_stale_connections", close)
    return clock


async def test_client_is_answered_also_when_closing_fails(
    broken_database: Clock, connect: Connect
) -> None:
    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            raise OperationalError("server closed the connection")

    client = await connect(Consumer.as_asgi())
    await client.send_message(PingMessage())
    assert await client.receive_all_json() == [PROCESSING_ERROR]


async def test_failure_in_the_background_is_logged_and_not_left_to_asyncio(
    broken_database: Clock, event_loop_errors: list[Any], logs: list[Any]
) -> None:
    before = asyncio.all_tasks()
    database.close_connections_when_due()
    (task,) = asyncio.all_tasks() - before
    await asyncio.wait({task})
    del task
    await asyncio.sleep(0)
    gc.collect()
    assert event_loop_errors == []
    assert [line["log_level"] for line in logs] in (["warning"], ["error"])


# --- asgiref's own thread, while connections are on lanes ----------------------------------------


@pytest.fixture
def deadlines(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float | None]]:
    """What the thread will say of its open connections, one look after the other."""
    found: list[float | None] = []
    monkeypatch.setattr(database, "_INTERVAL", 0.001)
    monkeypatch.setattr(database, "get_next_deadline", lambda: found.pop(0))
    monkeypatch.setattr(database, "_watch", None)
    yield found
    if database._watch:
        database._watch.cancel()


async def test_default_thread_is_looked_at_once_for_many(
    clock: Clock, deadlines: list[float | None]
) -> None:
    deadlines += [None]
    for _ in range(100):
        database.watch_default_thread()
    await clock.wait()
    await wait_for_watch_to_end()
    assert (clock.calls, deadlines) == (1, [])


async def test_default_thread_is_looked_at_until_nothing_is_open(
    clock: Clock, deadlines: list[float | None]
) -> None:
    deadlines += [clock.now - 1, clock.now + 0.002, None]
    database.watch_default_thread()
    await wait_for_watch_to_end()
    assert (clock.calls, deadlines) == (3, [])


async def test_what_middleware_opens_is_not_left_for_what_ends_much_later(
    clock: Clock, deadlines: list[float | None]
) -> None:
    deadlines += [clock.now + 3600, None]
    database.watch_default_thread()
    await clock.wait()
    async with asyncio.timeout(PATIENCE):
        while database._watch is None or database._running:
            await asyncio.sleep(0)
    database.watch_default_thread()
    await wait_for_watch_to_end()
    assert (clock.calls, deadlines) == (2, [])


async def wait_for_watch_to_end() -> None:
    async with asyncio.timeout(PATIENCE):
        while database._watch is not None or database._running:
            await asyncio.sleep(0)
