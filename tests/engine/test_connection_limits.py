"""What a connection does at its bounds: sizes, times, numbers, and clients that do not read."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from chanx.engine.connection import Event, Problem, State
from chanx.engine.limits import Limits, SlowClientPolicy
from chanx.engine.stats import counters
from tests.clock import Clock
from tests.engine.fakes import Running, Start, Watched, frame, settle, text_event


@pytest.fixture(autouse=True)
def _fresh_counters() -> Iterator[None]:
    counters.reset()
    yield
    counters.reset()


class Gates(Watched):
    """Holds up each event until its text is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.most = 0
        self._gates: dict[str, asyncio.Event] = {}

    def open(self, *texts: str) -> None:
        for text in texts:
            self._gates.setdefault(text, asyncio.Event()).set()

    async def __call__(self, event: Event) -> None:
        text = event.get("text", event["type"])
        self.inside.append(text)
        self.most = max(self.most, len(self.inside))
        self.changed()
        try:
            await self._gates.setdefault(text, asyncio.Event()).wait()
        finally:
            self.inside.remove(text)
            self.changed()


# --- size -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ("x" * 100, True),
        ("x" * 101, False),
        ("\N{GRINNING FACE}" * 25, True),
        ("\N{GRINNING FACE}" * 26, False),
        ("ü" * 50, True),
        ("ü" * 51, False),
        ("x" * 99 + "ü", False),
        ("\ud800" * 20, True),
        ("", True),
    ],
)
async def test_size_is_counted_in_bytes(start: Start, text: str, is_taken: bool) -> None:
    running = await start(limits=Limits(max_message_size=100))
    running.server.put(frame(text))
    if is_taken:
        await running.handler.until_ended(1)
        assert running.handler.problems == []
    else:
        await running.server.until(lambda: running.server.close_codes == [1009])
        assert running.handler.begun == []
        assert running.handler.problems == [Problem.TOO_BIG]
        assert counters.messages_in == {"too_big": 1}
    assert counters.received == 1


async def test_binary_frames_have_a_size_as_well(start: Start) -> None:
    running = await start(limits=Limits(max_message_size=3))
    running.server.put({"type": "websocket.receive", "bytes": b"1234"})
    await running.server.until(lambda: running.server.close_codes == [1009])


async def test_no_bound_of_size(start: Start) -> None:
    running = await start(limits=Limits(max_message_size=None))
    running.server.put(frame("x" * 10_000_000))
    await running.handler.until_ended(1)


async def test_what_was_sent_before_a_big_frame_came_arrives(start: Start) -> None:
    running = await start(limits=Limits(max_message_size=10))
    running.server.stall()
    for number in range(3):
        running.connection.deliver(str(number), 1)
    running.server.put(frame("x" * 11), frame("small"))
    await running.handler.until(lambda: running.handler.problems == [Problem.TOO_BIG])
    running.server.resume()
    await running.server.until(lambda: running.server.close_codes == [1009])
    assert running.server.texts == ["0", "1", "2"]
    running.server.disconnect()
    await running.result()
    assert counters.received == 2
    assert counters.messages_in == {"too_big": 1, "discarded": 1}


# --- time -----------------------------------------------------------------------------------------


async def test_handler_that_takes_too_long_is_cancelled_and_the_next_is_handled(
    start: Start,
) -> None:
    gates = Gates()
    gates.open("quick")
    running = await start(on_event=gates, limits=Limits(handler_timeout=0.01))
    running.server.put(frame("slow"), frame("quick"))
    await running.handler.until_ended(1)
    assert running.handler.timed_out == [frame("slow")]
    assert running.handler.ended == [frame("quick")]
    assert running.connection.frames_handled == 2
    assert running.is_in(State.OPEN)


