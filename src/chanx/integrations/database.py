"""Closing database connections that Django considers used up, at a bounded rate.

Django closes them at the end of each HTTP request, and Channels around each event, which costs each
event a trip through the one thread that all synchronous code shares. A lane (see lanes.py) does it
by itself. Elsewhere (lanes switched off, test clients, middleware around the consumers) it happens
here: at most once per interval and process, in the background, and after a database error before
the next event.
"""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from typing import Final, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

from chanx.log import get_logger

__all__ = [
    "call_with_fresh_connections",
    "close_connections_now",
    "close_connections_when_due",
    "close_stale_connections",
    "get_next_deadline",
    "watch_default_thread",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_INTERVAL: Final = 1.0
"""Seconds. Connections with CONN_MAX_AGE=0 live this much longer than they would in a request."""

_next_time = 0.0
_running: set[asyncio.Task[None]] = set()
_watch: asyncio.TimerHandle | None = None
_watch_loop: asyncio.AbstractEventLoop | None = None


def close_stale_connections() -> None:
    """Close this thread's connections that are unusable or older than CONN_MAX_AGE.

    As Django's ``close_old_connections``, which would close one in the middle of a transaction as
    well: a test case's, say.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def get_next_deadline() -> float | None:
    """Return when the first of this thread's open connections reaches its age; None: never.

    On the monotonic clock; it may be over, if the connection is in a transaction.
    """
    deadlines = [
        connection.close_at
        for connection in connections.all(initialized_only=True)
        if connection.connection is not None and connection.close_at is not None
    ]
    return min(deadlines, default=None)


def call_with_fresh_connections(function: Callable[_P, _T], *args: _P.args, **kw: _P.kwargs) -> _T:
    """Call a function in this thread, with no stale connection before it and none after it."""
    close_stale_connections()
    try:
        return function(*args, **kw)
    finally:
        close_stale_connections()


def close_connections_when_due() -> None:
    """Start closing in the background, unless that was done within the interval."""
    global _next_time
    now = time.monotonic()
    if now < _next_time:
        return
    _next_time = now + _INTERVAL
    _start(asyncio.get_running_loop().create_task(close_connections_now()))


async def close_connections_now() -> None:
    """Close the connections that are unusable or older than CONN_MAX_AGE, on their own thread."""
    try:
        await sync_to_async(close_stale_connections)()
    except Exception:
        # The next event tries again, and a query says what is wrong to the one who needs it.
        get_logger().warning("Failed to close database connections", exc_info=True)


def watch_default_thread() -> None:
    """See to it that what middleware has opened on asgiref's own thread is closed in its time.

    For connections on a lane, whose events no longer lead to that thread.
    """
    _watch_within(_INTERVAL)


def _watch_within(delay: float) -> None:
    global _watch, _watch_loop
    loop = asyncio.get_running_loop()
    if _watch and _watch_loop is loop:
        if _watch.when() <= loop.time() + delay:
            return
        _watch.cancel()
    # The timer of another loop may never come.
    _watch_loop = loop
    # In an empty context, hence the task as well: what runs there is on no lane.
    _watch = loop.call_later(delay, _look_at_default_thread, context=Context())


def _look_at_default_thread() -> None:
    global _watch
    # First: what is opened from now on may come too late for this look, and needs one more.
    _watch = None
    _start(asyncio.get_running_loop().create_task(_close_on_default_thread()))


async def _close_on_default_thread() -> None:
    await close_connections_now()
    deadline = await sync_to_async(get_next_deadline)()
    if deadline is not None:
        _watch_within(max(deadline - time.monotonic(), _INTERVAL))


def _start(task: asyncio.Task[None]) -> None:
    # The loop keeps weak references only.
    _running.add(task)
    task.add_done_callback(_running.discard)
