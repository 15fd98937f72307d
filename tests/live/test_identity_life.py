"""An identity lives on: it expires, is renewed, and is looked at again."""

import asyncio
import time

import pytest

from tests.live.auth import (
    SHORT,
    AuthSite,
    check_ended,
    check_lives,
    make_jwt,
    wait_for_end,
    wait_for_rechecks,
    with_session,
    with_token,
)
from tests.live.clients import Client, connect

EXPIRED = {"detail": "Token has expired"}


# --- expiry and renewal ---------------------------------------------------------------------------


async def test_expired_token_ends_the_connection_at_its_time(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    await auth_site.wait_until_idle()
    expiry = time.time() + SHORT
    headers = with_token(make_jwt(user, exp=expiry), "Bearer")
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
    headers = with_token(make_jwt(user, SHORT), "Bearer")
    async with (
        connect(auth_site.server, "/ws/jwt/", headers) as renewed,
        connect(auth_site.server, "/ws/jwt/", headers) as other,
    ):
        await renew(renewed, make_jwt(user))
        check_ended(await wait_for_end(other), 401)
        # The first token is over, and this connection is not.
        await check_lives(renewed, user)
        await renew(renewed, make_jwt(user, SHORT))
        check_ended(await wait_for_end(renewed), 401)


async def renew(client: Client, token: str) -> None:
    answer = await client.ask("authenticate", {"token": token})
    assert answer["action"] == "authentication"
    assert answer["payload"]["status_code"] == 200


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
    # Public: a look that has found the room just before asks nobody for its members after it.
    room = await auth_site.make_room(user, is_public=True)
    async with connect(
        auth_site.server, f"/ws/often-rooms/{room}/", with_token(user.token)
    ) as client:
        await auth_site.post("/rooms/delete/", slug=room)
        check_ended(await wait_for_end(client), 404)


@pytest.mark.parametrize("stack", ["ws", "stack"])
async def test_password_that_was_changed_by_an_update(auth_site: AuthSite, stack: str) -> None:
    """No signal tells of it, so a re-check has to see it."""
    user = await auth_site.make_user()
    headers = with_session(await auth_site.log_in(user))
    async with connect(auth_site.server, f"/{stack}/often/", headers) as client:
        await auth_site.post("/users/update/", email=user.email, fields={"password": "x"})
        check_ended(await wait_for_end(client), 403)


async def test_session_that_expires(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    session = await auth_site.log_in(user)
    async with connect(auth_site.server, "/ws/often/", with_session(session)) as client:
        await auth_site.post("/sessions/expire/", session=session)
        check_ended(await wait_for_end(client), 403)


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
