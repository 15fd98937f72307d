"""What knows the identities is away, or broken: nobody gets in, and nobody is thrown out."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.auth import (
    AuthSite,
    check_lives,
    get_rechecks,
    make_jwt,
    send_handshake,
    serve,
    wait_for_end,
    wait_for_rechecks,
    with_session,
    with_token,
)
from tests.live.clients import Client, connect, get_refusal
from tests.live.conftest import find_lines
from tests.live.processes import DEADLINE

PONG = {"action": "pong", "payload": None}
ERROR = {"detail": "Internal server error"}
FAILED = "Authentication failed with unexpected error"
TRACEBACK = "Traceback (most recent call last)"


@pytest.fixture(scope="module")
def broken_site(
    auth_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AuthSite]:
    """A site for those tests that leave tracebacks."""
    with serve(auth_database, tmp_path_factory.mktemp("broken")) as site:
        yield site


async def test_permission_without_a_database_at_the_handshake(broken_site: AuthSite) -> None:
    user = await broken_site.make_user()
    await broken_site.post("/users/mode/", email=user.email, mode="database")
    payload, code = await get_refusal(broken_site.server, "/ws/often/", with_token(user.token))
    assert (payload["status_code"], payload["data"], code) == (500, ERROR, 4500)


async def test_permission_with_a_bug_fails_closed(broken_site: AuthSite) -> None:
    user = await broken_site.make_user()
    async with connect(broken_site.server, "/ws/often/", with_token(user.token)) as client:
        await broken_site.post("/users/mode/", email=user.email, mode="bug")
        payload, code = await wait_for_end(client)
    assert (payload["status_code"], payload["data"], code) == (500, ERROR, 4500)
    broken_site.server.wait_for("RuntimeError: secret of the permission")
    lines = [line for line in broken_site.server.output.splitlines() if "RuntimeError" in line]
    assert len(lines) == 1
    assert lines[0].count(TRACEBACK) == 1


async def test_database_away_at_the_handshake(auth_database: Path, tmp_path: Path) -> None:
    with serve(auth_database, tmp_path / "site") as site:
        user = await site.make_user()
        ways = [
            ("/ws/token/", with_token(user.token)),
            ("/ws/session/", with_session(await site.log_in(user))),
        ]
        site.take_database_away()
        for path, headers in ways:
            payload, code = await get_refusal(site.server, path, headers)
            assert (payload["status_code"], payload["data"], code) == (500, ERROR, 4500)
        answer = await send_handshake(site.server, "/ws/early/", [("Authorization", "Token a")])
        assert (answer.status, answer.json()) == (500, ERROR)
        client = await Client.open(site.server, "/ws/message/")
        await client.send("authenticate", {"token": make_jwt(user)})
        payload, code = await wait_for_end(client)
        assert (payload["status_code"], payload["data"], code) == (500, ERROR, 4500)
        site.bring_database_back()
        for path, headers in ways:
            async with connect(site.server, path, headers) as client:
                await check_lives(client, user)
    # Django's error is told with that of the driver, in one line.
    assert 1 <= len(find_lines(site.server, FAILED)) <= len(ways) + 2


async def test_permission_without_a_database_at_a_renewal(broken_site: AuthSite) -> None:
    """The connection keeps its old identity, and may try again."""
    user = await broken_site.make_user()
    token = {"token": f"Bearer {make_jwt(user)}"}
    async with connect(broken_site.server, "/ws/never/", with_token(user.token)) as client:
        await broken_site.post("/users/mode/", email=user.email, mode="database")
        answer = await client.ask("authenticate", token)
        assert answer == {"action": "error", "payload": {"detail": "Failed to process message"}}
        assert (await client.ask("who"))["payload"]["auth"] == "Token"
        await broken_site.post("/users/mode/", email=user.email, mode="allow")
        assert (await client.ask("authenticate", token))["payload"]["status_code"] == 200
        assert (await client.ask("who"))["payload"]["auth"] == "AccessToken"
    broken_site.server.wait_for("Failed to process message")
    [line] = find_lines(broken_site.server, "Failed to process message")
    assert "secret of the database" in line["exception"]
    # Nothing is told of the message, which was a good one.
    assert line["exception"].count(TRACEBACK) == 1


FLOOD = 400


async def test_database_away_under_a_flood(auth_database: Path, tmp_path: Path) -> None:
    """The log stays readable: a traceback a second, which says how many were left out."""
    with serve(auth_database, tmp_path / "site") as site:
        user = await site.make_user()
        site.take_database_away()
        left = iter(range(FLOOD))

        async def attack() -> None:
            for _ in left:
                headers = [("Authorization", "Token wrong")]
                answer = await send_handshake(site.server, "/ws/early/", headers)
                assert (answer.status, answer.json()) == (500, ERROR)

        begun = time.monotonic()
        await asyncio.gather(*(attack() for _ in range(20)))
        seconds = time.monotonic() - begun
        site.bring_database_back()
        async with connect(site.server, "/ws/early/", with_token(user.token)) as client:
            await check_lives(client, user)
    lines = find_lines(site.server, FAILED)
    assert 1 <= len(lines) <= 2 + seconds
    assert sum(1 + line["left_out"] for line in lines) <= FLOOD


async def test_database_away_at_a_recheck(auth_database: Path, tmp_path: Path) -> None:
    """The connections stay until the next look; one warning, and no traceback."""
    with serve(auth_database, tmp_path / "site") as site:
        user = await site.make_user()
        session = with_session(await site.log_in(user))
        async with (
            connect(site.server, "/ws/often/", with_token(user.token)) as one,
            connect(site.server, "/stack/often/", session) as two,
            connect(site.server, "/ws/often/", with_token(make_jwt(user), "Bearer")) as three,
        ):
            clients = (one, two, three)
            before = await get_rechecks(site, "failed")
            begun = time.monotonic()
            site.take_database_away()
            async with asyncio.timeout(DEADLINE):
                while await get_rechecks(site, "failed") < before + 6:
                    for client in clients:
                        assert await client.ask("ping") == PONG
            site.bring_database_back()
            await wait_for_rechecks(site, "passed", 6)
            seconds = time.monotonic() - begun
            for client in clients:
                await check_lives(client, user)
            await site.post("/users/change/", email=user.email, fields={"is_active": False})
            for client in clients:
                payload, _ = await wait_for_end(client)
                assert payload["status_code"] in (401, 403)
    lines = find_lines(site.server, "Could not re-check connections")
    assert 1 <= len(lines) <= 1 + seconds / 10, lines
    assert {line["level"] for line in lines} == {"warning"}
    site.server.check_tracebacks()
