"""What a connection has still to handle, and the tasks that handle it.

A task exists while there is something to handle: one, unless the consumer asks for more at once.
Each takes what comes next when it is done with what came before.
"""

import asyncio
from collections import deque
from collections.abc import Callable, MutableMapping
from contextvars import Context
from time import perf_counter
from typing import Any, Final, Protocol

from chanx.engine.limits import Limits
from chanx.engine.stats import QUICK, counters
from chanx.engine.tasks import is_being_cancelled, spawn

__all__ = ["Event", "EventHandler", "Inbox", "get_size"]

Event = MutableMapping[str, Any]
_Queued = tuple[Event, bool]
"""An event, and whether it is a frame of the client."""

_UNANSWERED: Final = ("discarded", "timed_out")
"""Outcomes after which nothing is completed: too late, or told by ``handle_timeout``."""

_FOREVER: Final = float("inf")


def get_size(event: Event) -> int:
    """Return the bytes of a frame, in UTF-8 if it is text."""
    text = event.get("text")
    if text is None:
        return len(event.get("bytes") or b"")
    # Lone surrogates have no form in UTF-8; who validates the text says so.
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


class EventHandler(Protocol):
    """What handles events."""

    async def handle_frame(self, event: Event, now: float, has_waited: bool = False) -> str:
        """Handle a frame of the client; return what became of it, for the counters.

        ``now`` is the time on the clock of ``time.perf_counter``. ``has_waited``: it came while
        others were being handled. Must not raise but to end it all.
        """
        ...

    async def complete_frame(self, event: Event) -> None:
        """Do what is left to do when a frame has been handled and counted. Must not raise."""

    async def handle_event(self, event: Event) -> None:
        """Handle another event of the socket or one of the broker. Must not raise either."""

    def note_timeout(self, event: Event) -> None:
        """Be told, in the context of its handling, that an event takes too long. Must not raise.

        The handler is being cancelled.
        """

    async def handle_timeout(self, event: Event, is_frame: bool) -> None:
        """Tell whoever waits for an answer that there will be none; the handler has ended."""


class _Work:
    """What a task does that has not ended at once."""

    __slots__ = ("context", "deadline", "event", "is_frame")

    def __init__(self, event: Event, is_frame: bool, context: Context, deadline: float) -> None:
        self.event = event
        self.is_frame = is_frame
        self.context = context
        self.deadline = deadline
        """On the clock of the loop: to be cancelled, or given up if that was done."""


