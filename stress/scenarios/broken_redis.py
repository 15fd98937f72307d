"""Redis is killed, frozen and started again while clients are connected and publish."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final

from stress.client import Client, connect
from stress.wire import PATIENCE
from stress.world import World, check

_MEMBERS: Final = 10
_GUESTS: Final = 4
_DURING: Final = 3
"""Messages that each sender publishes while Redis is away."""
_LONGEST_RECOVERY: Final = 30.0
"""Seconds until deliveries work again; 2 are promised on a machine that is not busy."""


async def kill(world: World, rng: random.Random, name: str) -> dict[str, Any]:
    """Redis is killed and comes back empty."""
    return await _break(world, rng, name, world.redis.kill, world.redis.start)


async def freeze(world: World, rng: random.Random, name: str) -> dict[str, Any]:
    """Redis answers nothing for a while."""
    return await _break(world, rng, name, world.redis.freeze, world.redis.thaw)


async def _break(
    world: World,
    rng: random.Random,
    name: str,
    break_it: Callable[[], None],
    mend_it: Callable[[], None],
) -> dict[str, Any]:
    """No connection is closed; before and after, each member gets exactly what is published."""
    async with AsyncExitStack() as stack:

        async def come(number: int, kind: str, groups: list[str]) -> Client:
            server = world.servers[number % len(world.servers)]
            connecting = connect(server, "load", name=f"{name}-{kind}-{number}", groups=groups)
            return await stack.enter_async_context(connecting)

        new_group = f"{name}-new"
        members = [await come(number, "member", [name]) for number in range(_MEMBERS)]
        senders = [await come(number, "sender", []) for number in range(len(world.servers))]
        await _publish_exactly(members, senders, name, "before", rng.randrange(50, 200))

        break_it()
        try:
            published = [
                asyncio.create_task(_publish(sender, name, f"during-{number}", 0, _DURING))
                for number, sender in enumerate(senders)
            ]
            # Nobody waits for Redis but those who want something of it.
            for member in members:
                await member.ask("echo", "alive")
            failed = sum(len(numbers) for numbers in await asyncio.gather(*published))
            # Who comes now is let in, and is in its groups when Redis is back.
            guests = await asyncio.gather(
                *(come(number, "guest", [name, new_group]) for number in range(_GUESTS))
            )
        finally:
            mend_it()
        members += guests
        seconds, probes = await _until_recovered(members, senders, name)
        await _until_recovered(guests, senders, new_group)
        await _publish_exactly(members, senders, name, "after", rng.randrange(50, 200))
        await _publish_exactly(guests, senders, new_group, "after", rng.randrange(50, 200))
        for client in (*members, *senders):
            check(not client.is_closed, "a connection was closed")
        for member in members:
            _check_order(member)
    return {
        "failed": failed,
        "of": _DURING * len(senders),
        "recovered_s": round(seconds, 2),
        "probes": probes,
    }


async def _publish(
    sender: Client, group: str, name: str, start: int = 0, count: int = 1
) -> list[int]:
    """Publish numbers; return those that the broker did not take."""
    wanted = {"group": group, "sender": name, "start": start, "count": count}
    answer = await sender.ask("publish", wanted, "published")
    failed: list[int] = answer["payload"]
    return failed


async def _publish_exactly(
    members: list[Client], senders: list[Client], group: str, phase: str, count: int
) -> None:
    """Publish from each process, and see that each member gets exactly that, in order."""
    starts = [len(member.messages) for member in members]
    names = [f"{phase}-{number}" for number in range(len(senders))]
    failed = await asyncio.gather(
        *(
            _publish(sender, group, name, 0, count)
            for sender, name in zip(senders, names, strict=True)
        )
    )
    check(not any(failed), f"not published {phase}: {failed}")
    for member, start in zip(members, starts, strict=True):
        await member.until_count(start + count * len(senders))
        await member.ask("echo", phase)
        payloads = [message["payload"] for message in member.messages[start:-1]]
        for name in names:
            numbers = [payload["number"] for payload in payloads if payload["sender"] == name]
            check(numbers == list(range(count)), f"{phase}: {numbers} of {count}")
        check(len(payloads) == count * len(senders), f"{phase}: more than was sent")


async def _until_recovered(
    members: list[Client], senders: list[Client], group: str
) -> tuple[float, int]:
    """Publish until every member has got something from each process.

    Returns the seconds that this took, and how many messages.
    """
    began = time.monotonic()
    probes = 0
    for place, sender in enumerate(senders):
        name = f"probe-{place}"
        async with asyncio.timeout(PATIENCE):
            while not all(_has_got(member, group, name) for member in members):
                await _publish(sender, group, name, probes)
                probes += 1
                await asyncio.sleep(0.05)  # or the probes would be a flood
    seconds = time.monotonic() - began
    check(seconds < _LONGEST_RECOVERY, f"deliveries came back after {seconds:.1f} s")
    # The last probes may be on their way: what is published now comes after them.
    for place, sender in enumerate(senders):
        name = f"last-{place}"
        await _publish(sender, group, name)
        for member in members:
            await member.until(partial(_has_got, member, group, name))
    await _until_quiet(members)
    return seconds, probes


async def _until_quiet(members: list[Client]) -> None:
    """Wait until no member gets anything while it talks with its server."""
    counts: list[int] = []
    while counts != (now := [len(member.messages) for member in members]):
        counts = [count + 1 for count in now]
        for member in members:
            await member.ask("echo", "quiet?")


def _has_got(member: Client, group: str, sender: str) -> bool:
    return any(
        message["action"] == "number"
        and message["payload"]["group"] == group
        and message["payload"]["sender"] == sender
        for message in member.messages
    )


def _check_order(member: Client) -> None:
    """No number came twice or late, whatever was lost."""
    last: dict[tuple[str, str], int] = {}
    for message in member.messages:
        if message["action"] != "number":
            continue
        payload = message["payload"]
        key, number = (payload["group"], payload["sender"]), payload["number"]
        check(number > last.get(key, -1), f"{key}: {number} after {last.get(key)}")
        last[key] = number
