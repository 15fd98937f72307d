"""Members that do not read: closed, or told exactly how much they have missed."""

import random
from contextlib import AsyncExitStack
from typing import Any, Final

from stress.client import Client, connect
from stress.world import World, check

_POLICIES: Final = ("close", "drop_newest", "drop_oldest", "coalesce")
_COUNT: Final = 2000
_PADDING: Final = "x" * 4096
"""So much of it that sockets and outbox together do not hold all messages."""
_BUFFER: Final = 16 * 1024
_KEYS: Final = 10
"""As SlowConsumer has them."""


async def slow(world: World, rng: random.Random, name: str) -> dict[str, Any]:
    """What was sent is what a slow client received and what it is told that it missed.

    Nobody else notices.
    """
    figures = {}
    for policy in rng.sample(_POLICIES, len(_POLICIES)):
        figures[policy] = await _fall_behind(world, rng, policy, f"{name}-{policy}")
    return figures


async def _fall_behind(world: World, rng: random.Random, policy: str, group: str) -> int:
    """Return how many messages a client of this policy has missed."""
    place = rng.randrange(len(world.servers))
    server, watcher = world.servers[place], world.watchers[place]
    before = _count_drops(await watcher.report())
    slow = await Client.open(
        server,
        f"slow/{policy}",
        name=f"{group}-slow",
        groups=[group],
        receive_buffer=_BUFFER,
    )
    slow.wire.pause_reading()
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(
                connect(world.choose(rng), "load", name=f"{group}-reader", groups=[group])
            )
            for _ in range(3)
        ]
        sender = await stack.enter_async_context(connect(server, f"slow/{policy}", name=group))
        await _publish_all(sender, readers, group, rng)
        if policy == "close":
            return await _check_closed(slow)
        slow.wire.resume_reading()
        await slow.ask("echo", "reading again")
        # Finds an empty outbox, and comes whatever the policy is.
        await _publish(sender, group, _COUNT, 1)
        await slow.until(lambda: _count_received(slow) + _count_missed(slow) > _COUNT)
        _check_dropped(slow, policy)
        missed = _count_missed(slow)
        dropped = _count_drops(await watcher.report()) - before
        check(dropped == missed, f"{policy}: {dropped} dropped are counted, {missed} were told")
        await slow.close()
    return missed


async def _publish_all(
    sender: Client, readers: list[Client], group: str, rng: random.Random
) -> None:
    """Publish as fast as those who read can follow; they get all of it, in order."""
    start = 0
    while start < _COUNT:
        count = min(rng.randrange(1, 200), _COUNT - start)
        await _publish(sender, group, start, count)
        start += count
        for reader in readers:
            await reader.until_count(start)
    for reader in readers:
        numbers = [message["payload"]["number"] for message in reader.messages]
        check(numbers == list(range(_COUNT)), "a slow member has cost another one messages")


async def _publish(sender: Client, group: str, start: int, count: int) -> None:
    wanted = {"group": group, "sender": "s", "start": start, "count": count, "padding": _PADDING}
    answer = await sender.ask("publish", wanted, "published")
    check(answer["payload"] == [], f"not published: {answer}")


async def _check_closed(slow: Client) -> int:
    slow.wire.resume_reading()
    code = await slow.until_closed()
    # 1006: the close frame found no room in the socket either.
    check(code in (1013, 1006), f"closed with {code}")
    numbers = [message["payload"]["number"] for message in slow.messages]
    check(numbers == list(range(len(numbers))), "a gap in what came before the close")
    return _COUNT - len(numbers)


def _check_dropped(slow: Client, policy: str) -> None:
    numbers = [m["payload"]["number"] for m in slow.messages if m["action"] == "number"]
    missed = _count_missed(slow)
    check(missed, f"{policy}: nothing was dropped, so nothing was tried")
    check(
        len(numbers) + missed == _COUNT + 1,
        f"{policy}: {len(numbers)} received and {missed} missed are not {_COUNT + 1}",
    )
    check(numbers[-1] == _COUNT, f"{policy}: the last message did not come last")
    check(len(set(numbers)) == len(numbers), f"{policy}: a message came twice")
    if policy == "coalesce":
        for key in range(_KEYS):
            newest = [number for number in numbers if number % _KEYS == key and number < _COUNT]
            check(newest == sorted(newest), f"{policy}: key {key} out of order: {newest}")
            check(newest[-1] == _COUNT - _KEYS + key, f"{policy}: the newest of {key} is lost")
    else:
        check(numbers == sorted(numbers), f"{policy}: out of order")
    if policy == "drop_oldest":
        check(numbers[-2] == _COUNT - 1, f"{policy}: the newest is lost")


def _count_received(client: Client) -> int:
    return sum(message["action"] == "number" for message in client.messages)


def _count_missed(client: Client) -> int:
    return sum(m["payload"]["count"] for m in client.messages if m["action"] == "dropped")


def _count_drops(report: dict[str, Any]) -> int:
    dropped = report["stats"]["dropped"]
    return int(dropped.get("slow", 0) + dropped.get("coalesced", 0))
