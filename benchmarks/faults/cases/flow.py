"""Floods, clients that do not read, and handlers that take their time."""

import asyncio
import contextlib
import statistics
from typing import Final

from websockets.exceptions import ConnectionClosed

from benchmarks.faults.case import Fault, Outcome
from benchmarks.faults.client import Client, clients
from benchmarks.faults.server import run_server

_FLOOD: Final = 20_000
_TEXT: Final = "x" * 4096
_BROADCASTS: Final = 5_000
_BATCH: Final = 50
_REPLIES: Final = 200


async def leave_replies_unread(peer: str) -> Outcome:
    """Send 20,000 messages of 4 KB to be sent back, and read only when the server takes no more."""
    sent = 0

    async def send_all(client: Client) -> None:
        nonlocal sent
        for number in range(_FLOOD):
            await client.send("echo", [number, _TEXT])
            sent += 1

    async with (
        run_server(peer, is_unlimited=True) as server,
        clients(server, 1) as (client,),
    ):
        before = server.peak_mib
        client.stop_reading()
        sending = asyncio.create_task(send_all(client))
        seen = -1
        while not sending.done() and seen != sent:
            seen = sent
            await asyncio.wait({sending}, timeout=2.0)
        taken = sent
        client.go_on_reading()
        messages, code = await client.receive_all(10.0)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
            await sending
        peak = server.peak_mib
        await server.stop()
    numbers = [message["payload"][0] for message in messages if message["action"] == "echo"]
    order = "in order" if numbers == sorted(numbers) else "not in order"
    held = "takes them all" if taken == _FLOOD else f"takes no more after {taken:,}"
    end = f", closed with {code}" if code else ""
    return Outcome(
        f"{held}; peak {peak} MiB (idle {before}); {len(numbers):,} replies {order}{end}; "
        f"{server.tracebacks:,} tracebacks",
        is_good=numbers == list(range(_FLOOD)) and peak - before < 32 and not server.tracebacks,
        figures={"taken": taken, "peak_mib": peak, "idle_mib": before, "replies": len(numbers)},
    )


async def leave_group_messages_unread(peer: str) -> Outcome:
    """Publish 5,000 messages of 4 KB to a member that reads and one that does not."""
    async with (
        run_server(peer) as server,
        clients(server, 2, ["flood"]) as (reader, slow),
        clients(server, 1) as (publisher,),
    ):
        before = server.peak_mib
        slow.stop_reading()
        read = 0
        for start in range(0, _BROADCASTS, _BATCH):
            wanted = {"group": "flood", "start": start, "count": _BATCH, "padding": len(_TEXT)}
            await publisher.send("publish", wanted)
            with contextlib.suppress(TimeoutError):
                for _ in range(_BATCH):
                    await reader.receive_until("said", 2.0)
                    read += 1
        peak = server.peak_mib
        slow.go_on_reading()
        messages, code = await slow.receive_all(3.0)
        await server.stop()
    end = f"is closed with {code}" if code else "is told nothing"
    return Outcome(
        f"the reader gets {read:,}; the other gets {len(messages):,} and {end}; "
        f"peak {peak} MiB (idle {before})",
        is_good=read == _BROADCASTS and code in (1006, 1013) and not server.tracebacks,
        figures={"reader": read, "slow": len(messages), "peak_mib": peak, "code": code or 0},
    )


async def _ping_while_held(peer: str, path: str) -> float:
    async with run_server(peer) as server:
        client = await Client.open(server, path=path)
        await client.send("hold", {"seconds": 5})
        await client.receive_until("holding")
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await client.send("ping")
        await client.receive_until("pong", 10.0)
        return loop.time() - begun


async def ping_during_handler(peer: str) -> Outcome:
    """Ping while a handler of the same connection takes 5 s."""
    seconds = await _ping_while_held(peer, "ws/")
    order = "after the handler, in order" if seconds > 4 else "before the handler ends"
    return Outcome(f"{_describe_time(seconds)}: {order}", seconds > 4, {"seconds": seconds})


async def ping_during_handler_of_two(peer: str) -> Outcome:
    """Do so where two messages may be handled at once."""
    seconds = await _ping_while_held(peer, "ws/concurrent/")
    return Outcome(_describe_time(seconds), seconds < 0.1, {"seconds": seconds})


async def ping_during_queries(peer: str) -> Outcome:
    """Ping on another connection, again and again, while 100 queries of 50 ms are queued."""
    times: list[float] = []
    loop = asyncio.get_running_loop()
    async with run_server(peer) as server, clients(server, 2) as (busy, other):
        await other.is_alive()
        await busy.send("queries", {"count": 100, "seconds": 0.05})
        done = asyncio.ensure_future(busy.receive_until("queried", 30.0))
        await asyncio.sleep(0.1)
        while not done.done():
            begun = loop.time()
            await other.send("ping")
            await other.receive_until("pong", 30.0)
            times.append(loop.time() - begun)
            await asyncio.wait({done}, timeout=0.01)
        await done
    middle, longest = statistics.median(times), max(times)
    return Outcome(
        f"median {_describe_time(middle)}, longest {_describe_time(longest)}",
        is_good=longest < 0.05,
        figures={"median_seconds": middle, "longest_seconds": longest, "pings": len(times)},
    )


async def compare_order(peer: str) -> Outcome:
    """Send 200 messages whose handlers take 0 to 4 ms, and count the replies that change places."""
    async with run_server(peer) as server, clients(server, 1) as (client,):
        for number in range(_REPLIES):
            wait = number * 7 % 5 / 1000
            await client.send("later", {"number": number, "seconds": wait})
        numbers = [
            (await client.receive_until("later"))["payload"]["number"] for _ in range(_REPLIES)
        ]
    pairs = [(one, other) for at, one in enumerate(numbers) for other in numbers[at + 1 :]]
    wrong = sum(one > other for one, other in pairs)
    return Outcome(f"{wrong:,}", wrong == 0, {"pairs": len(pairs), "wrong": wrong})


def _describe_time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds * 1000:.0f} ms"


FAULTS = (
    Fault(
        "unread_replies",
        "20,000 messages of 4 KB, replies unread (limit of messages a second off)",
        leave_replies_unread,
    ),
    Fault(
        "slow_member",
        "5,000 messages of 4 KB to a group with a member that does not read",
        leave_group_messages_unread,
    ),
    Fault("ping_same", "ping during a 5 s handler of the same connection", ping_during_handler),
    Fault(
        "ping_same_two",
        "the same with `concurrent_messages = 2`",
        ping_during_handler_of_two,
        peers=("ours",),
    ),
    Fault(
        "ping_other",
        "pings on another connection while 100 queries of 50 ms are queued",
        ping_during_queries,
    ),
    Fault("order", "replies out of order, of 19,900 pairs", compare_order),
)
