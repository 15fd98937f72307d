"""What happens to the connections of two processes when their Redis fails, in every way it can."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from django.utils.module_loading import import_string

from tests.live.clients import Client, connect, connect_all, control
from tests.live.conftest import LIVE_APPLICATION, LIVE_ENVIRONMENT, find_lines
from tests.live.processes import DEADLINE, RedisServer, Server, start_uvicorn

pytestmark = pytest.mark.redis

CORE = "channels_redis.core.RedisChannelLayer"
PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"

FAILED = "Channel layer failed, trying again"
RETURNED = "Channel layer is back"
FORGOTTEN = "Channel layer lost groups, joining them again"

BOUND = 30.0
"""Seconds within which deliveries work again, however busy the machine is."""


@dataclass
class Site:
    """Two processes, and the Redis between them."""

    first: Server
    second: Server
    redis: RedisServer
    backend: str

    @property
    def both(self) -> tuple[Server, Server]:
        """The processes."""
        return self.first, self.second


@pytest.fixture(params=[CORE, PUBSUB], ids=["core", "pubsub"])
def environment(request: pytest.FixtureRequest, mortal_redis: RedisServer) -> dict[str, str]:
    """The environment of a process of the live site."""
    layer = {"BACKEND": request.param, "CONFIG": {"hosts": [mortal_redis.url]}}
    # The default of BROKER_TIMEOUT: with less, a busy machine alone makes an outage.
    return {**LIVE_ENVIRONMENT, "LIVE_CHANNEL_LAYER": json.dumps(layer)}


@pytest.fixture
def site(environment: dict[str, str], mortal_redis: RedisServer) -> Iterator[Site]:
    """Both processes."""
    with (
        start_uvicorn(LIVE_APPLICATION, environment=environment) as first,
        start_uvicorn(LIVE_APPLICATION, environment=environment) as second,
    ):
        backend = json.loads(environment["LIVE_CHANNEL_LAYER"])["BACKEND"]
        yield Site(first, second, mortal_redis, backend)


async def get_answer(client: Client, action: str) -> dict[str, Any]:
    """Return the next message with this action."""
    while True:
        message = await client.receive()
        if message["action"] == action:
            return message


async def check_alive(*clients: Client) -> None:
    """Fail if one does not answer."""
    for client in clients:
        await client.send("ping")
        await get_answer(client, "pong")


async def receive_numbers(member: Client, wanted: set[int]) -> None:
    """Read until each of these has come."""
    missing = set(wanted)
    while missing:
        missing.discard((await get_answer(member, "numbered"))["payload"])


async def measure_return(
    publisher: Client, groups: list[str], members: dict[Client, set[int]]
) -> float:
    """Publish until each member has something from its groups, which are given by index.

    Returns the seconds that took: two at most where nobody else uses the machine. They are printed,
    shown by -rP. Fails if it takes longer than ``BOUND``.
    """
    begun = time.monotonic()
    arrived = asyncio.gather(*(receive_numbers(*each) for each in members.items()))
    while not arrived.done():
        for index, group in enumerate(groups):
            await publisher.send("publish", {"group": group, "start": index})
        await asyncio.wait({arrived}, timeout=0.05)
        assert time.monotonic() - begun < BOUND, "Not everything arrives"
    arrived.result()
    return time.monotonic() - begun


async def drain(*clients: Client) -> None:
    """Read what is left of the publishing; the echo comes after all of it is published."""
    for client in clients:
        await client.send("echo", "drained")
        await get_answer(client, "echo")


@asynccontextmanager
async def connect_members(site: Site) -> AsyncIterator[list[Client]]:
    """Five members of each of ten groups in both processes."""
    paths = [f"/ws/live/?groups=g{number % 10},all" for number in range(50)]
    async with connect_all(site.first, paths) as first, connect_all(site.second, paths) as second:
        yield [*first, *second]


GROUPS = [*(f"g{number}" for number in range(10)), "all", "new"]


def get_wanted(members: list[Client]) -> dict[Client, set[int]]:
    """Return the groups of each member, by index."""
    return {member: {number % 10, 10} for number, member in enumerate(members)}


def kill(server: RedisServer) -> None:
    server.kill()


def freeze(server: RedisServer) -> None:
    server.freeze()


def restart(server: RedisServer) -> None:
    server.restart()


def thaw(server: RedisServer) -> None:
    server.thaw()


def replace(server: RedisServer) -> None:
    """End the frozen one and start another."""
    server.kill()
    server.restart()


FAULTS = [
    pytest.param(kill, restart, id="killed and restarted empty"),
    pytest.param(freeze, thaw, id="frozen"),
    pytest.param(freeze, replace, id="frozen and replaced"),
]


@pytest.mark.parametrize(("begin", "end"), FAULTS)
async def test_outage_costs_no_connection_and_no_group(
    site: Site,
    begin: Callable[[RedisServer], None],
    end: Callable[[RedisServer], None],
) -> None:
    async with connect_members(site) as members, connect(site.first, "/ws/live/") as publisher:
        begin(site.redis)
        # What cannot be published is an error of the handler that wanted to.
        await publisher.send("publish", {"group": "all"})
        assert (await get_answer(publisher, "error"))["payload"] == {
            "detail": "Failed to process message"
        }
        # Comes during the outage, and joins a group that is new to the process.
        async with (
            connect(site.first, "/ws/live/?groups=new,g1") as newcomer,
            connect(site.second, "/ws/live/?groups=new,g1") as other,
        ):
            await check_alive(publisher, newcomer, other, *members)
            end(site.redis)
            wanted = get_wanted(members) | {newcomer: {1, 11}, other: {1, 11}}
            seconds = await measure_return(publisher, GROUPS, wanted)
            print(f"All {len(wanted)} reached {seconds:.2f} s after the return")  # noqa: T201 - shown by -rP
            await drain(publisher)
            await check_alive(publisher, newcomer, other, *members)
    check_log(site.first)
    # One that neither publishes nor joins may not have noticed, where the layer itself reconnects.
    if find_lines(site.second, FAILED) or site.backend == CORE:
        check_log(site.second)
    failures = find_lines(site.first, "Failed to process message")
    assert failures
    for line in failures:
        assert "BrokerUnavailable" in line["error"] or "BrokerTimeout" in line["error"]
    for server in site.both:
        assert get_tracebacks(server) == 0


def check_log(server: Server) -> None:
    """The process says once that the layer has failed, and once that it is back."""
    server.wait_for(RETURNED)
    assert len(find_lines(server, FAILED)) == 1, server.output
    (line,) = find_lines(server, RETURNED)
    assert line["seconds"] > 0
    assert line["groups"] >= 11


def get_tracebacks(server: Server) -> int:
    """Return how many lines of chanx have a traceback.

    The pub/sub layer of channels_redis logs one of its own each second, until Redis is back.
    """
    lines = [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    return sum("exception" in line for line in lines)


async def test_connections_that_are_cut_cost_no_connection_and_no_group(site: Site) -> None:
    async with connect_members(site) as members, connect(site.first, "/ws/live/") as publisher:
        with redis.Redis.from_url(site.redis.url) as client:
            for kind in ("pubsub", "normal"):
                client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        seconds = await measure_return(publisher, GROUPS[:-1], get_wanted(members))
        print(f"All {len(members)} reached {seconds:.2f} s after the cut")  # noqa: T201 - shown by -rP
        await drain(publisher)
        await check_alive(publisher, *members)
    for server in site.both:
        assert get_tracebacks(server) == 0


@pytest.mark.parametrize("environment", [CORE], indirect=True)
async def test_groups_that_redis_has_forgotten_are_joined_again(site: Site) -> None:
    """Its connections stay, and no call fails."""
    async with connect_members(site) as members, connect(site.first, "/ws/live/") as publisher:
        # redis-py says that each answer may have to be awaited.
        client: Any = redis.Redis.from_url(site.redis.url)
        with client:
            async with asyncio.timeout(DEADLINE):  # each process watches over a group of its own
                while len(client.keys("asgi:group:chanx.probe.*")) < 2:
                    await asyncio.sleep(0.05)
            client.flushall()
        seconds = await measure_return(publisher, GROUPS[:-1], get_wanted(members))
        print(f"All {len(members)} reached {seconds:.2f} s after the loss")  # noqa: T201 - shown by -rP
        await drain(publisher)
        await check_alive(publisher, *members)
        async with asyncio.timeout(DEADLINE):
            for server in site.both:
                # The second, where a group that was renewed meanwhile is heard already.
                while not (find_lines(server, RETURNED) or find_lines(server, FORGOTTEN)):
                    await asyncio.sleep(0.05)


async def test_redis_that_is_not_there_at_the_start_is_waited_for(
    environment: dict[str, str], mortal_redis: RedisServer
) -> None:
    mortal_redis.kill()
    with (
        hold_port(mortal_redis.port) as place,
        start_uvicorn(LIVE_APPLICATION, environment=environment) as first,
        start_uvicorn(LIVE_APPLICATION, environment=environment) as second,
    ):
        site = Site(first, second, mortal_redis, "")
        async with connect_members(site) as members, connect(first, "/ws/live/") as publisher:
            await publisher.send("publish", {"group": "all"})
            await get_answer(publisher, "error")
            await check_alive(publisher, *members)
            place.close()
            mortal_redis.restart()
            seconds = await measure_return(publisher, GROUPS[:-1], get_wanted(members))
            print(f"All {len(members)} reached {seconds:.2f} s after the start")  # noqa: T201 - shown by -rP
            await drain(publisher)
            await check_alive(publisher, *members)
        for server in site.both:
            check_log(server)


@contextmanager
def hold_port(port: int) -> Iterator[socket.socket]:
    """Keep a port from servers that choose theirs. Nobody listens: who connects is refused."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", port))
        yield place


