"""``manage.py chanx_stats`` and ``chanx_drain`` for two server processes over a real Redis."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from websockets.exceptions import InvalidStatus

from tests.live.clients import Client, connect
from tests.live.conftest import LIVE_APPLICATION, LIVE_ENVIRONMENT
from tests.live.processes import (
    DEADLINE,
    Process,
    RedisServer,
    Server,
    start_uvicorn,
    wait_until_joined,
)

BACKENDS = {
    "core": "channels_redis.core.RedisChannelLayer",
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}


_MANAGE = f"""
import django
django.setup()
from django.core.management import execute_from_command_line
from chanx.management import commands
request = commands.request
def request_of_two(command, arguments, **options):
    return request(command, arguments, **({{"count": 2, "wait": {DEADLINE}}} | options))
commands.request = request_of_two
execute_from_command_line()
"""
"""manage.py for a site of two processes. Nobody knows how many a site has, so the commands take
those that answer within a second, and would leave out one that the machine holds up for longer."""


@dataclass
class Site:
    """Two processes of one site."""

    servers: tuple[Server, Server]
    environment: dict[str, str]

    async def manage(self, *arguments: str, code: int = 0, has_answers: bool = True) -> str:
        """Run a command of manage.py, which both processes answer; return what it wrote."""
        program = ["-c", _MANAGE] if has_answers else ["-m", "django"]
        command = [sys.executable, *program, *arguments]
        with Process(command, environment=self.environment) as process:
            assert await asyncio.to_thread(process.wait) == code, process.output
        process.check_tracebacks()
        return process.output


@pytest.fixture(params=BACKENDS.values(), ids=list(BACKENDS), scope="module")
def site(request: pytest.FixtureRequest, redis_server: RedisServer) -> Iterator[Site]:
    """The live site in two processes."""
    layer = {
        "BACKEND": request.param,
        "CONFIG": {"hosts": [redis_server.url], "prefix": f"control-{request.param[-20:]}"},
    }
    environment = {
        **LIVE_ENVIRONMENT,
        "LIVE_CHANNEL_LAYER": json.dumps(layer),
        "LIVE_BROKER_TIMEOUT": "30",
    }
    with (
        start_uvicorn(LIVE_APPLICATION, environment=environment) as first,
        start_uvicorn(LIVE_APPLICATION, environment=environment) as second,
    ):
        yield Site((first, second), environment)
    for server in (first, second):
        server.check_tracebacks()


@pytest.fixture
async def joined(site: Site) -> AsyncIterator[Site]:
    """The site, each process with a connection; both are in the control group."""
    first, second = site.servers
    async with connect(first, "/ws/live/?groups=a,b"), connect(second, "/ws/live/?groups=a"):
        await wait_until_joined(site.environment)
        yield site


@pytest.mark.redis
async def test_stats_of_each_process(joined: Site) -> None:
    found = json.loads(await joined.manage("chanx_stats", "--json", "--wait", "60"))
    assert {stats["pid"] for stats in found} == {server.pid for server in joined.servers}
    assert [stats["connections"]["open"] for stats in found] == [1, 1]
    assert {stats["memberships"] for stats in found} == {1, 2}
    table = await joined.manage("chanx_stats", "--wait", "60")
    heading, *rows, total = table.splitlines()
    assert heading.split()[:3] == ["pid", "started", "(UTC)"]
    assert {int(row.split()[0]) for row in rows} == {server.pid for server in joined.servers}
    assert total.split()[:3] == ["total", "2", "2"]


@pytest.mark.redis
async def test_drain_and_back(joined: Site) -> None:
    first, second = joined.servers
    async with connect(first, "/ws/live/") as one, connect(second, "/ws/live/") as other:
        output = await joined.manage("chanx_drain", "--batch", "1", "--interval", "0.01")
        assert sorted(output.splitlines()) == sorted(
            f"process {server.pid}: 2 connections closed" for server in joined.servers
        )
        for client in (one, other):
            assert await client.receive_until_closed() == ([], 1012)
            assert client.websocket.close_reason == "draining"
    for server in joined.servers:
        with pytest.raises(InvalidStatus) as raised:
            await Client.open(server, "/ws/live/")
        response = raised.value.response
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert "draining" in await joined.manage("chanx_stats", "--wait", "60")
    output = await joined.manage("chanx_drain", "--undo")
    assert sorted(output.splitlines()) == sorted(
        f"process {server.pid}: accepts connections" for server in joined.servers
    )
    for server in joined.servers:
        async with connect(server, "/ws/live/"):
            pass


@pytest.mark.redis
async def test_arguments_are_checked_by_each_process(joined: Site) -> None:
    output = await joined.manage("chanx_drain", "--batch", "0", code=1)
    for server in joined.servers:
        assert f"process {server.pid}: ('batch',): Input should be greater than" in output
        async with connect(server, "/ws/live/"):
            pass


@pytest.mark.redis
async def test_nobody_answers(site: Site) -> None:
    layer = json.loads(site.environment["LIVE_CHANNEL_LAYER"])
    layer["CONFIG"]["prefix"] = "nobody"
    alone = Site(site.servers, {**site.environment, "LIVE_CHANNEL_LAYER": json.dumps(layer)})
    output = await alone.manage("chanx_stats", "--wait", "0.1", code=1, has_answers=False)
    assert "No process answered" in output


async def test_layers_that_reach_nobody() -> None:
    site = Site.__new__(Site)
    site.environment = LIVE_ENVIRONMENT
    for command in ("chanx_stats", "chanx_drain"):
        output = await site.manage(command, code=1, has_answers=False)
        assert "CHANNEL_LAYERS['default'] is in memory and reaches no other process" in output
        assert "call chanx.stats() and chanx.drain()" in output
        output = await site.manage(command, "--layer", "other", code=1, has_answers=False)
        assert "CHANNEL_LAYERS has no 'other'" in output


async def test_redis_that_is_not_there() -> None:
    layer = {
        "BACKEND": BACKENDS["core"],
        "CONFIG": {"hosts": ["redis://127.0.0.1:1"]},
    }
    site = Site.__new__(Site)
    site.environment = {**LIVE_ENVIRONMENT, "LIVE_CHANNEL_LAYER": json.dumps(layer)}
    output = await site.manage("chanx_stats", code=1, has_answers=False)
    assert "CommandError: The channel layer failed" in output
