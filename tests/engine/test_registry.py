"""The connections of the process: places for users and addresses, draining, and the snapshot."""

import asyncio
import gc
import json
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import chanx
from chanx.codes import CloseCode
from chanx.engine.connection import Connection, State
from chanx.engine.hub import Hub
from chanx.engine.registry import Places, registry
from chanx.engine.snapshot import add_source
from tests.clock import Clock
from tests.engine.fakes import (
    FakeMember,
    MemoryBroker,
    Recorder,
    Running,
    Server,
    Start,
    frame,
    settle,
)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Every test ends with an empty registry."""
    yield
    chanx.undrain()
    assert (len(registry), len(registry.users), len(registry.addresses)) == (0, 0, 0)


# --- places ---------------------------------------------------------------------------------------


def test_places_are_limited_and_given_back() -> None:
    places = Places()
    assert [places.take("ada", 2) for _ in range(3)] == [True, True, False]
    assert places.take("bob", 2)
    places.give_back("ada")
    assert places.count("ada") == 1
    assert places.take("ada", 2)
    for holder in ("ada", "ada", "bob"):
        places.give_back(holder)
    assert len(places) == 0


def test_no_limit_counts_all_the_same() -> None:
    places = Places()
    assert all(places.take("ada", None) for _ in range(200))
    assert places.count("ada") == 200
    assert not places.take("ada", 200)


def test_limit_of_zero_lets_nobody_in() -> None:
    places = Places()
    assert not places.take("ada", 0)
    assert len(places) == 0


# --- the registry ---------------------------------------------------------------------------------


async def test_connection_is_known_while_it_runs(start: Start) -> None:
    running = await start()
    assert registry.get_connections() == [running.connection]
    assert registry.get_connections_here() == [running.connection]
    await running.end()
    assert registry.get_connections() == []


async def test_places_end_with_the_connection(start: Start) -> None:
    one, other = await start(), await start()
    assert registry.take_user(one.connection, "ada", 1)
    assert registry.take_address(one.connection, "127.0.0.1", 1)
    assert not registry.take_user(other.connection, "ada", 1)
    assert not registry.take_address(other.connection, "127.0.0.1", 1)
    await other.end()  # it holds nothing
    assert registry.users.count("ada") == registry.addresses.count("127.0.0.1") == 1
    await one.end()
    assert registry.users.count("ada") == registry.addresses.count("127.0.0.1") == 0


async def test_place_is_taken_once(start: Start) -> None:
    running = await start()
    assert registry.take_user(running.connection, "ada", 1)
    assert registry.take_user(running.connection, "ada", 1)
    assert registry.users.count("ada") == 1


async def test_connection_that_has_ended_takes_no_place(start: Start) -> None:
    running = await start()
    await running.end()
    assert registry.take_user(running.connection, "ada", 0)
    assert registry.users.count("ada") == 0


async def test_cancelled_connection_gives_its_places_back(start: Start) -> None:
    running = await start(accepted=False)
    registry.take_user(running.connection, "ada", 1)
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.result()
    assert registry.users.count("ada") == 0


async def test_connection_whose_server_fails_gives_its_places_back() -> None:
    async def receive() -> Any:
        registry.take_user(connection, "ada", 1)
        raise RuntimeError("the server broke")

    connection = Connection(receive, Server().send, Recorder())
    with pytest.raises(RuntimeError, match="the server broke"):
        await connection.run()
    assert registry.users.count("ada") == 0


async def test_nothing_of_a_connection_survives() -> None:
    references: list[weakref.ref[Any]] = []

    async def use(number: int) -> None:
        running = Running(accepted=number % 3 > 0)
        references.append(weakref.ref(running.connection))
        references.append(weakref.ref(running.handler))
        await running.begin()
        registry.take_user(running.connection, str(number % 7), None)
        registry.take_address(running.connection, str(number % 5), None)
        running.server.put(frame("x"))
        if number % 4 == 0:
            running.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running.result()
        else:
            await running.end()

    for number in range(500):
        await use(number)
    gc.collect()
    assert [reference for reference in references if reference() is not None] == []


# --- drain ----------------------------------------------------------------------------------------


def let_clients_answer(runnings: list[Running]) -> None:
    """Have each client answer the close frame, as a server then tells the application."""
    for running in runnings:
        send = running.connection._send

        async def answer(event: Any, running: Running = running, send: Any = send) -> None:
            await send(event)
            if event["type"] == "websocket.close":
                running.server.disconnect(event["code"])

        running.connection._send = answer


async def test_drain_closes_all_and_tells_how_many(start: Start) -> None:
    runnings = [await start() for _ in range(25)]
    let_clients_answer(runnings)
    assert await chanx.drain(batch=10, interval=0) == 25
    assert {await running.result() for running in runnings} == {1012}
    events = [running.server.sent for running in runnings]
    assert events == [[{"type": "websocket.close", "code": 1012, "reason": "draining"}]] * 25
    assert registry.is_draining
    chanx.undrain()
    assert not registry.is_draining


async def test_drain_closes_in_batches_in_the_order_of_arrival(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    runnings = [await start() for _ in range(7)]
    let_clients_answer(runnings)
    pauses: list[float] = []
    closed: list[list[int]] = []
    sleep = asyncio.sleep

    async def pause(delay: float) -> None:
        if delay:  # not a turn of the loop
            await settle_with(sleep)
            pauses.append(delay)
            closed.append([n for n, each in enumerate(runnings) if each.is_in(State.CLOSED)])
        await sleep(0)

    monkeypatch.setattr("chanx.engine.drain.asyncio.sleep", pause)
    assert await chanx.drain(batch=3, interval=7.5, code=4000) == 7
    assert pauses == [7.5, 7.5]
    assert closed == [[0, 1, 2], [0, 1, 2, 3, 4, 5]]
    assert runnings[0].server.close_codes == [4000]


async def settle_with(sleep: Any) -> None:
    for _ in range(50):
        await sleep(0)


async def test_drain_refuses_a_handshake_that_is_not_answered(start: Start) -> None:
    running = await start(accepted=False)
    let_clients_answer([running])
    assert await chanx.drain() == 1
    assert running.server.close_codes == [1012]


async def test_drain_leaves_alone_what_closes_already(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chanx.engine.drain._CLOSE_TIMEOUT", 0.01)
    running = await start()
    await running.connection.close(4000)
    assert await chanx.drain() == 0
    assert running.server.close_codes == [4000]


async def test_drain_gives_up_a_client_that_answers_no_close_frame(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chanx.engine.drain._CLOSE_TIMEOUT", 0.01)
    running = await start()
    assert await chanx.drain() == 1
    assert await running.result() == 1012


async def test_drain_gives_up_a_client_that_does_not_read(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chanx.engine.drain._CLOSE_TIMEOUT", 0.01)
    running = await start()
    running.server.stall()
    assert await chanx.drain() == 1
    assert await running.result() == 1012


async def test_drain_waits_for_handlers_to_end(start: Start) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def handle(event: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()

    running = await start(on_event=handle)
    let_clients_answer([running])
    running.server.put(frame("x"))
    await begun.wait()
    draining = asyncio.create_task(chanx.drain())
    await settle()
    assert not draining.done()
    release.set()
    assert await draining == 1
    assert running.task.done()


async def test_undrain_stops_the_closing(start: Start, clock: Clock) -> None:
    runnings = [await start() for _ in range(3)]
    let_clients_answer(runnings)
    draining = asyncio.create_task(chanx.drain(batch=1, interval=1000))
    await runnings[0].result()
    chanx.undrain()
    clock.advance(1000)
    assert await draining == 1
    assert [running.connection.is_closing for running in runnings] == [True, False, False]


async def test_cancelled_drain_goes_on_refusing(start: Start) -> None:
    runnings = [await start() for _ in range(2)]
    let_clients_answer(runnings)
    draining = asyncio.create_task(chanx.drain(batch=1, interval=3600))
    await runnings[0].result()
    draining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await draining
    assert registry.is_draining
    assert not runnings[1].connection.is_closing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": 0}, r"drain\(batch=0\): it must be 1 or more"),
        ({"interval": -1}, r"drain\(interval=-1\): it must be 0 or more seconds"),
        ({"code": 1006}, r"drain\(code=1006\): not a code that may be sent"),
        ({"code": 5000}, r"drain\(code=5000\)"),
    ],
)
async def test_drain_with_senseless_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        await chanx.drain(**arguments)
    assert not registry.is_draining


async def test_connections_of_another_loop_are_not_closed(start: Start) -> None:
    running = await start()
    results: list[int] = []

    def drain_elsewhere() -> None:
        results.append(asyncio.run(chanx.drain()))

    thread = threading.Thread(target=drain_elsewhere)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert results == [0]
    assert running.is_in(State.OPEN)


# --- the answer of a server that is drained, and codes that a server does not take ----------------


async def test_handshake_is_refused_with_a_response(start: Start) -> None:
    running = await start(accepted=False)
    await running.connection.respond(503, [(b"retry-after", b"5")], b"later", 4503)
    assert running.server.sent == [
        {
            "type": "websocket.http.response.start",
            "status": 503,
            "headers": [(b"retry-after", b"5")],
        },
        {"type": "websocket.http.response.body", "body": b"later"},
    ]
    assert await running.result() == 4503  # whatever the server then says


async def test_response_to_an_accepted_handshake_is_not_sent(start: Start) -> None:
    running = await start()
    await running.connection.respond(503, [], b"", 1012)
    assert running.server.sent == []
    assert running.is_in(State.OPEN)


class PickyServer(Server):
    """Takes no close codes from 1001 to 2999, as daphne."""

    async def send(self, event: Any) -> None:
        if event["type"] == "websocket.close" and 1000 < event["code"] < 3000:
            raise Exception("invalid close code")
        await super().send(event)


@pytest.mark.parametrize("is_busy", [False, True])
@pytest.mark.parametrize(("code", "other"), [(1009, 4413), (1012, 4503), (1013, 4503)])
async def test_code_that_the_server_does_not_take(is_busy: bool, code: int, other: int) -> None:
    running = Running()
    running.server = PickyServer()
    running.connection = Connection(running.server.receive, running.server.send, running.handler)
    await running.begin()
    if is_busy:  # the close frame waits behind another one
        running.server.stall()
        running.connection.deliver("x", 1)
        await settle()
    closing = asyncio.create_task(running.connection.close(code, "why"))
    await settle()
    running.server.resume()
    await closing
    assert running.server.sent[-1] == {"type": "websocket.close", "code": other, "reason": "why"}
    assert running.connection.closed_with == other
    assert running.handler.problems == []
    await running.end()


# --- the snapshot ---------------------------------------------------------------------------------


async def test_snapshot_of_nothing() -> None:
    found = chanx.stats()
    assert found.connections == {"connecting": 0, "authenticating": 0, "open": 0, "closing": 0}
    assert (found.inbox.longest, found.outbox_bytes.longest) == (0, 0)


async def test_snapshot_counts_connections_by_state(start: Start) -> None:
    await start(accepted=False)
    authenticating, _, _, closing = [await start() for _ in range(4)]
    authenticating.connection.hold_deliveries()
    await closing.connection.close(1000)
    found = chanx.stats().connections
    assert found == {"connecting": 1, "authenticating": 1, "open": 2, "closing": 1}


async def test_snapshot_has_the_lengths_of_the_queues(start: Start) -> None:
    async def wait(event: Any) -> None:
        await asyncio.Event().wait()

    busy, slow = await start(on_event=wait), await start(on_event=wait)
    busy.server.put(*[frame("äx")] * 4)  # one runs, three wait
    slow.server.put(*[frame("x")] * 2)
    slow.server.stall()
    for _ in range(3):
        slow.connection.deliver("yyy", 3)
    await settle()
    found = chanx.stats()
    assert (found.inbox.total, found.inbox.longest) == (4, 3)
    assert (found.outbox.total, found.outbox.longest) == (2, 2)
    assert (found.outbox_bytes.total, found.outbox_bytes.longest) == (6, 6)


async def test_snapshot_counts_groups_but_not_those_of_chanx() -> None:
    gc.collect()
    before = chanx.stats()
    hub = Hub(MemoryBroker())
    one, other = FakeMember("one"), FakeMember("other")
    await hub.join(one, ["a", "b"])
    await hub.join(one, ["chanx.control"], is_internal=True)
    await hub.join(other, ["a"])
    found = chanx.stats()
    assert found.groups - before.groups == 2
    assert found.memberships - before.memberships == 3
    await hub.leave(one)
    await hub.leave(other)
    found = chanx.stats()
    assert (found.groups, found.memberships) == (before.groups, before.memberships)


async def test_snapshot_is_json_and_takes_in_what_others_look_up(start: Start) -> None:
    running = await start()
    registry.take_user(running.connection, "ada", None)
    add_source("of this test", lambda: [{"waiting": 3}])
    try:
        found = chanx.stats().to_dict()
    finally:
        add_source("of this test", lambda: None)
    assert json.loads(json.dumps(found)) == found
    assert found["more"]["of this test"] == [{"waiting": 3}]
    assert found["users"] == 1
    assert found["addresses"] == 0
    assert found["is_draining"] is False
    assert {"connections_opened", "connections_refused", "closes"} <= set(found["counters"])


async def test_snapshot_may_be_taken_in_a_thread(start: Start) -> None:
    await start()
    found = await asyncio.to_thread(chanx.stats)
    assert found.connections["open"] == 1


async def test_code_of_the_close_frame_is_remembered(start: Start) -> None:
    running = await start()
    await running.connection.close(None)
    assert running.connection.closed_with == CloseCode.NORMAL
    other = await start()
    await other.end()
    assert other.connection.closed_with is None
