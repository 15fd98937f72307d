"""A call in the connection's thread whose caller may give up waiting for it."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from asgiref.sync import sync_to_async

from chanx.integrations.database import call_with_fresh_connections
from chanx.integrations.lanes import is_on_lane

__all__ = ["call_in_thread"]


async def call_in_thread(function: Callable[..., None], *args: Any) -> None:
    """Call a function on the connection's lane; when cancelled, return at once.

    Without a lane (see ``integrations.lanes``) in asgiref's thread, or the one that a test has.
    The task is waited for, not awaited: cancelling a call that runs in a thread waits for its end.
    """
    if not is_on_lane():
        function = partial(call_with_fresh_connections, function)
    task = asyncio.ensure_future(sync_to_async(function)(*args))
    _running.add(task)
    task.add_done_callback(_forget)
    done = None
    try:
        done, _ = await asyncio.wait({task})
    finally:
        if not done:
            # A call that has not begun by now, for a client that is gone say, is not made.
            task.cancel()
    task.result()


_running: Final[set[asyncio.Future[Any]]] = set()


def _forget(task: asyncio.Future[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # seen; the one who gave up waiting has said so
