"""Two server processes over a real Redis, with both layers of channels_redis."""

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from tests.live.clients import Client, connect, connect_all, control
from tests.live.conftest import LIVE_APPLICATION, LIVE_ENVIRONMENT
from tests.live.processes import DEADLINE, Process, RedisServer, Server, start_uvicorn

pytestmark = pytest.mark.redis

CORE = "channels_redis.core.RedisChannelLayer"
PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"

BURST = 10_000

CONFIGURATION: dict[str, dict[str, Any]] = {
    # Core drops without a word what exceeds the capacity, which is counted per process and is 100
    # unless set: it must hold the longest burst.
    CORE: {"capacity": 2 * BURST},
    # Pub/sub has no such bound.
    PUBSUB: {},
}


@dataclass
class Pair:
    """Two processes of one site, and their Redis."""

    backend: str
    first: Server
    second: Server
    redis: Any  # a client; redis-py says that each answer may have to be awaited
    environment: dict[str, str]

    def get_memberships(self, group: str) -> list[str]:
        """Return what Redis knows of the members of a group: one entry for each process."""
        if self.backend == CORE:
            return [str(member) for member in self.redis.zrange(f"asgi:group:{group}", 0, -1)]
        [(_, count)] = self.redis.pubsub_numsub(f"asgi__group__{group}")
        return ["subscribed"] * int(count)


@pytest.fixture(scope="module", params=[CORE, PUBSUB], ids=["core", "pubsub"])
def pair(request: pytest.FixtureRequest, redis_server: RedisServer) -> Iterator[Pair]:
    """The live site in two processes; nothing that happens there may leave a traceback."""
    client = redis.Redis.from_url(redis_server.url, decode_responses=True)
    client.flushall()
    configuration = {"hosts": [redis_server.url], **CONFIGURATION[request.param]}
    layer = {"BACKEND": request.param, "CONFIG": configuration}
    environment = {
        **LIVE_ENVIRONMENT,
        "LIVE_CHANNEL_LAYER": json.dumps(layer),
        # However long a process is held up, that is no outage.
        "LIVE_BROKER_TIMEOUT": "60",
    }
    with (
        client,
        start_uvicorn(LIVE_APPLICATION, environment=environment) as first,
        start_uvicorn(LIVE_APPLICATION, environment=environment) as second,
    ):
        yield Pair(request.param, first, second, client, environment)
    for server in (first, second):
        server.check_tracebacks()


async def test_burst_reaches_the_members_of_the_other_process_in_order(pair: Pair) -> None:
    async with (
        # A test that is held up does not read: it must not be closed for that.
        connect_all(pair.second, ["/ws/patient/?groups=burst"] * 3) as members,
        connect(pair.first, "/ws/live/") as publisher,
    ):
        await publisher.send("publish", {"group": "burst", "count": BURST})
        received = await asyncio.gather(*(member.receive_many(BURST) for member in members))
    for messages in received:
        assert [message["payload"] for message in messages] == list(range(BURST))


async def test_process_that_was_held_up_gets_everything(pair: Pair) -> None:
    count = 1500  # more than an outbox holds
    async with (
        connect_all(pair.second, ["/ws/live/?groups=held"] * 3) as members,
        connect(pair.first, "/ws/live/") as publisher,
    ):
        pair.second.send_signal(signal.SIGSTOP)
        try:
            await publisher.send("publish", {"group": "held", "count": count})
            assert (await publisher.ask("ping"))["action"] == "pong"
        finally:
            pair.second.send_signal(signal.SIGCONT)
        received = await asyncio.gather(*(member.receive_many(count) for member in members))
    for messages in received:
        assert [message["payload"] for message in messages] == list(range(count))


async def test_processes_talk_both_ways_at_once(pair: Pair) -> None:
    count = 200
    path = "/ws/live/?groups=both"
    async with connect(pair.first, path) as one, connect(pair.second, path) as other:
        for client, start in ((one, 0), (other, count)):
            await client.send("publish", {"group": "both", "start": start, "count": count})
        for client in (one, other):
            numbers = [message["payload"] for message in await client.receive_many(2 * count)]
            # Each sender's own messages are in order; how they mix is nobody's promise.
            assert [number for number in numbers if number < count] == list(range(count))
            assert sorted(numbers) == list(range(2 * count))


