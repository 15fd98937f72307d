"""One socket: what comes in is handled one at a time, what goes out leaves in order.

The server's own task reads and never runs the application's code, so that it sees a disconnect at
once. A worker task exists while there is something in the inbox. What a handler sends, its own task
writes; broadcasts are written by a task that many connections share. An idle connection has none.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import copy_context
from enum import Enum, auto
from typing import Any, Final, Protocol

from chanx.codes import CloseCode
from chanx.engine.limits import Limits
from chanx.engine.tasks import cancel_and_wait, is_being_cancelled, spawn
from chanx.engine.writers import get_writers

__all__ = ["Connection", "Handler", "Problem", "State"]

_TURN: Final = 32
"""Frames after which the event loop gets a turn, if neither the socket nor a handler gave it one.

A server hands over all frames of one read, and a send() that need not wait does not suspend:
without this one client could keep the loop to itself for as long as its data lasts.
"""

Event = MutableMapping[str, Any]
_Queued = tuple[Event, int, "asyncio.Future[bool] | None"]
"""What waits to be sent, its size, and whom to tell whether it was."""

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class State(Enum):
    """The life of a connection. Frames are sent in OPEN only."""

    CONNECTING = auto()
    OPEN = auto()
    CLOSING = auto()
    """The close frame was queued or sent; what comes in is discarded."""
    CLOSED = auto()


class Problem(Enum):
    """Why a connection is being given up; the application is told, for its log."""

    INBOX_FULL = "inbox full"
    OUTBOX_FULL = "outbox full"
    SERVER_REFUSES = "server takes no more frames"
    HANDLER_STUCK = "handler does not end when cancelled"


class Handler(Protocol):
    """What a connection drives."""

    async def handle_frame(self, event: Event) -> None:
        """Handle a frame of the client. Must not raise but to end it all."""

    async def handle_event(self, event: Event) -> None:
        """Handle another event of the socket or one of the broker. Must not raise either."""

    def handle_problem(self, problem: Problem) -> None:
        """Be told that the connection is being given up. Must not raise."""


class Connection:
    """The state, the queues and the tasks of one socket."""

    def __init__(
        self, receive: Receive, send: Send, handler: Handler, limits: Limits | None = None
    ) -> None:
        self.state = State.CONNECTING
        self.frames_handled = 0
        """Text and binary frames of the client whose handling has ended, however it ended."""
        self.events_unhandled = 0
        """Events other than frames that wait, or are being handled."""
        self.dropped = 0
        """Frames that were to be sent when the connection was closing or closed."""
        self.on_progress: Callable[[], None] | None = None
        """Called when a frame was handled and when the outbox has become empty; for test tools."""

        self._receive = receive
        self._send = send
        self._handler = handler
        self._limits = limits or Limits()
        self._reader: asyncio.Task[Any] | None = None
        self._context = copy_context()
        self._aborted_with: int | None = None
        self._abort_handle: asyncio.Handle | None = None
        self._has_cancelled_reader = False

        # Queues exist while something is in them: an empty deque holds 760 bytes.
        self._inbox: deque[tuple[Event, bool]] | None = None  # the flag: a frame
        self._inbox_events = 0
        self._inbox_room: asyncio.Future[None] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._is_working = False

        self._outbox: deque[_Queued] | None = None
        self._next: Event | None = None
        """The frame with which the writer begins: most have this one only, and need no queue."""
        self._writers = get_writers()
        self._outbox_bytes = 0
        self._held: deque[tuple[Event, int]] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._is_writing = False
        self._is_lent = False  # to a task that is not ours, which sends for itself
        self._sent = 0
        self._closer: asyncio.Task[None] | None = None
        self._close_timer: asyncio.TimerHandle | None = None

    # --- the socket ---------------------------------------------------------------------------

    async def run(self) -> int:
        """Read the socket until it is closed; return the close code. Afterwards no task is left."""
        self._reader = asyncio.current_task()
        # One context for all of the worker's tasks: what a handler puts into it (log fields, say)
        # is there for the next one, whoever queues the event, as it is in a Channels consumer.
        self._context = copy_context()
        received = 0
        try:
            while True:
                event = await self._receive()
                received += 1
                if received % _TURN == 0:
                    await asyncio.sleep(0)
                kind = event["type"]
                if kind == "websocket.disconnect":
                    return int(event.get("code") or CloseCode.NO_STATUS)
                if self.state is not State.OPEN and self.is_closing:
                    continue
                self._put(event, kind == "websocket.receive")
                if self._inbox and len(self._inbox) >= self._limits.inbox:
                    await self._wait_for_room()
        except asyncio.CancelledError:
            # Cancelled by the server, or by it as well?
            if not (self._has_cancelled_reader and self._reader) or self._reader.uncancel() > 0:
                raise
            return self._aborted_with or CloseCode.ABNORMAL
        finally:
            await self._shut_down()

    def abort(self, code: int) -> None:
        """Make ``run`` return this code, whatever the client does."""
        if self._aborted_with is None and self.state is not State.CLOSED and self._reader:
            self._aborted_with = code
            # In the next turn: an eagerly started worker runs inside of the reader's own step, and
            # a task that cancels itself meets the cancellation wherever it waits next.
            self._abort_handle = asyncio.get_running_loop().call_soon(self._cancel_reader)

    def _cancel_reader(self) -> None:
        if self._reader:
            self._has_cancelled_reader = self._reader.cancel()

    async def _shut_down(self) -> None:
        self.state = State.CLOSED
        for handle in (self._abort_handle, self._close_timer):
            if handle:
                handle.cancel()
        self._inbox = None
        self._drop_outbox()  # first: a cancelled handler in send() would start a writer for it
        tasks = (self._worker, self._writer, self._closer)
        if not await cancel_and_wait(tasks, self._limits.cancel_timeout):
            self._handler.handle_problem(Problem.HANDLER_STUCK)
        # A task that is cancelled before its first step never gets to its finally.
        self._is_working = self._is_writing = False
        self._drop_outbox()

    # --- coming in ----------------------------------------------------------------------------

    def enqueue(self, event: Event) -> None:
        """Take an event of the broker; it is handled in its turn, after what came before it."""
        if self.is_closing:
            return
        if self._inbox_events >= self._limits.inbox_events:
            self._overflow(Problem.INBOX_FULL)
            return
        self._put(event, False)

    def _put(self, event: Event, is_frame: bool) -> None:
        if not is_frame:
            self.events_unhandled += 1
        if self._is_working:
            self._inbox = self._inbox or deque()
            self._inbox.append((event, is_frame))
            self._inbox_events += not is_frame
        else:
            self._is_working = True
            worker = spawn(self._work(event, is_frame), self._context)
            if not worker.done():
                self._worker = worker

    async def _wait_for_room(self) -> None:
        self._inbox_room = asyncio.get_running_loop().create_future()
        try:
            await self._inbox_room
        finally:
            self._inbox_room = None

    def _wake_reader(self) -> None:
        if self._inbox_room and not self._inbox_room.done():
            self._inbox_room.set_result(None)

    def _take(self, inbox: deque[tuple[Event, bool]]) -> tuple[Event, bool]:
        event, is_frame = inbox.popleft()
        self._inbox = inbox or None
        self._inbox_events -= not is_frame
        if self._inbox_room and len(inbox) < self._limits.inbox:
            self._wake_reader()
        return event, is_frame

    async def _work(self, event: Event, is_frame: bool) -> None:
        try:
            while True:
                try:
                    if self.state is not State.OPEN and self.is_closing:
                        pass  # closed after the event came and before this task began
                    elif is_frame:
                        await self._handler.handle_frame(event)
                    else:
                        await self._handler.handle_event(event)
                except asyncio.CancelledError:
                    if is_being_cancelled():
                        raise
                finally:
                    if is_frame:
                        self.frames_handled += 1
                    else:
                        self.events_unhandled -= 1
                    if self.on_progress:
                        self.on_progress()
                if not self._inbox:
                    break
                event, is_frame = self._take(self._inbox)
        finally:
            self._worker = None
            if self._inbox:
                # A handler has cancelled its own task. Later, for this one is still in the context.
                asyncio.get_running_loop().call_soon(self._go_on)
            else:
                self._is_working = False

    def _go_on(self) -> None:
        self._is_working = False
        if self._inbox:
            event, is_frame = self._take(self._inbox)
            self.events_unhandled -= not is_frame  # counted when it came
            self._put(event, is_frame)

    # --- going out ----------------------------------------------------------------------------

    async def accept(self, event: Event) -> None:
        """Send ``websocket.accept``, once."""
        if self.state is State.CONNECTING:
            self.state = State.OPEN
            await self._transmit(event)

    async def pass_on(self, event: Event) -> None:
        """Give the server an event that is neither of these, as an ASGI extension defines it."""
        await self._transmit(event)

    async def send(self, event: Event, wait: bool = True) -> bool:
        """Send a frame after all that was queued before it; tell whether it was not dropped.

        With ``wait`` the call returns when the server has taken it, so a client that reads slowly
        slows the handler that talks to it and nobody else. Without, when it is queued, or, with the
        outbox full, when it is sent. A frame for a connection that is closing or closed is counted
        in ``dropped`` and nothing more: the reader is about to tell the application.
        """
        if self.state is not State.OPEN:
            self.dropped += 1
            return False
        if not wait and self._has_room(self._outbox, size := _get_size(event)):
            self._put_out(event, size)
            if not self._is_writing:
                self._start_writer()
            return True
        if self._is_writing:
            return await self._send_in_turn(event)
        # Nothing is queued: the caller's own task is the writer.
        self._is_writing = self._is_lent = True
        try:
            # Not through _transmit(): one coroutine less on the way of every reply.
            await self._send(event)
            self._sent += 1
            if self._sent % _TURN == 0:
                await asyncio.sleep(0)
        except Exception as error:
            self._lose(error)
            return False
        finally:
            self._is_writing = self._is_lent = False
            if self._outbox:
                self._start_writer()
            elif self.on_progress:
                self.on_progress()
        return True

    def deliver(self, text: str, size: int) -> None:
        """Queue the text of a broadcast, of this many bytes, without waiting for anything."""
        event = {"type": "websocket.send", "text": text}
        if self.state is State.OPEN and self._held is None and not self._is_writing:
            self._share_writer(event)
        elif self.is_closing or (self._held is None and self.state is State.CONNECTING):
            self.dropped += 1
        elif not self._has_room(self._outbox if self._held is None else self._held, size):
            self.dropped += 1
            self._overflow(Problem.OUTBOX_FULL)
        elif self._held is None:
            self._put_out(event, size)
        else:
            self._held.append((event, size))
            self._outbox_bytes += size

    def hold_deliveries(self) -> None:
        """Keep deliveries back until ``release_deliveries``; what is sent directly goes out."""
        self._held = deque()

    def release_deliveries(self) -> None:
        """Queue what was kept back, in order."""
        held, self._held = self._held or deque(), None
        for event, size in held:
            self._outbox_bytes -= size
            if self._is_writing:
                self._put_out(event, size)
            else:
                self._share_writer(event)

    async def close(self, code: int | None, reason: str | None = None) -> None:
        """Close after all that was queued. Whatever is sent from now on is dropped."""
        if self.is_closing:
            return
        self.dropped += len(self._held or ())
        self._held = None
        self.state = State.CLOSING
        self._inbox = None
        self._wake_reader()
        # A client that does not read does not take the close frame either.
        self._close_timer = asyncio.get_running_loop().call_later(
            self._limits.close_timeout, self.abort, code or CloseCode.NORMAL
        )
        event: dict[str, Any] = {"type": "websocket.close"}
        if code is not None:
            event["code"] = code
        if reason:
            event["reason"] = reason
        if self._is_writing or self._outbox:
            await self._send_in_turn(event)
        else:
            await self._transmit(event)
        self._close_timer.cancel()
        if self.on_progress:
            self.on_progress()

    @property
    def is_closing(self) -> bool:
        """The connection is closed, or about to be."""
        return self.state in (State.CLOSING, State.CLOSED)

    @property
    def is_outbox_empty(self) -> bool:
        """Nothing is queued, kept back or on its way to the server."""
        return not (self._outbox or self._held or self._is_writing)

    async def _send_in_turn(self, event: Event) -> bool:
        sent: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._outbox = self._outbox or deque()
        self._outbox.append((event, 0, sent))
        return await sent

    def _put_out(self, event: Event, size: int) -> None:
        self._outbox = self._outbox or deque()
        self._outbox.append((event, size, None))
        self._outbox_bytes += size

    def _has_room(self, queue: deque[Any] | None, size: int) -> bool:
        """Tell whether a frame may be queued; one that finds nothing waiting always may."""
        limits = self._limits
        return not queue or (
            len(queue) < limits.outbox_frames and self._outbox_bytes + size <= limits.outbox_bytes
        )

    def _share_writer(self, event: Event) -> None:
        """Have a broadcast written by the task that writes to others as well."""
        self._is_writing = True
        self._next = event
        self._writers.add(self)

    def _start_writer(self) -> None:
        """Write what is queued in a task and a context of the connection's own."""
        self._is_writing = True
        writer = spawn(self._write_alone())
        if not writer.done():
            self._writer = writer

    async def _write_alone(self) -> None:
        task = asyncio.current_task()
        assert task  # a coroutine runs in a task
        await self.write(task)

    async def write(self, task: asyncio.Task[Any]) -> None:
        """Send what is queued. ``task`` runs this, and is this connection's until it returns."""
        self._writer = task
        event, self._next = self._next, None
        sent = None
        frames = 0
        try:
            while True:
                if event is None:
                    if not self._outbox:
                        break
                    event, size, sent = self._outbox.popleft()
                    self._outbox_bytes -= size
                was_sent = False
                try:
                    # Not through _transmit(): one coroutine less on the way of every delivery.
                    await self._send(event)
                    was_sent = True
                except (Exception, asyncio.CancelledError) as error:
                    # A CancelledError may come out of the server, for something that it awaited.
                    if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                        raise
                    self._lose(error)
                finally:
                    if sent and not sent.done():
                        sent.set_result(was_sent)
                event = None
                frames += 1
                if frames % _TURN == 0:
                    await asyncio.sleep(0)
        finally:
            self._is_writing = False
            self._writer = None
            self._outbox = self._outbox or None
            if self.on_progress:
                self.on_progress()

    async def _transmit(self, event: Event) -> bool:
        """Give an event to the server; False: it takes no more."""
        try:
            await self._send(event)
        except Exception as error:
            self._lose(error)
            return False
        return True

    def _lose(self, error: BaseException) -> None:
        """Stop sending: the client is gone, or the server has closed the connection by itself.

        ASGI 2.4: send() raises an OSError when the client is gone. Servers raise others after a
        close of their own (a frame that is too large, a missing pong), before receive() tells of
        it. Nobody is left waiting for frames that will not be sent.
        """
        if not isinstance(error, OSError):
            self._handler.handle_problem(Problem.SERVER_REFUSES)
        if self.state is not State.CLOSED:
            self.state = State.CLOSING
        self._drop_outbox()

    def _drop_outbox(self) -> None:
        queued, self._outbox = self._outbox or (), None
        self.dropped += len(queued) + len(self._held or ()) + (self._next is not None)
        self._next = None
        for _, _, sent in queued:
            if sent and not sent.done():
                sent.set_result(False)
        self._held = None
        self._outbox_bytes = 0

    # --- giving up on a slow connection -------------------------------------------------------

    def _overflow(self, problem: Problem) -> None:
        if self._closer is None and self.state is not State.CLOSED:
            self.state = State.CLOSING
            self._handler.handle_problem(problem)
            self._drop_outbox()
            self._inbox = None
            self._wake_reader()
            self._closer = asyncio.get_running_loop().create_task(self._force_close())

    async def _force_close(self) -> None:
        # One task sends at a time, so the ones that may be stuck in send() end first.
        await cancel_and_wait((self._worker, self._writer), self._limits.cancel_timeout)
        code = int(CloseCode.TRY_AGAIN_LATER)
        event = {"type": "websocket.close", "code": code}
        was_told = False
        # Whatever the server makes of it, and whether the client reads by now or still does not.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self._limits.close_timeout):
                # A task of the application's may be in send(); it is not ours to cancel.
                if self._is_lent:
                    was_told = await self._send_in_turn(event)
                else:
                    was_told = await self._transmit(event)
        self._is_writing = self._is_lent
        self._closer = None
        if not was_told:
            self.abort(code)


def _get_size(event: Event) -> int:
    text = event.get("text")
    return len(text.encode()) if text is not None else len(event.get("bytes") or b"")