async def test_each_message_has_the_time_for_itself(start: Start, clock: Clock) -> None:
    gates = Gates()
    running = await start(on_event=gates, limits=Limits(handler_timeout=1000))
    running.server.put(frame("1"), frame("2"), frame("3"))
    for text in ("1", "2"):
        await gates.until(lambda text=text: gates.inside == [text])  # type: ignore[misc]  # bound
        clock.advance(900)
        await settle()
        gates.open(text)
    await gates.until(lambda: gates.inside == ["3"])
    assert running.handler.timed_out == []
    clock.advance(1001)
    await running.handler.until(lambda: running.handler.timed_out == [frame("3")])


async def test_handler_that_ends_well_although_cancelled_for_its_time(start: Start) -> None:
    async def calm(event: Event) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    running = await start(on_event=calm, limits=Limits(handler_timeout=0.001))
    running.server.put(frame("1"), frame("2"))
    await running.handler.until_ended(2)
    assert running.handler.timed_out == []
    assert running.is_in(State.OPEN)


async def test_handler_that_does_not_end_when_cancelled_costs_the_connection(start: Start) -> None:
    release = asyncio.Event()

    async def stubborn(event: Event) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    limits = Limits(handler_timeout=0.001, cancel_timeout=0.001)
    running = await start(on_event=stubborn, limits=limits)
    running.server.put(frame("1"))
    await running.server.until(lambda: running.server.close_codes == [4500])
    running.server.disconnect(4500)
    assert await running.result() == 4500
    assert running.handler.problems == [Problem.HANDLER_STUCK]
    release.set()
    await settle()


async def test_time_of_a_handler_is_no_timer_of_an_ended_connection(start: Start) -> None:
    gates = Gates()
    running = await start(on_event=gates, limits=Limits(handler_timeout=1000))
    running.server.put(frame("1"))
    await gates.until(lambda: bool(gates.inside))
    await running.end()
    loop: Any = asyncio.get_running_loop()
    assert not [handle for handle in loop._scheduled if not handle.cancelled()]


async def test_cancelling_for_the_time_and_for_the_end_at_once(start: Start) -> None:
    gates = Gates()
    running = await start(on_event=gates, limits=Limits(handler_timeout=0.001))
    running.server.put(frame("1"))
    await gates.until(lambda: bool(gates.inside))
    running.server.disconnect()
    assert await running.result() == 1000
    assert running.handler.ended == []


async def test_grace_lets_running_handlers_end(start: Start) -> None:
    gates = Gates()
    running = await start(on_event=gates, limits=Limits(disconnect_grace=1000))
    running.server.put(frame("1"), frame("2"))
    await gates.until(lambda: bool(gates.inside))
    running.server.disconnect(1001)
    await running.server.until(running.server.incoming.empty)
    gates.open("1", "2")
    assert await running.result() == 1001
    # What had not begun is not begun.
    assert running.handler.ended == [frame("1")]
    assert counters.messages_in == {"handled": 1, "discarded": 1}


async def test_grace_has_an_end(start: Start) -> None:
    gates = Gates()
    running = await start(on_event=gates, limits=Limits(disconnect_grace=0.001))
    running.server.put(frame("1"))
    await gates.until(lambda: bool(gates.inside))
    running.server.disconnect(1001)
    assert await running.result() == 1001
    assert running.handler.ended == []


# --- silence --------------------------------------------------------------------------------------


async def test_silent_client_is_closed(start: Start) -> None:
    running = await start(limits=Limits(idle_timeout=0.001))
    running.connection.watch_silence(None)
    await running.server.until(lambda: running.server.close_codes == [4408])
    assert running.handler.problems == [Problem.IDLE]


async def test_client_that_waits_for_an_answer_is_not_silent(start: Start) -> None:
    gates = Gates()
    running = await start(on_event=gates, limits=Limits(idle_timeout=0.01))
    running.server.put(frame("1"))
    await gates.until(lambda: bool(gates.inside))
    running.connection.watch_silence(None)
    reached = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, reached.set)
    await reached.wait()
    assert running.server.close_codes == []
    gates.open("1")
    await running.server.until(lambda: running.server.close_codes == [4408])


