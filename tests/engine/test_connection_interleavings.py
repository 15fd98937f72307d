"""Whatever order things happen in: order is kept, bounds hold, and nothing is left."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from chanx.engine.connection import Event, Problem, State
from chanx.engine.limits import Limits
from tests.engine.fakes import PATIENCE, Running, frame, settle, text_event

WIDE = Limits(inbox_frames=1000, inbox_events=1000, outbox_frames=1000)

OUTGOING = st.sampled_from(
    ["send", "send later", "deliver", "deliver", "turn", "stall", "resume", "hold", "release"]
)


class Outgoing:
    """Sends in all ways, and remembers the order that the client must see."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.expected: list[str] = []
        self.held: list[str] | None = None
        self.too_late = 0
        self.tasks: list[asyncio.Task[None]] = []
        self._count = 0

    def perform(self, step: str) -> None:
        connection, server = self.running.connection, self.running.server
        if step == "stall":
            server.stall()
        elif step == "resume":
            server.resume()
        elif step == "hold" and self.held is None:
            self.held = []
            connection.hold_deliveries()
        elif step == "release":
            self._note(*(self.held or ()))
            self.held = None
            connection.release_deliveries()
        elif step == "deliver":
            text = self._next()
            if self.held is None or connection.state is not State.OPEN:
                self._note(text)
            else:
                self.held.append(text)
            connection.deliver(text, len(text))
        elif step in ("send", "send later"):
            self.tasks.append(asyncio.create_task(self._send(wait=step == "send")))

    async def close(self) -> None:
        self.too_late += len(self.held or ())
        self.held = None
        await self.running.connection.close(4000)

    async def _send(self, *, wait: bool) -> None:
        # The step that notes it is the step that calls, so the orders of both are the same.
        text = self._next()
        self._note(text)
        await self.running.connection.send(text_event(text), wait=wait)

    def _next(self) -> str:
        self._count += 1
        return str(self._count)

    def _note(self, *texts: str) -> None:
        if self.running.connection.state is State.OPEN:
            self.expected += texts
        else:
            self.too_late += len(texts)


@given(before=st.lists(OUTGOING, max_size=30), after=st.lists(OUTGOING, max_size=5))
async def test_frames_leave_in_the_order_of_the_calls_and_the_close_is_last(
    before: Sequence[str], after: Sequence[str]
) -> None:
    running = Running(limits=WIDE)
    await running.begin()
    outgoing = Outgoing(running)
    for step in before:
        if step == "turn":
            await asyncio.sleep(0)
        else:
            outgoing.perform(step)
    closing = asyncio.create_task(outgoing.close())
    for step in after:
        if step == "turn":
            await asyncio.sleep(0)
        else:
            outgoing.perform(step)
    running.server.resume()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(closing, *outgoing.tasks)
    assert running.server.texts == outgoing.expected
    assert running.server.sent[-1] == {"type": "websocket.close", "code": 4000}
    assert running.server.close_codes == [4000]
    assert not running.server.has_overlap
    assert running.connection.dropped == outgoing.too_late
    assert await running.end() == 1000


@given(steps=st.lists(OUTGOING, max_size=40))
async def test_every_frame_arrives_on_a_connection_that_stays_open(steps: Sequence[str]) -> None:
    running = Running(limits=WIDE)
    await running.begin()
    tasks = asyncio.all_tasks()
    outgoing = Outgoing(running)
    for step in [*steps, "release", "resume"]:
        if step == "turn":
            await asyncio.sleep(0)
        else:
            outgoing.perform(step)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*outgoing.tasks)
    await running.server.until_texts(len(outgoing.expected))
    await settle()
    assert running.server.texts == outgoing.expected
    assert running.connection.is_outbox_empty
    assert running.connection.dropped == 0
    assert not running.server.has_overlap
    assert asyncio.all_tasks() == tasks
    await running.end()


