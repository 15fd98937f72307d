"""One message in, one reply out: the next comes in when the reply to the last has gone out."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.measure.socket import Socket
from benchmarks.wire import AppOptions, Dialect, get_payload

_WARM_UP = 0.3
"""The share of the time that is not counted."""


class _Exchange:
    """The client: answers each reply with the next message, in the next turn of the loop."""

    def __init__(self, text: str) -> None:
        self.socket: Socket | None = None
        self.last = ""
        self._event = {"type": "websocket.receive", "text": text}
        self._left = 0
        self._done: asyncio.Future[None] | None = None
        self._call_soon = asyncio.get_running_loop().call_soon

    async def run(self, count: int) -> None:
        """Exchange so many messages."""
        self._left = count
        self._done = asyncio.get_running_loop().create_future()
        self._feed()
        await self._done

    def take(self, text: str) -> None:
        """Take a reply."""
        self._left -= 1
        if self._left:
            self._call_soon(self._feed)
        else:
            self.last = text
            assert self._done is not None
            self._done.set_result(None)

    def _feed(self) -> None:
        assert self.socket is not None
        self.socket.feed(dict(self._event))


async def measure_echo(
    application: Any, options: AppOptions, dialect: Dialect, *, seconds: float, size: int = 0
) -> dict[str, float]:
    """Return microseconds per message: of the clock, and of the processor."""
    payload = get_payload(camelize=options.camelize, size=size)
    exchange = _Exchange(dialect.make("echo", payload))
    socket = exchange.socket = Socket(application, options, dialect)
    await socket.open(exchange.take)
    await exchange.run(1)
    _check_reply(exchange.last, payload)

    chunk = 10
    warm = time.perf_counter() + seconds * _WARM_UP
    while time.perf_counter() < warm:
        started = time.perf_counter()
        await exchange.run(chunk)
        # Chunks of about 20 ms: the checks between them cost nothing to speak of.
        chunk = max(10, int(chunk * 0.02 / (time.perf_counter() - started)))

    count = 0
    started, started_cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() < started + seconds:
        await exchange.run(chunk)
        count += chunk
    elapsed, cpu = time.perf_counter() - started, time.process_time() - started_cpu
    await socket.close()
    if options.logs:
        _check_log(Path(options.folder, "log.jsonl"), count)
    return {"us": elapsed / count * 1e6, "cpu_us": cpu / count * 1e6}


def _check_reply(text: str, payload: dict[str, Any]) -> None:
    """Nobody is fast by answering something else."""
    reply = json.loads(text.removeprefix("42"))
    for content in reply if isinstance(reply, list) else [reply]:
        if isinstance(content, dict):
            found = content.get("payload", content.get("data", content))
            if found == payload:
                return
    raise RuntimeError(f"The reply is no echo: {text[:200]}")


def _check_log(path: Path, messages: int) -> None:
    """Nor by not writing what it should."""
    with path.open("rb") as file:
        lines = sum(b"websocket" in line.lower() for line in file)
    if lines < 2 * messages:
        raise RuntimeError(f"{lines} lines in the log for more than {messages} messages")
