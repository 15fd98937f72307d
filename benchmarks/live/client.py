"""``python -m benchmarks.live.client TASK JSON``: puts load on servers and prints the figures."""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import uvloop

from benchmarks.live.protocol import Client, make_frame
from benchmarks.measure.socket import get_resident_bytes
from benchmarks.peers import PEERS
from benchmarks.wire import Mode, get_payload

_WARM_UP = 0.3
_PATIENCE = 5.0
_DELAY_ACTIONS = ("slow", "say", "echo")
"""A hundred queries, none, one."""


@dataclass
class Target:
    """The servers under load, all of one peer."""

    peer: str
    mode: Mode
    ports: list[int]
    pids: list[int]
    header: str = ""


class _Connection:
    """A connection with the peer's greeting over."""

    def __init__(self, target: Target, port: int, on_text: Callable[["_Connection"], None]) -> None:
        self.client: Client
        self._target = target
        self._dialect = PEERS[target.peer].dialect
        self._port = port
        self._on_text = on_text
        self._left = self._dialect.greeting[target.mode]
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Connect; return when the server is ready."""
        headers = [self._target.header] if self._target.header else []
        self.client = Client(self._dialect.target, headers, self._take_greeting)
        await asyncio.get_running_loop().create_connection(
            lambda: self.client,
            "127.0.0.1",
            self._port,
        )
        await self.client.accepted
        if self._left:
            async with asyncio.timeout(60):
                await self._ready
        self.client.on_text = self._take

    def _take_greeting(self, data: bytes) -> None:
        if self._left == self._dialect.greeting[self._target.mode]:
            answer = self._dialect.answer_to_first
            if answer:
                self.client.say(answer)
        self._left -= 1
        if not self._left:
            # What follows may come with the same read.
            self.client.on_text = self._take
            self._ready.set_result(None)

    def _take(self, data: bytes) -> None:
        self._on_text(self)


async def measure_throughput(
    target: Target, *, connections: int, in_flight: int, seconds: float
) -> dict[str, float]:
    """Return replies per second, each connection keeping so many messages on their way."""
    frame = make_frame(PEERS[target.peer].dialect.make("echo", get_payload()))
    replies = 0

    def answer(connection: _Connection) -> None:
        nonlocal replies
        replies += 1
        connection.client.write(frame)

    opened = [_Connection(target, target.ports[0], answer) for _ in range(connections)]
    for connection in opened:
        await connection.open()
    for connection in opened:
        connection.client.write(frame * in_flight)
    await asyncio.sleep(seconds * _WARM_UP)
    before, started = replies, time.perf_counter()
    await asyncio.sleep(seconds)
    rate = (replies - before) / (time.perf_counter() - started)
    for connection in opened:
        connection.client.close()
    return {"per_second": rate}


async def measure_latency(target: Target, *, seconds: float) -> dict[str, float]:
    """Return the time from a message to its reply, one message on its way, in microseconds."""
    frame = make_frame(PEERS[target.peer].dialect.make("echo", get_payload()))
    times: list[float] = []
    sent = time.perf_counter()

    def answer(connection: _Connection) -> None:
        nonlocal sent
        now = time.perf_counter()
        times.append(now - sent)
        sent = now
        connection.client.write(frame)

    connection = _Connection(target, target.ports[0], answer)
    await connection.open()
    sent = time.perf_counter()
    connection.client.write(frame)
    await asyncio.sleep(seconds * (1 + _WARM_UP))
    connection.client.close()
    counted = sorted(times[int(len(times) * _WARM_UP / (1 + _WARM_UP)) :])
    return {
        "p50_us": counted[len(counted) // 2] * 1e6,
        "p99_us": counted[int(len(counted) * 0.99)] * 1e6,
    }


async def measure_delay(target: Target, *, times: int) -> dict[str, float]:
    """Return how long a message without and one with a query take, each on a connection of its own,
    while a third has a hundred queries of 50 ms queued: the longest of so many, in milliseconds.
    """
    answered: dict[_Connection, asyncio.Future[float]] = {}

    def answer(connection: _Connection) -> None:
        if connection in answered:  # the slow one answers at the end
            answered.pop(connection).set_result(time.perf_counter())

    async def ask(connection: _Connection, frame: bytes) -> float:
        longest = 0.0
        for _ in range(times):
            answered[connection] = asyncio.get_running_loop().create_future()
            sent = time.perf_counter()
            connection.client.write(frame)
            longest = max(longest, await answered[connection] - sent)
        return longest * 1e3

    make = PEERS[target.peer].dialect.make
    slow, ping, query = (make_frame(make(name, get_payload())) for name in _DELAY_ACTIONS)
    busy, second, third = (_Connection(target, target.ports[0], answer) for _ in range(3))
    await _open_all([busy, second, third])
    await asyncio.gather(ask(second, ping), ask(third, query))  # opens database connections
    busy.client.write(slow)
    await asyncio.sleep(0.2)
    ping_ms, query_ms = await asyncio.gather(ask(second, ping), ask(third, query))
    for connection in (busy, second, third):
        connection.client.close()
    return {"ping_ms": ping_ms, "query_ms": query_ms}


async def measure_rooms(
    target: Target, *, members: int, broadcasts: int, burst: int
) -> dict[str, float]:
    """Return the cost per delivery and the share delivered, of members spread over the servers.

    First broadcasts that wait for one another, then ``burst`` of them without a pause.
    """
    arrived = expected = 0
    last = 0.0
    complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def count(connection: _Connection) -> None:
        nonlocal arrived, last
        arrived += 1
        last = time.perf_counter()
        if arrived == expected and not complete.done():
            complete.set_result(None)

    async def send(messages: int) -> tuple[float, float]:
        nonlocal arrived, expected, complete
        arrived, expected = 0, messages * members
        complete = asyncio.get_running_loop().create_future()
        started = time.perf_counter()
        opened[0].client.write(frame * messages)
        before = -1
        while not complete.done() and before != arrived:
            before = arrived
            await asyncio.wait({complete}, timeout=_PATIENCE if messages == 1 else 2.0)
        return (last - started) / max(arrived, 1) * 1e6, arrived / expected

    frame = make_frame(PEERS[target.peer].dialect.make("say", get_payload()))
    ports = [target.ports[number % len(target.ports)] for number in range(members)]
    opened = [_Connection(target, port, count) for port in ports]
    await _open_all(opened)
    await send(1)
    results = [await send(1) for _ in range(broadcasts)]
    burst_us, burst_share = await send(burst)
    return {
        "us_per_delivery": sum(us for us, _ in results) / len(results),
        "delivered": sum(share for _, share in results) / len(results),
        "burst_us_per_delivery": burst_us,
        "burst_delivered": burst_share,
    }


async def measure_live_memory(target: Target, *, sizes: list[int]) -> dict[str, float]:
    """Return the memory of a server with so many idle connections, and KiB for each of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sizes = [size for size in sizes if size < hard - 200]
    opened: list[_Connection] = []
    held: list[int] = []
    # The first ones load modules and fill caches.
    for size in (sizes[0] // 10, *sizes):
        new = [
            _Connection(target, target.ports[0], lambda connection: None)
            for _ in range(size - len(opened))
        ]
        await _open_all(new)
        opened += new
        await asyncio.sleep(0.5)
        held.append(get_resident_bytes(target.pids[0]))
    figures = {f"mib_{size}": bytes_ / 2**20 for size, bytes_ in zip(sizes, held[1:], strict=True)}
    first = sizes[0] // 10
    return figures | {
        "kib": (held[-1] - held[0]) / (sizes[-1] - first) / 1024,
        "connections": sizes[-1],
    }


async def _open_all(connections: list[_Connection]) -> None:
    for start in range(0, len(connections), 50):
        batch = connections[start : start + 50]
        await asyncio.gather(*(connection.open() for connection in batch))


TASKS: Final[dict[str, Callable[..., Coroutine[Any, Any, dict[str, float]]]]] = {
    "delay": measure_delay,
    "latency": measure_latency,
    "memory": measure_live_memory,
    "rooms": measure_rooms,
    "throughput": measure_throughput,
}


def main(task: str, arguments: str) -> None:
    """Run ``task``; the arguments are the target and the parameters of its function."""
    parsed = json.loads(arguments)
    target = Target(**parsed["target"])
    print(json.dumps(uvloop.run(TASKS[task](target, **parsed["parameters"]))))


if __name__ == "__main__":
    main(*sys.argv[1:])
