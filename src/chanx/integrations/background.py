"""An event loop of the process's own, for synchronous code that has something to send.

One thread and one loop, however often it is used: a loop for each call would mean a connection to
the channel layer for each call as well, and a view would wait for it.
"""

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final, TypeVar

__all__ = ["Background", "background"]

_T = TypeVar("_T")

_GRACE: Final = 6.0
"""Seconds at the end of the process for what is still being sent: more than BROKER_TIMEOUT has."""
_STOP: Final = 2.0


class _Executor(ThreadPoolExecutor):
    """Looks names up for the loop, also at the end of the process, when pools take no more work."""

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> "Future[_T]":
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            future: Future[_T] = Future()
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)
            return future


class Background:
    """A daemon thread with a loop, started when it is first needed. For any thread."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._running: set[Future[Any]] = set()

    @property
    def is_running(self) -> bool:
        """The thread has been started."""
        return self._thread is not None

    def start(self, coroutine: Coroutine[Any, Any, _T]) -> "Future[_T]":
        """Run a coroutine there; the future is done when it is."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_default_executor(_Executor(max_workers=1))
                self._thread = threading.Thread(
                    target=self._work, args=(self._loop,), name="chanx-background", daemon=True
                )
                self._thread.start()
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._running.add(future)
        future.add_done_callback(self._forget)
        return future

    def _forget(self, future: "Future[Any]") -> None:
        with self._lock:
            self._running.discard(future)

    def _get_running(self) -> "list[Future[Any]]":
        with self._lock:
            # Those that are done are forgotten in a moment.
            return [future for future in self._running if not future.done()]

    def stop(self) -> None:
        """Wait for what runs, within bounds, and end the thread; it is started anew when needed."""
        end = time.monotonic() + _GRACE
        # More than once: what runs may have started something, a repetition say.
        while (running := self._get_running()) and (left := end - time.monotonic()) > 0:
            wait(running, timeout=left)
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop and thread:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_STOP)

    @staticmethod
    def _work(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=_STOP / 2))
        # Layers hang their own cleaning up on this call.
        loop.close()


background: Final = Background()
"""The one of this process."""

atexit.register(background.stop)
# The thread does not live on in a child process, and the lock may have been held.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=background._reset)
