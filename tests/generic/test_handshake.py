"""Handshakes that are refused: with which answer, in how many lines; and what is selected."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotFound, Throttled
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from chanx.engine.registry import registry
from chanx.engine.stats import counters
from chanx.generic.authenticator import AuthenticationResult, ChanxWebsocketAuthenticator
from chanx.testing import WebsocketCommunicator
from chanx.utils.settings import override_chanx_settings
from tests.app.consumers import OpenConsumer, RoomConsumer
from tests.conftest import Connect, Vary

ANN = [(b"x-user", b"ann")]
FOREIGN = [(b"origin", b"https://evil.com")]
HTTP: dict[str, Any] = {"websocket.http.response": {}}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    counters.reset()
    yield
    assert len(registry) == 0
    counters.reset()


class HeaderPermission(BasePermission):
    """Raises what the header ``x-raise`` names."""

    errors = {
        "404": NotFound("No such room"),
        "401": AuthenticationFailed("Who are you?"),
        "429": Throttled(wait=7.2),
        "500": RuntimeError("secret"),
    }

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raise, or look who it is."""
        if error := self.errors.get(request.headers.get("x-raise", "")):
            raise error
        return request.user.is_authenticated


class HeaderOnly(BaseAuthentication):
    """Has no challenge, so DRF says 403."""

    def authenticate(self, request: Request) -> None:
        """Know nobody."""


class StrictConsumer(RoomConsumer):
    """Refuses before it accepts."""

    permission_classes: Sequence[Any] | None = (HeaderPermission,)
    refuse_before_accept: bool | None = True


def make_client(application: Any, extensions: Any = None, **kwargs: Any) -> WebsocketCommunicator:
    client = WebsocketCommunicator(application, "/ws/", **kwargs)
    if extensions is not None:
        client.scope["extensions"] = extensions
    return client


async def get_response(client: WebsocketCommunicator) -> tuple[int, dict[bytes, bytes], Any]:
    """Return status, headers and body of a denial response."""
    await client.send_input({"type": "websocket.connect"})
    start, body = [await client.receive_output() for _ in range(2)]
    assert start["type"] == "websocket.http.response.start"
    assert body["type"] == "websocket.http.response.body"
    await client.send_input({"type": "websocket.disconnect", "code": 1006})  # as uvicorn
    await client.wait()
    headers = dict(start["headers"])
    assert int(headers[b"content-length"]) == len(body["body"])
    assert headers[b"content-type"] == b"application/json"
    return start["status"], headers, json.loads(body["body"])


def find(logs: list[Any], event: str) -> list[Any]:
    return [line for line in logs if line["event"] == event]


# --- origins --------------------------------------------------------------------------------------


async def test_foreign_origin_gets_403_before_anything_is_done(vary: Vary, logs: list[Any]) -> None:
    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            raise AssertionError

    class Consumer(OpenConsumer):
        authenticator_class = Authenticator

    status, _, body = await get_response(make_client(vary(Consumer), HTTP, headers=FOREIGN))
    assert (status, body) == (403, {"detail": "Origin not allowed"})
    (line,) = logs
    assert (line["event"], line["reason"]) == ("Refused a connection", "origin")
    assert (line["origin"], line["setting"]) == ("https://evil.com", "ALLOWED_ORIGINS")
    assert counters.refused == {"origin": 1}
    assert counters.closes == {4403: 1}


@pytest.mark.parametrize("extensions", [None, {}])
async def test_foreign_origin_is_closed_where_the_server_has_no_responses(extensions: Any) -> None:
    client = make_client(OpenConsumer.as_asgi(), extensions, headers=FOREIGN)
    assert await client.connect() == (False, 4403)
    await client.disconnect()
    assert counters.refused == {"origin": 1}


async def test_own_origin_and_none_pass(connect: Connect) -> None:
    application = OpenConsumer.as_asgi()
    await connect(application)
    client = await connect(application, headers=[(b"origin", b"http://testserver")])
    await client.disconnect()


