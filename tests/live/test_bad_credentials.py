"""Credentials that are none, or somebody's who should not have them: refused, and nothing else."""

import asyncio
import base64
import time
from pathlib import Path

import jwt
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
from tests.live.clients import Client, connect, get_refusal, read_refusal
from tests.live.conftest import find_lines

NOT_PROVIDED = {"detail": "Authentication credentials were not provided."}


_LONGEST = 5000
"""Characters of a token. In base64, and with the rest of its line, that is less than the 8 KiB of
which the server's WebSocket library takes a header."""


def make_bad_jwts(user: User) -> dict[str, str]:
    """Return tokens of which none may pass."""
    good = make_jwt(user)
    head, body, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    rsa = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').decode().rstrip("=")
    return {
        "no token": "wrong",
        "dots": "..",
        "not base64": "!!.!!.!!",
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "signature of nothing": f"{none}.{body}.",
        "other algorithm": f"{rsa}.{body}.{signature}",
        "other signature": f"{head}.{body}.{signature[::-1]}",
        "foreign": make_jwt(user, key="the key of somebody else, long enough too"),
        "expired": make_jwt(user, -10),
        "not yet valid": make_jwt(user, nbf=time.time() + 1000),
        "of a refresh": make_jwt(user, token_type="refresh"),
        "of no user": make_jwt(user, user_id="2b0d7b3d-7bd3-4bd0-8c5e-000000000000"),
        "no user": jwt.encode({"token_type": "access", "exp": time.time() + 100}, "x" * 40),
        "expiry that is no number": make_jwt(user, exp="tomorrow"),
        "long": good + "x" * (_LONGEST - len(good)),
        "longer than a token may be": good + "x" * 20_000,
    }


BAD_JWTS = list(make_bad_jwts(User("1", "", "", "")))


@pytest.mark.parametrize("name", BAD_JWTS)
async def test_bad_jwt(auth_site: AuthSite, name: str) -> None:
    user = await auth_site.make_user()
    token = make_bad_jwts(user)[name]
    client = await Client.open(auth_site.server, "/ws/message/")
    await client.send("authenticate", {"token": token})
    refusals = [read_refusal(*await client.receive_until_closed())]
    if len(token) <= _LONGEST:
        offered = ["chanx", encode_bearer(token)]
        refusals.append(await get_refusal(auth_site.server, "/ws/jwt/", subprotocols=offered))
        headers = with_token(token, "Bearer")
        refusals.append(await get_refusal(auth_site.server, "/ws/jwt/", headers))
    for payload, code in refusals:
        assert (payload["status_code"], code) == (401, 4401)
        assert token[:30] not in str(payload) or len(token) < 10
        assert len(str(payload)) < 1000


BEARERS: dict[str, str] = {
    "empty": "chanx.bearer.",
    "not base64": "chanx.bearer.!!!!",
    "one character": "chanx.bearer.a",
    "not UTF-8": encode_bearer(b"\xff\xfe\xfd"),
    "NUL": encode_bearer("a\x00b"),
    "newline": encode_bearer("a\r\nX-Admin: 1"),
    "tab": encode_bearer("a\tb"),
    "blank": encode_bearer(" "),
    "not ASCII": encode_bearer("tokën"),
    "surrogate": encode_bearer(b"\xed\xa0\x80"),
    "long": encode_bearer("x" * _LONGEST),
    "padding inside": "chanx.bearer.YQ==YQ==",
}


@pytest.mark.parametrize("name", BEARERS)
async def test_bearer_subprotocol_that_is_no_token(auth_site: AuthSite, name: str) -> None:
    headers = [("Sec-WebSocket-Protocol", "chanx, " + BEARERS[name])]
    # The session of a user does not help: who shows a token is judged by it.
    user = await auth_site.make_user()
    headers += with_session(await auth_site.log_in(user)).items()
    answer = await send_handshake(auth_site.server, "/ws/early/", headers)
    # 400: the server knows that this is no list of subprotocols.
    assert answer.status in (400, 401), answer
    assert len(answer.body) < 1000


