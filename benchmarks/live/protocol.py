"""A WebSocket client that costs next to nothing, for it shares the machine with the server.

It makes the frames of RFC 6455 by hand: text only, never fragmented, no extension asked for, and
masked with zeros, which every server takes and which leaves the text as it is.
"""

import asyncio
import base64
import os
import struct
from collections.abc import Callable

_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


def make_frame(text: str, opcode: int = _TEXT) -> bytes:
    """Return a text as a frame of a client."""
    data = text.encode()
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + bytes(4) + data


class Client(asyncio.Protocol):
    """One connection. ``on_text`` is called for each text frame, with its bytes."""

    def __init__(self, target: str, headers: list[str], on_text: Callable[[bytes], None]) -> None:
        self.on_text = on_text
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._target = target
        self._headers = headers
        self._is_open = False
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass
        host, port = transport.get_extra_info("peername")[:2]
        lines = [
            f"GET {self._target} HTTP/1.1",
            f"Host: {host}:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            *self._headers,
        ]
        self.write("\r\n".join([*lines, "", ""]).encode())

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self._transport:
            self._transport.write(data)

    def say(self, text: str) -> None:
        """Send a text frame."""
        self.write(make_frame(text))

    def close(self) -> None:
        """Go without a word."""
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what came in: frames, or before them the answer to the handshake."""
        if self._buffer:
            data = self._buffer + data
        position = 0 if self._is_open else self._read_answer(data)
        if position < 0:
            self._buffer = data
            return
        size = len(data)
        on_text = self.on_text
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
            if opcode == _TEXT:
                on_text(data[start:end])
            elif opcode == _PING:
                self.write(make_frame(data[start:end].decode("latin-1"), _PONG))
            elif opcode == _CLOSE:
                self.close()
            position = end
        self._buffer = data[position:]

    def connection_lost(self, error: Exception | None) -> None:
        """Tell who waits for the handshake that there is none."""
        self._transport = None
        if not self.accepted.done():
            self.accepted.set_exception(error or ConnectionError("closed during the handshake"))

    def _read_answer(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return -1
        if not data.startswith(b"HTTP/1.1 101"):
            if not self.accepted.done():
                answer = data[: data.find(b"\r\n")].decode()
                self.accepted.set_exception(ConnectionError(f"The server answered {answer}"))
            return -1
        self._is_open = True
        if not self.accepted.done():
            self.accepted.set_result(None)
        return end + 4
