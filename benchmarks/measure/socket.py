"""A WebSocket without a network: what the application receives and sends, and nothing else.

It costs every peer the same, a microsecond or two a message: ``receive`` suspends, as it does with
a server, because the frame was not there before; ``send`` counts, and never suspends.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.wire import AppOptions, Dialect


class Socket:
    """One connection to an application."""

    __slots__ = (
        "_application",
        "_dialect",
        "_events",
        "_is_over",
        "_loop",
        "_on_text",
        "_options",
        "_ready",
        "_waiter",
        "accepted",
        "greeting",
        "refusal",
        "task",
    )

    def __init__(self, application: Any, options: AppOptions, dialect: Dialect) -> None:
        self.accepted = False
        self.greeting = 0
        self.refusal: dict[str, Any] | None = None
        self.task: asyncio.Task[None] | None = None
        self._is_over = False
        self._application = application
        self._options = options
        self._dialect = dialect
        self._loop = asyncio.get_running_loop()
        self._events: deque[dict[str, Any]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._on_text: Callable[[str], None] = self._take_greeting

    async def open(self, on_text: Callable[[str], None]) -> None:
        """Connect; return when the server is ready. Frames from then on go to ``on_text``."""
        ready = self._loop.create_future()
        self._ready = ready
        self._events.append({"type": "websocket.connect"})
        self.task = self._loop.create_task(
            self._application(self._make_scope(), self.receive, self.send)
        )
        self.task.add_done_callback(self._finish)
        await ready
        self._ready = None
        self._check_not_refused()
        self._on_text = on_text

    async def close(self) -> None:
        """Disconnect and wait until the application is done with it."""
        self._is_over = True
        self.feed({"type": "websocket.disconnect", "code": 1000})
        if self.task:
            await self.task
        self._check_not_refused()

    def _finish(self, task: asyncio.Task[None]) -> None:
        """Wake the one who waits for a connection that ended before it was ready."""
        if self._ready and not self._ready.done():
            reason = task.exception() or RuntimeError(f"Ended before it was ready: {self.refusal}")
            self._ready.set_exception(reason)

    def _check_not_refused(self) -> None:
        if self.refusal:
            raise RuntimeError(f"The application closed the connection: {self.refusal}")

    def say(self, text: str) -> None:
        """Hand a text frame to the application."""
        self.feed({"type": "websocket.receive", "text": text})

    def feed(self, event: dict[str, Any]) -> None:
        """Hand an event to the application."""
        self._events.append(event)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def receive(self) -> dict[str, Any]:
        """Return the next event, as ASGI defines it."""
        events = self._events
        while not events:
            self._waiter = self._loop.create_future()
            await self._waiter
        return events.popleft()

    async def send(self, event: dict[str, Any]) -> None:
        """Take an event, as ASGI defines it."""
        kind = event["type"]
        if kind == "websocket.send":
            text = event.get("text")
            self._on_text(text if text is not None else event["bytes"].decode())
        elif kind == "websocket.accept":
            self.accepted = True
            self._check_ready()
        elif kind in ("websocket.close", "websocket.http.response.start") and not self._is_over:
            self.refusal = event

    def _take_greeting(self, text: str) -> None:
        self.greeting += 1
        if self.greeting == 1 and self._dialect.answer_to_first:
            self.say(self._dialect.answer_to_first)
        self._check_ready()

    def _check_ready(self) -> None:
        wanted = self._dialect.greeting[self._options.mode]
        if self.accepted and self.greeting >= wanted and self._ready and not self._ready.done():
            self._ready.set_result(None)

    def _make_scope(self) -> dict[str, Any]:
        dialect = self._dialect
        return {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50000),
            "root_path": "",
            "path": dialect.path,
            "raw_path": dialect.path.encode(),
            "query_string": dialect.query.encode(),
            "headers": [
                (b"host", b"127.0.0.1:8000"),
                (b"upgrade", b"websocket"),
                (b"connection", b"Upgrade"),
                (b"sec-websocket-version", b"13"),
                (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
                *read_credentials(self._options),
            ],
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
            "state": {},
        }


def read_credentials(options: AppOptions) -> list[tuple[bytes, bytes]]:
    """Return the headers with which a client logs in, as the application left them."""
    path = Path(options.folder, "header")
    if options.credentials == "none" or not path.exists():
        return []
    name, _, value = path.read_text("utf-8").partition(": ")
    return [(name.encode(), value.encode())]


def get_resident_bytes(pid: int | None = None) -> int:
    """Return how much memory a process holds now."""
    fields = Path(f"/proc/{pid or 'self'}/statm").read_text("ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
