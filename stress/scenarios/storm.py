"""Broadcasts to many groups with many members in two processes."""

import asyncio
import random
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import Any

from stress.client import Client, connect
from stress.world import World, check

_ROUNDS = 4
_SENDERS = 4
_MOST_AT_ONCE = 200
"""Messages of one sender; those of all in one round are fewer than an outbox holds."""


async def storm(world: World, rng: random.Random, name: str) -> dict[str, Any]:
    """Each member gets the messages of its groups, exactly these, in the order of each sender."""
    groups = [f"{name}-{number}" for number in range(rng.randrange(2, 9))]
    choices = [
        rng.sample(groups, rng.randrange(1, min(4, len(groups)) + 1))
        for _ in range(rng.randrange(10, 31))
    ]
    async with AsyncExitStack() as stack:
        members = [
            await stack.enter_async_context(
                connect(world.choose(rng), "load", name=f"{name}-{number}", groups=chosen)
            )
            for number, chosen in enumerate(choices)
        ]
        senders = [
            await stack.enter_async_context(connect(world.choose(rng), "load", name=name))
            for _ in range(_SENDERS)
        ]
        sent: defaultdict[tuple[str, str], int] = defaultdict(int)
        for _ in range(_ROUNDS):
            batches = []
            for number, sender in enumerate(senders):
                group, count = rng.choice(groups), rng.randrange(1, _MOST_AT_ONCE + 1)
                key = (f"sender-{number}", group)
                batches.append(_publish(sender, key, sent[key], count))
                sent[key] += count
            await asyncio.gather(*batches)
            for member, chosen in zip(members, choices, strict=True):
                due = sum(count for (_, group), count in sent.items() if group in chosen)
                await member.until_count(due)
        for number, (member, chosen) in enumerate(zip(members, choices, strict=True)):
            # Comes after all that was sent: nothing more than that has come.
            await member.ask("echo", number)
            _check_member(member, chosen, sent)
        deliveries = sum(len(member.messages) - 1 for member in members)
    return {"groups": len(groups), "members": len(choices), "deliveries": deliveries}


async def _publish(sender: Client, key: tuple[str, str], start: int, count: int) -> None:
    wanted = {"sender": key[0], "group": key[1], "start": start, "count": count}
    answer = await sender.ask("publish", wanted, "published")
    check(answer["payload"] == [], f"not published: {answer}")


def _check_member(member: Client, groups: list[str], sent: dict[tuple[str, str], int]) -> None:
    received: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for message in member.messages[:-1]:
        payload = message["payload"]
        received[payload["sender"], payload["group"]].append(payload["number"])
    for key, count in sent.items():
        wanted = list(range(count)) if key[1] in groups else []
        numbers = received.pop(key, [])
        check(numbers == wanted, f"{key}: {count} were sent, and {numbers} came")
    check(not received, f"came from nowhere: {received}")
