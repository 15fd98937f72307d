"""Handlers that take too long, that run when their client goes, and that run side by side."""

import asyncio
import random
from typing import Any

from stress.client import Client, connect
from stress.world import World, check

_CLIENTS = 20
_AT_ONCE = 4
"""As ConcurrentConsumer has it."""


async def time_out(world: World, rng: random.Random, name: str) -> dict[str, Any]:
    """A handler that hangs is cancelled, and the client gets an error in its place."""

    async def talk(number: int) -> int:
        server = world.servers[number % 2]
        hangs = [rng.random() < 0.3 for _ in range(10)]
        async with connect(server, "impatient", name=f"{name}-{number}") as client:
            for place, is_hanging in enumerate(hangs):
                await client.send("hang" if is_hanging else "echo", place)
            for place, is_hanging in enumerate(hangs):
                message = await client.receive()
                wanted = "error" if is_hanging else "echo"
                check(message["action"] == wanted, f"{place}: {message}, and no {wanted}")
        return sum(hangs)

    expected = sum(await asyncio.gather(*map(talk, range(_CLIENTS))))
    cancelled = 0
    for watcher in world.watchers:
        cancelled += sum((await watcher.count("cancelled", name)).values())
    check(cancelled == expected, f"{expected} handlers hung, and {cancelled} were cancelled")
    return {"clients": _CLIENTS, "timed_out": expected}


async def disconnect(world: World, rng: random.Random, name: str) -> dict[str, Any]:
    """Running handlers are cancelled when their client goes, however it goes."""
    clients: list[Client] = []
    running = [0] * len(world.servers)
    for number in range(_CLIENTS):
        place = rng.randrange(len(world.servers))
        endpoint, most = rng.choice((("load", 1), ("concurrent", _AT_ONCE)))
        client = await Client.open(
            world.servers[place], endpoint, name=f"{name}-{number}", groups=[name]
        )
        clients.append(client)
        count = rng.randrange(1, 10)
        for _ in range(count):
            await client.send("hang")
        running[place] += min(count, most)
    for watcher, count in zip(world.watchers, running, strict=True):
        if count:
            await watcher.wait("blocking", count, name)
    for client in clients:
        if rng.random() < 0.5:
            client.wire.reset()
        else:
            await client.close()
    reports = await world.until_empty()
    for report, count in zip(reports, running, strict=True):
        found = report["counts"].get("cancelled", {})
        cancelled = sum(number for key, number in found.items() if key.startswith(name))
        check(cancelled == count, f"{count} handlers ran, and {cancelled} were cancelled")
        once = report["counts"].get("disconnected", {})
        check(
            all(number == 1 for key, number in once.items() if key.startswith(name)),
            f"disconnect() was not called once: {once}",
        )
    return {"clients": _CLIENTS, "cancelled": sum(running)}


async def side_by_side(world: World, rng: random.Random, name: str) -> dict[str, Any]:
    """Never more than four at once; the replies come in the order in which the handlers end."""
    server = world.choose(rng)
    watcher = world.get_watcher(server)
    keys = [f"{name}-{number}" for number in range(20)]
    async with connect(server, "concurrent", name=name) as client:
        for key in keys:
            await client.send("block", key)
        running, waiting, order = keys[:_AT_ONCE], keys[_AT_ONCE:], []
        started = _AT_ONCE
        while running:
            report = await watcher.wait("blocking", started, name)
            count = report["counts"]["blocking"][name]
            check(count == started, f"{count} handlers have begun, and not {started}")
            key = running.pop(rng.randrange(len(running)))
            order.append(key)
            await watcher.release(key)
            message = await client.receive()
            check(message["payload"] == key, f"{message} where {key} was due")
            if waiting:
                running.append(waiting.pop(0))
                started += 1
    return {"messages": len(order)}
