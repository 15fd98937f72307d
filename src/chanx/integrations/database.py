"""Closing database connections that Django considers used up, at a bounded rate.

Django closes them at the end of each HTTP request, and Channels around each event, which costs each
event a trip through the one thread that all synchronous code shares. Here it happens at most once
per interval and process, in the background, and after a database error before the next event.
"""

import asyncio
import time
from typing import Final

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from chanx.log import get_logger

__all__ = ["close_connections_now", "close_connections_when_due"]

_INTERVAL: Final = 1.0
"""Seconds. Connections with CONN_MAX_AGE=0 live this much longer than they would in a request."""

_next_time = 0.0
_running: set[asyncio.Task[None]] = set()


def close_connections_when_due() -> None:
    """Start closing in the background, unless that was done within the interval."""
    global _next_time
    now = time.monotonic()
    if now < _next_time:
        return
    _next_time = now + _INTERVAL
    task = asyncio.get_running_loop().create_task(close_connections_now())
    # The loop keeps weak references only.
    _running.add(task)
    task.add_done_callback(_running.discard)


async def close_connections_now() -> None:
    """Close the connections that are unusable or older than CONN_MAX_AGE, on their own thread."""
    try:
        await sync_to_async(close_old_connections)()
    except Exception:
        # The next event tries again, and a query says what is wrong to the one who needs it.
        get_logger().warning("Failed to close database connections", exc_info=True)
