"""Clients over TCP: those that behave well, and ways not to."""

import asyncio
import json
import socket
import struct
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.faults.peers import CHANX
from benchmarks.faults.server import Server

__all__ = ["Client", "clients", "count_alive", "open_all"]

# What a peer sends back is read, however long its numbers are.
sys.set_int_max_str_digits(0)

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends a TCP reset."""
_START: Final = 60.0
"""Seconds that a server has to start, which the first of its clients waits for."""


class Client:
    """A client. Waits raise TimeoutError, and ConnectionClosed when the peer has closed."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket
        self.greeting: dict[str, Any] | None = None
        """The first message of those that send one by themselves."""

    @classmethod
    async def open(
        cls,
        server: Server,
        groups: Iterable[str] = (),
        path: str = "ws/",
        timeout: float = _START,
        **more: Any,
    ) -> Self:
        """Connect, and wait until the peer says that it is ready, if it is one that does."""
        client = await cls.shake_hands(server, groups, path, timeout, **more)
        if server.peer in CHANX:
            client.greeting = await client.receive(timeout)
        return client

    @classmethod
    async def shake_hands(
        cls,
        server: Server,
        groups: Iterable[str],
        path: str = "ws/",
        timeout: float = _START,
        **more: Any,
    ) -> Self:
        """Connect, and read nothing. What is more goes to ``connect`` of websockets."""
        url = f"ws://127.0.0.1:{server.port}/{path}?groups={','.join(groups)}"
        websocket = await connect(
            url,
            proxy=None,
            compression=None,
            max_size=None,
            ping_interval=None,
            open_timeout=timeout,
            close_timeout=0.5,
            **more,
        )
        return cls(websocket)

    async def send(self, action: str, payload: Any = None) -> None:
        """Send a message."""
        await self.websocket.send(json.dumps({"action": action, "payload": payload}))

    async def receive(self, timeout: float = 5.0) -> dict[str, Any]:
        """Return the next message."""
        message: dict[str, Any] = json.loads(await self.receive_text(timeout))
        return message

    async def receive_text(self, timeout: float = 5.0) -> str:
        """Return the next message as it came."""
        async with asyncio.timeout(timeout):
            return str(await self.websocket.recv())

    async def receive_until(self, action: str, timeout: float = 5.0) -> dict[str, Any]:
        """Return the next message with this action; what comes before it is passed over."""
        async with asyncio.timeout(timeout):
            while True:
                message = await self.receive(timeout)
                if message.get("action") == action:
                    return message

    async def receive_all(self, timeout: float) -> tuple[list[dict[str, Any]], int | None]:
        """Return what comes until nothing came for this long, and the close code if it closed."""
        messages = []
        try:
            while True:
                messages.append(await self.receive(timeout))
        except TimeoutError:
            return messages, None
        except ConnectionClosed as closed:
            return messages, closed.rcvd.code if closed.rcvd else 1006

    async def is_alive(self, timeout: float = 5.0) -> bool:
        """Tell whether a ping is answered."""
        try:
            await self.send("ping")
            await self.receive_until("pong", timeout)
        except (TimeoutError, ConnectionClosed):
            return False
        return True

    def stop_reading(self) -> None:
        """Leave what comes in the socket's buffers."""
        self.websocket.transport.pause_reading()

    def go_on_reading(self) -> None:
        """Read again."""
        self.websocket.transport.resume_reading()

    def vanish(self) -> None:
        """Go with a TCP reset instead of a good-bye."""
        transport = self.websocket.transport
        found = transport.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()


async def open_all(server: Server, count: int, groups: Iterable[str] = ()) -> list[Client]:
    """Connect many, fifty at a time."""
    opened: list[Client] = []
    while len(opened) < count:
        number = min(50, count - len(opened))
        opened += await asyncio.gather(*(Client.open(server, groups) for _ in range(number)))
    return opened


@asynccontextmanager
async def clients(
    server: Server, count: int, groups: Iterable[str] = ()
) -> AsyncIterator[list[Client]]:
    """Connect many, and cut all of them off at the end."""
    opened = await open_all(server, count, groups)
    try:
        yield opened
    finally:
        for client in opened:
            client.websocket.transport.abort()


async def count_alive(of: Iterable[Client], timeout: float = 5.0) -> int:
    """Return how many answer a ping."""
    return sum(await asyncio.gather(*(client.is_alive(timeout) for client in of)))
