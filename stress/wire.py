"""A WebSocket client that costs little and can send what no proper client would.

It makes the frames of RFC 6455 by hand, masked with zeros, which leaves the payload as it is.
"""

import asyncio
import base64
import os
import socket
import struct
from collections.abc import Callable
from typing import Any, Final, Self

__all__ = ["BINARY", "CLOSE", "CONTINUATION", "PING", "TEXT", "Wire", "make_frame"]

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
_PONG: Final = 0xA

_ABNORMAL: Final = 1006
_NO_STATUS: Final = 1005

PATIENCE: Final = 60.0
"""Seconds until a wait gives up and the run fails; nothing is measured by it."""


def make_frame(data: bytes, opcode: int = TEXT, *, is_final: bool = True) -> bytes:
    """Return a payload as a frame of a client."""
    first = (0x80 if is_final else 0) | opcode
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + bytes(4) + data


class Wire(asyncio.Protocol):
    """One connection. ``on_text`` is called with the bytes of each text frame."""

    def __init__(self, path: str, on_text: Callable[[bytes], None]) -> None:
        self.on_text = on_text
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[int] = loop.create_future()
        """The close code, when the connection has ended; 1006 without a close frame."""
        self._path = path
        self._accepted: asyncio.Future[None] = loop.create_future()
        # Seen, also when whoever opens it has been cancelled.
        self._accepted.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._is_open = False
        self._code = _ABNORMAL
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(
        cls,
        port: int,
        path: str,
        on_text: Callable[[bytes], None],
        *,
        receive_buffer: int | None = None,
    ) -> Self:
        """Connect; return when the handshake is accepted. Raises ConnectionError otherwise.

        The system holds about ``receive_buffer`` bytes for a client that does not read.
        """
        wire = cls(path, on_text)
        loop = asyncio.get_running_loop()
        connection = socket.socket()
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setblocking(False)
        async with asyncio.timeout(PATIENCE):
            try:
                await loop.sock_connect(connection, ("127.0.0.1", port))
            except BaseException:
                connection.close()
                raise
            await loop.create_connection(lambda: wire, sock=connection)
            await wire._accepted
        return wire

    async def send(self, data: bytes) -> None:
        """Send bytes as they are; return when the socket takes more."""
        if self._transport:
            self._transport.write(data)
        async with asyncio.timeout(PATIENCE):
            await self._can_write.wait()

    async def wait_for(self, event: asyncio.Event) -> None:
        """Wait for something that ``on_text`` sets. Raises ConnectionError at the end."""
        waiting: asyncio.Future[Any] = asyncio.ensure_future(event.wait())
        ends: asyncio.Future[Any] = self.closed
        try:
            await asyncio.wait({waiting, ends}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not event.is_set():
            raise ConnectionError(f"closed with {self.closed.result()}")

    async def close(self) -> int:
        """Close as clients should, and return the code that comes back."""
        await self.send(make_frame(struct.pack("!H", 1000), CLOSE))
        async with asyncio.timeout(PATIENCE):
            return await asyncio.shield(self.closed)

    def reset(self) -> None:
        """Vanish: a TCP reset instead of a good-bye."""
        if self._transport:
            linger = struct.pack("ii", 1, 0)
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()

    def pause_reading(self) -> None:
        """Read no more, until ``resume_reading``."""
        if self._transport:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._transport:
            self._transport.resume_reading()

    # --- called by the event loop ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass
        host, port = transport.get_extra_info("peername")[:2]
        lines = [
            f"GET {self._path} HTTP/1.1",
            f"Host: {host}:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        ]
        assert self._transport
        self._transport.write("\r\n".join([*lines, "", ""]).encode())

    def pause_writing(self) -> None:
        """The socket is full."""
        self._can_write.clear()

    def resume_writing(self) -> None:
        """The socket takes more."""
        self._can_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait."""
        self._transport = None
        self._can_write.set()
        if not self._accepted.done():
            self._accepted.set_exception(exc or ConnectionError("closed during the handshake"))
        if not self.closed.done():
            self.closed.set_result(self._code)

    def data_received(self, data: bytes) -> None:
        """Take what came in: frames, or before them the answer to the handshake."""
        if self._buffer:
            data = self._buffer + data
        position = 0 if self._is_open else self._read_answer(data)
        if position < 0:
            self._buffer = data
            return
        size = len(data)
        while size - position >= 2:
            opcode, length = data[position] & 0x0F, data[position + 1]
            start = position + 2
            if length >= 126:
                start += 2 if length == 126 else 8
                if size < start:
                    break
                length = int.from_bytes(data[position + 2 : start], "big")
            end = start + length
            if size < end:
                break
            if opcode == TEXT:
                self.on_text(data[start:end])
            else:
                self._take_control(opcode, data[start:end])
            position = end
        self._buffer = data[position:]

    def _take_control(self, opcode: int, data: bytes) -> None:
        if not self._transport:
            return
        if opcode == PING:
            self._transport.write(make_frame(data, _PONG))
        elif opcode == CLOSE:
            self._code = int.from_bytes(data[:2], "big") if data else _NO_STATUS
            self._transport.write(make_frame(data[:2], CLOSE))
            self._transport.close()

    def _read_answer(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return -1
        if not data.startswith(b"HTTP/1.1 101"):
            if not self._accepted.done():
                answer = data[: data.find(b"\r\n")].decode("latin-1")
                self._accepted.set_exception(ConnectionError(f"The server answered {answer}"))
            return -1
        self._is_open = True
        if not self._accepted.done():
            self._accepted.set_result(None)
        return end + 4