async def test_client_that_does_not_answer_the_heartbeat_is_closed(start: Start) -> None:
    running = await start(limits=Limits(heartbeat_interval=0.001))
    running.connection.watch_silence(lambda: running.connection.deliver("ping", 4))
    await running.server.until(lambda: running.server.close_codes == [4408])
    assert running.server.texts == ["ping"]


async def test_client_that_answers_the_heartbeat_lives_on(start: Start, clock: Clock) -> None:
    running = await start(limits=Limits(heartbeat_interval=1000))

    def ping() -> None:
        running.connection.deliver("ping", 4)
        running.server.put(frame("pong"))

    running.connection.watch_silence(ping)
    for number in range(5):
        clock.advance(1000)
        await running.handler.until_ended(number + 1)
    assert await running.end() == 1000
    assert running.server.close_codes == []


# --- several at once ------------------------------------------------------------------------------


async def test_events_before_the_opening_are_handled_one_at_a_time(start: Start) -> None:
    gates = Gates()
    running = await start(on_event=gates, limits=Limits(concurrent_messages=3))
    running.server.put(*(frame(str(number)) for number in range(5)))
    await gates.until(lambda: gates.inside == ["0"])
    await settle()
    running.connection.inbox.open_up(3)
    await gates.until(lambda: gates.inside == ["0", "1", "2"])
    gates.open(*map(str, range(5)))
    await running.handler.until_ended(5)


async def test_never_more_than_so_many_at_once_and_all_of_them(start: Start) -> None:
    gates = Gates()
    running = await start(on_event=gates)
    running.connection.inbox.open_up(4)
    running.server.put(*(frame(str(number)) for number in range(20)))
    for number in reversed(range(20)):
        await gates.until(lambda: len(gates.inside) == 4 or running.server.incoming.empty())
        gates.open(str(number))
    await running.handler.until_ended(20)
    assert gates.most == 4
    assert running.connection.frames_handled == 20


async def test_replies_come_in_the_order_of_completion(start: Start) -> None:
    gates = Gates()

    async def reply(event: Event) -> None:
        await gates(event)
        await running.connection.send(text_event(event["text"]))

    running = await start(on_event=reply)
    running.connection.inbox.open_up(2)
    running.server.put(frame("slow"), frame("quick"))
    await gates.until(lambda: len(gates.inside) == 2)
    gates.open("quick")
    await running.server.until_texts(1)
    gates.open("slow")
    await running.server.until_texts(2)
    assert running.server.texts == ["quick", "slow"]


async def test_all_that_run_are_cancelled_at_the_end(start: Start) -> None:
    gates = Gates()
    running = await start(on_event=gates)
    running.connection.inbox.open_up(3)
    running.server.put(*(frame(str(number)) for number in range(5)))
    await gates.until(lambda: len(gates.inside) == 3)
    await running.end()
    assert gates.inside == []
    assert running.handler.ended == []
    assert counters.messages_in == {"discarded": 5}


async def test_each_of_several_has_its_own_time(start: Start) -> None:
    gates = Gates()
    running = await start(on_event=gates, limits=Limits(handler_timeout=0.01))
    running.connection.inbox.open_up(3)
    gates.open("ok")
    running.server.put(frame("slow 1"), frame("ok"), frame("slow 2"), frame("ok"))
    await running.handler.until(lambda: len(running.handler.timed_out) == 2)
    await running.handler.until_ended(2)
    assert running.is_in(State.OPEN)


# --- slow clients ---------------------------------------------------------------------------------


async def stall(running: Running, count: int, key: Callable[[int], str | None] = str) -> None:
    """Broadcast to a client that has stopped reading; the first is with the server by then."""
    running.server.stall()
    calls = running.server.calls
    running.connection.deliver("first", 5)
    await running.server.until(lambda: running.server.calls > calls)
    for number in range(count):
        running.connection.deliver(str(number), 1, key(number))


