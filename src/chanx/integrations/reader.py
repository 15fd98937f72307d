"""The task that reads one channel of a layer."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any, Final

from channels.layers import BaseChannelLayer

from chanx.engine.tasks import is_being_cancelled, raise_own_cancellation
from chanx.integrations.layer_calls import MISTAKES

__all__ = ["OnMessage", "Reader"]

OnMessage = Callable[[dict[str, Any]], Awaitable[None]]

_PAUSE: Final = 0.1
"""Seconds after many events in a row that the layer could not read, lest it never suspend."""

_UNREADABLE_IN_A_ROW: Final = 100


class Reader:
    """Gives what arrives on a channel to ``handle``, which must not raise, one after the other.

    When the layer fails, ``on_failure`` is called and the task ends; ``start`` makes it go on.
    """

    def __init__(
        self,
        layer: BaseChannelLayer,
        channel: str,
        handle: OnMessage,
        on_failure: Callable[[BaseException], None],
        on_malformed: Callable[[Exception], None],
        name: str,
        context: Context | None = None,
    ) -> None:
        self.channel = channel
        self._layer = layer
        self._handle = handle
        self._on_failure = on_failure
        self._on_malformed = on_malformed
        self._name = name
        self._context = context or Context()
        self._task: asyncio.Task[None] | None = None
        """The one that receives, or will when those before it have ended."""
        self._tasks: set[asyncio.Task[None]] = set()
        """All that have not ended: layers clean up behind a receive that is cancelled."""
        self._is_stopped = False
        self._is_closed = False

    @property
    def is_running(self) -> bool:
        """Its task has not ended."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Receive, unless that is being done already."""
        if not self._is_closed and (self._is_stopped or not self.is_running):
            self._start()

    def restart(self) -> None:
        """Give up the present receive, which may hang for ever, and begin anew."""
        if not self._is_closed:
            self.stop()
            self._start()

    def stop(self) -> None:
        """Receive no more until ``start``; does not wait."""
        is_own = self._task is asyncio.current_task()
        # Once: a second time would break off the cleaning up.
        if self._task and not is_own and not self._is_stopped:
            self._is_stopped = True
            self._task.cancel()

    async def close(self, timeout: float | None) -> None:
        """End for good. Cancelling receive() is how a layer learns that a channel is not read."""
        self._is_closed = True
        self.stop()
        current = asyncio.current_task()
        if ending := {task for task in self._tasks if task is not current}:
            await asyncio.wait(ending, timeout=timeout)

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        run = self._run({task for task in self._tasks if not task.done()})
        self._is_stopped = False
        self._task = loop.create_task(run, name=self._name, context=self._context)
        self._tasks.add(self._task)
        self._task.add_done_callback(self._tasks.discard)

    async def _run(self, previous: set[asyncio.Task[None]]) -> None:
        if previous:
            # Of two that receive on one channel, one would take what the other is to hand over.
            await asyncio.wait(previous)
        unreadable = 0
        # One that was stopped may have been given an event all the same.
        while not is_being_cancelled():
            try:
                event = await self._layer.receive(self.channel)
            except MISTAKES as error:
                self._on_malformed(error)
                unreadable += 1
                await asyncio.sleep(_PAUSE if unreadable > _UNREADABLE_IN_A_ROW else 0)
                continue
            except (Exception, asyncio.CancelledError) as error:
                raise_own_cancellation(error)
                self._on_failure(error)
                return
            unreadable = 0
            await self._handle(event)