@given(
    frames=st.integers(0, 12),
    events=st.integers(0, 12),
    inbox=st.integers(1, 4),
    turns=st.lists(st.integers(0, 3), min_size=24, max_size=24),
    waits=st.lists(st.integers(0, 2), min_size=24, max_size=24),
)
async def test_each_event_is_handled_once_in_its_order(
    frames: int, events: int, inbox: int, turns: Sequence[int], waits: Sequence[int]
) -> None:
    most = 0

    async def dawdle(event: Event) -> None:
        nonlocal most
        for _ in range(waits[len(running.handler.begun) - 1]):
            await asyncio.sleep(0)
        read = frames - running.server.incoming.qsize()
        handled = sum(event["type"] == "websocket.receive" for event in running.handler.begun)
        most = max(most, read - handled)

    running = Running(on_event=dawdle, limits=Limits(inbox_frames=inbox))
    await running.begin()
    running.server.put(*[frame(str(number)) for number in range(frames)])
    for number in range(events):
        for _ in range(turns[number]):
            await asyncio.sleep(0)
        running.connection.enqueue({"type": "event", "number": number})
    await running.handler.until_ended(frames + events)
    await settle()
    handled = running.handler.ended
    assert [event["text"] for event in handled if "text" in event] == [
        str(number) for number in range(frames)
    ]
    assert [event["number"] for event in handled if "number" in event] == list(range(events))
    assert not running.handler.has_overlap
    assert running.connection.frames_handled == frames
    # What is read and not begun: the inbox, and one for which there was no room.
    assert most <= inbox + 1
    await running.end()


ENDINGS = st.sampled_from(["disconnect", "cancel", "abort", "overflow", "vanish", "close"])


@given(
    steps=st.lists(
        st.sampled_from(["frame", "event", "deliver", "send", "turn", "turn", "stall", "resume"]),
        max_size=20,
    ),
    endings=st.lists(st.tuples(ENDINGS, st.integers(0, 3)), min_size=1, max_size=4),
    answers=st.booleans(),
)
async def test_nothing_is_left_of_a_connection_however_it_ends(
    steps: Sequence[str], endings: Sequence[tuple[str, int]], answers: bool
) -> None:
    before = asyncio.all_tasks()
    errors: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: errors.append(context))

    async def handle(event: Event) -> None:
        if answers:
            await running.connection.send(text_event("answer"))
            await asyncio.sleep(0)
            await running.connection.send(text_event("another"), wait=False)
        else:
            await asyncio.Event().wait()

    # Room for all frames: a disconnect stands behind the frames that are not read.
    limits = Limits(inbox_frames=30, inbox_events=30, outbox_frames=30, close_timeout=0)
    running = Running(on_event=handle, limits=limits)
    await running.begin()
    connection, server = running.connection, running.server
    senders: list[asyncio.Task[bool] | asyncio.Task[None]] = []
    was_cancelled = False
    for step in steps:
        if step == "frame":
            server.put(frame("a"))
        elif step == "event":
            connection.enqueue({"type": "event"})
        elif step == "deliver":
            connection.deliver("text", 4)
        elif step == "send":
            senders.append(asyncio.create_task(connection.send(text_event("text"))))
        elif step == "stall":
            server.stall()
        elif step == "resume":
            server.resume()
        else:
            await asyncio.sleep(0)
    for ending, turns in endings:
        if ending == "disconnect":
            server.disconnect(1001)
        elif ending == "cancel":
            was_cancelled = was_cancelled or not running.task.done()
            running.task.cancel()
        elif ending == "abort":
            connection.abort(4321)
        elif ending == "overflow":
            for _ in range(40):
                connection.deliver("text", 4)
        elif ending == "vanish":
            server.error = ConnectionResetError("gone")
        else:
            senders.append(asyncio.create_task(connection.close(4000)))
        for _ in range(turns):
            await asyncio.sleep(0)
    server.resume()
    server.disconnect(1000)
    done, _ = await asyncio.wait([running.task, *senders], timeout=PATIENCE)
    assert done == {running.task, *senders}
    assert running.task.cancelled() <= was_cancelled
    if not running.task.cancelled():
        assert running.task.result() in (1000, 1001, 1013, 4000, 4321)
    assert all(sender.exception() is None for sender in senders)
    await settle()
    assert asyncio.all_tasks() == before
    assert connection.state is State.CLOSED
    assert Problem.HANDLER_STUCK not in running.handler.problems
    assert not server.has_overlap
    assert errors == []