async def test_setting_and_attribute_widen_the_check(connect: Connect) -> None:
    class Consumer(OpenConsumer):
        allowed_origins = ("https://*.evil.com",)

    await (await connect(Consumer.as_asgi(), headers=FOREIGN)).disconnect()
    for origins in (["https://evil.com"], ["*"], "*"):
        with override_chanx_settings(ALLOWED_ORIGINS=origins):
            await (await connect(OpenConsumer.as_asgi(), headers=FOREIGN)).disconnect()
    with override_chanx_settings(ALLOWED_ORIGINS="*"):

        class Closed(OpenConsumer):
            allowed_origins = ()

        client = make_client(Closed.as_asgi(), headers=FOREIGN)
        assert await client.connect() == (False, 4403)
        await client.disconnect()


# --- refusing before accept -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ([], 401, {"detail": "Authentication credentials were not provided."}),
        ([(b"x-raise", b"401")], 401, {"detail": "Who are you?"}),
        ([(b"x-raise", b"404")], 404, {"detail": "No such room"}),
        (
            [(b"x-raise", b"429")],
            429,
            {"detail": "Request was throttled. Expected available in 8 seconds."},
        ),
        ([(b"x-raise", b"500")], 500, {"detail": "Internal server error"}),
    ],
)
async def test_refusal_is_what_drf_would_have_answered(
    headers: Any, status: int, body: Any, vary: Vary
) -> None:
    answer = await get_response(make_client(vary(StrictConsumer), HTTP, headers=headers))
    assert (answer[0], answer[2]) == (status, body)
    assert counters.refused == {"authentication": 1}
    assert counters.closes == {4000 + status: 1}


async def test_refusal_without_a_challenge_is_403() -> None:
    class Consumer(StrictConsumer):
        authentication_classes = (HeaderOnly,)

    status, _, _ = await get_response(make_client(Consumer.as_asgi(), HTTP))
    assert status == 403


async def test_headers_of_a_result_are_in_the_response() -> None:
    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            headers = {"WWW-Authenticate": "Token", "Retry-After": "7", "X-Bad": "a\r\nb: c"}
            return AuthenticationResult(False, 401, "Unauthorized", {"a": 1}, headers=headers)

    class Consumer(StrictConsumer):
        authenticator_class = Authenticator

    status, headers, body = await get_response(make_client(Consumer.as_asgi(), HTTP))
    assert (status, body) == (401, {"a": 1})
    assert (headers[b"www-authenticate"], headers[b"retry-after"]) == (b"Token", b"7")
    assert b"x-bad" not in headers


async def test_refusal_where_the_server_has_no_responses(vary: Vary, logs: list[Any]) -> None:
    client = make_client(vary(StrictConsumer))
    assert await client.connect() == (False, 4401)
    await client.disconnect()
    assert counters.refused == {"authentication": 1}
    assert [line["event"] for line in logs] == ["Refused a connection"]


@override_chanx_settings(REFUSE_BEFORE_ACCEPT=True, MAX_CONNECTIONS_PER_USER=1)
async def test_limits_are_refused_before_accept_too(connect: Connect) -> None:
    application = RoomConsumer.as_asgi()
    first = await connect(application, headers=ANN)
    status, _, body = await get_response(make_client(application, HTTP, headers=ANN))
    assert (status, body) == (429, {"detail": "Too many connections of this user"})
    await first.disconnect()


async def test_connect_knows_the_user_and_accepts(vary: Vary) -> None:
    class Consumer(StrictConsumer):
        async def connect(self) -> None:
            headers: Any = [(b"x-name", self.user.username.encode())]
            await self.accept(headers=headers)

    client = make_client(vary(Consumer), HTTP, headers=ANN)
    assert await client.connect() == (True, None)
    assert client.response_headers == [(b"x-name", b"ann")]
    await client.assert_authenticated_status_ok()
    await client.send_json_to({"action": "ping"})
    assert await client.receive_all_json() == [{"action": "pong", "payload": None}]
    await client.disconnect()


