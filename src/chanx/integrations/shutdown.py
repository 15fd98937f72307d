"""Closing the connections properly under servers that at SIGTERM do not.

uvicorn closes them with 1012 and waits for the consumers, and is left alone. hypercorn waits for
the clients to go: three seconds on Python 3.11, and from 3.12 on, where asyncio's
``Server.wait_closed`` waits too, for ever. daphne drops connections and consumers where they are.
Under these the process is drained first.

Two cases are out of reach, and want ``manage.py chanx_drain`` before the server is stopped:
granian cuts the connections while they are being closed, and waits for no consumer; and the worker
processes of hypercorn (``--workers`` of 1 and more) get no SIGTERM.
"""

import asyncio
import signal
import threading
from types import FrameType
from typing import Any, Final

from chanx.engine.drain import drain
from chanx.log import get_logger
from chanx.settings import chanx_settings

__all__ = ["drain_at_sigterm"]

_BATCH: Final = 500
_INTERVAL: Final = 0.02

_has_looked = False


def drain_at_sigterm() -> None:
    """Drain the process when it gets SIGTERM, and let the server's own handler run afterwards.

    A second SIGTERM goes to the server at once. Does something once per process, and only in the
    main thread, where there is a handler to follow. A handler of the event loop's runs at the same
    time, because the loop hears of signals by itself.
    """
    global _has_looked
    if _has_looked:
        return
    _has_looked = True
    if threading.current_thread() is not threading.main_thread():
        return
    previous = signal.getsignal(signal.SIGTERM)
    if not callable(previous) or _is_uvicorns(previous) or not chanx_settings.DRAIN_AT_SIGTERM:
        return
    signal.signal(signal.SIGTERM, _Shutdown(asyncio.get_running_loop(), previous))


def _is_uvicorns(handler: Any) -> bool:
    return str(getattr(handler, "__module__", "")).startswith("uvicorn")


class _Shutdown:
    """A signal handler that lets another one wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop, previous: Any) -> None:
        self._loop = loop
        self._previous = previous
        self._task: asyncio.Task[None] | None = None
        self._has_begun = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._has_begun or self._loop.is_closed():
            self._previous(number, frame)
            return
        self._has_begun = True
        self._loop.call_soon_threadsafe(self._start, number)

    def _start(self, number: int) -> None:
        # Not detached: the loop's end may cancel it, and the handler is then called all the same.
        self._task = self._loop.create_task(self._drain(number), name="chanx shutdown")

    async def _drain(self, number: int) -> None:
        try:
            closed = await drain(_BATCH, _INTERVAL)
            get_logger().info("Drained", closed=closed)
        except Exception:
            get_logger().exception("Failed to drain")
        finally:
            self._previous(number, None)
