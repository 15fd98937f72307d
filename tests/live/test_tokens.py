"""Tokens of browsers, which cannot set headers: as a subprotocol, in a message, in the URL."""

import asyncio
import contextlib
import json
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.live.auth import (
    AuthSite,
    check_lives,
    encode_bearer,
    make_jwt,
    send_handshake,
    serve,
    with_token,
)
from tests.live.clients import Client, connect, get_refusal, read_refusal
from tests.live.conftest import find_lines

NOT_PROVIDED = {"detail": "Authentication credentials were not provided."}
PACE = 0.05
"""Seconds between messages, so that there are fewer than the limit in the time for a token."""


async def authenticate(site: AuthSite, path: str, token: str) -> Client:
    """Connect, and authenticate by a first message with success."""
    client = await Client.open(site.server, path)
    answer = await client.ask("authenticate", {"token": token})
    assert answer["action"] == "authentication", answer
    assert answer["payload"]["status_code"] == 200, answer
    return client


# --- as a subprotocol -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ws/token/", "/stack/token/", "/ws/subprotocol/"])
@pytest.mark.parametrize("order", [1, -1])
async def test_token_as_subprotocol(auth_site: AuthSite, path: str, order: int) -> None:
    user = await auth_site.make_user()
    offered = ["chanx", encode_bearer(f"Token {user.token}")][::order]
    async with connect(auth_site.server, path, subprotocols=offered) as client:
        assert client.websocket.subprotocol == "chanx"
        await check_lives(client, user)