class Inbox:
    """The queue and its tasks. At most ``concurrency`` events are handled at once."""

    __slots__ = (
        "_concurrency",
        "_expired",
        "_frames_open",
        "_handler",
        "_has_ended",
        "_limits",
        "_queue",
        "_queued_bytes",
        "_queued_events",
        "_room",
        "_timer",
        "_workers",
        "_working",
        "completes_frames",
        "context",
        "events_unhandled",
        "frames_handled",
        "is_shut",
        "on_blocked",
        "on_progress",
        "on_stuck",
    )

    def __init__(self, handler: EventHandler, limits: Limits, context: Context) -> None:
        self.context = context
        """One context for all of the tasks: what a handler puts into it (log fields, say) is there
        for the next one, whoever queues the event, as it is in a Channels consumer."""
        self.frames_handled = 0
        """Text and binary frames of the client whose handling has ended, however it ended."""
        self.events_unhandled = 0
        """Events other than frames that wait, or are being handled."""
        self.completes_frames = False
        """The handler wants ``complete_frame`` to be called."""
        self.is_shut = False
        """What is taken from now on is discarded."""
        self.on_progress: Callable[[], None] | None = None
        self.on_stuck: Callable[[], None] | None = None
        """Called when a handler does not end although it was cancelled for its time."""
        self.on_blocked: Callable[[], None] | None = None
        """Called when a client does not even take the message that a handler took too long."""
        self._handler = handler
        self._limits = limits
        self._concurrency = 1
        # These exist while something is in them: an empty deque holds 760 bytes.
        self._queue: deque[_Queued] | None = None
        self._workers: dict[asyncio.Task[Any], _Work] | None = None
        self._expired: set[asyncio.Task[Any]] | None = None  # cancelled for their time
        self._frames_open = 0  # waiting or being handled: not counted yet
        self._has_ended = False
        self._queued_events = 0
        self._queued_bytes = 0
        self._room: asyncio.Future[None] | None = None
        self._working = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._queue) if self._queue else 0

    @property
    def tasks(self) -> tuple[asyncio.Task[Any], ...]:
        """The tasks that handle something now."""
        return tuple(self._workers or ())

    @property
    def has_room_for_event(self) -> bool:
        """One more broker event may be put."""
        bound = self._limits.inbox_events
        return bound is None or self._queued_events < bound

    @property
    def is_full(self) -> bool:
        """The socket should not be read."""
        limits = self._limits
        return bool(self._queue) and (
            (limits.inbox_frames is not None and len(self) >= limits.inbox_frames)
            or (limits.inbox_bytes is not None and self._queued_bytes >= limits.inbox_bytes)
        )

    def put(self, event: Event, is_frame: bool) -> None:
        """Handle an event now, or in its turn."""
        if is_frame:
            self._frames_open += 1
        else:
            self.events_unhandled += 1
        if self._working < self._concurrency:
            self._working += 1
            self._start(event, is_frame)
        else:
            if self._queue is None:
                self._queue = deque()
            self._queue.append((event, is_frame))
            self._queued_events += not is_frame
            if is_frame:
                self._queued_bytes += get_size(event)

    def open_up(self, concurrency: int) -> None:
        """Handle so many at once from now on."""
        self._concurrency = concurrency
        while self._queue and self._working < concurrency:
            self._working += 1
            self._start(*self._take(self._queue))

    async def wait_for_room(self) -> None:
        """Wait until the queue is below its bound, or shut."""
        self._room = asyncio.get_running_loop().create_future()
        try:
            await self._room
        finally:
            self._room = None

    def shut(self) -> None:
        """Discard what waits, and what is put from now on. What is being handled goes on."""
        self.is_shut = True
        queue, self._queue = self._queue, None
        self._queued_events = self._queued_bytes = 0
        for _, is_frame in queue or ():
            if is_frame:
                self._count("discarded")
            else:
                self.events_unhandled -= 1
        self._wake_reader()

    def end(self) -> None:
        """Forget the tasks, which have ended or are given up, and the timer."""
        # A task that is cancelled before its first step never gets to its own end, and one that
        # does not end when it is cancelled comes too late.
        late = sum(
            work.is_frame
            for task, work in (self._workers or {}).items()
            if task in (self._expired or ())
        )
        late = min(late, self._frames_open)
        counters.outcomes["timed_out"] += late
        counters.outcomes["discarded"] += self._frames_open - late
        self._has_ended = True
        self._frames_open = self._working = 0
        self._workers = self._expired = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _wake_reader(self) -> None:
        if self._room and not self._room.done():
            self._room.set_result(None)

    def _take(self, queue: deque[_Queued]) -> _Queued:
        event, is_frame = queue.popleft()
        self._queue = queue or None
        self._queued_events -= not is_frame
        if is_frame:
            self._queued_bytes -= get_size(event)
        if self._room and not self.is_full:
            self._wake_reader()
        return event, is_frame

    # --- the tasks ----------------------------------------------------------------------------

    def _start(self, event: Event, is_frame: bool) -> None:
        # Several tasks at once cannot share what one of them puts into the context.
        context = self.context if self._concurrency == 1 else self.context.copy()
        worker = spawn(self._work(event, is_frame), context)
        if worker.done():
            return
        if self._workers is None:
            self._workers = {}
        now, timeout = asyncio.get_running_loop().time(), self._limits.handler_timeout
        deadline = _FOREVER if timeout is None else now + timeout
        self._workers[worker] = _Work(event, is_frame, context, deadline)
        if timeout is not None and self._timer is None:
            self._schedule(timeout)

    async def _work(self, event: Event, is_frame: bool) -> None:
        # Long, because each step in a coroutine of its own would cost every frame a percent.
        handler = self._handler
        has_waited = False
        try:
            while True:
                outcome = "discarded"  # closed before this began, or while the frame was handled
                began = perf_counter()
                try:
                    if self.is_shut:
                        pass
                    elif is_frame:
                        outcome = await handler.handle_frame(event, began, has_waited)
                    else:
                        await handler.handle_event(event)
                    if self._expired:
                        self._has_expired()  # and has ended all the same, in its own way
                except asyncio.CancelledError:
                    if self._expired and self._has_expired():
                        outcome = "timed_out"
                        await self._handle_timeout(event, is_frame)
                    elif is_being_cancelled():
                        raise
                finally:
                    if is_frame:
                        seconds = perf_counter() - began
                        if outcome == "handled" and seconds < QUICK and not self._has_ended:
                            # What becomes of most, without a call.
                            self._frames_open -= 1
                            counters.handled_quickly += 1
                            counters.handler_seconds += seconds
                        else:
                            self._count(outcome, seconds)
                        self.frames_handled += 1
                    else:
                        self.events_unhandled -= 1
                    if self.on_progress:
                        self.on_progress()
                if is_frame and self.completes_frames and outcome not in _UNANSWERED:
                    await self._complete(event)
                if not self._queue:
                    break
                event, is_frame = self._take(self._queue)
                self._begin_next(event, is_frame)
                has_waited = True
        finally:
            if self._workers or self._expired:  # it had to wait
                self._forget_worker()
            if self._queue:
                # A handler has cancelled its own task. Later, for this one is still in the context.
                asyncio.get_running_loop().call_soon(self._go_on)
            else:
                self._working -= 1

    async def _complete(self, event: Event) -> None:
        """Have the completion sent; a client that takes too long to take it goes without."""
        try:
            await self._handler.complete_frame(event)
        except asyncio.CancelledError:
            if not (self._expired and self._has_expired()) and is_being_cancelled():
                raise

    def _count(self, outcome: str, seconds: float = 0.0) -> None:
        """Count a frame; called exactly once for each."""
        if self._has_ended:
            return  # counted as discarded when the connection was given up
        self._frames_open -= 1
        if outcome == "discarded":
            counters.outcomes[outcome] += 1
        else:
            counters.add_message(outcome, seconds)

    async def _handle_timeout(self, event: Event, is_frame: bool) -> None:
        try:
            await self._handler.handle_timeout(event, is_frame)
        except asyncio.CancelledError:
            if not (self._expired and self._has_expired()):
                raise
            if self.on_blocked:
                self.on_blocked()

    def _forget_worker(self) -> None:
        task: Any = asyncio.current_task()
        if self._workers:
            self._workers.pop(task, None)
            self._workers = self._workers or None
        if self._expired:
            self._expired.discard(task)
            self._expired = self._expired or None

    def _go_on(self) -> None:
        self._working -= 1
        if self._queue and self._working < self._concurrency:
            self._working += 1
            self._start(*self._take(self._queue))

    # --- the time of a handler ----------------------------------------------------------------

    def _begin_next(self, event: Event, is_frame: bool) -> None:
        """Give a task that goes on with another event the whole time for it."""
        task: Any = asyncio.current_task()
        work = self._workers.get(task) if self._workers else None
        if work:
            work.event, work.is_frame = event, is_frame
            self._restart_clock(work)

    def _restart_clock(self, work: _Work) -> None:
        timeout = self._limits.handler_timeout
        if timeout is None:
            return
        work.deadline = asyncio.get_running_loop().time() + timeout
        # Seldom: the timer waits for one that was cancelled to end.
        if self._timer is None or self._timer.when() > work.deadline:
            if self._timer:
                self._timer.cancel()
            self._schedule(timeout)

    def _schedule(self, delay: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay, self._expire)

    def _expire(self) -> None:
        """Cancel those whose time is over; one timer, which does not move with each event."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        for task, work in list((self._workers or {}).items()):
            if now < work.deadline:
                continue
            self._expired = self._expired or set()
            if task not in self._expired:
                self._expired.add(task)
                work.deadline = now + self._limits.cancel_timeout
                work.context.run(self._handler.note_timeout, work.event)
                task.cancel()
            else:
                work.deadline = _FOREVER
                if self.on_stuck:
                    work.context.run(self.on_stuck)
        deadline = min((work.deadline for work in (self._workers or {}).values()), default=_FOREVER)
        if deadline != _FOREVER:
            self._schedule(max(0.0, deadline - now))

    def _has_expired(self) -> bool:
        """Tell whether this task was cancelled for its time, and for no other reason."""
        task: Any = asyncio.current_task()
        if not self._expired or task not in self._expired:
            return False
        self._expired.discard(task)
        self._expired = self._expired or None
        work = self._workers.get(task) if self._workers else None
        if work:
            self._restart_clock(work)
        return bool(task.uncancel() == 0)
