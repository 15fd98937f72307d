"""What clients do in a soak.

Each function goes on until the time is over, and raises Broken when something does not hold.
"""

import asyncio
import contextlib
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from stress.client import Client, connect
from stress.fuzz.answers import BadAnswer, check_answer
from stress.fuzz.frames import Case, generate
from stress.scenarios.flood import flood_once
from stress.scenarios.vanish import STAGES, come_and_go
from stress.wire import Wire
from stress.world import Broken, World, check

__all__ = ["LOADS", "Load"]

GROUPS: Final = [f"soak-{number}" for number in range(6)]


@dataclass
class Load:
    """What the loads share: the servers, and the counts of what was done."""

    world: World
    seed: str
    counts: Counter[str] = field(default_factory=Counter)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    async def rest(self, seconds: float) -> None:
        """Do nothing for a while, so that the load is what a server can carry."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.is_over.wait()

    @property
    def goes_on(self) -> bool:
        """The time is not over."""
        return not self.is_over.is_set()


async def echo(load: Load, rng: random.Random) -> None:
    """Ask in bunches; each answer comes, in order and unchanged."""
    async with connect(load.world.choose(rng), "load", name="echo") as client:
        while load.goes_on:
            client.forget()
            payloads = [
                rng.randbytes(rng.randrange(500)).hex() for _ in range(rng.randrange(1, 30))
            ]
            for payload in payloads:
                await client.send("echo", payload)
            await client.until_count(len(payloads))
            answers = [message["payload"] for message in client.messages]
            check(answers == payloads, "echoes were lost, mixed up or changed")
            load.counts["echoes"] += len(payloads)
            await load.rest(rng.uniform(0, 0.05))


async def query(load: Load, rng: random.Random) -> None:
    """Ask the database."""
    async with connect(load.world.choose(rng), "load", name="query") as client:
        while load.goes_on:
            client.forget()
            number = rng.randrange(1, 2000)
            answer = await client.ask("query", number)
            check(answer["payload"] == number * (number + 1) // 2, f"{answer} for {number}")
            load.counts["queries"] += 1
            await load.rest(rng.uniform(0, 0.05))


async def fuzz(load: Load, rng: random.Random) -> None:
    """Send what the fuzzer sends; each frame has one answer."""
    expected: deque[Case] = deque([Case("authentication", b"", action="authentication")])
    answered = asyncio.Event()
    wrong: list[str] = []

    def take(data: bytes) -> None:
        case = expected.popleft()
        try:
            check_answer(case, data)
        except BadAnswer as error:
            wrong.append(f"{error}: {case.data!r} was answered with {data!r}")
        load.counts["fuzzed"] += 1
        if not expected:
            answered.set()

    wire = await Wire.open(load.world.choose(rng).port, "/ws/fuzz/plain/", take)
    while load.goes_on:
        cases = list(generate(str(rng.random()), 50))
        await answered.wait()
        answered.clear()
        expected.extend(cases)
        await wire.send(b"".join(case.to_wire(rng) for case in cases))
        try:
            await wire.wait_for(answered)
        except ConnectionError as error:
            raise Broken(f"{error}, after {[case.data for case in cases]}") from None
        check(not wrong, "\n".join(wrong))
        await load.rest(rng.uniform(0, 0.1))
    await wire.close()


async def listen(load: Load, rng: random.Random) -> None:
    """Stay in some groups; what comes of each sender comes in its order."""
    groups = rng.sample(GROUPS, 3)
    async with connect(load.world.choose(rng), "load", name="member", groups=groups) as client:
        last: dict[tuple[str, str], int] = {}
        while load.goes_on:
            await load.rest(0.1)
            for message in client.forget():
                payload = message["payload"]
                key, number = (payload["sender"], payload["group"]), payload["number"]
                check(number > last.get(key, -1), f"{key}: {number} after {last.get(key)}")
                last[key] = number
                load.counts["delivered"] += 1
            check(not client.is_closed, "a member was closed")


async def publish(load: Load, rng: random.Random) -> None:
    """Publish to all groups, and count what the broker did not take."""
    sender = f"sender-{rng.random()}"
    numbers = Counter[str]()
    async with connect(load.world.choose(rng), "load", name="sender") as client:
        while load.goes_on:
            client.forget()
            group, count = rng.choice(GROUPS), rng.randrange(1, 20)
            wanted = {"group": group, "sender": sender, "start": numbers[group], "count": count}
            answer = await client.ask("publish", wanted, "published")
            numbers[group] += count
            failed = len(answer["payload"])
            load.counts["unpublished"] += failed
            load.counts["published"] += count - failed
            await load.rest(rng.uniform(0, 0.2))


async def join(load: Load, rng: random.Random) -> None:
    """Come, join, talk and leave."""
    while load.goes_on:
        groups = rng.sample(GROUPS, rng.randrange(1, 4))
        with contextlib.suppress(ConnectionError):
            # Refused, while the groups cannot be joined.
            client = await Client.open(load.world.choose(rng), "load", name="guest", groups=groups)
            await client.ask("echo", "hello")
            await client.close()
            load.counts["guests"] += 1
        await load.rest(rng.uniform(0, 0.1))


async def vanish(load: Load, rng: random.Random) -> None:
    """Come, and be gone without a word."""
    while load.goes_on:
        stage, server = rng.choice(STAGES), load.world.choose(rng)
        with contextlib.suppress(ConnectionError):
            await come_and_go(server, stage, rng.random(), "ghost", rng.choice(GROUPS))
            load.counts["vanished"] += 1
        await load.rest(rng.uniform(0, 0.2))


async def flood(load: Load, rng: random.Random) -> None:
    """Send more than is allowed, until closed."""
    while load.goes_on:
        await flood_once(load.world.choose(rng), rng, "flood")
        load.counts["floods"] += 1
        await load.rest(rng.uniform(1, 3))


async def stall(load: Load, rng: random.Random) -> None:
    """Stay in a group of its own that gets more than sockets and outbox hold, and do not read."""
    while load.goes_on:
        group = f"stall-{rng.random()}"
        server = load.world.choose(rng)
        with contextlib.suppress(ConnectionError):
            client = await Client.open(server, "load", name="stalled", groups=[group])
            client.wire.pause_reading()
            async with connect(server, "load", name="sender") as sender:
                wanted = {"group": group, "sender": "s", "count": 2000, "padding": "x" * 4096}
                await sender.ask("publish", wanted, "published")
            client.wire.resume_reading()
            if load.goes_on:
                await load.rest(1)
            load.counts["stalled"] += 1
            client.wire.reset()
        await load.rest(rng.uniform(3, 6))


Function = Callable[[Load, random.Random], Awaitable[Any]]

LOADS: Final[dict[Function, int]] = {
    echo: 8,
    query: 4,
    fuzz: 2,
    listen: 12,
    publish: 4,
    join: 4,
    vanish: 2,
    flood: 1,
    stall: 1,
}
"""What is done, and by how many at once."""