async def test_slow_redis_is_no_outage(
    environment: dict[str, str], mortal_redis: RedisServer
) -> None:
    """A fifth of a second each way, for what takes a fraction of a millisecond."""
    async with open_slow_proxy(mortal_redis.port, 0.2) as port:
        environment["LIVE_CHANNEL_LAYER"] = environment["LIVE_CHANNEL_LAYER"].replace(
            str(mortal_redis.port), str(port)
        )
        environment["LIVE_BROKER_TIMEOUT"] = "30"
        with start_uvicorn(LIVE_APPLICATION, environment=environment) as server:
            async with connect_all(server, ["/ws/live/?groups=a,b,c"] * 3) as members:
                await members[0].send("publish", {"group": "b", "start": 7})
                for member in members:
                    assert (await get_answer(member, "numbered"))["payload"] == 7
                await check_alive(*members)
            # In a thread: what it still asks of Redis goes through the proxy, in this one.
            await asyncio.to_thread(server.stop)
            assert find_lines(server, FAILED) == []
            server.check_tracebacks()


@asynccontextmanager
async def open_slow_proxy(port: int, delay: float) -> AsyncIterator[int]:
    """Listen on a port that leads to another one, with a delay on all that goes through."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await asyncio.sleep(delay)
                writer.write(data)
        writer.close()

    serving: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        serving.add(task)
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(copy(reader, other_writer), copy(other_reader, writer))
        except asyncio.CancelledError:
            pass  # the end of the test; Python 3.11 takes it for an error of the callback
        finally:
            for each in (writer, other_writer):
                each.close()
                with contextlib.suppress(ConnectionError):
                    await each.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)


# --- Bursts, and events that nobody understands ---------------------------------------------------

LOST = "Group events were lost"


async def test_nothing_of_a_burst_is_lost_in_silence(site: Site) -> None:
    """With the capacity that core has unless set, 100 events, and three times as many in a row."""
    count = 300
    async with (
        connect(site.second, "/ws/live/?groups=burst") as member,
        connect(site.first, "/ws/live/") as publisher,
        control(site.second) as watcher,
    ):
        # A sender whose first event is lost is not known to the receiver.
        await publisher.send("publish", {"group": "burst", "start": -1})
        assert (await get_answer(member, "numbered"))["payload"] == -1
        await publisher.send("publish", {"group": "burst", "count": count})
        arrived: list[int] = []

        async def read() -> None:
            while True:
                arrived.append((await get_answer(member, "numbered"))["payload"])

        reading = asyncio.ensure_future(read())
        lost = 0
        async with asyncio.timeout(DEADLINE):
            while len(arrived) + lost < count:
                await asyncio.sleep(0.05)
                lost = (await watcher.report())["events_lost"]
        reading.cancel()
    assert arrived == sorted(arrived)
    assert len(arrived) + lost == count
    site.second.stop()  # all that it has written is there
    assert bool(find_lines(site.second, LOST)) == bool(lost)
    print(f"{len(arrived)} of {count} arrived")  # noqa: T201 - shown by -rP


HOSTILE: list[dict[str, Any]] = [
    {"type": "unknown.event", "secret": "hush"},
    {"type": "unknown.event", "secret": "hush"},
    {"no": "type"},
    {"type": 5},
    {"type": "send_group_member", "text": 5},
    {"type": "send_group_member", "text": "[]", "kind": "message"},
    {"type": "websocket.disconnect.not"},
    {"type": "_private"},
    {"type": "plain.text", "text": "x", "nested": [[[[[[[[[[["deep"]]]]]]]]]]]},
]


async def test_events_that_nobody_understands_cost_no_connection(site: Site) -> None:
    async with connect_members(site) as members, connect(site.first, "/ws/live/") as publisher:
        layer = import_string(site.backend)(hosts=[site.redis.url])
        for event in HOSTILE:
            await layer.group_send("all", event)
        # Garbage where the layer itself looks for its events.
        await write_garbage(site)
        await measure_return(publisher, GROUPS[:-1], get_wanted(members))
        await drain(publisher)
        await check_alive(publisher, *members)
        await close_layer(layer)
    for server in site.both:
        server.stop()  # all that it has written is there
        reasons = [line["reason"] for line in find_lines(server, "Ignored a group event")]
        # The two unknown ones are one line, and so are those without a type.
        assert 4 <= len(reasons) <= len(HOSTILE) - 1
        assert "hush" not in server.output
        assert find_lines(server, FAILED) == []
        server.check_tracebacks()


async def write_garbage(site: Site) -> None:
    """Write bytes that are no event to the channels of all processes."""
    with redis.Redis.from_url(site.redis.url) as client:
        if site.backend == PUBSUB:
            client.publish("asgi__group__all", b"\xc1garbage")
        else:
            members: Any = client.zrange("asgi:group:all", 0, -1)
            for name in {member.split(b"!")[0] + b"!" for member in members}:
                client.zadd(b"asgi" + name, {b"0" * 12 + b"\xc1garbage": time.time()})


async def close_layer(layer: Any) -> None:
    """Close the connections of a layer, without touching what is in Redis."""
    if hasattr(type(layer), "close_pools"):
        await layer.close_pools()
    else:
        await layer.flush()
