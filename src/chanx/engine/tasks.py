"""Starting tasks, the same way everywhere in the engine."""

import asyncio
import sys
from collections.abc import Coroutine, Iterable
from contextvars import Context
from typing import Any

__all__ = [
    "cancel_and_wait",
    "is_being_cancelled",
    "raise_own_cancellation",
    "spawn",
    "spawn_detached",
]


if sys.version_info >= (3, 12):

    def spawn(
        coroutine: Coroutine[Any, Any, None], context: Context | None = None
    ) -> asyncio.Task[None]:
        """Start a task; its first step runs at once, and what never suspends is done on return.

        The caller must be prepared for both: a task that is done, and code that already ran. It
        runs in ``context``, which must not be the one of the caller, or in a copy of the caller's.
        """
        loop = asyncio.get_running_loop()
        return asyncio.Task(coroutine, loop=loop, context=context, eager_start=True)

else:

    def spawn(
        coroutine: Coroutine[Any, Any, None], context: Context | None = None
    ) -> asyncio.Task[None]:
        """Start a task; Python 3.11 has no eager start, so its first step runs in the next turn."""
        return asyncio.get_running_loop().create_task(coroutine, context=context)


def spawn_detached(coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start a task of the process, in an empty context.

    It outlives the connection that happens to start it, whose context (log fields, for example)
    must not show up in what it does for others.
    """
    return asyncio.get_running_loop().create_task(coroutine, name=name, context=Context())


def is_being_cancelled() -> bool:
    """Tell whether a CancelledError is meant for this task.

    Otherwise it comes from something that the task awaited and that others have cancelled.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def raise_own_cancellation(error: BaseException) -> None:
    """Raise a CancelledError that is meant for this task; another one is a failure like others."""
    if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
        raise error


async def cancel_and_wait(
    tasks: Iterable[asyncio.Task[None] | None], timeout: float | None
) -> bool:
    """Cancel the tasks and wait until they have ended, for ``timeout`` seconds at most.

    None: as long as it takes.

    Returns whether all of them ended. The calling task itself is left alone.
    """
    current = asyncio.current_task()
    pending = {task for task in tasks if task and task is not current and not task.done()}
    for task in pending:
        task.cancel()
    if pending:
        _, pending = await asyncio.wait(pending, timeout=timeout)
    return not pending