async def test_connect_is_not_called_for_those_who_are_refused() -> None:
    seen: list[Any] = []

    class Consumer(StrictConsumer):
        async def connect(self) -> None:
            seen.append("connect")

        async def disconnect(self, code: int) -> None:
            seen.append(code)

    await get_response(make_client(Consumer.as_asgi(), HTTP))
    assert seen == [4401]


async def test_message_transport_waits_for_nobody_before_accept() -> None:
    """Settings that were changed after the check of the class: closed, as it should be."""

    class Consumer(StrictConsumer):
        refuse_before_accept = None
        token_transports = ("message",)

    application = Consumer.as_asgi()
    with override_chanx_settings(REFUSE_BEFORE_ACCEPT=True):
        assert (await get_response(make_client(application, HTTP)))[0] == 401


# --- subprotocols ---------------------------------------------------------------------------------

TOKEN = "chanx.bearer.c2VjcmV0"


@pytest.mark.parametrize("extensions", [None, HTTP])
async def test_token_is_never_selected(extensions: Any, logs: list[Any]) -> None:
    client = make_client(OpenConsumer.as_asgi(), extensions, subprotocols=["chanx", TOKEN])
    assert await client.connect() == (True, "chanx")
    await client.disconnect()
    client = make_client(OpenConsumer.as_asgi(), extensions, subprotocols=[TOKEN])
    assert await client.connect() == (True, None)
    await client.disconnect()
    assert "c2VjcmV0" not in str(logs)


@pytest.mark.parametrize("spelling", [TOKEN, "Chanx.Bearer.c2VjcmV0"])
async def test_consumer_cannot_select_a_token(spelling: str) -> None:
    class Consumer(OpenConsumer):
        async def connect(self) -> None:
            offered = self.scope["subprotocols"][0]
            headers: Any = [(b"sec-websocket-protocol", offered.encode())]
            await self.accept(offered, headers=headers)

    client = make_client(Consumer.as_asgi(), subprotocols=[spelling, "chanx"])
    assert await client.connect() == (True, "chanx")
    assert client.response_headers == []
    await client.disconnect()
    client = make_client(Consumer.as_asgi(), subprotocols=["mine", "chanx"])
    assert await client.connect() == (True, "mine")
    await client.disconnect()


# --- under attack ---------------------------------------------------------------------------------


class ClosedConsumer(RoomConsumer):
    """Knows nobody without a header."""

    permission_classes: Sequence[Any] | None = (HeaderPermission,)


async def attack(application: Any, count: int, headers: Any = ()) -> None:
    async def once() -> None:
        client = make_client(application, headers=headers)
        await client.connect()
        await client.assert_closed()
        await client.disconnect()

    await asyncio.gather(*(once() for _ in range(count)))


async def test_refused_connection_costs_one_line(vary: Vary, logs: list[Any]) -> None:
    await attack(vary(ClosedConsumer), 1)
    (line,) = logs
    assert line["event"] == "Refused a connection"
    assert (line["reason"], line["status"], line["left_out"]) == ("authentication", 401, 0)
    assert line["log_level"] == "info"


async def test_many_refused_connections_cost_a_line_a_second(
    logs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from chanx.generic import admission
    from chanx.log import RepeatLimit

    now = [100.0]
    monkeypatch.setattr(admission, "log_limit", RepeatLimit(lambda: now[0]))
    application = ClosedConsumer.as_asgi()
    await attack(application, 50)
    await attack(application, 1, [(b"x-raise", b"404")])  # another reason is told
    now[0] += 1.5
    await attack(application, 1)
    lines = [(line["event"], line["status"], line["left_out"]) for line in logs]
    assert lines == [
        ("Refused a connection", 401, 0),
        ("Refused a connection", 404, 49),
        ("Refused a connection", 401, 0),
    ]
    assert counters.refused == {"authentication": 52}


async def test_many_failures_leave_one_traceback_a_second(logs: list[Any]) -> None:
    await attack(ClosedConsumer.as_asgi(), 20, [(b"x-raise", b"500")])
    (line,) = find(logs, "Authentication failed with unexpected error")
    assert line["left_out"] == 0
    assert len(find(logs, "Refused a connection")) == 1
    assert len(logs) == 2
