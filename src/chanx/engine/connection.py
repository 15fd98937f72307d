"""One socket: what comes in is handled in order, what goes out leaves in order.

The server's own task reads and never runs the application's code, so that it sees a disconnect at
once. Tasks that handle exist while there is something in the inbox. What a handler sends, its own
task writes; broadcasts are written by a task that many connections share. An idle connection has
none of them.

Longer than other files, because the state and those who change it are one thing: what could be
taken out without a second copy of the state (inbox, outbox, limits, idle clients) has been.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from enum import Enum, auto
from typing import Any, Final, Protocol

from chanx.codes import OTHER_CODES, CloseCode
from chanx.engine.idle import IdleWatch
from chanx.engine.inbox import Event, EventHandler, Inbox, get_size
from chanx.engine.limits import Limits
from chanx.engine.outbox import Outbox, Queued
from chanx.engine.registry import registry
from chanx.engine.stats import counters
from chanx.engine.tasks import cancel_and_wait, is_being_cancelled, spawn
from chanx.engine.writers import get_writers

__all__ = ["Connection", "Event", "Handler", "Problem", "State"]

_TURN: Final = 32
"""Frames after which the event loop gets a turn, if neither the socket nor a handler gave it one.

A server hands over all frames of one read, and a send() that need not wait does not suspend:
without this one client could keep the loop to itself for as long as its data lasts.
"""

_DENIAL_TIME: Final = 0.5
"""Seconds after an HTTP response that a server has to say that the connection is over."""

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
    TOO_BIG = "message too big"
    IDLE = "client is silent"


class Handler(EventHandler, Protocol):
    """What a connection drives."""

    def handle_problem(self, problem: Problem) -> None:
        """Be told that the connection is being given up. Must not raise."""

    def make_dropped_notice(self, count: int) -> str:
        """Return the text that tells a client how many messages it has missed. Must not raise."""
        ...

    async def handle_end(self, code: int) -> None:
        """Clean up after the connection, once; nothing else of it runs any more."""


class Connection:
    """The state, the queues and the tasks of one socket."""

    __slots__ = (
        "__weakref__",
        "_abort_handle",
        "_aborted_with",
        "_close_timer",
        "_closer",
        "_denied_with",
        "_handler",
        "_has_cancelled_reader",
        "_held",
        "_idle",
        "_is_lent",
        "_is_stuck",
        "_is_writing",
        "_limits",
        "_missed",
        "_next",
        "_on_progress",
        "_outbox",
        "_reader",
        "_receive",
        "_send",
        "_sent",
        "_writer",
        "_writers",
        "closed_with",
        "dropped",
        "inbox",
        "state",
    )

    def __init__(
        self, receive: Receive, send: Send, handler: Handler, limits: Limits | None = None
    ) -> None:
        self.state = State.CONNECTING
        self.dropped = 0
        """Frames that were to be sent when the connection was closing or closed."""
        self.closed_with: int | None = None
        """The code of the close frame, if it was this side that closed."""
        self._denied_with: int | None = None
        """What stands for the status of an HTTP response, which servers know no code for."""
        self._on_progress: Callable[[], None] | None = None
        self._receive = receive
        self._send = send
        self._handler = handler
        self._limits = limits or Limits()
        self.inbox = Inbox(handler, self._limits, copy_context())
        self.inbox.on_stuck = self._lose_handler
        self.inbox.on_blocked = self._lose_client
        self._is_stuck = False
        self._idle: IdleWatch | None = None
        self._reader: asyncio.Task[Any] | None = None
        self._aborted_with: int | None = None
        self._abort_handle: asyncio.Handle | None = None
        self._has_cancelled_reader = False

        self._outbox: Outbox | None = None  # exists while something is in it
        self._next: Event | None = None
        """The frame with which the writer begins: most have this one only, and need no queue."""
        self._held: Outbox | None = None
        self._missed = 0
        """Messages dropped by the policy for slow clients, of which the client is not told yet."""
        self._writers = get_writers()
        self._writer: asyncio.Task[None] | None = None
        self._is_writing = False
        self._is_lent = False  # to a task that is not ours, which sends for itself
        self._sent = 0
        self._closer: asyncio.Task[None] | None = None
        self._close_timer: asyncio.TimerHandle | None = None

    # --- for those who look at it -------------------------------------------------------------

    @property
    def on_progress(self) -> Callable[[], None] | None:
        """Called when a frame was handled and when the outbox has become empty; for test tools."""
        return self._on_progress

    @on_progress.setter
    def on_progress(self, callback: Callable[[], None] | None) -> None:
        self._on_progress = self.inbox.on_progress = callback

    @property
    def frames_handled(self) -> int:
        """Text and binary frames of the client whose handling has ended, however it ended."""
        return self.inbox.frames_handled

    @property
    def events_unhandled(self) -> int:
        """Events other than frames that wait, or are being handled."""
        return self.inbox.events_unhandled

    @property
    def is_closing(self) -> bool:
        """The connection is closed, or about to be."""
        return self.state in (State.CLOSING, State.CLOSED)

    @property
    def is_holding(self) -> bool:
        """Deliveries are kept back."""
        return self._held is not None

    @property
    def is_outbox_empty(self) -> bool:
        """Nothing is queued, kept back or on its way to the server."""
        return not (self._outbox or self._held or self._is_writing)

    @property
    def queued(self) -> tuple[int, int, int]:
        """Events that wait to be handled, frames that wait to be sent, and the bytes of these."""
        boxes = [box for box in (self._outbox, self._held) if box]
        frames = sum(map(len, boxes)) + (self._next is not None)
        return len(self.inbox), frames, sum(box.size for box in boxes)

    # --- the socket ---------------------------------------------------------------------------

    async def run(self) -> int:
        """Serve the socket until it is closed; return the close code. No task is left afterwards.

        The handler's ``handle_end`` is the last of it, however it ends.
        """
        self._reader = asyncio.current_task()
        self.inbox.context = copy_context()
        registry.add(self)
        code = int(CloseCode.ABNORMAL)
        try:
            code = await self._read()
        finally:
            try:
                await self._shut_down()
            finally:
                try:
                    await self._handler.handle_end(code)
                finally:
                    registry.remove(self)
        return code

    async def _read(self) -> int:
        inbox = self.inbox
        max_size = self._limits.max_message_size
        # A character has one to four bytes in UTF-8 (RFC 3629, section 3): texts up to this length
        # need not be looked at.
        small = (max_size or 0) // 4
        received = 0
        try:
            while True:
                event = await self._receive()
                received += 1
                if received % _TURN == 0:
                    await asyncio.sleep(0)
                kind = event["type"]
                is_frame = kind == "websocket.receive"
                is_large = False
                if is_frame:
                    counters.received += 1
                    if self._idle:
                        self._idle.touch()
                    text = event.get("text")
                    if max_size is not None and (text is None or len(text) > small):
                        is_large = get_size(event) > max_size
                elif kind == "websocket.disconnect":
                    return self._denied_with or int(event.get("code") or CloseCode.NO_STATUS)
                if self.state is not State.OPEN and self.is_closing:
                    counters.outcomes["discarded"] += is_frame
                elif is_large:
                    counters.outcomes["too_big"] += 1
                    self._handler.handle_problem(Problem.TOO_BIG)
                    self.close_soon(int(CloseCode.TOO_BIG))
                else:
                    inbox.put(event, is_frame)
                    if inbox.is_full:
                        await inbox.wait_for_room()
        except asyncio.CancelledError:
            # Cancelled by the server, or by it as well?
            if not (self._has_cancelled_reader and self._reader) or self._reader.uncancel() > 0:
                raise
            return self._aborted_with or int(CloseCode.ABNORMAL)

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
        if self._idle:
            self._idle.stop()
        self.inbox.shut()
        self._drop_outbox()  # first: a cancelled handler in send() would start a writer for it
        try:
            await self._give_grace()
        finally:
            ours = (*self.inbox.tasks, self._writer, self._closer)
            has_ended = await cancel_and_wait(ours, self._limits.cancel_timeout)
            if not has_ended and not self._is_stuck:
                self._handler.handle_problem(Problem.HANDLER_STUCK)
            self.inbox.end()
            # A task that is cancelled before its first step never gets to its finally.
            self._is_writing = False
            self._drop_outbox()

    async def _give_grace(self) -> None:
        """Wait for handlers that run, as long as the consumer wants."""
        grace = self._limits.disconnect_grace
        tasks = [task for task in self.inbox.tasks if task is not asyncio.current_task()]
        if grace and tasks:
            await asyncio.wait(tasks, timeout=grace)

    # --- coming in ----------------------------------------------------------------------------

    def enqueue(self, event: Event) -> None:
        """Take an event of the broker; it is handled in its turn, after what came before it."""
        if self.is_closing:
            return
        if self.inbox.has_room_for_event:
            self.inbox.put(event, False)
        else:
            self._overflow(Problem.INBOX_FULL)

    def watch_silence(self, ping: Callable[[], None] | None) -> None:
        """From now on close a client that is silent for too long.

        ``ping`` is called when one that asked for it should give a sign of life.
        """
        limits = self._limits
        heartbeat = limits.heartbeat_interval if ping else None
        if not self.is_closing and (limits.idle_timeout or heartbeat):
            self._idle = IdleWatch(
                limits.idle_timeout,
                heartbeat,
                ping=ping or _do_nothing,
                on_idle=self._end_silence,
            )

    def _end_silence(self) -> bool:
        """Close, unless the client waits for us and not we for it."""
        if self.is_closing:
            return True
        if self.inbox.tasks or self.inbox:
            return False
        self._handler.handle_problem(Problem.IDLE)
        self.close_soon(int(CloseCode.REQUEST_TIMEOUT))
        return True

    def _lose_handler(self) -> None:
        if not self._is_stuck:
            self._is_stuck = True
            self._overflow(Problem.HANDLER_STUCK, CloseCode.INTERNAL_ERROR)

    def _lose_client(self) -> None:
        self._overflow(Problem.OUTBOX_FULL)

    # --- going out ----------------------------------------------------------------------------

    async def accept(self, event: Event) -> None:
        """Send ``websocket.accept``, once."""
        if self.state is not State.CONNECTING:
            return
        self.state = State.OPEN
        self._is_writing = self._is_lent = True
        try:
            await self._transmit(event)
        finally:
            self._is_writing = self._is_lent = False
            if self._outbox:
                self._start_writer()

    async def respond(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, code: int
    ) -> None:
        """Refuse the handshake with an HTTP response; the connection then ends with ``code``.

        For servers whose scope has the ASGI extension ``websocket.http.response``.
        """
        if self.state is not State.CONNECTING:
            return
        self.state = State.CLOSING
        self.closed_with = self._denied_with = code
        kind = "websocket.http.response"
        await self._transmit({"type": f"{kind}.start", "status": status, "headers": headers})
        await self._transmit({"type": f"{kind}.body", "body": body})
        # Most servers say when the client is gone. uvicorn says so a moment before, and logs an
        # error for an application that returns in that moment.
        self._close_timer = asyncio.get_running_loop().call_later(_DENIAL_TIME, self.abort, code)
        await asyncio.sleep(0)

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
            self._drop(1)
            return False
        if not wait and (not self._outbox or self._outbox.has_room(get_size(event))):
            self._put_out(Queued(event, get_size(event)))
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
            counters.messages_out += 1
            self._sent += 1
            if self._sent % _TURN == 0:
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._drop(1)  # nobody knows; it is counted once
            raise
        except Exception as error:
            self._drop(1)
            self._lose(error)
            return False
        finally:
            self._is_writing = self._is_lent = False
            if self._outbox:
                self._start_writer()
            elif self._on_progress:
                self._on_progress()
        return True

    def deliver(
        self, text: str, size: int, key: str | None = None, follow: str | None = None
    ) -> None:
        """Queue the text of a broadcast, of this many bytes, without waiting for anything.

        ``key``: with the policy "coalesce" the newest of this key is kept. ``follow``: a text that
        goes out after this one, or not at all.
        """
        event = {"type": "websocket.send", "text": text}
        after = None if follow is None else {"type": "websocket.send", "text": follow}
        if self.state is State.OPEN and self._held is None and not self._is_writing:
            self._share_writer(event)
            if after:
                self._put_out(Queued(after))
        elif self.is_closing or (self._held is None and self.state is State.CONNECTING):
            self._drop(1)
        else:
            self._queue_delivery(Queued(event, size, is_delivery=True, key=key, follow=after))

    def ping(self, text: str) -> None:
        """Queue a sign of life, which no policy drops, without waiting for anything."""
        event = {"type": "websocket.send", "text": text}
        if self.state is not State.OPEN:
            return
        if self._is_writing:
            self._put_out(Queued(event, len(text)))
        else:
            self._share_writer(event)

    def hold_deliveries(self) -> None:
        """Keep deliveries back until ``release_deliveries``; what is sent directly goes out."""
        self._held = Outbox(self._limits)

    def release_deliveries(self) -> None:
        """Queue what was kept back, in order."""
        held, self._held = self._held, None
        while held:
            frame = held.pop()
            if self._is_writing:
                self._put_out(frame)
            else:
                self._share_writer(frame.event)
                if frame.follow:
                    self._put_out(Queued(frame.follow))

    async def close(self, code: int | None, reason: str | None = None) -> None:
        """Close after all that was queued. Whatever is sent from now on is dropped."""
        if not self.is_closing:
            await self._finish_close(self._begin_close(code, reason))

    def close_soon(self, code: int, reason: str | None = None) -> None:
        """Close in the same way, without waiting for anything."""
        if not self.is_closing:
            event = self._begin_close(code, reason)
            self._closer = asyncio.get_running_loop().create_task(self._finish_close(event))

    def _begin_close(self, code: int | None, reason: str | None) -> Event:
        self._drop(len(self._held or ()))
        self._held = None
        self.state = State.CLOSING
        self.closed_with = code or int(CloseCode.NORMAL)
        self.inbox.shut()
        # A client that does not read does not take the close frame either.
        self._close_timer = asyncio.get_running_loop().call_later(
            self._limits.close_timeout, self.abort, code or CloseCode.NORMAL
        )
        event: Event = {"type": "websocket.close"}
        if code is not None:
            event["code"] = code
        if reason:
            event["reason"] = reason
        return event

    async def _finish_close(self, event: Event) -> None:
        if self._is_writing or self._outbox:
            await self._send_in_turn(event)
        else:
            await self._transmit(event)
        self._await_answer()
        if self._on_progress:
            self._on_progress()

    def _await_answer(self) -> None:
        """Give the client time to answer the close frame: some servers would wait for ever."""
        if self._close_timer:
            self._close_timer.cancel()
        if self.state is not State.CLOSED:
            self._close_timer = asyncio.get_running_loop().call_later(
                self._limits.answer_timeout, self.abort, self.closed_with or CloseCode.NORMAL
            )

    async def _send_in_turn(self, event: Event) -> bool:
        # A close frame is the last, and finds its place: without it the client would not learn why.
        if _is_message(event) and self._outbox and self._outbox.is_overfull:
            self._drop(1)
            self._overflow(Problem.OUTBOX_FULL)
            return False
        sent: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        frame = Queued(event, get_size(event), sent=sent)
        self._put_out(frame)
        try:
            return await sent
        except asyncio.CancelledError:
            if self._outbox:
                self._outbox.remove(frame)
            raise

    def _put_out(self, frame: Queued) -> None:
        if self._outbox is None:
            self._outbox = Outbox(self._limits)
        self._outbox.append(frame)

    def _queue_delivery(self, frame: Queued) -> None:
        outbox = self._outbox if self._held is None else self._held
        if outbox is None:
            outbox = self._outbox = Outbox(self._limits)
        missed = outbox.put_delivery(frame)
        if missed is None:
            self._drop(1)
            self._overflow(Problem.OUTBOX_FULL)
        elif missed:
            self._missed += missed
            counters.dropped["slow"] += missed

    def _make_notice(self) -> Event:
        count, self._missed = self._missed, 0
        return {"type": "websocket.send", "text": self._handler.make_dropped_notice(count)}

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
        sent = follow = None
        frames = 0
        try:
            while True:
                if event is None:
                    if self._outbox:
                        queued = self._outbox.pop()
                        event, sent, follow = queued.event, queued.sent, queued.follow
                    elif self._missed and self.state is State.OPEN:  # nothing follows a close
                        event = self._make_notice()
                    else:
                        break
                was_sent = False
                try:
                    # Not through _transmit(): one coroutine less on the way of every delivery.
                    await self._send(event)
                    counters.messages_out += _is_message(event)
                    was_sent = True
                except (Exception, asyncio.CancelledError) as error:
                    # A CancelledError may come out of the server, for something that it awaited.
                    if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                        self._drop(_is_message(event))
                        raise
                    was_sent = await self._send_other_code(event)
                    if not was_sent:
                        self._drop(_is_message(event))
                        self._lose(error)
                        follow = None
                finally:
                    if sent and not sent.done():
                        sent.set_result(was_sent)
                event, sent, follow = follow, None, None
                frames += 1
                if frames % _TURN == 0:
                    await asyncio.sleep(0)
        finally:
            self._is_writing = False
            self._writer = None
            self._outbox = self._outbox or None
            if self._on_progress:
                self._on_progress()

    async def _transmit(self, event: Event) -> bool:
        """Give an event to the server; False: it takes no more."""
        try:
            await self._send(event)
        except Exception as error:
            if await self._send_other_code(event):
                return True
            self._lose(error)
            return False
        return True

    async def _send_other_code(self, event: Event) -> bool:
        """Try a close frame once more that the server did not take, with a code of 4000 and more.

        daphne raises for all others but 1000, and then the client would be told nothing.
        """
        code = OTHER_CODES.get(event.get("code") or 0)
        if event["type"] != "websocket.close" or code is None:
            return False
        try:
            await self._send({**event, "code": code})
        except Exception:
            return False
        self.closed_with = code
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

    def _drop(self, count: int) -> None:
        self.dropped += count
        counters.dropped["closed"] += count

    def _drop_outbox(self) -> None:
        outbox, self._outbox = self._outbox, None
        count = len(self._held or ()) + (self._next is not None)
        self._next = None
        self._held = None
        self._missed = 0
        while outbox:
            frame = outbox.pop()
            count += _is_message(frame.event)
            if frame.sent and not frame.sent.done():
                frame.sent.set_result(False)
        self._drop(count)

    # --- giving up on a slow connection -------------------------------------------------------

    def _overflow(self, problem: Problem, code: int = CloseCode.TRY_AGAIN_LATER) -> None:
        if self._closer is None and self.state is not State.CLOSED:
            self.state = State.CLOSING
            self._handler.handle_problem(problem)
            self._drop_outbox()
            self.inbox.shut()
            self._closer = asyncio.get_running_loop().create_task(self._force_close(int(code)))

    async def _force_close(self, code: int) -> None:
        await self._give_grace()
        # One task sends at a time, so the ones that may be stuck in send() end first.
        await cancel_and_wait((*self.inbox.tasks, self._writer), self._limits.cancel_timeout)
        self.closed_with = code
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
        if was_told:
            self._await_answer()
        else:
            self.abort(code)


def _is_message(event: Event) -> bool:
    """Tell whether an event is a message, and no close frame."""
    return bool(event["type"] == "websocket.send")


def _do_nothing() -> None:
    """Stand in for a ping that nobody asked for."""
