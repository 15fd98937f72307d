"""Handlers that use the database: on SQLite and on a real PostgreSQL."""

import asyncio
import json
import os
import resource
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live.clients import Client, connect, connect_all, control
from tests.live.postgres import Postgres, find_programs
from tests.live.processes import DEADLINE, Process, Server, start_daphne, start_uvicorn

APPLICATION = "tests.live.database_site.asgi:application"
PONG = {"action": "pong", "payload": None}
PROCESSING_ERROR = {"action": "error", "payload": {"detail": "Failed to process message"}}
CONNECTIONS = 1000
WAYS = ("async", "sync", "channels")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for this run alone."""
    programs = find_programs()
    if programs is None:
        reason = "There is no PostgreSQL server (postgres, initdb); Debian's package: postgresql"
        if os.environ.get("REQUIRE_POSTGRES"):
            pytest.fail(f"REQUIRE_POSTGRES is set. {reason}")
        pytest.skip(reason)
    with Postgres(programs) as server:
        yield server


@dataclass
class Database:
    """A database with Django's tables, and a way to see who is connected to it."""

    settings: dict[str, Any]
    count: Callable[[Server], int]
    """Return the number of connections that the server's process holds."""

    @contextmanager
    def serve(
        self, *, lanes: int | None = 4, max_age: int | None = 0, start: Any = start_uvicorn
    ) -> Iterator[Server]:
        """Start a server whose consumers use it."""
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.live.database_site.settings",
            "LIVE_DATABASE": json.dumps({**self.settings, "CONN_MAX_AGE": max_age}),
            "LIVE_DATABASE_LANES": json.dumps(lanes),
        }
        with start(APPLICATION, environment=environment) as server:
            yield server


def migrate(settings: dict[str, Any]) -> None:
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.live.database_site.settings",
        "LIVE_DATABASE": json.dumps(settings),
    }
    command = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
    with Process(command, environment=environment) as process:
        assert process.wait() == 0, process.output


@pytest.fixture(scope="module")
def postgresql(postgres: Postgres) -> Database:
    """The real one."""
    migrate(postgres.settings)

    def count(server: Server) -> int:
        # By the name that the site gives them: PostgreSQL's own workers come and go as well, and
        # so may connections of a server that was stopped, until their processes have ended.
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        with postgres.connect() as connection:
            row = connection.execute(query, [f"live-{server.pid}"]).fetchone()
        return int(row[0]) if row else 0

    return Database(postgres.settings, count)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A file. Linux tells how often the server's process has opened it."""
    name = tmp_path_factory.mktemp("database") / "db.sqlite3"
    settings = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(name)}
    migrate(settings)

    def count(server: Server) -> int:
        folder = Path(f"/proc/{server.pid}/fd")
        if not folder.exists():
            pytest.skip("Counting SQLite's connections needs /proc, which this system has not")
        return sum(_points_to(link, name) for link in folder.iterdir())

    return Database(settings, count)


def _points_to(link: Path, name: Path) -> bool:
    try:
        return link.readlink() == name
    except FileNotFoundError:  # closed since the folder was read
        return False


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the two."""
    found: Database = request.getfixturevalue(request.param)
    return found


async def wait_until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something outside that tells nobody when it happens."""
    async with asyncio.timeout(DEADLINE):
        while not await is_so():
            await asyncio.sleep(0.02)


async def wait_until_closed(database: Database, server: Server) -> None:
    async def is_closed() -> bool:
        return await asyncio.to_thread(database.count, server) == 0

    await wait_until(is_closed)


async def query(client: Client, **work: Any) -> dict[str, Any]:
    answer = await client.ask("query", work)
    assert answer["action"] == "queried", answer
    payload: dict[str, Any] = answer["payload"]
    return payload