POLICIES: list[tuple[SlowClientPolicy, list[str]]] = [
    ("drop_newest", ["0", "1", "2"]),
    ("drop_oldest", ["7", "8", "9"]),
    ("coalesce", ["8", "9"]),
]


@pytest.mark.parametrize(("policy", "received"), POLICIES)
async def test_slow_client_is_told_what_it_missed_when_it_reads_again(
    start: Start, policy: SlowClientPolicy, received: list[str]
) -> None:
    running = await start(limits=Limits(outbox_frames=3, slow_client_policy=policy))
    await stall(running, 10, lambda number: str(number % 2))
    running.server.resume()
    missed = 10 - len(received)
    expected = ["first", *received, f"missed {missed}"]
    await running.server.until_texts(len(expected))
    await settle()
    assert running.server.texts == expected
    assert counters.dropped == {"slow": missed}
    # And from then on it misses nothing.
    running.connection.deliver("more", 4)
    await running.server.until_texts(len(expected) + 1)
    assert running.server.texts[-1] == "more"
    assert running.handler.problems == []


async def test_client_that_is_held_up_twice_is_told_twice(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=1, slow_client_policy="drop_newest"))
    for count in (3, 6):
        await stall(running, 3)
        running.server.resume()
        await running.server.until_texts(count)
        await settle()
    assert running.server.texts == ["first", "0", "missed 2"] * 2


async def test_nothing_follows_the_close_frame_of_a_slow_client(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=1, slow_client_policy="drop_oldest"))
    await stall(running, 3)
    running.connection.ping("refused")
    running.connection.close_soon(4401)
    running.server.resume()
    await running.server.until(lambda: bool(running.server.close_codes))
    await settle()
    # Both fit, though the outbox had as many frames as it may have.
    assert running.server.texts[-1] == "refused"
    assert "missed" not in "".join(running.server.texts)
    assert running.server.close_codes == [4401]
    assert running.handler.problems == []


async def test_messages_kept_back_before_authentication_have_the_policy_too(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=2, slow_client_policy="drop_oldest"))
    running.connection.hold_deliveries()
    for number in range(5):
        running.connection.deliver(str(number), 1)
    running.connection.release_deliveries()
    await running.server.until_texts(3)
    assert running.server.texts == ["3", "4", "missed 3"]


async def test_policy_does_not_keep_a_client_that_never_reads(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=2, slow_client_policy="drop_oldest"))
    await stall(running, 1000)
    assert running.connection.queued == (0, 2, 2)
    running.server.disconnect(1006)
    assert await running.result() == 1006


async def test_larger_news_of_a_key_make_room_for_themselves(start: Start) -> None:
    running = await start(limits=Limits(outbox_bytes=1000, slow_client_policy="coalesce"))
    await stall(running, 0)
    for size in (1, 900):
        for number in range(10):
            running.connection.deliver(f"{size}-{number}", size, str(number))
    assert running.connection.queued[2] <= 1000
    running.server.resume()
    await running.server.until(lambda: "missed" in "".join(running.server.texts))
    assert running.server.texts[1:] == ["900-9", "missed 19"]


async def test_what_follows_a_delivery_goes_with_it_and_is_not_counted(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=2, slow_client_policy="drop_newest"))
    running.server.stall()
    for number in range(5):
        running.connection.deliver(str(number), 1, follow=f"after {number}")
        await settle()
    running.server.resume()
    await running.server.until(lambda: "missed" in "".join(running.server.texts))
    expected = [text for number in range(3) for text in (str(number), f"after {number}")]
    # The first completion waits for the socket already, and takes a place.
    assert running.server.texts[:-1] == expected[: len(running.server.texts) - 1]
    count = len([text for text in running.server.texts if text.isdigit()])
    assert running.server.texts[-1] == f"missed {5 - count}"


async def test_ping_is_not_dropped(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=1, slow_client_policy="drop_oldest"))
    await stall(running, 3)
    running.connection.ping("ping")
    running.connection.deliver("newest", 6)
    running.server.resume()
    await running.server.until(lambda: "missed" in "".join(running.server.texts))
    assert "ping" in running.server.texts


