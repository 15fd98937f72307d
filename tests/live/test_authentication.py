"""The ways in: who gets in by which, with Channels' middleware and without, and as whom."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.live.auth import (
    AuthSite,
    User,
    encode_bearer,
    make_jwt,
    send_handshake,
    serve,
    with_session,
    with_token,
)
from tests.live.auth_site.constants import HEADER
from tests.live.clients import connect, get_refusal
from tests.live.processes import start_daphne

STACKS = ["ws", "stack"]
NOT_PROVIDED = {"detail": "Authentication credentials were not provided."}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}
ERROR = {"detail": "Internal server error"}


def with_password(user: User, password: str | None = None) -> dict[str, str]:
    """Return the headers of a client that knows the password."""
    pair = f"{user.email}:{password or user.password}".encode()
    return with_token(base64.b64encode(pair).decode(), "Basic")


async def make_headers(site: AuthSite, way: str, user: User) -> dict[str, str]:
    """Return the headers with which a user gets in."""
    match way:
        case "session":
            return with_session(await site.log_in(user))
        case "token":
            return with_token(user.token)
        case "basic":
            return with_password(user)
        case "jwt":
            return with_token(make_jwt(user), "Bearer")
        case _:
            return {HEADER: user.email}


async def ask_who(site: AuthSite, path: str, headers: Any = None) -> dict[str, Any]:
    """Connect, and return who the consumer takes the client for."""
    async with connect(site.server, path, headers) as client:
        payload: dict[str, Any] = (await client.ask("who"))["payload"]
    return payload


def summarise(refusal: tuple[dict[str, Any], int]) -> tuple[int, Any, int]:
    payload, code = refusal
    return payload["status_code"], payload["data"], code


# --- DRF's classes --------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize(
    ("way", "auth"),
    [
        ("session", "NoneType"),
        ("token", "Token"),
        ("basic", "NoneType"),
        ("jwt", "AccessToken"),
        ("custom", "NoneType"),
        ("async", "NoneType"),
    ],
)
async def test_user_gets_in(auth_site: AuthSite, stack: str, way: str, auth: str) -> None:
    user = await auth_site.make_user()
    headers = await make_headers(auth_site, way, user)
    me = await ask_who(auth_site, f"/{stack}/{way}/", headers)
    assert me["user"] == me["request_user"] == user.email
    assert me["auth"] == auth


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize(
    ("way", "status"),
    [("session", 403), ("token", 401), ("basic", 401), ("jwt", 401), ("custom", 403)],
)
async def test_nobody_is_refused_with_the_status_that_drf_gives(
    auth_site: AuthSite, stack: str, way: str, status: int
) -> None:
    refusal = await get_refusal(auth_site.server, f"/{stack}/{way}/")
    assert summarise(refusal) == (status, NOT_PROVIDED, 4000 + status)


@pytest.mark.parametrize("stack", STACKS)
async def test_defaults_of_the_project(auth_site: AuthSite, stack: str) -> None:
    user = await auth_site.make_user()
    for way in ("session", "token"):
        headers = await make_headers(auth_site, way, user)
        assert (await ask_who(auth_site, f"/{stack}/default/", headers))["user"] == user.email
    assert (await get_refusal(auth_site.server, f"/{stack}/default/"))[1] == 4403


@pytest.mark.parametrize("way", ["session", "token", "basic", "jwt", "custom", "async"])
async def test_inactive_user_is_refused(auth_site: AuthSite, way: str) -> None:
    user = await auth_site.make_user()
    headers = await make_headers(auth_site, way, user)
    await auth_site.post("/users/change/", email=user.email, fields={"is_active": False})
    payload, code = await get_refusal(auth_site.server, f"/ws/{way}/", headers)
    assert code == 4000 + payload["status_code"]
    assert payload["status_code"] in (401, 403)
    assert user.email not in str(payload)


async def test_session_that_has_ended_is_refused(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    headers = with_session(await auth_site.log_in(user))
    await auth_site.post("/logout/", headers=headers)
    for stack in STACKS:
        refusal = await get_refusal(auth_site.server, f"/{stack}/session/", headers)
        assert summarise(refusal) == (403, NOT_PROVIDED, 4403)


@pytest.mark.parametrize("stack", STACKS)
async def test_session_of_a_deleted_user_is_refused(auth_site: AuthSite, stack: str) -> None:
    user = await auth_site.make_user()
    headers = with_session(await auth_site.log_in(user))
    await auth_site.post("/users/delete/", email=user.email)
    refusal = await get_refusal(auth_site.server, f"/{stack}/session/", headers)
    assert summarise(refusal) == (403, NOT_PROVIDED, 4403)


@pytest.mark.parametrize("stack", STACKS)
async def test_session_from_before_the_password_changed_is_refused(
    auth_site: AuthSite, stack: str
) -> None:
    user = await auth_site.make_user()
    headers = with_session(await auth_site.log_in(user))
    await auth_site.post("/users/password/", email=user.email)
    refusal = await get_refusal(auth_site.server, f"/{stack}/session/", headers)
    assert summarise(refusal) == (403, NOT_PROVIDED, 4403)


async def test_user_of_the_sites_own_middleware(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    me = await ask_who(auth_site, "/own/session/", {HEADER: user.email})
    assert me["user"] == user.email


# --- permissions, throttles, objects --------------------------------------------------------------


async def test_composed_permissions(auth_site: AuthSite) -> None:
    one = {"is_staff": True, "nickname": ""}
    other = {"is_staff": False, "nickname": "ada"}
    for fields in (one, other):
        user = await auth_site.make_user(**fields)
        await ask_who(auth_site, "/ws/composed/", with_token(user.token))
    for fields in ({}, {"is_staff": True, "nickname": "ada"}):
        user = await auth_site.make_user(**fields)
        refusal = await get_refusal(auth_site.server, "/ws/composed/", with_token(user.token))
        assert summarise(refusal)[::2] == (403, 4403)


async def test_throttle_counts_handshakes(auth_site: AuthSite) -> None:
    user, other = await auth_site.make_user(), await auth_site.make_user()
    for _ in range(2):
        await ask_who(auth_site, "/ws/throttled/", with_token(user.token))
    payload, code = await get_refusal(auth_site.server, "/ws/throttled/", with_token(user.token))
    assert (payload["status_code"], code) == (429, 4429)
    assert payload["data"]["detail"].startswith("Request was throttled.")
    await ask_who(auth_site, "/ws/throttled/", with_token(other.token))


@pytest.mark.parametrize("stack", STACKS)
async def test_object_permission(auth_site: AuthSite, stack: str) -> None:
    member, stranger = await auth_site.make_user(), await auth_site.make_user()
    path = f"/{stack}/rooms/{{}}/"
    private = await auth_site.make_room(member)
    public = await auth_site.make_room(is_public=True)
    me = await ask_who(auth_site, path.format(private), with_token(member.token))
    assert me["obj"] == private
    me = await ask_who(auth_site, path.format(public), with_token(stranger.token))
    assert me["obj"] == public
    headers = with_token(stranger.token)
    refusal = await get_refusal(auth_site.server, path.format(private), headers)
    assert summarise(refusal) == (403, FORBIDDEN, 4403)
    payload, code = await get_refusal(auth_site.server, path.format("none"), headers)
    assert (payload["status_code"], code) == (404, 4404)
    # Who is not known is told nothing of what there is.
    for slug in (private, "none"):
        refusal = await get_refusal(auth_site.server, path.format(slug))
        assert summarise(refusal) == (403, NOT_PROVIDED, 4403)


async def test_queryset_that_depends_on_the_user(auth_site: AuthSite) -> None:
    member, stranger = await auth_site.make_user(), await auth_site.make_user()
    room = await auth_site.make_room(member)
    me = await ask_who(auth_site, f"/ws/own-rooms/{room}/", with_token(member.token))
    assert me["obj"] == room
    refusals = [
        await get_refusal(auth_site.server, f"/ws/own-rooms/{slug}/", with_token(stranger.token))
        for slug in (room, "none")
    ]
    assert refusals[0] == refusals[1]
    assert (refusals[0][0]["status_code"], refusals[0][1]) == (404, 4404)


@pytest.mark.parametrize(
    ("path", "hops"), [("no-classes", 0), ("token", 1), ("allow-any", 1), ("rooms/{}", 1)]
)
async def test_handshake_takes_one_trip_to_a_thread_or_none(
    auth_site: AuthSite, path: str, hops: int
) -> None:
    user = await auth_site.make_user()
    room = await auth_site.make_room(user)
    await auth_site.wait_until_idle()
    before = await auth_site.count_lane_calls()
    await ask_who(auth_site, f"/ws/{path.format(room)}/", with_token(user.token))
    assert await auth_site.count_lane_calls() == before + hops


# --- nobody ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("path", ["allow-any", "no-classes"])
async def test_anonymous_user(auth_site: AuthSite, stack: str, path: str) -> None:
    me = await ask_who(auth_site, f"/{stack}/{path}/")
    assert me["user_class"] == "AnonymousUser"
    assert me["user"] is me["request_user"] is None


@pytest.mark.parametrize("stack", STACKS)
async def test_allow_any_knows_who_is_known(auth_site: AuthSite, stack: str) -> None:
    user = await auth_site.make_user()
    for headers in (with_session(await auth_site.log_in(user)), with_token(user.token)):
        assert (await ask_who(auth_site, f"/{stack}/allow-any/", headers))["user"] == user.email
        me = await ask_who(auth_site, f"/{stack}/no-classes/", headers)
        assert me["user_class"] == "AnonymousUser"


async def test_allow_any_refuses_a_wrong_token(auth_site: AuthSite) -> None:
    payload, code = await get_refusal(auth_site.server, "/ws/allow-any/", with_token("wrong"))
    assert payload["data"] == {"detail": "Invalid token."}
    assert code == 4403


# --- refusing before accept -----------------------------------------------------------------------


async def test_refused_before_accept_with_the_response_of_drf(auth_site: AuthSite) -> None:
    user, stranger = await auth_site.make_user(), await auth_site.make_user()
    room = await auth_site.make_room(user)
    token = list(with_token(stranger.token).items())
    answer = await send_handshake(auth_site.server, "/ws/early/")
    assert (answer.status, answer.json()) == (401, NOT_PROVIDED)
    assert answer.headers["www-authenticate"] == "Token"
    assert answer.headers["content-type"] == "application/json"
    answer = await send_handshake(auth_site.server, "/ws/early-session/")
    assert (answer.status, answer.json()) == (403, NOT_PROVIDED)
    answer = await send_handshake(auth_site.server, f"/ws/early-rooms/{room}/", token)
    assert (answer.status, answer.json()) == (403, FORBIDDEN)
    answer = await send_handshake(auth_site.server, "/ws/early-rooms/none/", token)
    assert answer.status == 404
    answer = await send_handshake(auth_site.server, f"/ws/early-rooms/{room}/", token)
    assert answer.status == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert "throttled" in answer.json()["detail"]


async def test_who_may_come_is_accepted_as_everywhere(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    room = await auth_site.make_room(user)
    protocols = ["chanx", encode_bearer(user.token)]
    async with connect(auth_site.server, "/ws/early/", subprotocols=protocols) as client:
        assert client.websocket.subprotocol == "chanx"
        assert (await client.ask("who"))["payload"]["user"] == user.email
    me = await ask_who(auth_site, f"/ws/early-rooms/{room}/", with_token(user.token))
    assert me["obj"] == room


async def test_server_without_denial_responses_says_403(
    auth_database: Path, tmp_path: Path
) -> None:
    with serve(auth_database, tmp_path, start=start_daphne) as site:
        user = await site.make_user()
        evil = [("Origin", "https://evil.test")]
        for path, headers in [("/ws/early/", []), ("/ws/default/", evil)]:
            assert (await send_handshake(site.server, path, headers)).status == 403
        assert (await ask_who(site, "/ws/early/", with_token(user.token)))["user"] == user.email
        # The default is to accept, say why, and close.
        refusal = await get_refusal(site.server, "/ws/token/")
        assert summarise(refusal) == (401, NOT_PROVIDED, 4401)
    site.server.check_tracebacks()
