"""An identity lives on: it expires, is renewed, is looked at again, and ends with its reason."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.auth import AuthSite, User, make_jwt, serve, with_session, with_token
from tests.live.clients import Client, connect, get_refusal, read_refusal
from tests.live.conftest import find_lines
from tests.live.processes import DEADLINE

PONG = {"action": "pong", "payload": None}
ERROR = {"detail": "Internal server error"}
EXPIRED = {"detail": "Token has expired"}
NOT_PROVIDED = {"detail": "Authentication credentials were not provided."}

Ended = tuple[dict[str, Any], int]


async def wait_for_end(client: Client) -> Ended:
    """Wait until the server ends it; return what the one message says, and the close code."""
    return read_refusal(*await client.receive_until_closed())


def check_ended(ended: Ended, status: int) -> None:
    payload, code = ended
    assert (payload["status_code"], code) == (status, 4000 + status)


async def check_lives(client: Client, user: User) -> None:
    me = (await client.ask("who"))["payload"]
    assert me["user"] == me["request_user"] == user.email


async def get_rechecks(site: AuthSite, outcome: str) -> int:
    stats = await site.post("/stats/")
    count: int = stats["counters"]["rechecks"].get(outcome, 0)
    return count


async def wait_for_rechecks(site: AuthSite, outcome: str, more: int) -> None:
    """Wait until so many more checks have ended so; each question is an event of its own."""
    async with asyncio.timeout(DEADLINE):
        before = await get_rechecks(site, outcome)
        while await get_rechecks(site, outcome) < before + more:
            pass


# --- expiry and renewal ---------------------------------------------------------------------------


async def test_expired_token_ends_the_connection_at_its_time(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    expiry = time.time() + 1
    headers = with_token(make_jwt(user, exp=expiry), "Bearer")
    calls_before = 0
    async with connect(auth_site.server, "/ws/jwt/", headers) as client:
        calls_before = await auth_site.count_lane_calls()
        ended = await wait_for_end(client)
        assert time.time() >= expiry - 0.1
        # Nobody was asked: what the token said is enough.
        assert await auth_site.count_lane_calls() == calls_before
    check_ended(ended, 401)
    assert ended[0]["data"] == EXPIRED


async def test_fresh_token_keeps_the_connection(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    first, second = make_jwt(user, 1), make_jwt(user, 2)
    async with (
        connect(auth_site.server, "/ws/jwt/", with_token(first, "Bearer")) as renewed,
        connect(auth_site.server, "/ws/jwt/", with_token(first, "Bearer")) as other,
    ):
        answer = await renewed.ask("authenticate", {"token": second})
        assert answer["action"] == "authentication"
        assert answer["payload"]["status_code"] == 200
        check_ended(await wait_for_end(other), 401)
        # The first token is over, and this connection is not.
        await check_lives(renewed, user)
        check_ended(await wait_for_end(renewed), 401)


async def test_user_and_request_are_the_new_ones(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    headers = with_session(await auth_site.log_in(user))
    async with connect(auth_site.server, "/ws/never/", headers) as client:
        assert (await client.ask("who"))["payload"]["auth"] == "NoneType"
        answer = await client.ask("authenticate", {"token": f"Bearer {make_jwt(user)}"})
        assert answer["payload"]["status_code"] == 200
        me = (await client.ask("who"))["payload"]
        assert (me["auth"], me["user"], me["user_class"]) == ("AccessToken", user.email, "Account")


async def test_renewal_for_another_user_is_refused(auth_site: AuthSite) -> None:
    user, other = await auth_site.make_user(), await auth_site.make_user()
    headers = with_token(make_jwt(user), "Bearer")
    async with connect(auth_site.server, "/ws/jwt/", headers) as client:
        answer = await client.ask("authenticate", {"token": make_jwt(other)})
        assert answer["payload"]["status_code"] == 401
        await check_lives(client, user)


async def test_anonymous_connection_becomes_nobodys(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    async with connect(auth_site.server, "/ws/allow-any/") as client:
        answer = await client.ask("authenticate", {"token": user.token})
        assert answer["payload"]["status_code"] == 401
        assert (await client.ask("who"))["payload"]["user"] is None


async def test_renewal_of_who_may_no_longer_ends_the_connection(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    headers = with_token(user.token)
    async with connect(auth_site.server, "/ws/never/", headers) as client:
        await auth_site.post("/users/mode/", email=user.email, mode="refuse")
        await client.send("authenticate", {"token": user.token})
        check_ended(await wait_for_end(client), 403)


async def test_renewal_trials_are_limited(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    async with connect(auth_site.server, "/ws/token/", with_token(user.token)) as client:
        for number in range(30):
            await client.send("authenticate", {"token": f"wrong{number}"})
        messages, code = await client.receive_until_closed()
    assert len(messages) <= 21
    assert code == 4400


# --- looked at again ------------------------------------------------------------------------------


async def test_connection_that_may_stay_stays(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    ways = [
        with_session(await auth_site.log_in(user)),
        with_token(user.token),
    ]
    for headers in ways:
        async with connect(auth_site.server, "/ws/often/", headers) as client:
            await wait_for_rechecks(auth_site, "passed", 3)
            await check_lives(client, user)


async def test_permission_that_is_lost(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    async with connect(auth_site.server, "/ws/often/", with_token(user.token)) as client:
        await auth_site.post("/users/mode/", email=user.email, mode="refuse")
        check_ended(await wait_for_end(client), 403)


async def test_object_permission_that_is_lost(auth_site: AuthSite) -> None:
    user, other = await auth_site.make_user(), await auth_site.make_user()
    room = await auth_site.make_room(user, other)
    path = f"/ws/often-rooms/{room}/"
    async with (
        connect(auth_site.server, path, with_token(user.token)) as lost,
        connect(auth_site.server, path, with_token(other.token)) as kept,
    ):
        await auth_site.post("/rooms/change/", slug=room, members=[other.email])
        check_ended(await wait_for_end(lost), 403)
        await check_lives(kept, other)


async def test_object_that_is_deleted(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    room = await auth_site.make_room(user)
    async with connect(
        auth_site.server, f"/ws/often-rooms/{room}/", with_token(user.token)
    ) as client:
        await auth_site.post("/rooms/delete/", slug=room)
        check_ended(await wait_for_end(client), 404)


@pytest.mark.parametrize("stack", ["ws", "stack"])
async def test_session_that_runs_out_silently(auth_site: AuthSite, stack: str) -> None:
    """No signal tells of a password that somebody else has changed by a plain UPDATE."""
    user = await auth_site.make_user()
    headers = with_session(await auth_site.log_in(user))
    async with connect(auth_site.server, f"/{stack}/often/", headers) as client:
        await auth_site.post("/users/update/", email=user.email, fields={"password": "x"})
        check_ended(await wait_for_end(client), 401 if stack == "none" else 403)


async def test_nothing_comes_after_the_end(auth_site: AuthSite) -> None:
    """Of what was said in its group and by its own messages: the refusal is the last."""
    user, other = await auth_site.make_user(), await auth_site.make_user()
    path = "/ws/never/?group=ending"
    async with (
        connect(auth_site.server, path, with_token(user.token)) as client,
        connect(auth_site.server, path, with_token(other.token)) as member,
    ):
        is_over = asyncio.Event()

        async def talk() -> None:
            while not is_over.is_set():
                await member.ask("say", "secret")

        talking = asyncio.create_task(talk())
        await client.receive()
        await auth_site.post("/users/change/", email=user.email, fields={"is_active": False})
        messages, code = await client.receive_until_closed()
        is_over.set()
        await talking
    assert messages[-1]["action"] == "authentication"
    assert {message["action"] for message in messages[:-1]} <= {"said"}
    assert code == 4403


# --- at once, on what Django tells ----------------------------------------------------------------


async def end_by(site: AuthSite, way: str, user: User, headers: dict[str, str]) -> None:
    match way:
        case "logout":
            await site.post("/logout/", headers=headers)
        case "flush":
            await site.post("/flush/", headers=headers)
        case "session deleted":
            key = headers["Cookie"].partition("=")[2]
            await site.post("/sessions/delete/", session=key)
        case "password":
            await site.post("/users/password/", email=user.email)
        case "deactivated":
            await site.post("/users/change/", email=user.email, fields={"is_active": False})
        case "deleted":
            await site.post("/users/delete/", email=user.email)
        case "token deleted":
            await site.post("/users/delete-token/", email=user.email)


@pytest.mark.parametrize("stack", ["ws", "stack"])
@pytest.mark.parametrize(
    "way", ["logout", "flush", "session deleted", "password", "deactivated", "deleted"]
)
async def test_session_ends_and_its_connections_within_a_second(
    auth_site: AuthSite, stack: str, way: str
) -> None:
    user, other = await auth_site.make_user(), await auth_site.make_user()
    headers = with_session(await auth_site.log_in(user))
    others = with_session(await auth_site.log_in(other))
    async with (
        connect(auth_site.server, f"/{stack}/session/", headers) as first,
        connect(auth_site.server, f"/{stack}/session/", headers) as second,
        connect(auth_site.server, f"/{stack}/session/", others) as bystander,
    ):
        await end_by(auth_site, way, user, headers)
        begun = time.monotonic()
        ends = [await wait_for_end(client) for client in (first, second)]
        assert time.monotonic() - begun < 1
        for ended in ends:
            check_ended(ended, 403)
        await check_lives(bystander, other)


@pytest.mark.parametrize("way", ["deactivated", "deleted", "token deleted"])
async def test_token_ends_and_its_connections_within_a_second(
    auth_site: AuthSite, way: str
) -> None:
    user = await auth_site.make_user()
    async with connect(auth_site.server, "/ws/token/", with_token(user.token)) as client:
        await end_by(auth_site, way, user, {})
        begun = time.monotonic()
        ended = await wait_for_end(client)
        assert time.monotonic() - begun < 1
    check_ended(ended, 401)


@pytest.mark.parametrize("way", ["deactivated", "deleted"])
async def test_jwt_of_a_user_who_is_gone(auth_site: AuthSite, way: str) -> None:
    user = await auth_site.make_user()
    headers = with_token(make_jwt(user), "Bearer")
    async with connect(auth_site.server, "/ws/jwt/", headers) as client:
        await end_by(auth_site, way, user, {})
        check_ended(await wait_for_end(client), 401)


async def test_token_of_a_first_message_is_the_one_that_is_looked_at(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    client = await Client.open(auth_site.server, "/ws/message/")
    answer = await client.ask("authenticate", {"token": make_jwt(user)})
    assert answer["payload"]["status_code"] == 200
    await auth_site.post("/users/recheck/", email=user.email)
    await wait_for_rechecks(auth_site, "passed", 0)
    await check_lives(client, user)
    await end_by(auth_site, "deactivated", user, {})
    check_ended(await wait_for_end(client), 401)


async def test_logout_in_one_browser_leaves_the_other(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    here = with_session(await auth_site.log_in(user))
    there = with_session(await auth_site.log_in(user))
    async with (
        connect(auth_site.server, "/ws/session/", here) as ended,
        connect(auth_site.server, "/ws/session/", there) as kept,
        connect(auth_site.server, "/ws/token/", with_token(user.token)) as client,
    ):
        await auth_site.post("/logout/", headers=here)
        check_ended(await wait_for_end(ended), 403)
        await check_lives(kept, user)
        await check_lives(client, user)


async def test_change_that_says_nothing_of_the_user_asks_nobody(auth_site: AuthSite) -> None:
    """Saving a user, or a login elsewhere, ends nothing."""
    user = await auth_site.make_user()
    headers = with_session(await auth_site.log_in(user))
    async with connect(auth_site.server, "/ws/session/", headers) as client:
        await auth_site.post("/users/change/", email=user.email, fields={"nickname": "ada"})
        await auth_site.log_in(user)
        await check_lives(client, user)


async def test_user_of_the_sites_own_middleware_is_loaded_anew(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    headers = {"X-Trusted-Email": user.email}
    async with connect(auth_site.server, "/own/session/", headers) as client:
        await auth_site.post("/users/recheck/", email=user.email)
        await check_lives(client, user)
        await end_by(auth_site, "deactivated", user, {})
        check_ended(await wait_for_end(client), 403)


# --- kicked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["disconnect", "adisconnect"])
async def test_kick_from_a_view(auth_site: AuthSite, view: str) -> None:
    user, other = await auth_site.make_user(), await auth_site.make_user()
    session = with_session(await auth_site.log_in(user))
    async with (
        connect(auth_site.server, "/ws/session/", session) as one,
        connect(auth_site.server, "/ws/jwt/", with_token(make_jwt(user), "Bearer")) as two,
        connect(auth_site.server, "/ws/token/", with_token(other.token)) as bystander,
    ):
        options = {"code": 4001, "reason": "Come back tomorrow"}
        await auth_site.post(f"/users/{view}/", email=user.email, pk=user.pk, options=options)
        for client in (one, two):
            assert await client.receive_until_closed() == ([], 4001)
            assert client.websocket.close_reason == "Come back tomorrow"
        await check_lives(bystander, other)
    # It ends connections, and is no ban.
    async with connect(auth_site.server, "/ws/session/", session):
        pass


async def test_kick_says_4403_unless_told_otherwise(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    async with connect(auth_site.server, "/ws/token/", with_token(user.token)) as client:
        await auth_site.post("/users/disconnect/", email=user.email)
        assert await client.receive_until_closed() == ([], 4403)


async def test_kick_by_the_admin(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    admin = await auth_site.make_user(is_staff=True, is_superuser=True)
    key = await auth_site.log_in(admin)
    async with connect(auth_site.server, "/ws/token/", with_token(user.token)) as client:
        page = await auth_site.post_form(
            "/admin/auth_site/account/",
            key,
            action="disconnect_users",
            _selected_action=user.pk,
        )
        assert await client.receive_until_closed() == ([], 4403)
    assert "disconnect" in page.lower()


# --- a database that is away ----------------------------------------------------------------------


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
        before = broken_site.server.tracebacks
        await broken_site.post("/users/mode/", email=user.email, mode="bug")
        payload, code = await wait_for_end(client)
    assert (payload["status_code"], payload["data"], code) == (500, ERROR, 4500)
    broken_site.server.wait_for("RuntimeError: secret of the permission")
    assert broken_site.server.tracebacks == before + 1


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
        assert 1 <= site.server.tracebacks <= len(ways)
        site.bring_database_back()
        for path, headers in ways:
            async with connect(site.server, path, headers) as client:
                await check_lives(client, user)
    assert site.server.tracebacks <= len(ways), site.server.output


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
            site.take_database_away()
            async with asyncio.timeout(DEADLINE):
                while await get_rechecks(site, "failed") < before + 6:
                    for client in clients:
                        assert await client.ask("ping") == PONG
            site.bring_database_back()
            await wait_for_rechecks(site, "passed", 6)
            for client in clients:
                await check_lives(client, user)
            await site.post("/users/change/", email=user.email, fields={"is_active": False})
            for client in clients:
                payload, _ = await wait_for_end(client)
                assert payload["status_code"] in (401, 403)
    lines = find_lines(site.server, "Could not re-check connections")
    assert 1 <= len(lines) <= 10, lines
    assert {line["level"] for line in lines} == {"warning"}
    assert site.server.tracebacks == 0, site.server.output
