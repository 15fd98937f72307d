"""Clients that send more than they may."""

import asyncio
import contextlib
import json
import math
import random
import time
from collections import Counter
from typing import Any

from stress.client import Client, connect
from stress.world import World, check
from tests.live.processes import Server

_BURST = 100
_PAUSE = 0.05
_INVALID_IN_A_ROW = 3
"""As LimitedConsumer has them; it takes one message a second beyond the burst."""


async def flood(world: World, rng: random.Random, name: str) -> dict[str, Any]:
    """What is within the burst is answered, what is beyond refused, and who goes on is closed."""
    server = world.choose(rng)
    total: Counter[str] = Counter()
    async with connect(server, "load", name=f"{name}-neighbour") as neighbour:
        stop = asyncio.Event()
        talking = asyncio.create_task(_talk(neighbour, stop))
        for number in range(4):
            total += await flood_once(server, rng, f"{name}-{number}")
        stop.set()
        total["neighbour"] = await talking
    return dict(total)


async def flood_once(server: Server, rng: random.Random, name: str) -> Counter[str]:
    """Send more than the burst, and then more than anybody should; return what came of it."""
    began = time.monotonic()
    client = await Client.open(server, "limited", name=name)
    count = rng.randrange(_BURST + 1, 2 * _BURST)
    await client.send_text(*(_make_echo(number) for number in range(count)))
    await client.until_count(count)
    most = _BURST + math.ceil(time.monotonic() - began)
    echoes = [message["payload"] for message in client.messages if message["action"] == "echo"]
    check(_BURST <= len(echoes) <= most, f"{len(echoes)} answered, of a burst of {_BURST}")
    check(echoes == sorted(echoes), f"out of order: {echoes}")
    refused = [message for message in client.messages if message["action"] == "error"]
    check(len(echoes) + len(refused) == count, "not every message was answered or refused")
    # Who goes on after the first refusal is closed, some time later.
    closed = asyncio.create_task(client.until_closed())
    while not closed.done():
        with contextlib.suppress(ConnectionError):
            await client.send_text(*(_make_echo(number) for number in range(_BURST)))
        await asyncio.wait({closed}, timeout=_PAUSE)
    code = await closed
    check(code == 4429, f"closed with {code}")
    later = len(client.messages) - count
    return Counter(clients=1, answered=len(echoes), refused=len(refused), later=later)


async def misunderstand(world: World, rng: random.Random, name: str) -> dict[str, Any]:
    """Invalid messages are errors; too many in a row, and the connection is closed with 4400."""
    server = world.choose(rng)
    client = await Client.open(server, "limited", name=name)
    errors = 0
    for number in range(10):
        invalid = rng.randrange(_INVALID_IN_A_ROW + 1)
        await client.send_text(*["{}"] * invalid, _make_echo(number))
        for _ in range(invalid):
            message = await client.receive()
            check(message["action"] == "error", f"{message} for an invalid message")
        message = await client.receive()
        check(message == {"action": "echo", "payload": number}, f"{message}, and no echo")
        errors += invalid
    await client.send_text(*["{}"] * (_INVALID_IN_A_ROW + 1))
    code = await client.until_closed()
    check(code == 4400, f"closed with {code}")
    return {"errors": errors, "closed": code}


async def _talk(client: Client, stop: asyncio.Event) -> int:
    """Ask, and ask again when the answer is there; return how often."""
    number = 0
    while not stop.is_set():
        answer = await client.ask("echo", number)
        check(answer["payload"] == number, f"{answer} for {number}")
        number += 1
    return number


def _make_echo(number: int) -> str:
    return json.dumps({"action": "echo", "payload": number})