HEADERS: dict[str, str | bytes] = {
    "empty": "",
    "scheme alone": "Token",
    "three words": "Token a b",
    "NUL": b"Token a\x00b",
    "carriage return": b"Token a\rb",
    "not ASCII": "Token tokën".encode(),
    "bytes": b"Token \xff\xfe",
    "long": "Token " + "x" * 8000,
    "Basic that is not base64": "Basic !!!",
    "Basic without a colon": "Basic " + base64.b64encode(b"user").decode(),
    "Basic with bytes": "Basic " + base64.b64encode(b"\xff:\xff").decode(),
    "Basic with NUL": "Basic " + base64.b64encode(b"a\x00:b\x00").decode(),
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("path", ["token", "basic", "jwt", "early"])
async def test_odd_header(auth_site: AuthSite, path: str, name: str) -> None:
    headers: list[tuple[str, str | bytes]] = [("Authorization", HEADERS[name])]
    answer = await send_handshake(auth_site.server, f"/ws/{path}/", headers)
    # 400: the server did not take it for HTTP. 101: accepted, to be told why it is refused.
    assert answer.status in ((400, 401) if path == "early" else (400, 101)), answer


COOKIES: dict[str, str | bytes] = {
    "empty": "sessionid=",
    "unknown": "sessionid=" + "a" * 32,
    "no cookie": "sessionid",
    "separators": ";;;=;,",
    "quotes": 'sessionid="\\"',
    "SQL": "sessionid=' OR 1=1 --",
    "path": "sessionid=../../etc/passwd",
    "NUL": b"sessionid=a\x00b",
    "octal NUL": 'sessionid="a\\000b"',
    "octal not ASCII": 'sessionid="a\\377b"',
    "not ASCII": "sessionid=tokën",
    "bytes": b"sessionid=\xff\xfe",
    "long": "sessionid=" + "x" * 8000,
    "many": "; ".join(f"c{number}=1" for number in range(500)),
}


@pytest.mark.parametrize("name", COOKIES)
@pytest.mark.parametrize("stack", ["ws", "stack"])
async def test_cookie_that_is_no_session(auth_site: AuthSite, stack: str, name: str) -> None:
    headers: list[tuple[str, str | bytes]] = [("Cookie", COOKIES[name])]
    answer = await send_handshake(auth_site.server, f"/{stack}/early-session/", headers)
    assert answer.status in (400, 403), answer
    if answer.status == 403:
        assert answer.json() == NOT_PROVIDED


# --- two that disagree ----------------------------------------------------------------------------


async def test_two_tokens_that_disagree(auth_site: AuthSite) -> None:
    """Also two good ones: who is meant, nobody can say."""
    user, other = await auth_site.make_user(), await auth_site.make_user()
    bearer = encode_bearer(user.token)
    protocols = [
        ("Sec-WebSocket-Protocol", f"chanx, {bearer}"),
        ("Sec-WebSocket-Protocol", f"chanx, {bearer}, {encode_bearer(other.token)}"),
    ]
    header = [("Authorization", f"Token {each.token}") for each in (user, other)]
    for headers in ([protocols[0], header[1]], [protocols[1]], header):
        answer = await send_handshake(auth_site.server, "/ws/early/", headers)
        assert answer.status == 401
        assert user.token not in str(answer)
    jwts = [make_jwt(each) for each in (user, other)]
    headers_of_one = with_token(jwts[0], "Bearer")
    path = f"/ws/query/?token={jwts[1]}"
    payload, code = await get_refusal(auth_site.server, path, headers_of_one)
    assert (payload["status_code"], code) == (401, 4401)
    path = f"/ws/query/?token={jwts[1]}&token={jwts[0]}"
    payload, code = await get_refusal(auth_site.server, path)
    assert (payload["status_code"], code) == (401, 4401)


# --- not told apart -------------------------------------------------------------------------------


def with_password(email: str, password: str) -> dict[str, str]:
    return with_token(base64.b64encode(f"{email}:{password}".encode()).decode(), "Basic")


async def test_wrong_password_and_wrong_user_are_answered_alike(auth_site: AuthSite) -> None:
    user, inactive = await auth_site.make_user(), await auth_site.make_user(is_active=False)
    refusals = [
        await get_refusal(auth_site.server, "/ws/basic/", with_password(email, password))
        for email, password in [
            (user.email, "wrong"),
            ("nobody@auth.test", "wrong"),
            ("nobody@auth.test", user.password),
            (inactive.email, user.password),
            (inactive.email, "wrong"),
        ]
    ]
    assert all(refusal == refusals[0] for refusal in refusals)
    assert refusals[0][1] == 4401


async def test_wrong_tokens_are_answered_alike(auth_site: AuthSite) -> None:
    user, deleted = await auth_site.make_user(), await auth_site.make_user()
    await auth_site.post("/users/delete/", email=deleted.email)
    almost = user.token[:-1] + ("0" if user.token[-1] != "0" else "1")
    refusals = [
        await get_refusal(auth_site.server, "/ws/token/", with_token(token))
        for token in (almost, "0" * 40, deleted.token, "short")
    ]
    assert all(refusal == refusals[0] for refusal in refusals)
    assert refusals[0][0]["data"] == {"detail": "Invalid token."}


async def test_renewal_does_not_tell_tokens_apart(auth_site: AuthSite) -> None:
    """Otherwise a client could try out the tokens of others."""
    user, other = await auth_site.make_user(), await auth_site.make_user()
    inactive = await auth_site.make_user(is_active=False)
    tokens = [
        "wrong",
        make_jwt(other),
        make_jwt(inactive),
        make_jwt(user, -10),
        make_jwt(other, -10),
        make_jwt(user, user_id="2b0d7b3d-7bd3-4bd0-8c5e-000000000000"),
        make_jwt(user, key="the key of somebody else, long enough too"),
        "x" * 20_000,
        "a\x00b",
    ]
    headers = with_token(make_jwt(user), "Bearer")
    async with connect(auth_site.server, "/ws/jwt/", headers) as client:
        answers = [await client.ask("authenticate", {"token": token}) for token in tokens]
        me = (await client.ask("who"))["payload"]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["payload"]["status_code"] == 401
    assert answers[0]["payload"]["data"] == {"detail": "Incorrect authentication credentials."}
    assert me["user"] == user.email


# --- a flood --------------------------------------------------------------------------------------

FLOOD = 1500
AT_ONCE = 50
CLOSE_4401 = b"\x88\x02\x11\x31"
CLOSE_4408 = b"\x88\x02\x11\x38"
"""The frames (RFC 6455, 5.5.1)."""
THREADS_MORE = 16
KIB_MORE = 40 * 1024


def read_status(site: AuthSite, key: str) -> int:
    """Return a number of /proc/PID/status."""
    path = Path(f"/proc/{site.server.pid}/status")
    if not path.exists():
        pytest.skip("Memory and threads of a process are read from /proc, which is not here")
    lines = dict(line.split(":", 1) for line in path.read_text().splitlines())
    return int(lines[key].split()[0])


@pytest.mark.parametrize("path", ["/ws/token/", "/ws/early/"])
async def test_flood_of_wrong_tokens(auth_database: Path, tmp_path: Path, path: str) -> None:
    """As many connects a second as the server takes, at least hundreds."""
    with serve(auth_database, tmp_path) as site:
        user = await site.make_user()
        left = iter(range(FLOOD))

        async def attack() -> None:
            for number in left:
                headers = [("Authorization", f"Token wrong{number}")]
                answer = await send_handshake(site.server, path, headers, until=CLOSE_4401)
                assert answer.status == (401 if path == "/ws/early/" else 101)

        begun = time.monotonic()
        await asyncio.gather(*(attack() for _ in range(AT_ONCE)))
        before = read_status(site, "Threads"), read_status(site, "VmRSS")
        left = iter(range(FLOOD, 2 * FLOOD))
        attackers = asyncio.gather(*(attack() for _ in range(AT_ONCE)))
        # An honest client gets in while it goes on, and right after it.
        for _ in range(2):
            async with connect(site.server, path, with_token(user.token)) as client:
                assert (await client.ask("ping"))["action"] == "pong"
            await attackers
        seconds = time.monotonic() - begun
        await site.wait_until_idle()
        stats = await site.post("/stats/")
        after = read_status(site, "Threads"), read_status(site, "VmRSS")
    assert stats["counters"]["connections_refused"] == {"authentication": 2 * FLOOD}
    assert stats["connections"] == dict.fromkeys(stats["connections"], 0)
    assert after[0] <= before[0] + THREADS_MORE
    assert after[1] <= before[1] + KIB_MORE
    # Of those that were refused a line a second.
    lines = find_lines(site.server, "Refused a connection")
    assert len(lines) <= 5 + 3 * seconds
    assert sum(1 + line["left_out"] for line in lines) <= 2 * FLOOD
    ours = [line for line in site.server.output.splitlines() if line.startswith("{")]
    assert len(ours) <= len(lines) + 10
    assert "wrong" not in "".join(ours)
    site.server.check_tracebacks()


async def test_flood_of_clients_that_say_nothing(auth_database: Path, tmp_path: Path) -> None:
    """Each has its time to send a token; then nothing is left of it."""
    with serve(auth_database, tmp_path) as site:
        user = await site.make_user()
        begun = time.monotonic()
        attackers = asyncio.gather(
            *(send_handshake(site.server, "/ws/impatient/", until=CLOSE_4408) for _ in range(200))
        )
        async with connect(site.server, "/ws/token/", with_token(user.token)) as client:
            assert (await client.ask("ping"))["action"] == "pong"
            await attackers
            assert (await client.ask("ping"))["action"] == "pong"
        seconds = time.monotonic() - begun
        stats = await site.post("/stats/")
    assert stats["counters"]["connections_refused"] == {"authentication": 200}
    lines = find_lines(site.server, "Refused a connection")
    assert 1 <= len(lines) <= 2 + seconds
    assert lines[0]["setting"] == "AUTHENTICATION_TIMEOUT"
    site.server.check_tracebacks()