async def test_own_channel_is_reached_as_soon_as_its_name_is_known(pair: Pair) -> None:
    count = 50
    async with connect(pair.first, "/ws/live/") as sender:
        for number in range(count):
            async with connect(pair.second, "/ws/live/") as receiver:
                name = (await receiver.ask("name"))["payload"]
                text = f"hello {number}"
                await sender.send("direct", {"channel": name, "text": text})
                assert await receiver.receive() == {"action": "text", "payload": text}


async def test_own_channels_of_many_connections_at_once(pair: Pair) -> None:
    paths = ["/ws/live/"] * 50  # more than names are kept in store
    async with (
        connect_all(pair.first, paths) as senders,
        connect_all(pair.second, paths) as receivers,
    ):

        async def talk(sender: Client, receiver: Client) -> dict[str, Any]:
            name = (await receiver.ask("name"))["payload"]
            await sender.send("direct", {"channel": name, "text": "hello"})
            return await receiver.receive()

        messages = await asyncio.gather(*map(talk, senders, receivers))
    assert messages == [{"action": "text", "payload": "hello"}] * 50


async def test_plain_event_from_a_process_without_a_loop(pair: Pair) -> None:
    path = "/ws/live/?groups=plain"
    command = [sys.executable, "-m", "tests.live.site.publish", "plain", "from outside"]
    async with connect(pair.first, path) as one, connect(pair.second, path) as other:
        with Process(command, environment=pair.environment) as process:
            assert await asyncio.to_thread(process.wait) == 0, process.output
        for client in (one, other):
            assert await client.receive() == {"action": "text", "payload": "from outside"}


async def test_memberships_end_with_the_last_member(pair: Pair) -> None:
    path = "/ws/live/?groups=member&client=member"
    keys = set(pair.redis.keys("*"))
    channels = set(pair.redis.pubsub_channels("*"))
    async with (
        control(pair.first) as watcher,
        connect(pair.second, path),
        connect(pair.first, path),
    ):
        async with connect(pair.first, path) as own:
            # One for each process, however many members it has.
            assert len(pair.get_memberships("member")) == 2
            await own.ask("name")
        await watcher.wait("ended", 1, "member")
        assert len(pair.get_memberships("member")) == 2
    async with control(pair.first) as watcher, control(pair.second) as other_watcher:
        await watcher.wait("ended", 2, "member")
        await other_watcher.wait("ended", 1, "member")
    async with asyncio.timeout(DEADLINE):
        # Pub/sub is not told when Redis has done it.
        while pair.get_memberships("member"):
            await asyncio.sleep(0.05)
        # The one group that each process stays in. An event of its own, by which it finds out
        # whether Redis delivers, may be on its way.
        while not set(pair.redis.keys("*")) <= {*keys, "asgi:group:chanx.control"}:
            await asyncio.sleep(0.05)
        # Each process keeps some names in store, and replaces those that were used.
        while len(pair.redis.pubsub_channels("*")) > max(len(channels), 2 * 9) + 1:
            await asyncio.sleep(0.05)


async def count_commands_per_broadcast(pair: Pair, members: int) -> dict[str, int]:
    """Return how often Redis runs each command for a broadcast to members in one process."""
    count = 20
    paths = [f"/ws/live/?groups=cost-{members}"] * members
    async with (
        connect_all(pair.second, paths) as clients,
        connect(pair.first, "/ws/live/") as publisher,
    ):

        async def broadcast(count: int) -> None:
            await publisher.send("publish", {"group": f"cost-{members}", "count": count})
            for client in clients:
                await client.receive_many(count)

        # Before the count starts; the layer's wait for the next message starts anew with it.
        await broadcast(1)
        pair.redis.config_resetstat()
        await broadcast(count)
        statistics = pair.redis.info("commandstats")
    # Rounded, because the layer may still be at work on the first or the last one.
    calls = {name: round(values["calls"] / count) for name, values in statistics.items()}
    return {name: number for name, number in calls.items() if number}


async def test_broadcast_costs_redis_no_more_for_many_members(pair: Pair) -> None:
    costs = await count_commands_per_broadcast(pair, 1)
    assert costs == await count_commands_per_broadcast(pair, 50)
    assert ("cmdstat_publish" if pair.backend == PUBSUB else "cmdstat_bzpopmin") in costs
