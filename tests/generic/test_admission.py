"""Who gets no connection: beyond a limit, or while the process is drained."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from rest_framework.permissions import IsAuthenticated

import chanx
from chanx.engine.registry import registry
from chanx.engine.stats import counters
from chanx.generic.authenticator import AuthenticationResult, ChanxWebsocketAuthenticator
from chanx.testing import WebsocketCommunicator
from chanx.utils.settings import override_chanx_settings
from tests.app.consumers import OpenConsumer, RoomConsumer
from tests.conftest import Connect, Vary

ANN = [(b"x-user", b"ann")]
WILLIAM = [(b"x-user", b"william")]


Clients = list[WebsocketCommunicator]


@pytest.fixture(autouse=True)
async def clients(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Clients]:
    """The clients of a test; when all are disconnected, nothing is left in the registry."""
    counters.reset()
    made: Clients = []
    begin = WebsocketCommunicator.connect

    async def connect(self: WebsocketCommunicator, *args: Any, **kwargs: Any) -> Any:
        made.append(self)
        return await begin(self, *args, **kwargs)

    monkeypatch.setattr(WebsocketCommunicator, "connect", connect)
    yield made
    for client in made:
        await client.disconnect_if_running()
    chanx.undrain()
    assert (len(registry), len(registry.users), len(registry.addresses)) == (0, 0, 0)
    assert sum(counters.closes.values()) == counters.connections


def make_client(
    application: Any, address: str | None = None, **kwargs: Any
) -> WebsocketCommunicator:
    client = WebsocketCommunicator(application, "/ws/", **kwargs)
    if address:
        client.scope["client"] = (address, 1234)
    return client


async def check_refused(client: WebsocketCommunicator, detail: str) -> None:
    assert await client.connect() == (True, None)
    message = await client.receive_json_from()
    assert message["action"] == "authentication"
    assert message["payload"] == {
        "status_code": 429,
        "status_text": "Too Many Requests",
        "data": {"detail": detail},
    }
    await client.assert_closed(4429)
    await client.disconnect()


# --- a user ---------------------------------------------------------------------------------------


@override_chanx_settings(MAX_CONNECTIONS_PER_USER=2)
async def test_user_beyond_the_limit(connect: Connect, vary: Vary, logs: list[Any]) -> None:
    application = vary(RoomConsumer)
    first = await connect(application, headers=ANN)
    await connect(application, headers=ANN)
    await check_refused(make_client(application, headers=ANN), "Too many connections of this user")
    [line] = [line for line in logs if line["event"] == "Refused a connection"]
    assert line["reason"] == "user"
    assert (line["setting"], line["limit"]) == ("MAX_CONNECTIONS_PER_USER", 2)
    assert counters.refused == {"user": 1}
    assert counters.closes[4429] == 1

    await connect(application, headers=WILLIAM)
    await first.disconnect()
    await connect(application, headers=ANN)


@override_chanx_settings(MAX_CONNECTIONS_PER_USER=1)
async def test_user_who_is_refused_is_in_no_group_and_is_not_served(connect: Connect) -> None:
    member = await connect(RoomConsumer.as_asgi(), headers=ANN)
    served: list[Any] = []

    class Consumer(RoomConsumer):
        async def post_authentication(self) -> None:
            served.append(self)

        async def build_groups(self) -> list[str]:
            served.append(self)
            return ["room"]

    client = make_client(Consumer.as_asgi(), headers=ANN)
    await client.connect()
    await client.send_json_to({"action": "say", "payload": "hello"})
    await client.receive_json_from()
    await client.assert_closed(4429)
    await client.disconnect()
    assert served == []
    assert await member.receive_nothing()


@override_chanx_settings(MAX_CONNECTIONS_PER_USER=1)
async def test_refusal_without_a_message(connect: Connect) -> None:
    await connect(RoomConsumer.as_asgi(), headers=ANN)

    class Consumer(RoomConsumer):
        send_authentication_message = False

    client = make_client(Consumer.as_asgi(), headers=ANN)
    assert await client.connect() == (True, None)
    await client.assert_closed(4429)
    await client.disconnect()


@override_chanx_settings(MAX_CONNECTIONS_PER_USER=1)
async def test_anonymous_users_are_not_limited(connect: Connect) -> None:
    for _ in range(3):
        await connect(RoomConsumer.as_asgi())
    assert len(registry.users) == 0


async def test_default_is_a_hundred_connections_per_user(connect: Connect) -> None:
    application = RoomConsumer.as_asgi()
    for _ in range(100):
        await connect(application, headers=ANN)
    await check_refused(make_client(application, headers=ANN), "Too many connections of this user")


@override_chanx_settings(MAX_CONNECTIONS_PER_USER=1, MAX_CONNECTIONS_PER_ADDRESS=1)
async def test_consumer_has_limits_of_its_own(connect: Connect) -> None:
    class Consumer(RoomConsumer):
        max_connections_per_user = 3
        max_connections_per_address = None

    for _ in range(3):
        client = make_client(Consumer.as_asgi(), "10.0.0.1", headers=ANN)
        await client.connect()
        await client.assert_authenticated_status_ok()
    await check_refused(
        make_client(Consumer.as_asgi(), headers=ANN), "Too many connections of this user"
    )
    # Those of other consumers count.
    await check_refused(
        make_client(RoomConsumer.as_asgi(), "10.0.0.1"), "Too many connections of this address"
    )


# --- an address -----------------------------------------------------------------------------------


@override_chanx_settings(MAX_CONNECTIONS_PER_ADDRESS=1)
async def test_address_beyond_the_limit_is_refused_before_authentication(
    logs: list[Any],
) -> None:
    authenticated: list[str] = []

    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            authenticated.append(scope["client"][0])
            return await super().authenticate(scope)

    class Consumer(OpenConsumer):
        authenticator_class = Authenticator

    application = Consumer.as_asgi()
    first = make_client(application, "10.0.0.1")
    await first.connect()
    await first.assert_authenticated_status_ok()
    refusal = "Too many connections of this address"
    await check_refused(make_client(application, "10.0.0.1"), refusal)
    other = make_client(application, "10.0.0.2")
    await other.connect()
    await other.assert_authenticated_status_ok()
    assert authenticated == ["10.0.0.1", "10.0.0.2"]
    [line] = [line for line in logs if line["event"] == "Refused a connection"]
    assert (line["reason"], line["setting"]) == ("address", "MAX_CONNECTIONS_PER_ADDRESS")
    assert counters.refused == {"address": 1}

    await first.disconnect()
    again = make_client(application, "10.0.0.1")
    await again.connect()
    await again.assert_authenticated_status_ok()


@override_chanx_settings(MAX_CONNECTIONS_PER_ADDRESS=1)
async def test_sockets_without_an_address_are_not_limited(connect: Connect) -> None:
    await connect(OpenConsumer.as_asgi())
    await connect(OpenConsumer.as_asgi())


@override_chanx_settings(MAX_CONNECTIONS_PER_ADDRESS=1)
async def test_place_of_a_client_that_authentication_refuses_is_free_again() -> None:
    class Consumer(RoomConsumer):
        permission_classes = (IsAuthenticated,)

    for _ in range(3):
        client = make_client(Consumer.as_asgi(), "10.0.0.1")
        await client.connect()
        await client.assert_closed(4401)
        await client.disconnect()
    assert counters.refused == {"authentication": 3}
    assert counters.closes == {4401: 3}


@override_chanx_settings(MAX_CONNECTIONS_PER_ADDRESS=1)
async def test_place_of_a_handshake_that_is_cancelled_is_free_again() -> None:
    begun = asyncio.Event()

    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError

    class Consumer(OpenConsumer):
        authenticator_class = Authenticator

    async def receive() -> Any:
        if not begun.is_set():
            return {"type": "websocket.connect"}
        return await asyncio.Event().wait()

    async def send(event: Any) -> None:
        return

    scope = {"type": "websocket", "path": "/", "headers": [], "client": ("10.0.0.1", 1)}
    task = asyncio.create_task(Consumer.as_asgi()(scope, receive, send))
    await begun.wait()
    assert registry.addresses.count("10.0.0.1") == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert registry.addresses.count("10.0.0.1") == 0
    assert counters.closes == {1006: 1}


# --- draining -------------------------------------------------------------------------------------


async def test_drained_process_closes_and_accepts_no_more(connect: Connect, vary: Vary) -> None:
    application = vary(RoomConsumer)
    client = await connect(application, headers=ANN)
    draining = asyncio.create_task(chanx.drain())
    assert await client.receive_output() == {
        "type": "websocket.close",
        "code": 1012,
        "reason": "draining",
    }
    await client.disconnect(1012)
    assert await draining == 1

    late = make_client(application)
    connected, code = await late.connect()
    assert (connected, code) == (False, 1012)
    await late.disconnect()
    assert counters.refused == {"draining": 1}
    assert counters.closes == {1012: 2}

    chanx.undrain()
    await connect(application)


async def test_handshake_is_refused_with_503_where_the_server_can() -> None:
    seen: list[str] = []

    class Consumer(OpenConsumer):
        async def connect(self) -> None:
            seen.append("connect")

        async def disconnect(self, code: int) -> None:
            seen.append(f"disconnect {code}")

    await chanx.drain()
    client = make_client(Consumer.as_asgi())
    client.scope["extensions"] = {"websocket.http.response": {}}
    await client.send_input({"type": "websocket.connect"})
    start, body = [await client.receive_output() for _ in range(2)]
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 503)
    headers = dict(start["headers"])
    assert headers[b"retry-after"] == b"5"
    assert int(headers[b"content-length"]) == len(body["body"])
    await client.send_input({"type": "websocket.disconnect", "code": 1006})  # as uvicorn
    await client.wait()
    assert seen == ["disconnect 1012"]


# --- nothing is left ------------------------------------------------------------------------------


async def test_nothing_of_many_connections_survives(clients: Clients) -> None:
    references: list[weakref.ref[Any]] = []

    class Consumer(RoomConsumer):
        def __init__(self) -> None:
            super().__init__()
            references.append(weakref.ref(self))

        async def post_authentication(self) -> None:
            references.append(weakref.ref(self._driver))
            references.append(weakref.ref(self._driver.connection))

    application = Consumer.as_asgi()

    async def use(number: int) -> None:
        client = make_client(
            application, f"10.0.0.{number % 9}", headers=[ANN, WILLIAM][number % 2]
        )
        await client.connect()
        await client.send_json_to({"action": "ping"})
        await client.receive_all_json()
        await client.disconnect()

    for start in range(0, 1000, 50):
        await asyncio.gather(*map(use, range(start, start + 50)))
    assert len(references) == 3000
    clients.clear()  # they look at their connections
    # The thread that authenticates may still hold the last of them when its answer is here: this
    # comes after it in the same thread.
    await sync_to_async(int)()
    gc.collect()
    assert [reference for reference in references if reference() is not None] == []
    assert counters.connections == 1000
    assert counters.closes == {1000: 1000}
