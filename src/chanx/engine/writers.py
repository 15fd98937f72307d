"""One task for the writers of many connections, as long as none of them has to wait.

Most ``send()`` calls of a server end without suspending, so a task for each connection that gets a
broadcast would cost more than the sending: 2 of 4 microseconds per delivery, measured with 1,000
members on Python 3.13. Here one task goes from connection to connection. It is an ordinary task,
the same from a writer's first step to its last, so timeouts and cancel scopes in a ``send()`` work.
"""

import asyncio
from collections import deque
from contextvars import Context
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

__all__ = ["Writer", "Writers", "get_writers"]

_BATCH: Final = 200
"""Writers run before the event loop gets a turn: with a frame each, about half a millisecond."""


class Writer(Protocol):
    """What has something to write."""

    async def write(self, task: asyncio.Task[Any]) -> None:
        """Write all of it. ``task`` is the one that this runs in, to be cancelled if need be."""


class Writers:
    """Runs the writers of one event loop, in the order in which they were added."""

    def __init__(self) -> None:
        self._waiting: deque[Writer] = deque()
        self._is_running = False
        self._done = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, writer: Writer) -> None:
        """Run a writer soon; in the next turn of the loop, unless there are many."""
        self._waiting.append(writer)
        if not self._is_running:
            self._is_running = True
            self._done.clear()
            self._start()

    async def wait(self) -> None:
        """Give the loop a turn, and wait until all that were added have begun.

        So those who add many cannot run ahead of the sockets. A socket that does not take what is
        written to it keeps nobody waiting but its own writer.
        """
        await asyncio.sleep(0)
        if self._is_running:
            await self._done.wait()

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        # A context of their own: what one who adds has in it is nobody's business here.
        context = Context()
        task = loop.create_task(self._run(context), name="chanx writers", context=context)
        self._tasks.add(task)  # the loop keeps weak references only
        task.add_done_callback(self._tasks.discard)
        # After the task's first step: has a writer kept it waiting, another task goes on.
        loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._waiting:
            self._start()
        else:
            self._is_running = False
            self._done.set()

    async def _run(self, context: Context) -> None:
        task: Any = asyncio.current_task()
        waiting = self._waiting
        for _ in range(_BATCH):
            # A task that was cancelled for one writer, or in whose context one has left something,
            # is not for others.
            if not waiting or task.cancelling() or len(context):
                return
            await waiting.popleft().write(task)


_writers: "WeakKeyDictionary[asyncio.AbstractEventLoop, Writers]" = WeakKeyDictionary()


def get_writers() -> Writers:
    """Return the writers of the running loop."""
    loop = asyncio.get_running_loop()
    writers = _writers.get(loop)
    if writers is None:
        writers = _writers[loop] = Writers()
    return writers