async def test_replies_that_wait_are_bounded_too(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=5))
    await stall(running, 0)
    sending = [
        asyncio.create_task(running.connection.send(text_event(str(number))))
        for number in range(20)
    ]
    await settle()
    assert running.handler.problems == [Problem.OUTBOX_FULL]
    assert not any(await asyncio.gather(*sending))


async def test_reply_that_is_given_up_leaves_the_outbox(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=5))
    await stall(running, 0)
    for number in range(20):
        sending = asyncio.create_task(running.connection.send(text_event(str(number))))
        await settle()
        sending.cancel()
        await asyncio.wait([sending])
    assert running.connection.queued == (0, 0, 0)
    running.server.resume()
    assert await running.connection.send(text_event("last"))
    assert running.server.texts == ["first", "last"]


async def test_nothing_is_sent_while_the_handshake_is_accepted(start: Start) -> None:
    running = await start(accepted=False)
    running.server.stall()
    accepting = asyncio.create_task(running.connection.accept({"type": "websocket.accept"}))
    await settle()
    running.connection.close_soon(1000)
    await settle()
    running.server.resume()
    await accepting
    await running.server.until(lambda: running.server.close_codes == [1000])
    assert not running.server.has_overlap


# --- every frame has one outcome ------------------------------------------------------------------


async def test_client_that_does_not_take_the_news_of_a_timeout_is_closed(start: Start) -> None:
    async def tell(event: Event, is_frame: bool) -> None:
        await running.connection.send(text_event("too late"))

    gates = Gates()
    running = await start(on_event=gates, limits=Limits(handler_timeout=0.01, close_timeout=0.01))
    running.handler.handle_timeout = tell  # type: ignore[method-assign]  # what it does is the test
    running.server.stall()
    running.server.put(frame("1"))
    assert await running.result() == 1013
    assert running.handler.problems == [Problem.OUTBOX_FULL]
    assert counters.messages_in == {"timed_out": 1}


async def test_handler_that_ends_after_it_was_given_up_counts_no_more(start: Start) -> None:
    release = asyncio.Event()

    async def stubborn(event: Event) -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    running = await start(on_event=stubborn, limits=Limits(cancel_timeout=0.001))
    running.server.put(frame("1"))
    await running.handler.until(lambda: len(running.handler.begun) == 1)
    await running.end()
    assert counters.messages_in == {"discarded": 1}
    release.set()
    await running.handler.until_ended(1)
    await settle()
    assert counters.messages_in == {"discarded": 1}


async def test_failed_send_is_counted_as_dropped(start: Start) -> None:
    running = await start()
    running.server.error = OSError("gone")
    assert not await running.connection.send(text_event("1"))
    assert counters.messages_out == 0
    assert counters.dropped == {"closed": 1}


async def test_end_is_told_last_and_once(start: Start) -> None:
    running = await start()
    running.server.disconnect(1001)
    assert await running.result() == 1001
    assert running.handler.end_codes == [1001]


# --- nothing is left ------------------------------------------------------------------------------


async def test_nothing_of_ten_thousand_connections_survives(start: Start) -> None:
    async def reply(event: Event) -> None:
        await connections[-1]().send(text_event(event["text"]))

    connections: list[Any] = []
    before = len(asyncio.all_tasks())
    for number in range(10_000):
        running = Running(on_event=reply, limits=Limits(concurrent_messages=2))
        connections.append(weakref.ref(running.connection))
        running.server.put(frame("hello"), frame("again"))
        running.server.disconnect()
        run: Awaitable[int] = running.connection.run()
        await running.connection.accept({"type": "websocket.accept"})
        await run
        del running, run
        if number % 1000 == 0:
            gc.collect()
            await settle()
    gc.collect()
    assert [ref for ref in connections if ref() is not None] == []
    assert len(asyncio.all_tasks()) == before
    assert counters.received == 20_000
