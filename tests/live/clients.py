"""Clients that connect over TCP."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConcurrencyError, ConnectionClosed
from websockets.typing import Subprotocol

from tests.live.processes import DEADLINE, Server

__all__ = [
    "Client",
    "Control",
    "connect",
    "connect_all",
    "control",
    "get_refusal",
    "open_handshake",
    "read_refusal",
    "reset",
]

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends a TCP reset, and what is unsent is lost."""


class Client:
    """A WebSocket client that speaks messages. Every wait fails after the deadline."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket

    @classmethod
    async def open(
        cls,
        server: Server,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        subprotocols: Sequence[str] | None = None,
    ) -> Self:
        """Connect; nothing is read yet."""
        websocket = await open_websocket(
            server.url + path,
            additional_headers=headers,
            subprotocols=None if subprotocols is None else [Subprotocol(p) for p in subprotocols],
            proxy=None,
            compression=None,
            max_size=None,
            # Keepalive pings would be one more thing that happens at a time of its own.
            ping_interval=None,
            open_timeout=DEADLINE,
            close_timeout=DEADLINE,
        )
        return cls(websocket)

    async def send(self, action: str, payload: Any = None) -> None:
        """Send a message."""
        await self.send_raw(json.dumps({"action": action, "payload": payload}))

    async def send_raw(self, frame: str | bytes) -> None:
        """Send a text or a binary frame."""
        async with asyncio.timeout(DEADLINE):
            await self.websocket.send(frame)

    async def receive(self) -> dict[str, Any]:
        """Return the next message."""
        async with asyncio.timeout(DEADLINE):
            message: dict[str, Any] = json.loads(await self.websocket.recv())
        return message

    async def receive_many(self, count: int) -> list[dict[str, Any]]:
        """Return this many messages. One deadline for each."""
        return [await self.receive() for _ in range(count)]

    async def receive_until_closed(self) -> tuple[list[dict[str, Any]], int]:
        """Return what comes until the connection is closed, and the close code."""
        messages = []
        try:
            while True:
                messages.append(await self.receive())
        except ConnectionClosed as closed:
            return messages, closed.rcvd.code if closed.rcvd else 1006

    async def ask(self, action: str, payload: Any = None) -> dict[str, Any]:
        """Send a message and return the next that comes."""
        await self.send(action, payload)
        return await self.receive()

    async def close(self) -> None:
        """Close as WebSocket clients should, and read what still comes.

        Where many frames are unread, the library reads nothing more, the answer to its close frame
        included.
        """
        closing = asyncio.create_task(self.websocket.close())
        with contextlib.suppress(ConnectionClosed, ConcurrencyError):
            while True:
                await self.websocket.recv()
        await closing


class Control(Client):
    """Asks the process of the live site how it is."""

    async def report(self) -> dict[str, Any]:
        """Return the counts, the members of the groups, and the memory."""
        payload: dict[str, Any] = (await self.ask("report"))["payload"]
        return payload

    async def wait(self, event: str, count: int, prefix: str = "") -> dict[str, Any]:
        """Wait until something has happened this often to clients whose names begin with the
        prefix; return the report."""
        message = await self.ask("wait", {"event": event, "count": count, "prefix": prefix})
        payload: dict[str, Any] = message["payload"]
        return payload


@asynccontextmanager
async def connect(
    server: Server,
    path: str,
    headers: Mapping[str, str] | None = None,
    *,
    subprotocols: Sequence[str] | None = None,
) -> AsyncIterator[Client]:
    """Connect, authenticate with success, and close at the end."""
    client = await Client.open(server, path, headers, subprotocols=subprotocols)
    try:
        message = await client.receive()
        assert message["action"] == "authentication", message
        assert message["payload"]["status_code"] == 200, message
        yield client
    finally:
        await client.close()


async def get_refusal(
    server: Server,
    path: str,
    headers: Mapping[str, str] | None = None,
    *,
    subprotocols: Sequence[str] | None = None,
) -> tuple[dict[str, Any], int]:
    """Connect, and be refused: return what the one message says, and the close code."""
    client = await Client.open(server, path, headers, subprotocols=subprotocols)
    try:
        return read_refusal(*await client.receive_until_closed())
    finally:
        await client.close()


def read_refusal(messages: list[dict[str, Any]], code: int) -> tuple[dict[str, Any], int]:
    """Return what the message says that is the only one, and the close code."""
    assert [message["action"] for message in messages] == ["authentication"], messages
    payload: dict[str, Any] = messages[0]["payload"]
    return payload, code


@asynccontextmanager
async def connect_all(server: Server, paths: Iterable[str]) -> AsyncIterator[list[Client]]:
    """Connect a client to each path, and close all at the end."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(server, path)) for path in paths]
        yield clients


@asynccontextmanager
async def control(server: Server) -> AsyncIterator[Control]:
    """Connect to the control endpoint of the live site."""
    client = await Control.open(server, "/ws/control/")
    try:
        await client.receive()
        yield client
    finally:
        await client.close()


def reset(client: Client) -> None:
    """Vanish: a TCP reset instead of a good-bye."""
    transport = client.websocket.transport
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def open_handshake(server: Server, path: str, *, length: int | None = None) -> socket.socket:
    """Send the request of a handshake, or its first ``length`` bytes, and read no answer.

    Closing the socket resets the connection.
    """
    request = (
        f"GET {path} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{server.port}\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "\r\n"
    ).encode()
    connection = socket.create_connection(("127.0.0.1", server.port), DEADLINE)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.sendall(request[:length])
    return connection
