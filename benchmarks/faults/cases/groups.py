"""Groups: whether everything arrives, at those it is for, and what a bad event costs."""

import asyncio
from typing import Final

from benchmarks.faults.case import Fault, Outcome
from benchmarks.faults.client import Client, clients, count_alive
from benchmarks.faults.peers import OWN_EVENTS
from benchmarks.faults.server import run_server
from benchmarks.redis import RedisServer

_MEMBERS: Final = 1_000
_BROADCASTS: Final = 200
_RECEIVERS: Final = 50
_NEWCOMERS: Final = 100
_GROUPS: Final = 20


async def publish_to_thousand(peer: str) -> Outcome:
    """Publish 200 messages without a pause to 1,000 members in the server's own process."""

    async def count(client: Client) -> int:
        messages, _ = await client.receive_all(10.0)
        return sum(message["action"] == "said" for message in messages)

    async with (
        run_server(peer) as server,
        clients(server, _MEMBERS, ["room"]) as members,
        clients(server, 1) as (publisher,),
    ):
        wanted = {"group": "room", "start": 0, "count": _BROADCASTS, "padding": 0}
        await publisher.send("publish", wanted)
        counts = await asyncio.gather(*map(count, members))
        await server.stop()
    share = sum(counts) / (_MEMBERS * _BROADCASTS)
    return Outcome(f"{share:.1%} arrive", share == 1, {"share": share})


async def publish_bad_events(peer: str) -> Outcome:
    """Publish an event of a type that nobody handles, and one of the right type without content."""
    async with (
        run_server(peer) as server,
        clients(server, _RECEIVERS, ["room"]) as members,
        clients(server, 1) as (publisher,),
    ):
        alive = []
        for event in ({"type": "nobody.handles.this"}, {"type": OWN_EVENTS[peer]}):
            await publisher.send("event", {"group": "room", "event": event})
            await publisher.is_alive()
            # Twice: the first answer may be faster than the event.
            await count_alive(members)
            alive.append(await count_alive(members))
        await server.stop()
    return Outcome(
        f"{alive[0]} of {_RECEIVERS} connections live after the type, {alive[1]} after the shape; "
        f"{server.tracebacks} tracebacks",
        is_good=alive == [_RECEIVERS] * 2 and server.tracebacks <= 1,
        figures={"alive": min(alive), "tracebacks": server.tracebacks},
    )


async def publish_to_newcomers(peer: str) -> Outcome:
    """Publish to each of 100 clients, in the last of its groups, as soon as it has seen that."""
    with RedisServer() as redis:
        async with (
            run_server(peer, layer="pubsub", redis_url=redis.url) as server,
            clients(server, 1) as (publisher,),
        ):
            newcomers = []
            for number in range(_NEWCOMERS):
                names = [f"new-{number}-{index}" for index in range(_GROUPS)]
                newcomers.append(await Client.open(server, names))
                wanted = {"group": names[-1], "start": number, "count": 1, "padding": 0}
                await publisher.send("publish", wanted)
                # Not more than a client may send in a second.
                await asyncio.sleep(0.011)
            ends = await asyncio.gather(*(client.receive_all(2.0) for client in newcomers))
            await server.stop()
    got = sum(any(message["action"] == "said" for message in messages) for messages, _ in ends)
    missed = _NEWCOMERS - got
    return Outcome(f"{missed} of {_NEWCOMERS} missed", missed == 0, {"missed": missed})


FAULTS = (
    Fault("thousand_members", "200 messages to 1,000 members, in memory", publish_to_thousand),
    Fault(
        "bad_events", "one group event of an unknown type, one of a bad shape", publish_bad_events
    ),
    Fault(
        "newcomers",
        "published over pub/sub to a client that has just seen that it is in its 20 groups",
        publish_to_newcomers,
    ),
)
