"""Two servers and a Redis, and what must hold when nobody is connected to them."""

import asyncio
import json
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from stress.client import connect
from stress.control import Control, control
from stress.logs import find_errors
from stress.redis import Redis
from stress.wire import PATIENCE
from tests.live.processes import Server, start_uvicorn

__all__ = ["Broken", "World", "check", "open_world"]

APPLICATION: Final = "stress.site.asgi:application"
LAYER: Final = "channels_redis.pubsub.RedisPubSubChannelLayer"


_OWN_GROUPS: Final = {"chanx.control"}
"""What the process itself is a member of, for as long as it lives."""
_OWN_TASKS: Final = Counter(("chanx group chanx.control", "chanx group chanx.marks", "chanx probe"))
"""What it reads for itself, once each: a task that waits for the layer."""


class Broken(Exception):
    """Something that is promised does not hold."""


def check(condition: object, text: str) -> None:
    """Raise Broken if something does not hold."""
    if not condition:
        raise Broken(text)


class World:
    """What a scenario acts upon."""

    def __init__(self, servers: list[Server], watchers: list[Control], redis: Redis) -> None:
        self.servers = servers
        self.watchers = watchers
        """The control connection to each server."""
        self.redis = redis
        self.idle_tasks: list[Counter[str]] = []
        """The tasks of each server when no client is connected."""

    def choose(self, rng: random.Random) -> Server:
        """Return one of the servers."""
        return rng.choice(self.servers)

    def get_watcher(self, server: Server) -> Control:
        """Return the control connection to a server."""
        return self.watchers[self.servers.index(server)]

    async def until_empty(self) -> list[dict[str, Any]]:
        """Wait until nothing is left of any client, and return the reports. Raises Broken.

        No connection, no membership, no task; and every frame is accounted for.
        """
        return [await self._until_server_empty(number) for number in range(len(self.servers))]

    async def _until_server_empty(self, number: int) -> dict[str, Any]:
        problem = ""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    report = await self.watchers[number].report()
                    problem = self._find_leftover(number, report)
                    if not problem:
                        break
                    # What is left may be on its way out.
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise Broken(f"server {number}: {problem}") from None
        errors = find_errors(self.servers[number].output)
        check(not errors, f"server {number}: {len(errors)} tracebacks, the first is\n{errors[:1]}")
        return report

    def _find_leftover(self, number: int, report: dict[str, Any]) -> str:
        if report["connections"] != 1:
            return f"{report['connections'] - 1} connections are left"
        if report["registered"] != 1:
            return f"{report['registered'] - 1} connections are still registered"
        members = {n: count for n, count in report["members"].items() if n not in _OWN_GROUPS}
        if members:
            return f"members are left in {members}"
        tasks = Counter(report["tasks"])
        if self.idle_tasks and (left := tasks - (self.idle_tasks[number] | _OWN_TASKS)):
            return f"tasks are left: {dict(left)}"
        begun, ended = (report["counts"].get(event, {}) for event in ("begun", "ended"))
        if begun != ended:
            return "some connections have not ended"
        disconnected = report["counts"].get("disconnected", {})
        if any(count > begun.get(name, 0) for name, count in disconnected.items()):
            return "disconnect() was called more than once"
        stats = report["stats"]
        closed = sum(stats["closes"].values())
        if stats["connections_opened"] != closed + 1:
            return f"{stats['connections_opened'] - 1} were opened, {closed} closed: {stats}"
        # The question of the control connection is being handled.
        open_frames = stats["messages_received"] - sum(stats["messages_in"].values())
        return "" if open_frames == 1 else f"{open_frames} frames have no outcome: {stats}"


@contextmanager
def run_servers(redis: Redis, count: int) -> Iterator[list[Server]]:
    """Run the site in so many processes over one Redis."""
    layer = {"BACKEND": LAYER, "CONFIG": {"hosts": [redis.url]}}
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "DJANGO_SETTINGS_MODULE": "stress.site.settings",
            "STRESS_CHANNEL_LAYER": json.dumps(layer),
            "STRESS_DATABASE": str(Path(folder, "db.sqlite3")),
        }
        with ExitStack() as stack:
            servers = [start_uvicorn(APPLICATION, environment=environment) for _ in range(count)]
            for server in servers:
                # Not its own exit, which prints the whole log after an error.
                stack.callback(server.stop)
            yield servers


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """Start Redis and two servers, warm them up, and stop all at the end."""
    with Redis() as redis, run_servers(redis, 2) as servers:
        async with AsyncExitStack() as stack:
            watchers = [await stack.enter_async_context(control(server)) for server in servers]
            world = World(servers, watchers, redis)
            # What the layer and the executor keep for good is there afterwards.
            for server in servers:
                async with connect(server, "load", name="first", groups=["first"]) as client:
                    wanted = {"group": "first", "sender": "first"}
                    await client.ask("publish", wanted, "published")
                    await client.ask("query", 1)
            reports = await world.until_empty()
            world.idle_tasks = [Counter(report["tasks"]) for report in reports]
            yield world
