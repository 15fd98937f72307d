"""A client that keeps all that it was sent, for exact counts."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlencode

from stress.wire import PATIENCE, Wire, make_frame
from tests.live.processes import Server

__all__ = ["Client", "connect"]


class Client:
    """Speaks messages. Every wait fails after a minute; nothing is measured by that."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        """All that came after the authentication message."""
        self.wire: Wire
        self._greeting: Any = None
        self._read = 0
        self._changed = asyncio.Event()

    @classmethod
    async def open(
        cls,
        server: Server,
        endpoint: str,
        *,
        name: str = "?",
        groups: Sequence[str] = (),
        receive_buffer: int | None = None,
    ) -> Self:
        """Connect, and authenticate with success. Raises ConnectionError otherwise."""
        client = cls()
        query = {"client": name} | ({"groups": ",".join(groups)} if groups else {})
        path = f"/ws/{endpoint}/?{urlencode(query)}"
        client.wire = await Wire.open(
            server.port, path, client._take, receive_buffer=receive_buffer
        )
        client.wire.closed.add_done_callback(lambda _: client._changed.set())
        await client.until(lambda: client._greeting is not None)
        if client._greeting["payload"]["status_code"] != 200:
            raise ConnectionError(f"Refused: {client._greeting}")
        return client

    @property
    def is_closed(self) -> bool:
        """The connection has ended."""
        return self.wire.closed.done()

    async def send(self, action: str, payload: Any = None) -> None:
        """Send a message."""
        await self.send_text(json.dumps({"action": action, "payload": payload}))

    async def send_text(self, *texts: str) -> None:
        """Send text frames, in one piece."""
        await self.wire.send(b"".join(make_frame(text.encode()) for text in texts))

    async def receive(self) -> Any:
        """Return the next message that was not yet read by this method."""
        await self.until_count(self._read + 1)
        self._read += 1
        return self.messages[self._read - 1]

    async def receive_action(self, action: str) -> Any:
        """Return the next message with this action, which was not yet read; skip others."""
        while True:
            message = await self.receive()
            if message["action"] == action:
                return message

    async def ask(self, action: str, payload: Any = None, answer: str | None = None) -> Any:
        """Send a message and return the answer, which has the same action if no other is named."""
        await self.send(action, payload)
        return await self.receive_action(answer or action)

    async def until_count(self, count: int) -> None:
        """Wait until so many messages have come in all. Raises ConnectionError if it is closed."""
        await self.until(lambda: len(self.messages) >= count)

    def forget(self) -> list[Any]:
        """Return all messages, and keep none of them: for those who stay long."""
        messages, self.messages = self.messages, []
        self._read = 0
        return messages

    async def until_closed(self) -> int:
        """Wait for the close code."""
        async with asyncio.timeout(PATIENCE):
            return await asyncio.shield(self.wire.closed)

    async def close(self) -> int:
        """Close as clients should; return the code."""
        return self.wire.closed.result() if self.is_closed else await self.wire.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so of what has come. Raises ConnectionError if it is closed."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                # Looked at before the end: what came before the close has come.
                if self.is_closed:
                    raise ConnectionError(f"Closed with {self.wire.closed.result()}")
                self._changed.clear()
                await self._changed.wait()

    def _take(self, data: bytes) -> None:
        message = json.loads(data)
        if self._greeting is None:
            self._greeting = message
        else:
            self.messages.append(message)
        self._changed.set()


@asynccontextmanager
async def connect(
    server: Server, endpoint: str, *, name: str = "?", groups: Sequence[str] = ()
) -> AsyncIterator[Client]:
    """Connect, and close at the end."""
    client = await Client.open(server, endpoint, name=name, groups=groups)
    try:
        yield client
    finally:
        await client.close()
