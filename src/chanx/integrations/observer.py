"""What a test client in the same process is told about its connection.

It stands in the scope under ``SCOPE_KEY``; scopes are made by servers and test clients, so nothing
that comes over a socket can put it there.
"""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from chanx.engine.connection import Connection

__all__ = ["SCOPE_KEY", "ConnectionObserver", "Patience"]

_T = TypeVar("_T")

SCOPE_KEY: Final = "chanx.observer"

_PARTS: Final = 20


class Patience:
    """A time to wait, None without end, of which each wait takes what it needs.

    A pause of the whole process uses up a twentieth of it at most, however long it is: what is
    waited for has not gone on meanwhile either.
    """

    def __init__(self, seconds: float | None) -> None:
        self._left = math.inf if seconds is None else seconds
        self._part = self._left / _PARTS

    async def wait(self, wait: Callable[[], Awaitable[_T]]) -> _T:
        """Return what comes of ``wait``. Raises TimeoutError when the time is over.

        It is cancelled and called anew now and then, and must lose nothing by that.
        """
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            part = max(0.0, min(self._part, self._left))
            try:
                async with asyncio.timeout(None if math.isinf(part) else part):
                    return await wait()
            except TimeoutError:
                if self._left <= part:
                    raise
            finally:
                self._left -= min(clock() - begun, part)

    async def is_done(self, future: asyncio.Future[Any]) -> bool:
        """Wait until a future is done, and tell whether it is. It is not cancelled."""
        with contextlib.suppress(TimeoutError):
            await self.wait(lambda: asyncio.wait([future]))
        return future.done()


class ConnectionObserver:
    """Counts what has happened, so that a test waits for the event and never for a clock."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.authentication_result: Any = None
        """The AuthenticationResult, once it is told and ``post_authentication()`` has ended."""
        self.sends_authentication = True
        """Whether the consumer tells the client how authentication ended."""
        self.is_finished = False
        """The consumer is done with the connection."""
        self.group_deliveries = 0
        """Group messages handed to this connection."""
        self.pending_events = 0
        """Group messages it published that the groups of this process have not got yet."""
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    @property
    def is_closed(self) -> bool:
        """The consumer has closed the connection, and the client was told."""
        connection = self.connection
        return connection is not None and connection.is_closing and connection.is_outbox_empty

    def notify(self) -> None:
        """Wake those whose condition has become true."""
        for condition, future in self._waiting:
            if not future.done() and condition():
                future.set_result(None)

    def add_delivery(self) -> None:
        """Count a group message that this connection got."""
        self.group_deliveries += 1
        self.notify()

    def expect_event(self) -> Callable[[], None]:
        """Count a published group message; call the result when it was handed over."""
        self.pending_events += 1

        def hand_over() -> None:
            self.pending_events -= 1
            self.notify()

        return hand_over

    def is_settled(self, frames: int) -> bool:
        """Tell whether this many frames are handled and what they caused here has been sent."""
        if self.is_finished:
            return True
        connection = self.connection
        if connection is None or not connection.is_outbox_empty:
            return False
        # Once it is closing, what still waits is never handled.
        is_handled = connection.frames_handled >= frames and connection.events_unhandled == 0
        is_done = is_handled or connection.is_closing
        return is_done and self.pending_events == 0

    async def wait_for(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until the condition is true. Raises TimeoutError."""
        if condition():
            return
        entry = (condition, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            if not await Patience(timeout).is_done(entry[1]):
                raise TimeoutError
        finally:
            self._waiting.remove(entry)
