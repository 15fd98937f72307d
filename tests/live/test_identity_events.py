"""An identity ends at once, on what Django tells, and when somebody ends it.

No other look at it is due for minutes, and the clients wait less: so it is what was told that ends
it. How soon, test_revocation.py measures.
"""

import pytest

from tests.live.auth import (
    AuthSite,
    User,
    check_ended,
    check_lives,
    get_rechecks,
    make_jwt,
    wait_for_end,
    wait_for_rechecks,
    with_session,
    with_token,
)
from tests.live.clients import Client, connect


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
async def test_session_ends_and_its_connections_at_once(
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
        for client in (first, second):
            check_ended(await wait_for_end(client), 403)
        await check_lives(bystander, other)


@pytest.mark.parametrize("way", ["deactivated", "deleted", "token deleted"])
async def test_token_ends_and_its_connections_at_once(auth_site: AuthSite, way: str) -> None:
    user = await auth_site.make_user()
    async with connect(auth_site.server, "/ws/token/", with_token(user.token)) as client:
        await end_by(auth_site, way, user, {})
        check_ended(await wait_for_end(client), 401)


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
    before = await get_rechecks(auth_site, "passed")
    await auth_site.post("/users/recheck/", email=user.email)
    await wait_for_rechecks(auth_site, "passed", 1, before=before)
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


async def test_change_of_ones_own_password(auth_site: AuthSite) -> None:
    """The session goes on under another key: a connection with the old one ends, and comes back."""
    user = await auth_site.make_user()
    headers = with_session(await auth_site.log_in(user))
    async with connect(auth_site.server, "/ws/session/", headers) as client:
        answer = await auth_site.post("/users/own-password/", headers=headers)
        check_ended(await wait_for_end(client), 403)
    headers = with_session(answer["session"])
    async with connect(auth_site.server, "/ws/session/", headers) as client:
        await check_lives(client, user)


async def test_login_of_somebody_else_in_the_same_browser(auth_site: AuthSite) -> None:
    user, other = await auth_site.make_user(), await auth_site.make_user()
    headers = with_session(await auth_site.log_in(user))
    credentials = {"email": other.email, "password": other.password}
    async with connect(auth_site.server, "/ws/session/", headers) as client:
        await auth_site.post("/login/", headers=headers, **credentials)
        check_ended(await wait_for_end(client), 403)


async def test_who_needs_no_session_outlives_it(auth_site: AuthSite) -> None:
    """As nobody: where everybody may be, the end of a session ends that of its user alone."""
    user = await auth_site.make_user()
    headers = with_session(await auth_site.log_in(user))
    async with (
        connect(auth_site.server, "/ws/no-classes/", headers) as anonymous,
        connect(auth_site.server, "/ws/session/", headers) as known,
    ):
        await auth_site.post("/logout/", headers=headers)
        check_ended(await wait_for_end(known), 403)
        assert (await anonymous.ask("who"))["payload"]["user"] is None


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
