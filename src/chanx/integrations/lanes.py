"""Database lanes: a few threads, each with database connections of its own.

Left alone, all synchronous code of a process (Django's async ORM and ``sync_to_async`` included)
runs on one thread of asgiref's, so that one slow query delays everybody. Here each WebSocket
connection is on one of DATABASE_LANES lanes for as long as it lives. Its work runs there in order;
connections of one lane take turns, so what one of them has queued costs another one job at most.

asgiref looks for the thread in a context variable. A connection gets its lane by having that
variable set in the context in which its handlers run.
"""

import asyncio
import atexit
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextvars import ContextVar, Token
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

from asgiref.sync import AsyncToSync, SyncToAsync, ThreadSensitiveContext
from django.core.exceptions import ImproperlyConfigured
from django.db import connections as database_connections
from django.db.backends.signals import connection_created

from chanx.engine.snapshot import add_source
from chanx.integrations.database import (
    close_stale_connections,
    get_next_deadline,
    watch_default_thread,
)
from chanx.integrations.observer import SCOPE_KEY
from chanx.log import get_logger
from chanx.settings import chanx_settings

__all__ = ["Lane", "Lanes", "Seat", "is_on_lane", "lanes"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_INTERVAL: Final = 1.0
"""Seconds from the use of a lane to the look for database connections that are to be closed.

It is also the age to which they get on a lane at least, so that CONN_MAX_AGE=0 does not mean a new
one for each query: Channels' ``database_sync_to_async`` closes the older ones after each call.
"""


_thread_state = threading.local()


def _keep_for_the_interval(connection: Any, **kwargs: Any) -> None:
    if getattr(_thread_state, "is_lane", False) and connection.close_at is not None:
        connection.close_at = max(connection.close_at, time.monotonic() + _INTERVAL)


connection_created.connect(_keep_for_the_interval)


class Seat:
    """The place of a WebSocket connection on a lane: its jobs that wait, in order."""

    __slots__ = ("jobs", "lane", "token")

    def __init__(self, lane: "Lane") -> None:
        self.lane = lane
        self.jobs: deque[_Job] | None = None  # exists while something waits or runs
        self.token: Token[ThreadSensitiveContext] | None = None


_seat: ContextVar[Seat | None] = ContextVar("chanx_database_seat", default=None)


def is_on_lane() -> bool:
    """Tell whether synchronous code that is called from this context runs on a lane."""
    return _seat.get() is not None


class _Job:
    """A call and the future for its result."""

    __slots__ = ("_call", "_future")

    def __init__(self, call: Callable[[], Any], future: "Future[Any]") -> None:
        self._call = call
        self._future = future

    def run(self) -> None:
        if not self._future.set_running_or_notify_cancel():
            return
        try:
            result = self._call()
        except BaseException as error:
            self._future.set_exception(error)
            # The error's traceback refers to this frame: without this a cycle holds the arguments.
            del self
        else:
            self._future.set_result(result)

    def cancel(self) -> None:
        self._future.cancel()
        self._future.set_running_or_notify_cancel()


class Lane(Executor):
    """One thread, started at the first call, whose callers take turns.

    A database connection that a call has found broken is closed before the next call. One that is
    older than CONN_MAX_AGE is closed about a second later at most, also if no other call comes.
    """

    def __init__(self, name: str, context: ThreadSensitiveContext) -> None:
        self.members = 0
        """Live WebSocket connections on this lane."""
        self.calls = 0
        """Calls that have come to it. Counted then, as who has a call's result may look at once."""
        self.broken = 0
        """Calls after which a database connection was found to be unusable or suspect."""
        # asgiref forgets the lane when nobody holds the context any more. So the lane does not.
        SyncToAsync.context_to_thread_executor[context] = self
        self._name = name
        self._lock = threading.Lock()
        self._turns: deque[Seat] = deque()
        """Those who wait, each once, the next one first; not the one whose call runs."""
        self._running: Seat | None = None
        self._others = Seat(self)
        """For calls from nobody's context."""
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        """One True per call that waits; False: stop."""
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._check_at: float | None = None
        """When to look for stale database connections, on the monotonic clock."""

    @property
    def callers(self) -> int:
        """Connections whose calls wait, those that have ended included."""
        return len(self._turns)

    @property
    def waiting(self) -> int:
        """Calls that have not begun."""
        return self._tokens.qsize()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> "Future[_T]":
        """Have the call made in the turn of the connection in whose context this is called.

        Raises RuntimeError after the lane was stopped.
        """
        future: Future[_T] = Future()
        seat = _seat.get()
        if seat is None or seat.lane is not self:
            seat = self._others
        with self._lock:
            if self._is_stopping:
                raise RuntimeError(f"{self._name} was stopped and takes no more calls")
            if seat.jobs is None:
                seat.jobs = deque()
                self._turns.append(seat)
            seat.jobs.append(_Job(partial(fn, *args, **kwargs), future))
            if self._thread is None:
                # A daemon, because the interpreter joins other threads before it would tell us of
                # its end; stop() is called then.
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self.calls += 1
        self._tokens.put(True)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """Cancel what waits, let the call that runs end, and close the database connections."""
        with self._lock:
            if not self._is_stopping:
                self._is_stopping = True
                for seat in (*self._turns, self._running):
                    while seat and seat.jobs:
                        seat.jobs.popleft().cancel()
                self._turns.clear()
                self._tokens.put(False)
            thread = self._thread
        if wait and thread and thread is not threading.current_thread():
            thread.join()

    # --- in the lane's thread -------------------------------------------------------------------

    def _work(self) -> None:
        _thread_state.is_lane = True
        while not self._is_stopping:
            timeout = None if self._check_at is None else self._check_at - time.monotonic()
            try:
                self._tokens.get(timeout=None if timeout is None else max(timeout, 0))
            except Empty:
                self._close_stale_connections()
            else:
                # In a function of its own: an idle lane holds nothing of the last call.
                self._make_next_call()
        with contextlib.suppress(Exception):  # of a database that is gone
            database_connections.close_all()

    def _make_next_call(self) -> None:
        with self._lock:
            if not self._turns:
                return  # stopped
            seat = self._running = self._turns.popleft()
            assert seat.jobs  # who has a turn has something to do
            job = seat.jobs.popleft()
        job.run()
        with self._lock:
            self._running = None
            # Only now: whoever came while the call ran is next.
            if seat.jobs:
                self._turns.append(seat)
            else:
                seat.jobs = None
        now = time.monotonic()
        if any(each.errors_occurred for each in database_connections.all(initialized_only=True)):
            self.broken += 1
            self._close_stale_connections()
        elif self._check_at is not None and self._check_at <= now:
            self._close_stale_connections()
        elif self._check_at is None or self._check_at > now + _INTERVAL:
            self._check_at = now + _INTERVAL

    def _close_stale_connections(self) -> None:
        try:
            close_stale_connections()
        except Exception:
            # It is tried again, and a query says what is wrong to the one who needs it.
            get_logger().warning("Failed to close database connections", exc_info=True)
        deadline = get_next_deadline()
        if deadline is not None:
            deadline = max(deadline, time.monotonic() + _INTERVAL)
        self._check_at = deadline


class Lanes:
    """The lanes of a process, made when they are first needed."""

    def __init__(self) -> None:
        self._lanes: list[Lane] = []
        self._contexts: dict[Lane, ThreadSensitiveContext] = {}
        """What leads asgiref to each lane."""
        self._lock = threading.Lock()

    def take_seat(self, scope: Mapping[str, Any]) -> Seat | None:
        """Put a WebSocket connection on the lane with the fewest, from this context on.

        Returns None, and changes nothing, when DATABASE_LANES is None, when the scope comes from a
        test client, whose test has a thread and a transaction of its own, and when somebody else
        has said where synchronous code is to run. Raises ImproperlyConfigured.
        """
        count: Any = chanx_settings.DATABASE_LANES
        if count is None or _is_from_test_client(scope) or _is_thread_chosen():
            return None
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ImproperlyConfigured(
                f"CHANX['DATABASE_LANES'] must be a number of threads from 1 on, or None for "
                f"asgiref's one thread, not {count!r}"
            )
        with self._lock:
            while len(self._lanes) < count:
                context = ThreadSensitiveContext()
                lane = Lane(f"chanx-database-{len(self._lanes) + 1}", context)
                self._contexts[lane] = context
                self._lanes.append(lane)
            # The first of equals: a site with one visitor at a time has one database connection.
            # Those who vanish at once are no members, and leave their calls behind.
            lane = min(self._lanes[:count], key=_get_load)
            lane.members += 1
            context = self._contexts[lane]
        seat = Seat(lane)
        seat.token = SyncToAsync.thread_sensitive_context.set(context)
        _seat.set(seat)
        # What came before this connection's handlers, middleware say, was on another thread.
        watch_default_thread()
        return seat

    def leave(self, seat: Seat) -> None:
        """Give a seat back. What is still called from its context runs on its lane nevertheless."""
        with self._lock:
            seat.lane.members -= 1
        # An abandoned coroutine may be closed in another context, and a token is used once.
        with contextlib.suppress(ValueError, RuntimeError):
            if seat.token:
                SyncToAsync.thread_sensitive_context.reset(seat.token)
                _seat.set(None)

    def report(self) -> list[dict[str, int]]:
        """Return for each lane ``connections`` and calls ``waiting``, and the totals of calls."""
        return [
            {
                "connections": lane.members,
                "waiting": lane.waiting,
                "calls": lane.calls,
                "broken": lane.broken,
            }
            for lane in self._lanes
        ]

    def close(self) -> None:
        """Stop all lanes and wait for the calls that run. New ones are made when needed."""
        with self._lock:
            stopped, self._lanes = self._lanes, []
            self._contexts.clear()
        for lane in stopped:
            lane.shutdown(wait=False)
        for lane in stopped:
            lane.shutdown()


def _get_load(lane: Lane) -> int:
    return max(lane.members, lane.callers)


def _is_from_test_client(scope: Mapping[str, Any]) -> bool:
    # Servers put "asgi" into every scope, as the ASGI specification says; the communicators of
    # Channels and asgiref do not.
    return SCOPE_KEY in scope or "asgi" not in scope


def _is_thread_chosen() -> bool:
    """Tell whether asgiref knows a thread for this context: async_to_sync's, or somebody's own.

    ``AsyncToSync.executors`` is not looked at, which takes a tenth of a connect: asgiref asks it
    before the variable that a lane sets.
    """
    return bool(
        SyncToAsync.thread_sensitive_context.get(None)
        or asyncio.get_running_loop() in AsyncToSync.loop_thread_executors
    )


lanes: Final = Lanes()
"""The lanes of this process."""

add_source("lanes", lanes.report)
atexit.register(lanes.close)