async def test_bare_token_gets_the_scheme_of_the_first_class(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    for path, token in [("token", user.token), ("jwt", make_jwt(user))]:
        offered = ["chanx", encode_bearer(token)]
        async with connect(auth_site.server, f"/ws/{path}/", subprotocols=offered) as client:
            await check_lives(client, user)


async def test_token_is_never_echoed(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    bearer = encode_bearer(user.token)
    for offer in ("chanx, " + bearer, bearer + ", chanx", bearer):
        headers = [("Sec-WebSocket-Protocol", offer)]
        answer = await send_handshake(auth_site.server, "/ws/token/", headers)
        assert answer.status == 101
        expected = "chanx" if "chanx," in offer or ", chanx" in offer else None
        assert answer.headers.get("sec-websocket-protocol") == expected
        assert bearer not in str(answer)


async def test_wrong_token_as_subprotocol(auth_site: AuthSite) -> None:
    offered = ["chanx", encode_bearer("wrong")]
    payload, code = await get_refusal(auth_site.server, "/ws/token/", subprotocols=offered)
    assert (payload["data"], code) == ({"detail": "Invalid token."}, 4401)


# --- as a first message ---------------------------------------------------------------------------


@pytest.mark.parametrize("stack", ["ws", "stack"])
async def test_token_in_the_first_message(auth_site: AuthSite, stack: str) -> None:
    user = await auth_site.make_user()
    client = await authenticate(auth_site, f"/{stack}/message/?group=tokens", make_jwt(user))
    await check_lives(client, user)
    said = await client.ask("say", "hello")
    assert said["payload"] == "hello"
    await client.close()


async def test_header_makes_the_first_message_unnecessary(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    headers = with_token(make_jwt(user), "Bearer")
    async with connect(auth_site.server, "/ws/message/", headers) as client:
        await check_lives(client, user)


async def test_nothing_else_is_handled_before(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    client = await Client.open(auth_site.server, "/ws/message/?group=before")
    async with connect(
        auth_site.server, "/ws/message/?group=before", with_token(make_jwt(user), "Bearer")
    ) as member:
        assert (await member.ask("say", "secret"))["payload"] == "secret"
    for action in ("ping", "who", "say", "dance"):
        answer = await client.ask(action)
        assert answer == {"action": "error", "payload": {"detail": "Authenticate first"}}
    answer = await client.ask("authenticate", {"token": make_jwt(user)})
    assert answer["payload"]["status_code"] == 200
    await check_lives(client, user)
    await client.close()


async def test_wrong_first_message(auth_site: AuthSite) -> None:
    for token in ("wrong", "", "a.b.c", "x" * 20_000, "a\nb", "a\x00b"):
        client = await Client.open(auth_site.server, "/ws/message/")
        await client.send("authenticate", {"token": token})
        payload, code = read_refusal(*await client.receive_until_closed())
        assert (payload["status_code"], code) == (401, 4401)
        assert len(str(payload)) < 500


@pytest.mark.parametrize(
    "payload", [None, {}, {"token": 1}, {"token": None}, [], "token", {"token": "a", "user": 1}]
)
async def test_message_without_a_token_is_an_error(auth_site: AuthSite, payload: object) -> None:
    user = await auth_site.make_user()
    client = await Client.open(auth_site.server, "/ws/message/")
    assert (await client.ask("authenticate", payload))["action"] == "error"
    answer = await client.ask("authenticate", {"token": make_jwt(user)})
    assert answer["payload"]["status_code"] == 200
    await client.close()


async def test_who_sends_no_token_in_time_is_closed(auth_site: AuthSite) -> None:
    client = await Client.open(auth_site.server, "/ws/impatient/")
    payload, code = read_refusal(*await client.receive_until_closed())
    assert (payload["status_code"], payload["status_text"]) == (408, "Request Timeout")
    assert code == 4408


async def test_who_sends_other_things_gets_no_more_time(auth_site: AuthSite) -> None:
    """Else a client that goes on is closed for something else: for what it sends."""
    client = await Client.open(auth_site.server, "/ws/impatient/")
    messages = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            messages.append(await client.ask("ping"))
            await asyncio.sleep(PACE)
    rest, code = await client.receive_until_closed()
    *errors, last = [message["action"] for message in messages + rest]
    assert last == "authentication"
    assert set(errors) <= {"error"}
    assert code == 4408


async def test_who_sends_many_other_things_is_closed_at_once(auth_site: AuthSite) -> None:
    client = await Client.open(auth_site.server, "/ws/message/")
    for _ in range(30):
        await client.send("ping")
    messages, _ = await client.receive_until_closed()
    assert {message["action"] for message in messages} == {"error"}
    assert len(messages) <= 21


async def test_client_that_was_refused_cannot_try_another_token(auth_site: AuthSite) -> None:
    """What is behind the first message is not read."""
    user = await auth_site.make_user()
    client = await Client.open(auth_site.server, "/ws/message/")
    await client.send("authenticate", {"token": "wrong"})
    await client.send("authenticate", {"token": make_jwt(user)})
    _, code = read_refusal(*await client.receive_until_closed())
    assert code == 4401


async def test_limits_are_there_before_the_token(auth_site: AuthSite) -> None:
    client = await Client.open(auth_site.server, "/ws/message/")
    await client.send("authenticate", {"token": "x" * 100_000})
    messages, code = await client.receive_until_closed()
    assert (messages, code) == ([], 1009)


async def test_who_waits_with_no_token_takes_a_place(auth_database: Path, tmp_path: Path) -> None:
    """Of those of an address; for as long as there is time to send one."""
    with serve(auth_database, tmp_path, chanx={"MAX_CONNECTIONS_PER_ADDRESS": 3}) as site:
        user = await site.make_user()
        waiting = [await Client.open(site.server, "/ws/message/") for _ in range(3)]
        # An answer: it has been seen.
        for client in waiting:
            await client.ask("ping")
        payload, code = await get_refusal(site.server, "/ws/token/", with_token(user.token))
        assert (payload["status_code"], code) == (429, 4429)
        answer = await send_handshake(site.server, "/ws/early/")
        assert answer.status == 429
        for client in waiting:
            await client.send("authenticate", {"token": "wrong"})
            read_refusal(*await client.receive_until_closed())
        async with connect(site.server, "/ws/token/", with_token(user.token)) as client:
            await check_lives(client, user)


# --- which transports there are -------------------------------------------------------------------


async def test_transports_that_a_consumer_does_not_take_are_not_there(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    token = make_jwt(user)
    ways = {
        "header": {"headers": with_token(token, "Bearer")},
        "subprotocol": {"subprotocols": ["chanx", encode_bearer(token)]},
        "query": {},
    }
    taken = {
        "header": {"header"},
        "subprotocol": {"subprotocol"},
        "query": {"header", "query"},
        "no-transports": set(),
        "jwt": {"header", "subprotocol"},
    }
    for path, transports in taken.items():
        for way, options in ways.items():
            query = f"?token={token}" if way == "query" else ""
            target = f"/ws/{path}/{query}"
            if way in transports:
                async with connect(auth_site.server, target, **options) as client:  # type: ignore[arg-type]  # each way has its own
                    await check_lives(client, user)
            else:
                payload, _ = await get_refusal(auth_site.server, target, **options)  # type: ignore[arg-type]  # each way has its own
                assert payload["data"] == NOT_PROVIDED, (path, way)


async def test_default_waits_for_no_message(auth_site: AuthSite) -> None:
    payload, code = await get_refusal(auth_site.server, "/ws/jwt/")
    assert (payload["data"], code) == (NOT_PROVIDED, 4401)


async def test_same_token_twice_is_one_token(auth_site: AuthSite) -> None:
    user = await auth_site.make_user()
    offered = ["chanx", encode_bearer(user.token)]
    headers = with_token(user.token)
    async with connect(auth_site.server, "/ws/token/", headers, subprotocols=offered) as client:
        await check_lives(client, user)


# --- what is told of them -------------------------------------------------------------------------


async def test_no_token_is_in_a_log_line_of_ours(auth_site: AuthSite) -> None:
    """Query strings included, in full and in part; the server's own access log has those."""
    user = await auth_site.make_user()
    secret = make_jwt(user)
    async with connect(auth_site.server, f"/ws/query/?token={secret}&a=1") as client:
        await client.ask("who")
        await client.ask("authenticate", {"token": make_jwt(user, 400)})
        await client.send_raw('{"action":"authenticate","payload":' + json.dumps(secret) + "}")
        await client.receive()
    await get_refusal(auth_site.server, f"/ws/query/?token={secret}x")
    offered = ["chanx", encode_bearer(secret + "x")]
    await get_refusal(auth_site.server, "/ws/jwt/", subprotocols=offered)
    key = await auth_site.log_in(user)
    async with connect(auth_site.server, "/ws/session/", {"Cookie": f"sessionid={key}"}):
        pass
    lines = [line for line in auth_site.server.output.splitlines() if line.startswith("{")]
    assert lines
    for line in lines:
        for secret_part in (secret[:30], secret[-30:], encode_bearer(secret)[20:50], key, "token="):
            assert secret_part not in line
    assert {line["path"] for line in find_lines(auth_site.server, "Disconnecting websocket")}