@pytest.mark.parametrize("start", [start_uvicorn, start_daphne])
async def test_queries_of_one_connection_delay_nobody_on_the_same_lane(
    database: Database, start: Any
) -> None:
    with database.serve(lanes=1, start=start) as server:
        async with (
            control(server) as watcher,
            connect(server, "/ws/database/?client=busy") as busy,
            connect(server, "/ws/database/?client=other") as other,
        ):
            # Together they would take longer than any test waits.
            count = 2000
            await busy.send("query", {"count": count, "seconds": 0.05, "is_gated": True})
            await watcher.wait("querying", 1, "busy")
            assert await other.ask("ping") == PONG
            # One query runs and ends only when this one has been queued behind all of the others.
            await other.send("query", {})
            await watcher.wait("querying", 1, "other")
            await watcher.report()
            await watcher.ask("open_gate")
            done = (await other.receive())["payload"]
            assert done["before"] == 0
            # The next may have been chosen already.
            assert done["after"] <= 2
            assert done["threads"] == ["chanx-database-1"]
            # Who leaves takes along what it has queued.
            await busy.close()
            await watcher.wait("disconnected", 1, "busy")
            assert (await query(other))["after"] < count
    server.check_tracebacks()


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process and those it starts have a socket for each of a thousand clients."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * CONNECTIONS
    if before[0] != resource.RLIM_INFINITY and before[0] < wanted:
        hard = before[1]
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
async def test_database_has_a_connection_per_lane(database: Database) -> None:
    # Kept: PostgreSQL counts one that was closed until its process has ended.
    with database.serve(max_age=None) as server:
        paths = ["/ws/database/"] * CONNECTIONS
        async with connect_all(server, paths) as clients:
            counts = []
            asked = asyncio.gather(
                *(query(each, way=WAYS[n % len(WAYS)], count=2) for n, each in enumerate(clients))
            )
            while not asked.done():
                counts.append(await asyncio.to_thread(database.count, server))
            threads = [done["threads"] for done in await asked]
            counts.append(await asyncio.to_thread(database.count, server))
    assert {name for names in threads for name in names} == {
        f"chanx-database-{number}" for number in (1, 2, 3, 4)
    }
    # Each on its own lane, all of the time.
    assert all(len(set(names)) == 1 and len(names) == 2 for names in threads)
    assert max(counts) == counts[-1] == 4
    server.check_tracebacks()


async def test_database_has_no_connection_after_use(database: Database) -> None:
    """CONN_MAX_AGE is 0, and nothing happens any more on the sockets that stay open."""
    with database.serve() as server:
        async with connect_all(server, ["/ws/database/"] * 12) as clients:
            for _ in range(2):
                await asyncio.gather(
                    *(query(each, way=WAYS[n % 3], count=9) for n, each in enumerate(clients))
                )
                await wait_until_closed(database, server)
    server.check_tracebacks()


async def test_connection_that_middleware_opened_is_one_more_and_closed_as_well(
    database: Database,
) -> None:
    # Kept, for the count: PostgreSQL counts one that was closed until its process has ended.
    for max_age in (None, 0):
        with database.serve(lanes=2, max_age=max_age) as server:
            async with connect_all(server, ["/ws/middleware/"] * 8) as clients:
                done = await asyncio.gather(*(query(client) for client in clients))
                assert {name for each in done for name in each["threads"]} == {
                    "chanx-database-1",
                    "chanx-database-2",
                }
                if max_age is None:
                    assert await asyncio.to_thread(database.count, server) == 3
                else:
                    await wait_until_closed(database, server)
        server.check_tracebacks()


async def test_connection_is_kept_for_as_long_as_conn_max_age_says(database: Database) -> None:
    with database.serve(lanes=1, max_age=None) as server:
        async with connect(server, "/ws/database/") as client:
            await query(client)
        # A connection that comes and goes later finds it still open.
        async with connect(server, "/ws/database/") as client:
            assert await asyncio.to_thread(database.count, server) == 1
            await query(client)
            assert await asyncio.to_thread(database.count, server) == 1


async def test_lanes_switched_off(database: Database) -> None:
    # Kept: PostgreSQL counts one that was closed until its process has ended.
    with database.serve(lanes=None, max_age=None) as server:
        async with connect_all(server, ["/ws/database/"] * 8) as clients:
            done = await asyncio.gather(*(query(client) for client in clients))
            assert len({name for each in done for name in each["threads"]}) == 1
            assert await asyncio.to_thread(database.count, server) == 1


async def test_restarted_database_costs_a_message_per_lane(
    postgresql: Database, postgres: Postgres
) -> None:
    with postgresql.serve(lanes=2, max_age=None) as server:
        async with connect_all(server, ["/ws/database/"] * 6) as clients:
            for client in clients:
                await query(client)
            await asyncio.to_thread(postgres.stop)
            await asyncio.to_thread(postgres.start)
            answers = [await client.ask("query", {}) for client in clients]
            failed = [answer for answer in answers if answer["action"] != "queried"]
            assert failed == [PROCESSING_ERROR] * len(failed)
            assert len(failed) <= 2
            for client in clients:
                await query(client)


async def test_consumers_outlive_a_database_that_is_away(
    postgresql: Database, postgres: Postgres
) -> None:
    with postgresql.serve(lanes=2) as server:
        async with connect_all(server, ["/ws/database/"] * 4) as clients:
            await asyncio.to_thread(postgres.stop)
            try:
                for client in clients * 2:
                    assert await client.ask("query", {}) == PROCESSING_ERROR
                    assert await client.ask("ping") == PONG
            finally:
                await asyncio.to_thread(postgres.start)
            for client in clients:
                await query(client)
