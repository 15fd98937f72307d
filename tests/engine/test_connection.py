"""One socket: order, bounds, ends."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable

import pytest

from chanx.codes import CloseCode
from chanx.engine.connection import Connection, Event, Problem, State
from chanx.engine.limits import Limits
from tests.clock import Clock
from tests.engine.fakes import PATIENCE, Running, Server, Start, frame, settle, text_event

label: contextvars.ContextVar[str] = contextvars.ContextVar("label", default="none")


def deliver(running: Running, *texts: str) -> None:
    for text in texts:
        running.connection.deliver(text, len(text.encode()))


async def in_time(awaitable: Awaitable[object]) -> None:
    """Await what must come to an end by itself."""
    async with asyncio.timeout(PATIENCE):
        await awaitable


class Gate:
    """A handler that waits at each event until the gate is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def __call__(self, event: Event) -> None:
        await self.opened.wait()


class Stubborn:
    """A handler that swallows every cancellation until it is let go."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.cancellations = 0

    async def __call__(self, event: Event) -> None:
        while not self.may_end.is_set():
            try:
                await self.may_end.wait()
            except asyncio.CancelledError:
                self.cancellations += 1


# --- Coming in ------------------------------------------------------------------------------------


async def test_frames_are_handled_in_order_and_one_at_a_time(start: Start) -> None:
    async def dawdle(event: Event) -> None:
        for _ in range(int(event["text"]) % 3):
            await asyncio.sleep(0)

    running = await start(on_event=dawdle)
    frames = [frame(str(number)) for number in range(20)]
    running.server.put(*frames)
    await running.handler.until_ended(20)
    assert running.handler.ended == frames
    assert not running.handler.has_overlap


async def test_connect_event_reaches_the_handler_before_the_frames(start: Start) -> None:
    running = await start(accepted=False)
    running.server.put({"type": "websocket.connect"}, frame("a"))
    await running.handler.until_ended(2)
    assert [event["type"] for event in running.handler.ended] == [
        "websocket.connect",
        "websocket.receive",
    ]


async def test_reader_goes_on_while_a_handler_is_slow(start: Start) -> None:
    gate = Gate()
    running = await start(on_event=gate)
    running.server.put(*[frame(str(number)) for number in range(10)])
    await running.server.until(running.server.incoming.empty)
    await running.handler.until(lambda: len(running.handler.begun) == 1)
    assert running.handler.ended == []
    gate.opened.set()
    await running.handler.until_ended(10)


async def test_full_inbox_stops_reading_and_room_in_it_resumes(start: Start) -> None:
    steps = asyncio.Semaphore(0)

    async def one_step(event: Event) -> None:
        await steps.acquire()

    running = await start(on_event=one_step, limits=Limits(inbox_frames=3))
    running.server.put(*[frame(str(number)) for number in range(10)])
    await settle()
    # One is being handled and three wait.
    assert running.server.incoming.qsize() == 6
    steps.release()
    await settle()
    assert running.server.incoming.qsize() == 5
    for _ in range(9):
        steps.release()
    await running.handler.until_ended(10)
    assert [event["text"] for event in running.handler.ended] == [str(n) for n in range(10)]


async def test_broker_events_count_for_the_bound_at_which_reading_stops(start: Start) -> None:
    gate = Gate()
    running = await start(on_event=gate, limits=Limits(inbox_frames=3))
    for number in range(5):
        running.connection.enqueue({"type": "event", "number": number})
    await settle()
    running.server.put(frame("first"), frame("second"))
    await settle()
    # The first is taken from the server before its place in the queue is seen to be beyond the end.
    assert running.server.incoming.qsize() == 1
    gate.opened.set()
    await running.handler.until_ended(7)


async def test_broker_event_is_handled_in_its_turn(start: Start) -> None:
    gate = Gate()
    running = await start(on_event=gate)
    running.server.put(frame("first"), frame("second"))
    await running.server.until(running.server.incoming.empty)
    await settle()
    running.connection.enqueue({"type": "event"})
    running.server.put(frame("third"))
    gate.opened.set()
    await running.handler.until_ended(4)
    assert [event.get("text", event["type"]) for event in running.handler.ended] == [
        "first",
        "second",
        "event",
        "third",
    ]


async def test_only_frames_count_as_frames_handled(start: Start) -> None:
    running = await start()
    running.server.put({"type": "websocket.connect"}, frame("a"))
    running.connection.enqueue({"type": "event"})
    # An event of the broker may be called anything.
    running.connection.enqueue({"type": "websocket.receive"})
    running.server.put({"type": "websocket.receive", "bytes": b"b"})
    await running.handler.until_ended(5)
    await settle()
    assert running.connection.frames_handled == 2


async def test_progress_is_reported_after_each_frame(start: Start) -> None:
    running = await start()
    seen: list[int] = []
    running.connection.on_progress = lambda: seen.append(running.connection.frames_handled)
    running.server.put(frame("a"), frame("b"))
    await running.handler.until_ended(2)
    await settle()
    assert seen == [1, 2]


async def test_too_many_broker_events_close_with_1013(start: Start) -> None:
    gate = Gate()
    running = await start(on_event=gate, limits=Limits(inbox_events=3))
    running.server.put(frame("handled meanwhile"))
    await running.handler.until(lambda: len(running.handler.begun) == 1)
    for _ in range(3):
        running.connection.enqueue({"type": "event"})
    assert running.is_in(State.OPEN)
    assert running.handler.problems == []
    running.connection.enqueue({"type": "one too many"})
    assert running.handler.problems == [Problem.INBOX_FULL]
    running.connection.enqueue({"type": "ignored"})
    await running.server.until(lambda: running.server.close_codes == [CloseCode.TRY_AGAIN_LATER])
    assert running.handler.problems == [Problem.INBOX_FULL]
    assert await running.end() == 1000
    assert len(running.handler.begun) == 1


async def test_handled_broker_events_make_room_for_others(start: Start) -> None:
    running = await start(limits=Limits(inbox_events=2))
    for round_ in range(5):
        for _ in range(2):
            running.connection.enqueue({"type": "event"})
        await running.handler.until_ended(2 * (round_ + 1))
        await settle()
    assert running.handler.problems == []


async def test_frames_do_not_count_for_the_bound_of_broker_events(start: Start) -> None:
    gate = Gate()
    running = await start(on_event=gate, limits=Limits(inbox_events=1))
    running.server.put(*[frame(str(number)) for number in range(5)])
    await running.server.until(running.server.incoming.empty)
    running.connection.enqueue({"type": "event"})
    assert running.handler.problems == []
    gate.opened.set()
    await running.handler.until_ended(6)


async def test_frames_after_the_close_are_not_handled(start: Start) -> None:
    running = await start()
    await running.connection.close(4000)
    running.server.put(frame("late"), frame("later"))
    running.connection.enqueue({"type": "late"})
    await running.server.until(running.server.incoming.empty)
    await settle()
    assert running.handler.begun == []


async def test_frames_behind_the_one_that_closed_are_not_handled(start: Start) -> None:
    gate = Gate()

    async def close(event: Event) -> None:
        await gate(event)
        await running.connection.close(4000)
        await running.connection.close(4001)

    running = await start(on_event=close, limits=Limits(inbox_frames=2))
    running.server.put(*[frame(str(number)) for number in range(5)])
    running.connection.enqueue({"type": "event"})
    await settle()
    assert not running.server.incoming.empty()
    gate.opened.set()
    await running.handler.until_ended(1)
    await running.server.until(running.server.incoming.empty)
    await settle()
    assert len(running.handler.begun) == 1
    assert running.server.close_codes == [4000]


async def test_cancellation_of_something_that_a_handler_awaits_costs_that_event_only(
    start: Start,
) -> None:
    """Nobody cancelled the handler: it awaited a future that somebody else had cancelled."""
    gate = Gate()

    async def await_what_was_cancelled(event: Event) -> None:
        await gate(event)
        if event["text"] == "0":
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    running = await start(on_event=await_what_was_cancelled)
    running.server.put(*[frame(str(number)) for number in range(3)])
    await running.server.until(running.server.incoming.empty)
    await settle()
    gate.opened.set()
    await settle()
    assert [event["text"] for event in running.handler.ended] == ["1", "2"]
    assert running.connection.frames_handled == 3


async def test_handler_that_cancels_its_own_task_does_not_strand_what_waits(start: Start) -> None:
    async def cancel_first(event: Event) -> None:
        if event["text"] == "first":
            task = asyncio.current_task()
            assert task
            running.server.put(frame("second"), frame("third"))
            await settle()  # until they wait behind this one
            task.cancel()
            await asyncio.sleep(PATIENCE)

    running = await start(on_event=cancel_first)
    running.server.put(frame("first"))
    await running.handler.until_ended(2)
    assert [event["text"] for event in running.handler.ended] == ["second", "third"]
    assert running.connection.frames_handled == 3
    await running.end()


async def test_handler_runs_in_the_context_of_its_connection_whoever_queued_the_event(
    start: Start,
) -> None:
    """Log fields are bound in the context of the server's task; a broker's task has others."""
    seen: list[str] = []

    async def look(event: Event) -> None:
        seen.append(label.get())

    label.set("the connection's")
    running = await start(on_event=look)

    async def broker() -> None:
        label.set("the broker's")
        running.connection.enqueue({"type": "event"})

    await asyncio.create_task(broker())
    await running.handler.until(lambda: len(seen) == 1)
    running.server.put(frame("a"))
    await running.handler.until(lambda: len(seen) == 2)
    assert seen == ["the connection's", "the connection's"]


async def test_context_that_one_frame_sets_is_there_for_the_next(start: Start) -> None:
    """As in Channels, where one task handles all: what a handler binds to the log stays bound."""
    seen: list[str] = []

    async def look_and_set(event: Event) -> None:
        seen.append(label.get())
        label.set("left behind")

    running = await start(on_event=look_and_set)
    for number in range(2):
        running.server.put(frame(str(number)))
        await running.handler.until_ended(number + 1)
        await settle()
    assert seen == ["none", "left behind"]


async def count_turns_until(task: asyncio.Task[None]) -> int:
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


async def test_client_that_sends_without_pause_leaves_turns_to_others(start: Start) -> None:
    """Neither the socket nor this handler ever waits."""
    running = await start()
    running.server.put(*[frame(str(number)) for number in range(400)])
    turns = await count_turns_until(asyncio.create_task(running.handler.until_ended(400)))
    assert turns > 5
    assert [event["text"] for event in running.handler.ended] == [str(n) for n in range(400)]


async def test_handler_that_sends_without_pause_leaves_turns_to_others(start: Start) -> None:
    async def flood(event: Event) -> None:
        for number in range(400):
            await running.connection.send(text_event(str(number)))

    running = await start(on_event=flood)
    running.server.put(frame("a"))
    turns = await count_turns_until(asyncio.create_task(running.handler.until_ended(1)))
    assert turns > 5
    assert running.server.texts == [str(number) for number in range(400)]


# --- Going out ------------------------------------------------------------------------------------


async def test_send_returns_when_the_server_has_taken_the_frame(start: Start) -> None:
    running = await start()
    running.server.stall()
    sending = asyncio.create_task(running.connection.send(text_event("a")))
    await settle()
    assert not sending.done()
    running.server.resume()
    await in_time(sending)
    assert running.server.texts == ["a"]


async def test_send_behind_others_returns_when_its_own_frame_was_taken(start: Start) -> None:
    running = await start()
    running.server.stall()
    deliver(running, "a", "b")
    taken: list[list[str]] = []

    async def send() -> None:
        await running.connection.send(text_event("c"))
        taken.append(running.server.texts)

    sending = asyncio.create_task(send())
    await settle()
    deliver(running, "d")
    running.server.resume()
    await in_time(sending)
    assert taken[0][:3] == ["a", "b", "c"]
    await running.server.until(lambda: running.server.texts == ["a", "b", "c", "d"])


async def test_send_without_wait_returns_at_once(start: Start) -> None:
    running = await start()
    running.server.stall()
    for text in "abc":
        await in_time(running.connection.send(text_event(text), wait=False))
    assert running.server.texts == []
    running.server.resume()
    await running.server.until(lambda: running.server.texts == ["a", "b", "c"])


async def test_send_without_wait_waits_when_there_are_too_many_frames(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=2))
    running.server.stall()
    deliver(running, "being sent")
    await settle()
    for text in "ab":
        await in_time(running.connection.send(text_event(text), wait=False))
    sending = asyncio.create_task(running.connection.send(text_event("c"), wait=False))
    await settle()
    assert not sending.done()
    assert running.handler.problems == []
    running.server.resume()
    await in_time(sending)
    assert running.server.texts == ["being sent", "a", "b", "c"]


async def test_send_without_wait_waits_when_there_are_too_many_bytes(start: Start) -> None:
    """The one who sends can wait; only a broadcast cannot."""
    running = await start(limits=Limits(outbox_bytes=10))
    running.server.stall()
    deliver(running, "being sent")
    await settle()
    await in_time(running.connection.send(text_event("x" * 8), wait=False))
    sending = asyncio.create_task(running.connection.send(text_event("y" * 8), wait=False))
    await settle()
    assert running.handler.problems == []
    assert not sending.done()
    running.server.resume()
    await in_time(sending)
    assert running.server.texts == ["being sent", "x" * 8, "y" * 8]


async def test_frame_larger_than_the_outbox_goes_to_a_client_that_reads(start: Start) -> None:
    """Nothing waits, so nothing is too much: it is the same on every Python."""
    running = await start(limits=Limits(outbox_bytes=10))
    deliver(running, "a delivery that is larger")
    await settle()
    await in_time(running.connection.send(text_event("a frame that is larger"), wait=False))
    await settle()
    assert running.handler.problems == []
    assert running.server.texts == ["a delivery that is larger", "a frame that is larger"]


async def test_frames_leave_in_the_order_of_the_calls(start: Start) -> None:
    running = await start()
    running.server.stall()
    sending = [asyncio.create_task(running.connection.send(text_event("a")))]
    await settle()
    deliver(running, "b")
    sending.append(asyncio.create_task(running.connection.send(text_event("c"))))
    await settle()
    await running.connection.send(text_event("d"), wait=False)
    deliver(running, "e")
    closing = asyncio.create_task(running.connection.close(4000))
    await settle()
    deliver(running, "too late")
    running.server.resume()
    await in_time(asyncio.gather(*sending))
    await in_time(closing)
    assert running.server.texts == ["a", "b", "c", "d", "e"]
    assert running.server.sent[-1] == {"type": "websocket.close", "code": 4000}
    assert not running.server.has_overlap
    assert running.connection.dropped == 1


async def test_delivery_does_not_wait_for_a_client_that_does_not_read(start: Start) -> None:
    slow, quick = await start(), await start()
    slow.server.stall()
    for text in "abc":
        deliver(slow, text)
        deliver(quick, text)
    await quick.server.until(lambda: quick.server.texts == ["a", "b", "c"])
    assert slow.server.texts == []


async def test_frames_before_the_accept_and_after_the_close_are_counted_as_dropped(
    start: Start,
) -> None:
    running = await start(accepted=False)
    await running.connection.send(text_event("early"))
    deliver(running, "early")
    assert running.connection.dropped == 2
    await running.connection.accept({"type": "websocket.accept"})
    await running.connection.send(text_event("in time"))
    await running.connection.close(4000)
    await running.connection.send(text_event("late"))
    await running.connection.send(text_event("late"), wait=False)
    deliver(running, "late")
    assert running.connection.dropped == 5
    assert running.server.texts == ["in time"]


async def test_accept_is_sent_once(start: Start) -> None:
    running = await start(accepted=False)
    assert running.is_in(State.CONNECTING)
    for subprotocol in ("chat", "other"):
        await running.connection.accept({"type": "websocket.accept", "subprotocol": subprotocol})
    assert running.server.sent == [{"type": "websocket.accept", "subprotocol": "chat"}]
    assert running.is_in(State.OPEN)


async def test_accept_after_the_close_is_not_sent(start: Start) -> None:
    running = await start(accepted=False)
    await running.connection.close(None)
    await running.connection.accept({"type": "websocket.accept"})
    assert running.server.sent == [{"type": "websocket.close"}]


async def test_close_has_code_and_reason_only_when_they_are_given(start: Start) -> None:
    plain, full, empty = await start(), await start(), await start()
    await plain.connection.close(None)
    await full.connection.close(4001, "because")
    await empty.connection.close(1000, "")
    assert plain.server.sent == [{"type": "websocket.close"}]
    assert full.server.sent == [{"type": "websocket.close", "code": 4001, "reason": "because"}]
    assert empty.server.sent == [{"type": "websocket.close", "code": 1000}]


async def test_connection_is_closed_once(start: Start) -> None:
    running = await start()
    await running.connection.close(4001)
    await running.connection.close(4002)
    assert running.is_in(State.CLOSING)
    await running.end()
    await running.connection.close(4003)
    assert running.server.close_codes == [4001]
    assert running.is_in(State.CLOSED)


async def test_close_from_a_handler_ends_the_connection_with_the_code_of_the_client(
    start: Start,
) -> None:
    async def close(event: Event) -> None:
        await running.connection.send(text_event("bye"))
        await running.connection.close(4001)

    running = await start(on_event=close)
    running.server.put(frame("a"))
    await running.server.until(lambda: running.server.close_codes == [4001])
    assert running.server.texts == ["bye"]
    running.server.disconnect(4001)
    assert await running.result() == 4001


async def test_other_events_are_passed_on(start: Start) -> None:
    running = await start(accepted=False)
    event = {"type": "websocket.http.response.start", "status": 401}
    await running.connection.pass_on(event)
    assert running.server.sent == [event]


async def test_cancelled_sender_does_not_hold_up_the_others(start: Start) -> None:
    running = await start()
    running.server.stall()
    first = asyncio.create_task(running.connection.send(text_event("a")))
    await settle()
    second = asyncio.create_task(running.connection.send(text_event("b")))
    third = asyncio.create_task(running.connection.send(text_event("c")))
    await settle()
    first.cancel()
    second.cancel()
    await settle()
    running.server.resume()
    await in_time(third)
    assert running.server.texts[-1] == "c"
    assert not running.server.has_overlap
    assert running.connection.is_outbox_empty


async def test_outbox_is_empty_only_when_the_server_has_all(start: Start) -> None:
    running = await start()
    assert running.connection.is_outbox_empty
    running.server.stall()
    deliver(running, "a")
    assert not running.connection.is_outbox_empty
    await settle()
    assert not running.connection.is_outbox_empty
    running.server.resume()
    await running.server.until(lambda: running.server.texts == ["a"])
    await settle()
    assert running.connection.is_outbox_empty
    running.connection.hold_deliveries()
    deliver(running, "held")
    assert not running.connection.is_outbox_empty


@pytest.mark.parametrize("way", ["deliver", "send later", "send"])
async def test_progress_is_reported_when_the_outbox_has_become_empty(
    start: Start, way: str
) -> None:
    running = await start()
    seen: list[bool] = []
    running.connection.on_progress = lambda: seen.append(running.connection.is_outbox_empty)
    running.server.stall()
    sending: asyncio.Task[bool] | None = None
    if way == "deliver":
        deliver(running, "a")
    else:
        wait = way == "send"
        sending = asyncio.create_task(running.connection.send(text_event("a"), wait=wait))
    await settle()
    assert not running.connection.is_outbox_empty
    assert seen == []
    running.server.resume()
    await running.server.until(lambda: running.server.texts == ["a"])
    if sending:
        await in_time(sending)
    await settle()
    assert running.connection.is_outbox_empty
    assert seen == [True]


# --- Deliveries that are held back ----------------------------------------------------------------


async def test_held_deliveries_follow_what_is_sent_directly(start: Start) -> None:
    running = await start()
    running.connection.hold_deliveries()
    deliver(running, "c", "d")
    await running.connection.send(text_event("a"))
    await running.connection.send(text_event("b"), wait=False)
    await settle()
    assert running.server.texts == ["a", "b"]
    running.connection.release_deliveries()
    deliver(running, "e")
    await running.server.until_texts(5)
    assert running.server.texts == ["a", "b", "c", "d", "e"]


async def test_deliveries_may_be_held_before_the_accept(start: Start) -> None:
    """A consumer may join groups first and accept then."""
    running = await start(accepted=False)
    running.connection.hold_deliveries()
    deliver(running, "b")
    await running.connection.accept({"type": "websocket.accept"})
    await running.connection.send(text_event("a"))
    running.connection.release_deliveries()
    await running.server.until(lambda: running.server.texts == ["a", "b"])
    assert running.connection.dropped == 0


async def test_deliveries_held_on_a_connection_that_is_refused_are_dropped(start: Start) -> None:
    running = await start(accepted=False)
    running.connection.hold_deliveries()
    deliver(running, "a")
    await running.connection.close(4403)
    running.connection.release_deliveries()
    await settle()
    assert running.server.sent == [{"type": "websocket.close", "code": 4403}]
    assert running.connection.dropped == 1


async def test_held_deliveries_are_bound_in_frames(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=2))
    running.connection.hold_deliveries()
    deliver(running, "a", "b")
    assert running.handler.problems == []
    deliver(running, "c")
    assert running.handler.problems == [Problem.OUTBOX_FULL]
    await running.server.until(lambda: running.server.close_codes == [CloseCode.TRY_AGAIN_LATER])
    running.connection.release_deliveries()
    await settle()
    assert running.server.texts == []


async def test_held_deliveries_are_bound_in_bytes(start: Start) -> None:
    running = await start(limits=Limits(outbox_bytes=10))
    running.connection.hold_deliveries()
    deliver(running, "x" * 5, "y" * 5)
    assert running.handler.problems == []
    deliver(running, "z")
    assert running.handler.problems == [Problem.OUTBOX_FULL]


async def test_released_deliveries_are_counted_once(start: Start) -> None:
    running = await start(limits=Limits(outbox_bytes=10))
    running.server.stall()
    running.connection.hold_deliveries()
    deliver(running, "x" * 5, "y" * 5)
    running.connection.release_deliveries()
    await settle()
    assert running.handler.problems == []
    running.server.resume()
    await running.server.until_texts(2)
    await settle()
    # And what they took is given back.
    running.server.stall()
    deliver(running, "on its way")
    await running.server.until(lambda: running.server.calls == 3)
    deliver(running, "x" * 5, "y" * 5)
    assert running.handler.problems == []
    deliver(running, "z")
    assert running.handler.problems == [Problem.OUTBOX_FULL]


async def test_release_without_a_hold_does_nothing(start: Start) -> None:
    running = await start()
    running.connection.release_deliveries()
    deliver(running, "a")
    await running.server.until(lambda: running.server.texts == ["a"])


async def test_held_deliveries_to_a_vanished_client_are_counted_as_dropped(start: Start) -> None:
    running = await start()
    running.connection.hold_deliveries()
    deliver(running, "a", "b", "c")
    running.server.error = ConnectionResetError("gone")
    running.connection.release_deliveries()
    await settle()
    assert running.server.calls == 1
    # The first met the error, as a frame does that is sent directly.
    assert running.connection.dropped == 3
    assert running.connection.is_outbox_empty


async def test_close_drops_what_is_held_and_says_how_much(start: Start) -> None:
    running = await start()
    running.connection.hold_deliveries()
    deliver(running, "a", "b")
    await running.connection.close(4000)
    running.connection.release_deliveries()
    await settle()
    assert running.server.texts == []
    assert running.connection.dropped == 2


async def test_held_deliveries_are_counted_as_dropped_when_the_client_goes(start: Start) -> None:
    running = await start()
    running.connection.hold_deliveries()
    deliver(running, "a", "b")
    await running.end()
    assert running.connection.dropped == 2


# --- Slow clients ---------------------------------------------------------------------------------


async def fill(running: Running, frames: int) -> None:
    """One frame on its way to a client that does not read, and so many waiting."""
    running.server.stall()
    deliver(running, "on its way")
    await running.server.until(lambda: running.server.calls == 1)
    deliver(running, *[str(number) for number in range(frames)])


async def test_one_delivery_beyond_the_bound_closes_with_1013(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=3))
    await fill(running, 3)
    assert running.is_in(State.OPEN)
    assert running.handler.problems == []
    deliver(running, "one too many")
    assert running.is_in(State.CLOSING)
    assert running.handler.problems == [Problem.OUTBOX_FULL]
    deliver(running, "dropped at once")
    assert running.connection.dropped == 5
    await settle()
    running.server.resume()
    await running.server.until(lambda: running.server.close_codes == [CloseCode.TRY_AGAIN_LATER])
    assert running.handler.problems == [Problem.OUTBOX_FULL]
    assert running.server.texts == []
    assert not running.server.has_overlap
    assert await running.end() == 1000


async def test_bytes_are_bound_too(start: Start) -> None:
    running = await start(limits=Limits(outbox_bytes=10))
    running.server.stall()
    deliver(running, "a")
    await running.server.until(lambda: running.server.calls == 1)
    deliver(running, "1234567890")
    assert running.handler.problems == []
    deliver(running, "1")
    assert running.handler.problems == [Problem.OUTBOX_FULL]


async def test_bytes_of_queued_frames_are_those_of_utf_8(start: Start) -> None:
    running = await start(limits=Limits(outbox_bytes=10))
    running.server.stall()
    deliver(running, "a")
    await running.server.until(lambda: running.server.calls == 1)
    await running.connection.send(text_event("\u20ac" * 3), wait=False)  # 9 bytes
    await running.connection.send({"type": "websocket.send", "bytes": b"1"}, wait=False)
    assert running.handler.problems == []
    deliver(running, "1")
    assert running.handler.problems == [Problem.OUTBOX_FULL]


async def test_bytes_that_were_sent_count_no_longer(start: Start) -> None:
    running = await start(limits=Limits(outbox_bytes=10))
    for round_ in range(5):
        deliver(running, "12345", "12345")
        await running.server.until_texts(2 * (round_ + 1))
        await settle()
    assert running.handler.problems == []


async def test_client_that_never_reads_is_given_up(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=1, close_timeout=0.01))
    await fill(running, 2)
    assert await running.result() == CloseCode.TRY_AGAIN_LATER
    assert running.is_in(State.CLOSED)
    assert running.server.sent == []
    # Taken back, or the task could not go on to clean up.
    assert running.task.cancelling() == 0


async def test_close_of_a_client_that_never_reads_does_not_wait_for_ever(start: Start) -> None:
    """``close_timeout`` says how long a client that does not read has to take the close frame."""
    running = await start(limits=Limits(close_timeout=0.01))
    await fill(running, 1)
    closing = asyncio.create_task(running.connection.close(4001))
    try:
        await running.result()
    finally:
        closing.cancel()
        await settle()
    assert running.task.cancelling() == 0


async def test_client_that_took_the_close_has_all_the_time_to_answer(
    start: Start, clock: Clock
) -> None:
    """How long the closing handshake may last is for the server to say."""
    running = await start(limits=Limits(close_timeout=1000, answer_timeout=10_000))
    await running.connection.close(4001)
    clock.advance(2000)
    await settle()
    assert not running.task.done()
    running.server.disconnect(4001)
    assert await running.result() == 4001


async def test_handler_is_cancelled_when_the_connection_is_given_up(start: Start) -> None:
    gate = Gate()
    running = await start(on_event=gate, limits=Limits(outbox_frames=1))
    running.server.put(frame("a"))
    await running.handler.until(lambda: len(running.handler.begun) == 1)
    await fill(running, 2)
    running.server.resume()
    await running.server.until(lambda: running.server.close_codes == [CloseCode.TRY_AGAIN_LATER])
    assert running.handler.ended == []
    assert running.connection.frames_handled == 1


async def test_handler_that_sends_to_a_slow_client_is_cancelled_with_it(start: Start) -> None:
    async def send(event: Event) -> None:
        await running.connection.send(text_event("answer"))

    running = await start(on_event=send, limits=Limits(outbox_frames=1))
    running.server.stall()
    running.server.put(frame("a"))
    await running.server.until(lambda: running.server.calls == 1)
    deliver(running, "a", "b")
    await settle()
    running.server.resume()
    await running.server.until(lambda: running.server.close_codes == [CloseCode.TRY_AGAIN_LATER])
    assert running.handler.ended == []
    assert not running.server.has_overlap


async def test_handler_that_overfills_its_own_outbox_is_cancelled(start: Start) -> None:
    async def flood(event: Event) -> None:
        for _ in range(5):
            deliver(running, "to myself")
        await asyncio.Event().wait()

    running = await start(on_event=flood, limits=Limits(outbox_frames=2))
    running.server.stall()
    running.server.put(frame("a"))
    await running.handler.until(lambda: running.handler.problems == [Problem.OUTBOX_FULL])
    await settle()
    running.server.resume()
    await running.server.until(lambda: running.server.close_codes == [CloseCode.TRY_AGAIN_LATER])
    assert running.handler.ended == []


async def test_slow_client_is_told_even_if_a_handler_ignores_its_cancellation(
    start: Start,
) -> None:
    stubborn = Stubborn()
    running = await start(on_event=stubborn, limits=Limits(outbox_frames=1, cancel_timeout=0.01))
    running.server.put(frame("a"))
    await running.handler.until(lambda: len(running.handler.begun) == 1)
    await fill(running, 2)
    await settle()
    running.server.resume()
    await running.server.until(lambda: running.server.close_codes == [CloseCode.TRY_AGAIN_LATER])
    assert stubborn.cancellations
    stubborn.may_end.set()


async def test_slow_client_is_given_up_if_the_server_takes_no_close(start: Start) -> None:
    """Whatever the server raises, the connection must not stay half closed."""
    running = await start(limits=Limits(outbox_frames=1, close_timeout=0.01))
    await fill(running, 2)
    running.server.error = RuntimeError("Unexpected ASGI message")
    running.server.resume()
    await settle()
    assert await running.result() == CloseCode.TRY_AGAIN_LATER


async def test_senders_that_wait_return_when_the_connection_is_given_up(start: Start) -> None:
    running = await start(limits=Limits(outbox_frames=3))
    await fill(running, 1)
    sending = asyncio.create_task(running.connection.send(text_event("a")))
    await settle()
    deliver(running, "b", "c")
    assert running.handler.problems == [Problem.OUTBOX_FULL]
    await in_time(sending)
    assert running.server.texts == []


async def test_reader_that_waits_for_room_goes_on_when_the_connection_is_given_up(
    start: Start,
) -> None:
    """Nobody empties the inbox any more; the disconnect must be read all the same."""
    running = await start(on_event=Gate(), limits=Limits(inbox_frames=1, outbox_frames=1))
    running.server.put(*[frame(str(number)) for number in range(5)])
    await settle()
    assert not running.server.incoming.empty()
    await fill(running, 2)
    assert running.handler.problems == [Problem.OUTBOX_FULL]
    await settle()
    running.server.resume()
    await running.server.until(lambda: running.server.close_codes == [CloseCode.TRY_AGAIN_LATER])
    running.server.disconnect(1013)
    assert await running.result() == 1013


# --- Vanished clients -----------------------------------------------------------------------------


async def test_error_of_a_vanished_client_does_not_reach_the_sender(start: Start) -> None:
    running = await start()
    running.server.error = ConnectionResetError("gone")
    await running.connection.send(text_event("a"))
    assert running.is_in(State.CLOSING)
    await running.connection.send(text_event("b"))
    assert running.server.calls == 1
    assert running.handler.problems == []
    running.server.disconnect(1006)
    assert await running.result() == 1006


async def test_everybody_who_waits_returns_when_the_client_has_vanished(start: Start) -> None:
    running = await start()
    running.server.stall()
    deliver(running, "a")
    await settle()
    sending = [asyncio.create_task(running.connection.send(text_event(text))) for text in "bc"]
    await settle()
    running.server.error = ConnectionResetError("gone")
    running.server.resume()
    await in_time(asyncio.gather(*sending))
    await settle()
    assert running.server.calls == 1
    assert running.connection.dropped == 3
    assert running.connection.is_outbox_empty
    assert running.handler.problems == []


async def test_accept_of_a_vanished_client_ends_quietly(start: Start) -> None:
    running = await start(accepted=False)
    running.server.error = OSError("gone")
    await running.connection.accept({"type": "websocket.accept"})
    assert running.is_in(State.CLOSING)


async def test_close_of_a_vanished_client_ends_quietly(start: Start) -> None:
    running = await start()
    running.server.error = OSError("gone")
    await running.connection.close(4000)
    running.server.disconnect(1006)
    assert await running.result() == 1006


async def test_unexpected_error_of_the_server_is_a_problem_and_ends_the_sending(
    start: Start,
) -> None:
    """Servers raise it after a close of their own, before receive() tells of the disconnect."""
    running = await start()
    running.server.error = RuntimeError("Unexpected ASGI message")
    await running.connection.send(text_event("a"))
    await running.connection.send(text_event("b"))
    assert running.handler.problems == [Problem.SERVER_REFUSES]
    assert running.server.calls == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_unexpected_error_of_the_server_strands_nobody(start: Start) -> None:
    """Whatever became of the frames before: a call of send() comes to its end."""
    running = await start()
    running.server.stall()
    deliver(running, "a")
    await settle()
    deliver(running, "b")
    waiting = asyncio.create_task(running.connection.send(text_event("c")))
    await settle()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    running.server.error = RuntimeError("Unexpected ASGI message")
    running.server.resume()
    await settle()
    running.server.error = None
    sending = asyncio.create_task(running.connection.send(text_event("d")))
    await settle()
    stranded = [task for task in (waiting, sending) if not task.done()]
    for task in stranded:
        task.cancel()
    assert not stranded


async def test_cancellation_that_comes_out_of_the_server_strands_nobody(start: Start) -> None:
    running = await start()
    running.server.stall()
    deliver(running, "a")
    waiting = asyncio.create_task(running.connection.send(text_event("b")))
    await settle()
    running.server.error = asyncio.CancelledError()
    running.server.resume()
    await in_time(waiting)
    assert waiting.result() is False
    assert running.handler.problems == [Problem.SERVER_REFUSES]
    assert running.connection.is_outbox_empty
    running.server.error = None
    deliver(running, "c")
    await settle()
    assert running.server.texts == []
    assert running.connection.dropped == 3


async def test_event_that_came_before_the_close_is_not_begun_after_it(start: Start) -> None:
    running = await start()
    running.connection.enqueue({"type": "event"})
    begun = len(running.handler.begun)  # with eager tasks it was handled at once
    await running.connection.close(4000)
    await settle()
    assert len(running.handler.begun) == begun
    assert running.connection.events_unhandled == 0


async def test_send_tells_whether_the_frame_was_dropped(start: Start) -> None:
    running = await start()
    assert await running.connection.send(text_event("a")) is True
    assert await running.connection.send(text_event("b"), wait=False) is True
    running.server.stall()
    deliver(running, "c")
    last = asyncio.create_task(running.connection.send(text_event("d")))
    await settle()
    running.server.error = OSError()
    running.server.resume()
    await in_time(last)
    assert last.result() is False
    assert await running.connection.send(text_event("e")) is False


async def test_frame_sent_without_wait_is_written_in_the_context_of_its_sender(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    take = Server.send

    async def send(server: Server, event: Event) -> None:
        seen.append(label.get())
        await take(server, event)

    monkeypatch.setattr(Server, "send", send)
    running = await start()
    seen.clear()
    label.set("mine")
    await running.connection.send(text_event("a"), wait=False)
    await running.server.until_texts(1)
    assert seen == ["mine"]


async def test_connection_stays_closed_when_the_server_answers_a_cancellation_with_an_error(
    start: Start,
) -> None:
    running = await start()
    entered = asyncio.Event()

    async def send(event: Event) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("gone") from None

    connection = Connection(running.server.receive, send, running.handler)
    connection.state = State.OPEN
    running.task.cancel()
    await settle()
    task = asyncio.create_task(connection.run())
    connection.deliver("a", 1)
    await in_time(entered.wait())
    running.server.disconnect()
    await in_time(task)
    assert connection.state is State.CLOSED


# --- The end --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "code"),
    [({"code": 1001}, 1001), ({"code": None}, 1005), ({}, 1005), ({"code": 4404}, 4404)],
)
async def test_run_returns_the_code_of_the_disconnect(
    start: Start, event: Event, code: int
) -> None:
    running = await start()
    running.server.put({"type": "websocket.disconnect", **event})
    assert await running.result() == code
    assert running.is_in(State.CLOSED)


async def test_disconnect_cancels_the_running_handler(start: Start) -> None:
    cancelled = asyncio.Event()

    async def wait(event: Event) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    running = await start(on_event=wait)
    running.server.put(frame("a"), frame("never begun"))
    await running.handler.until(lambda: len(running.handler.begun) == 1)
    running.server.disconnect(1001)
    assert await running.result() == 1001
    assert cancelled.is_set()
    assert running.handler.problems == []
    assert len(running.handler.begun) == 1
    assert running.connection.frames_handled == 1


async def test_run_waits_for_the_cleaning_up_of_the_cancelled_handler(start: Start) -> None:
    cleaning_up, may_end = asyncio.Event(), asyncio.Event()

    async def clean_up(event: Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaning_up.set()
            await running.connection.send(text_event("to nobody"))
            await may_end.wait()

    running = await start(on_event=clean_up)
    running.server.put(frame("a"))
    await running.handler.until(lambda: len(running.handler.begun) == 1)
    running.server.disconnect()
    await cleaning_up.wait()
    await settle()
    assert not running.task.done()
    may_end.set()
    await running.result()
    assert running.server.sent == []
    assert running.connection.dropped == 1


async def test_handler_that_ignores_its_cancellation_is_reported_and_left(start: Start) -> None:
    stubborn = Stubborn()
    running = await start(on_event=stubborn, limits=Limits(cancel_timeout=0.01))
    running.server.put(frame("a"), frame("b"))
    await running.handler.until(lambda: len(running.handler.begun) == 1)
    running.server.disconnect(1001)
    assert await running.result() == 1001
    assert running.handler.problems == [Problem.HANDLER_STUCK]
    stubborn.may_end.set()
    await running.handler.until_ended(1)
    await settle()
    assert len(running.handler.begun) == 1


async def test_queued_frames_are_dropped_when_the_client_goes(start: Start) -> None:
    running = await start()
    await fill(running, 3)
    running.server.disconnect()
    await running.result()
    assert running.connection.dropped == 4
    assert running.connection.is_outbox_empty


async def test_outbox_is_empty_after_the_end_even_if_it_was_filled_in_the_same_turn(
    start: Start,
) -> None:
    """The writer may be cancelled before its first step."""
    running = await start()
    running.server.stall()
    running.server.disconnect()
    deliver(running, "a", "b")
    await running.result()
    assert running.connection.is_outbox_empty


async def test_cancellation_by_the_server_propagates_after_cleaning_up(start: Start) -> None:
    gate = Gate()
    running = await start(on_event=gate)
    running.server.put(frame("a"))
    await running.handler.until(lambda: len(running.handler.begun) == 1)
    await fill(running, 1)
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.result()
    assert running.is_in(State.CLOSED)
    assert running.handler.ended == []


async def test_cancellation_reaches_a_reader_that_waits_for_room(start: Start) -> None:
    running = await start(on_event=Gate(), limits=Limits(inbox_frames=1))
    running.server.put(*[frame(str(number)) for number in range(5)])
    await settle()
    assert not running.server.incoming.empty()
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.result()


async def test_error_of_receive_propagates_after_cleaning_up(start: Start) -> None:
    running = await start()
    gate = Gate()
    running.task.cancel()
    await settle()

    frames = [frame("a")]

    async def receive() -> Event:
        if frames:
            return frames.pop()
        await running.handler.until(lambda: bool(running.handler.begun))
        raise RuntimeError("broken server")

    running.handler.on_event = gate
    connection = Connection(receive, running.server.send, running.handler, Limits(inbox_frames=1))
    with pytest.raises(RuntimeError, match="broken server"):
        await in_time(connection.run())
    assert connection.state is State.CLOSED


async def test_abort_makes_run_return_the_code(start: Start) -> None:
    running = await start()
    running.connection.abort(4321)
    running.connection.abort(1234)
    assert await running.result() == 4321
    assert running.task.cancelling() == 0
    running.connection.abort(1111)


async def test_abort_reaches_a_reader_that_waits_for_room(start: Start) -> None:
    running = await start(on_event=Gate(), limits=Limits(inbox_frames=1))
    running.server.put(*[frame(str(number)) for number in range(5)])
    await settle()
    running.connection.abort(4321)
    assert await running.result() == 4321


async def test_abort_before_run_does_nothing() -> None:
    running = Running()
    running.connection.abort(4321)
    await running.begin()
    assert not running.task.done()
    assert await running.end() == 1000


@pytest.mark.parametrize("waits", [False, True])
async def test_abort_from_a_handler_leaves_no_cancellation_behind(waits: bool) -> None:
    """Also when the client has disconnected meanwhile: whoever called ``run`` has to clean up."""

    async def abort(event: Event) -> None:
        if waits:
            await asyncio.sleep(0)
        running.connection.abort(4321)

    running = Running(on_event=abort)
    cleaned_up = asyncio.Event()

    async def drive() -> int:
        code = await running.connection.run()
        await asyncio.sleep(0)
        cleaned_up.set()
        return code

    running.server.put(frame("a"))
    running.server.disconnect(1000)
    task = asyncio.create_task(drive())
    await asyncio.wait([task], timeout=PATIENCE)
    assert not task.cancelled()
    assert task.result() in (1000, 4321)
    assert cleaned_up.is_set()
    assert task.cancelling() == 0


@pytest.mark.parametrize("first", ["abort", "cancel"])
async def test_abort_does_not_swallow_the_cancellation_by_the_server(
    start: Start, first: str
) -> None:
    running = await start()
    if first == "abort":
        running.connection.abort(4321)
    running.task.cancel()
    if first == "cancel":
        running.connection.abort(4321)
    with pytest.raises(asyncio.CancelledError):
        await running.result()


async def test_nothing_is_handled_or_sent_after_the_end(start: Start) -> None:
    running = await start()
    await running.end()
    dropped = running.connection.dropped
    running.connection.enqueue({"type": "late"})
    deliver(running, "late")
    await running.connection.send(text_event("late"))
    await running.connection.close(4000)
    running.connection.release_deliveries()
    await settle()
    assert running.handler.begun == []
    assert running.server.sent == []
    assert running.connection.dropped == dropped + 2


# --- Tasks ----------------------------------------------------------------------------------------


async def test_idle_connection_owns_no_task(start: Start) -> None:
    running = await start()
    before = asyncio.all_tasks()
    running.server.put(frame("a"), frame("b"))
    running.connection.enqueue({"type": "event"})
    deliver(running, "a", "b")
    await running.connection.send(text_event("c"))
    await running.connection.send(text_event("d"), wait=False)
    await running.handler.until_ended(3)
    await running.server.until_texts(4)
    await settle()
    assert asyncio.all_tasks() == before
    assert running.task in before


async def test_busy_connection_owns_one_worker_and_one_writer(start: Start) -> None:
    running = await start(on_event=Gate())
    before = asyncio.all_tasks()
    await fill(running, 5)
    running.server.put(*[frame(str(number)) for number in range(5)])
    await running.handler.until(lambda: len(running.handler.begun) == 1)
    await settle()
    assert len(asyncio.all_tasks() - before) == 2


Ending = Callable[[Running], object]
ENDINGS: dict[str, Ending] = {
    "disconnect": lambda running: running.server.disconnect(),
    "abort": lambda running: running.connection.abort(4000),
    "cancellation": lambda running: running.task.cancel(),
    "overflow": lambda running: deliver(running, *["x"] * 10),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_no_task_is_left_however_a_busy_connection_ends(start: Start, ending: str) -> None:
    before = asyncio.all_tasks()
    limits = Limits(outbox_frames=8, close_timeout=0.01, cancel_timeout=PATIENCE)
    running = await start(on_event=Gate(), limits=limits)
    await fill(running, 5)
    running.server.put(*[frame(str(number)) for number in range(5)])
    await running.handler.until(lambda: len(running.handler.begun) == 1)
    ENDINGS[ending](running)
    await asyncio.wait([running.task], timeout=PATIENCE)
    assert running.task.done()
    assert asyncio.all_tasks() - before == set()


async def test_two_connections_share_nothing(start: Start) -> None:
    one, other = await start(), await start()
    one.connection.hold_deliveries()
    deliver(one, "held")
    deliver(other, "sent")
    await other.server.until(lambda: other.server.texts == ["sent"])
    await one.connection.close(4000)
    assert other.is_in(State.OPEN)
    assert (one.connection.dropped, other.connection.dropped) == (1, 0)
