"""The servers, one of each for a module."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live import auth
from tests.live.processes import (
    GUIDE,
    Process,
    RedisServer,
    Server,
    start_daphne,
    start_granian,
    start_hypercorn,
    start_uvicorn,
)
from tests.python import add_to_path

LIVE_ENVIRONMENT = {"DJANGO_SETTINGS_MODULE": "tests.live.site.settings"}
LIVE_APPLICATION = "tests.live.site.asgi:application"

StartServer = Callable[..., Server]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as live."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.live)


_SERVERS = {
    "uvicorn": start_uvicorn,
    "daphne": start_daphne,
    "hypercorn": start_hypercorn,
    "granian": start_granian,
}


@pytest.fixture(params=_SERVERS.values(), ids=list(_SERVERS), scope="module")
def start(request: pytest.FixtureRequest) -> StartServer:
    """Start a server of each kind."""
    function: StartServer = request.param
    return function


@pytest.fixture(scope="module")
def live(start: StartServer) -> Iterator[Server]:
    """The live site on each server; nothing that happens there may leave a traceback."""
    with start(LIVE_APPLICATION, environment=LIVE_ENVIRONMENT) as server:
        yield server
    server.check_tracebacks()


@pytest.fixture
def uvicorn() -> Iterator[Server]:
    """The live site on uvicorn, for one test alone."""
    with start_uvicorn(LIVE_APPLICATION, environment=LIVE_ENVIRONMENT) as server:
        yield server


@pytest.fixture(scope="session")
def redis_command() -> str:
    """The redis-server; scripts/redis-server finds one for scripts/test."""
    command = shutil.which("redis-server")
    if command is None:
        reason = "There is no redis-server on PATH; scripts/test gets one"
        if os.environ.get("REQUIRE_REDIS"):
            pytest.fail(f"REQUIRE_REDIS is set. {reason}")
        pytest.skip(reason)
    return command


@pytest.fixture(scope="session")
def redis_server(
    redis_command: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """A Redis for this run alone."""
    with RedisServer(redis_command, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def mortal_redis(redis_command: str, tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis for one test alone, which may do to it what it likes."""
    with RedisServer(redis_command, tmp_path) as server:
        try:
            yield server
        finally:
            server.send_signal(signal.SIGCONT)  # one that is frozen does not end


@dataclass
class Guide:
    """The guide's site: its server, and the credentials of a user."""

    server: Server
    session: str
    token: str
    room: int


@pytest.fixture(scope="module")
def guide(start: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guide]:
    """The guide's site on each server."""
    database = tmp_path_factory.mktemp("guide") / "db.sqlite3"
    environment = {
        "DJANGO_SETTINGS_MODULE": "guidesite.settings",
        "GUIDE_DATABASE": str(database),
        "PYTHONPATH": add_to_path(GUIDE),
    }
    with Process([sys.executable, "-m", "tests.live.prepare"], environment=environment) as process:
        assert process.wait() == 0, process.output
    credentials = json.loads(process.output.splitlines()[-1])
    with start("guidesite.asgi:application", cwd=GUIDE, environment=environment) as server:
        yield Guide(server, **credentials)


@pytest.fixture(scope="session")
def auth_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of the site with users, for its servers to copy."""
    database = tmp_path_factory.mktemp("auth") / "template.sqlite3"
    auth.migrate(database)
    return database


@pytest.fixture(scope="module")
def auth_site(
    auth_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[auth.AuthSite]:
    """The site with users on uvicorn, for a module; nothing there may leave a traceback."""
    with auth.serve(auth_database, tmp_path_factory.mktemp("auth-site")) as site:
        yield site
    site.server.check_tracebacks()


def find_lines(server: Server, event: str) -> list[dict[str, Any]]:
    """Return the log lines of chanx that tell of this event."""
    lines = [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]
