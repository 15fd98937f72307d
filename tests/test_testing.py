"""The test tools: what users' tests rely on."""

import asyncio
import functools
import os
import subprocess
import sys
import textwrap
import time
import unittest
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.test import TransactionTestCase, override_settings
from rest_framework.permissions import IsAuthenticated

from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import AuthenticationMessage, ErrorMessage, PongMessage
from chanx.routing import path
from chanx.testing import WebsocketCommunicator, WebsocketTestCase
from chanx.utils.settings import override_chanx_settings, settings_context
from tests.app.consumers import OpenConsumer, RoomConsumer, override
from tests.app.messages import EchoMessage, OrderMessage, SaidMessage
from tests.conftest import Connect, Vary
from tests.patience import PATIENCE

ANN = [(b"x-user", b"ann")]
application = ProtocolTypeRouter(
    {
        "websocket": URLRouter(
            [path("ws/", OpenConsumer.as_asgi()), path("room/", RoomConsumer.as_asgi())]
        )
    }
)
http_only = ProtocolTypeRouter({})


class SelfTalker(RoomConsumer):
    """Tells its groups, itself included, what it is told."""

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Tell them."""
        await self.send_group_message(SaidMessage(payload=message.payload), exclude_current=False)


async def raw_application(scope: Any, receive: Any, send: Any) -> None:
    """Echo frames, fail at "fail", close at "close": an application without any library."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None})
    while (event := await receive())["type"] == "websocket.receive":
        if event.get("text") == "fail":
            raise RuntimeError("the application failed")
        if event.get("text") == "close":
            await send({"type": "websocket.close", "code": 4000})
        else:
            await send({**event, "type": "websocket.send"})


# --- as in Channels -------------------------------------------------------------------------------


async def test_communicator_works_with_any_application() -> None:
    client = WebsocketCommunicator(raw_application, "/ws/")
    assert await client.connect() == (True, None)
    await client.send_to(text_data="a")
    assert await client.receive_from() == "a"
    await client.send_to(text_data="")
    assert await client.receive_from() == ""
    await client.send_to(bytes_data=b"")
    assert await client.receive_from() == b""
    await client.send_json_to({"a": "ä"})
    assert await client.receive_json_from() == {"a": "ä"}
    assert await client.receive_nothing()
    await client.disconnect()


def test_scope_is_that_of_a_socket() -> None:
    client = WebsocketCommunicator(
        raw_application,
        "/ws/%C3%A4/?a=%20b",
        headers=[(b"a", b"b")],
        subprotocols=iter(["v1"]),
        spec_version="2.4",
    )
    scope = {key: value for key, value in client.scope.items() if not key.startswith("chanx")}
    assert scope == {
        "type": "websocket",
        "path": "/ws/ä/",
        "query_string": b"a=%20b",
        "headers": [(b"a", b"b")],
        "subprotocols": ["v1"],
        "spec_version": "2.4",
    }


@pytest.mark.parametrize("arguments", [{}, {"text_data": "a", "bytes_data": b"a"}])
async def test_send_to_wants_one_kind_of_data(arguments: Any) -> None:
    client = WebsocketCommunicator(raw_application, "/ws/")
    await client.connect()
    with pytest.raises(TypeError):
        await client.send_to(**arguments)
    await client.disconnect()


async def test_receiving_the_wrong_kind_fails() -> None:
    client = WebsocketCommunicator(raw_application, "/ws/")
    await client.connect()
    await client.send_to(bytes_data=b"a")
    with pytest.raises(AssertionError, match="binary"):
        await client.receive_json_from()
    await client.send_to(text_data="close")
    with pytest.raises(AssertionError, match=r"websocket\.close"):
        await client.receive_from()
    await client.disconnect()


async def test_errors_of_the_application_surface() -> None:
    steps: list[Callable[[WebsocketCommunicator], Awaitable[Any]]] = [
        lambda client: client.receive_from(),
        lambda client: client.receive_all_json(),
        lambda client: client.receive_until_action("x"),
        lambda client: client.wait_for_auth(),
        lambda client: client.assert_closed(),
        lambda client: client.disconnect(),
    ]
    for step in steps:
        client = WebsocketCommunicator(raw_application, "/ws/")
        await client.connect()
        await client.send_to(text_data="fail")
        await asyncio.wait({client.future})
        with pytest.raises(RuntimeError, match="the application failed"):
            await step(client)


async def test_communicator_has_what_channels_has() -> None:
    theirs = pytest.importorskip("channels.testing").WebsocketCommunicator
    names = {name for name in dir(theirs) if not name.startswith("_")}
    assert names <= set(dir(WebsocketCommunicator))


# --- send_message, receive_all_json ---------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"CAMELIZE": True}, {"MESSAGE_ACTION_KEY": "kind"}])
async def test_messages_are_sent_as_the_site_spells_them(
    changes: dict[str, Any], connect: Connect
) -> None:
    seen = []

    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            seen.append(message)

    sent = OrderMessage.model_validate({"payload": {"item_name": "tea", "extra_notes": {"a_b": 1}}})
    with settings_context(**changes):
        client = await connect(Consumer.as_asgi())
        await client.send_message(sent)
        assert await client.receive_all_json() == []
        await client.disconnect()
    assert seen == [sent]


async def test_all_messages_until_the_frames_are_handled(vary: Vary, connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            for number in range(message.payload):
                await asyncio.sleep(0)
                await self.send_message(EchoMessage(payload=number))

    client = await connect(vary(Consumer))
    assert await client.receive_all_json() == []
    await client.send_message(EchoMessage(payload=3))
    await client.send_message(EchoMessage(payload=0))
    await client.send_message(EchoMessage(payload=2))
    messages = await client.receive_all_json()
    assert [message["payload"] for message in messages] == [0, 1, 2, 0, 1]
    assert await client.receive_all_json() == []


async def test_completion_messages_are_left_out(vary: Vary, connect: Connect) -> None:
    class Consumer(SelfTalker):
        send_completion = True

    client = await connect(vary(Consumer))
    for number in range(5):
        await client.send_message(EchoMessage(payload=number))
        messages = await client.receive_all_json(wait_group=True)
        assert [message["payload"] for message in messages] == [number]
    assert await client.receive_all_json() == []


@pytest.mark.parametrize("variant", ["plain", "send_group_member", "dispatch", "send", "all"])
async def test_broadcast_to_itself_is_there_each_time(variant: str, connect: Connect) -> None:
    client = await connect(override(SelfTalker, variant).as_asgi())
    for number in range(200):
        await client.send_message(EchoMessage(payload=number))
        messages = await client.receive_all_json()
        assert [message["payload"] for message in messages] == [number]


async def test_broadcast_through_a_slow_override_is_there_each_time(connect: Connect) -> None:
    class Consumer(SelfTalker):
        async def send_group_member(self, event: Any) -> None:
            for _ in range(5):
                await asyncio.sleep(0)
            await super().send_group_member(event)

    client = await connect(Consumer.as_asgi())
    for number in range(50):
        await client.send_message(EchoMessage(payload=number))
        messages = await client.receive_all_json()
        assert [message["payload"] for message in messages] == [number]


async def test_replies_that_nobody_waits_for_are_there_each_time(connect: Connect) -> None:
    class Consumer(OpenConsumer):
        send_message_immediately = False

    client = await connect(Consumer.as_asgi())
    for number in range(200):
        await client.send_message(EchoMessage(payload=number))
        assert len(await client.receive_all_json()) == 1


@pytest.mark.parametrize("variant", ["plain", "all"])
async def test_broadcast_has_reached_others_when_the_sender_is_settled(
    variant: str, connect: Connect
) -> None:
    app = override(RoomConsumer, variant).as_asgi()
    sender, other = await connect(app), await connect(app)
    for _ in range(50):
        await sender.send_json_to({"action": "say"})
        assert await sender.receive_all_json() == []
        assert [m["action"] for m in await other.receive_all_json(wait_group=True)] == ["said"]


async def test_wait_group_waits_for_one_delivery_more_each_time(
    vary: Vary, connect: Connect, layer: InMemoryChannelLayer
) -> None:
    client = await connect(vary(RoomConsumer))
    for number in range(3):
        waiting = asyncio.ensure_future(client.receive_all_json(wait_group=True))
        await asyncio.sleep(0)
        assert not waiting.done()
        await layer.group_send("room", {"type": "send_group_member", "content": {"n": number}})
        assert await waiting == [{"n": number}]


async def test_wait_group_knows_deliveries_that_the_consumer_handles_itself(
    connect: Connect, layer: InMemoryChannelLayer
) -> None:
    class Consumer(RoomConsumer):
        async def send_group_member(self, event: Any) -> None:
            await self.send_json({"action": "mine"})

    client = await connect(Consumer.as_asgi())
    await layer.group_send("room", {"type": "send_group_member", "content": {}})
    assert await client.receive_all_json(wait_group=True) == [{"action": "mine"}]


async def test_messages_before_a_close_are_returned(vary: Vary, connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def do_end(self) -> None:
            await self.send_json({"action": "bye"})
            await self.close(4009)

    client = await connect(vary(Consumer))
    await client.send_json_to({"action": "do", "payload": "end"})
    assert await client.receive_all_json() == [{"action": "bye"}]
    assert await client.receive_all_json() == []
    await client.assert_closed(4009)


async def test_binary_frames_among_the_messages_are_told_apart(connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def do_bytes(self) -> None:
            await self.send(bytes_data=b"a")

    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "do", "payload": "bytes"})
    with pytest.raises(AssertionError, match="binary"):
        await client.receive_all_json()


# --- timeouts -------------------------------------------------------------------------------------


class Stuck(OpenConsumer):
    """Never finishes a message."""

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Wait for ever, after a first reply."""
        await self.send_json({"action": "first"})
        await asyncio.Event().wait()


async def test_frames_that_are_not_handled_are_a_timeout(connect: Connect) -> None:
    client = await connect(Stuck.as_asgi())
    await client.send_message(PingMessage())
    with pytest.raises(TimeoutError, match="frames sent are not handled"):
        await client.receive_all_json(timeout=0.01)
    assert await client.receive_json_from() == {"action": "first"}


async def test_missing_group_message_is_a_timeout(connect: Connect) -> None:
    client = await connect(RoomConsumer.as_asgi())
    with pytest.raises(TimeoutError, match="no group message came"):
        await client.receive_all_json(timeout=0.01, wait_group=True)


async def test_missing_action_is_a_timeout_that_tells_what_came(connect: Connect) -> None:
    client = await connect(Stuck.as_asgi())
    await client.send_message(PingMessage())
    with pytest.raises(TimeoutError, match=r"'other'.*\['first'\]"):
        await client.receive_until_action("other", timeout=0.01)


async def test_authentication_that_takes_long_is_a_timeout() -> None:
    class Consumer(OpenConsumer):
        async def post_authentication(self) -> None:
            await asyncio.Event().wait()

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    with pytest.raises(TimeoutError, match="authentication has not ended"):
        await client.wait_for_auth(max_auth_time=0.01)
    await client.disconnect()


def pause_process() -> None:
    """Keep everything in this process from going on, for longer than the tests below wait."""
    time.sleep(0.3)


async def test_pause_of_the_process_is_no_timeout_of_authentication() -> None:
    class Consumer(OpenConsumer):
        async def post_authentication(self) -> None:
            await is_waited_for.wait()
            pause_process()
            await asyncio.sleep(0.01)

    is_waited_for = asyncio.Event()
    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    is_waited_for.set()
    await client.assert_authenticated_status_ok(max_auth_time=0.2)
    await client.disconnect()


async def test_pause_of_the_process_is_no_timeout_of_a_connection() -> None:
    async def answer_late(scope: Any, receive: Any, send: Any) -> None:
        for answer in ("accept", "send", None):
            await receive()
            pause_process()
            await asyncio.sleep(0.01)
            if answer:
                await send({"type": f"websocket.{answer}", "text": "late"})

    client = WebsocketCommunicator(answer_late, "/ws/")
    assert await client.connect(timeout=0.2) == (True, None)
    await client.send_to("something")
    assert await client.receive_from(timeout=0.2) == "late"
    await client.disconnect(timeout=0.2)


async def test_pause_of_the_process_is_no_timeout_of_messages() -> None:
    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            pause_process()
            await asyncio.sleep(0.01)
            await self.send_message(PongMessage())

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.send_message(PingMessage())
    assert len(await client.receive_until_action("pong", timeout=0.2)) == 1
    await client.send_message(PingMessage())
    assert len(await client.receive_all_json(timeout=0.2)) == 1
    await client.disconnect()


async def test_any_number_of_messages_may_come_before_an_action() -> None:
    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            for _ in range(100):
                await self.send_message(ErrorMessage(payload={}))
                await asyncio.sleep(0)
            await self.send_message(PongMessage())

    for timeout in (60, None):
        client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
        await client.connect()
        await client.wait_for_auth()
        await client.send_message(PingMessage())
        within: Any = timeout
        assert len(await client.receive_until_action("pong", within)) == 100
        await client.disconnect()


async def test_time_for_an_action_is_for_all_messages_before_it() -> None:
    async def chatter(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "text": "{}"})
            await asyncio.sleep(0.01)

    client = WebsocketCommunicator(chatter, "/ws/")
    await client.connect()
    with pytest.raises(TimeoutError, match=r"No message 'pong' came, but \[None"):
        await client.receive_until_action("pong", timeout=0.2)
    await client.send_to("the application goes on")
    assert await client.receive_json_from() == {}
    await client.disconnect(timeout=0.01)


async def test_no_timeout_is_without_end() -> None:
    client = WebsocketCommunicator(OpenConsumer.as_asgi(), "/ws/")
    forever: Any = None
    await client.connect(timeout=forever)
    await client.wait_for_auth(max_auth_time=forever)
    await client.send_message(PingMessage())
    assert (await client.receive_json_from(timeout=forever))["action"] == "pong"
    await client.disconnect(timeout=forever)


async def test_cancelled_disconnect_ends_the_application() -> None:
    async def linger(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            await asyncio.Event().wait()
        finally:
            is_over.set()

    is_over = asyncio.Event()
    client = WebsocketCommunicator(linger, "/ws/")
    await client.connect()
    leaving = asyncio.create_task(client.disconnect(timeout=3600))
    await asyncio.sleep(0)  # it waits now
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await asyncio.wait_for(is_over.wait(), PATIENCE)


async def test_cancelled_wait_loses_no_frame() -> None:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        for event in ("accept", "send"):
            await receive()
            await send({"type": f"websocket.{event}", "text": "kept"})

    client = WebsocketCommunicator(answer, "/ws/")
    await client.connect()
    waiting = asyncio.create_task(client.receive_from())
    await asyncio.sleep(0)  # it waits now
    await client.send_to("something")
    while client.output_queue.empty():
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await client.receive_from() == "kept"


# --- receive_until_action -------------------------------------------------------------------------


async def test_messages_until_an_action(connect: Connect) -> None:
    client = await connect(OpenConsumer.as_asgi())
    for number in range(3):
        await client.send_message(EchoMessage(payload=number))
    await client.send_message(PingMessage())
    messages = await client.receive_until_action("pong")
    assert [message["payload"] for message in messages] == [0, 1, 2]
    await client.send_message(EchoMessage())
    await client.send_message(PingMessage())
    messages = await client.receive_until_action("pong", inclusive=True)
    assert [message["action"] for message in messages] == ["echo", "pong"]


@override_chanx_settings(MESSAGE_ACTION_KEY="kind")
async def test_action_is_found_under_the_sites_key(connect: Connect) -> None:
    client = await connect(OpenConsumer.as_asgi())
    await client.send_message(PingMessage())
    assert await client.receive_until_action("pong", inclusive=True) == [
        {"kind": "pong", "payload": None}
    ]


# --- authentication -------------------------------------------------------------------------------


class Closed(OpenConsumer):
    """Lets nobody in."""

    permission_classes = (IsAuthenticated,)


async def test_wait_for_auth_returns_the_message(vary: Vary) -> None:
    client = WebsocketCommunicator(vary(OpenConsumer), "/ws/")
    await client.connect()
    message = await client.wait_for_auth()
    assert isinstance(message, AuthenticationMessage)
    assert message.payload.status_code == 200
    assert message.payload.data == {"detail": "OK"}
    await client.disconnect()


@pytest.mark.parametrize("key", ["action", "kind"])
async def test_wait_for_auth_returns_the_message_of_a_refusal(key: str) -> None:
    with settings_context(MESSAGE_ACTION_KEY=key, CAMELIZE=True):
        client = WebsocketCommunicator(Closed.as_asgi(), "/ws/")
        await client.connect()
        message = await client.wait_for_auth()
        assert message is not None
        assert (message.payload.status_code, message.payload.status_text) == (403, "Forbidden")
        await client.assert_closed(4403)
        await client.disconnect()


@pytest.mark.parametrize("expected", [None, False])
async def test_wait_for_auth_without_a_message(expected: bool | None) -> None:
    class Consumer(OpenConsumer):
        send_authentication_message = False

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    assert await client.wait_for_auth(expected, max_auth_time=10, after_auth_time=0) is None
    await client.disconnect()


async def test_wait_for_auth_follows_the_setting() -> None:
    with settings_context(SEND_AUTHENTICATION_MESSAGE=False):
        client = WebsocketCommunicator(OpenConsumer.as_asgi(), "/ws/")
        await client.connect()
        assert await client.wait_for_auth() is None
        await client.disconnect()


@pytest.mark.parametrize("sends", [True, False])
async def test_assert_authenticated_fails_for_a_refusal(sends: bool) -> None:
    class Consumer(Closed):
        send_authentication_message = sends

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    with pytest.raises(AssertionError, match="403"):
        await client.assert_authenticated_status_ok()
    await client.assert_closed(4403)
    await client.disconnect()


@pytest.mark.parametrize("step", ["build_groups", "post_authentication"])
async def test_assert_authenticated_tells_of_a_failed_set_up_at_once(step: str) -> None:
    class Consumer(OpenConsumer):
        pass

    async def fail(self: Any) -> None:
        raise RuntimeError("secret")

    setattr(Consumer, step, fail)
    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    with pytest.raises(AssertionError):
        await client.assert_authenticated_status_ok()
    await client.disconnect()


# --- assert_closed --------------------------------------------------------------------------------


async def test_assert_closed_compares_codes() -> None:
    client = WebsocketCommunicator(Closed.as_asgi(), "/ws/")
    await client.connect()
    with pytest.raises(AssertionError, match=r"4403.*4401"):
        await client.assert_closed(4401)
    await client.disconnect()


async def test_assert_closed_compares_codes_every_time() -> None:
    client = WebsocketCommunicator(Closed.as_asgi(), "/ws/")
    await client.connect()
    await client.assert_closed(4403)
    await client.assert_closed(4403)
    with pytest.raises(AssertionError):
        await client.assert_closed(4401)
    await client.disconnect()


async def test_assert_closed_compares_the_code_of_a_refused_handshake() -> None:
    class Consumer(OpenConsumer):
        async def connect(self) -> None:
            await self.close(4001)

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    assert await client.connect() == (False, 4001)
    await client.assert_closed()
    await client.assert_closed(4001)
    with pytest.raises(AssertionError):
        await client.assert_closed(4999)
    await client.disconnect()


async def test_assert_closed_fails_for_an_open_connection(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect(OpenConsumer.as_asgi())
    await client.send_message(PingMessage())
    pong = await client.receive_output()
    client.output_queue.put_nowait(pong)  # it is there, however short the wait is
    monkeypatch.setattr(client, "receive_output", functools.partial(client.receive_output, 0.01))
    with pytest.raises((AssertionError, TimeoutError), match=r"(?i)closed.*pong"):
        await client.assert_closed()


# --- disconnecting --------------------------------------------------------------------------------


async def test_disconnect_if_running_may_come_at_any_time() -> None:
    client = WebsocketCommunicator(OpenConsumer.as_asgi(), "/ws/")
    await client.disconnect_if_running()
    await client.connect()
    await client.disconnect_if_running()
    await client.disconnect_if_running()
    assert client.future.done()


# --- the test case --------------------------------------------------------------------------------


def run(case: type[unittest.TestCase]) -> unittest.TestResult:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result


def get_problems(result: unittest.TestResult) -> list[str]:
    return [text for _, text in (*result.failures, *result.errors)]


class TestTestCase(WebsocketTestCase):
    """Runs under pytest as it stands."""

    ws_path = "/ws/"
    router = application

    def get_ws_headers(self) -> list[tuple[bytes, bytes]]:
        return ANN

    def get_subprotocols(self) -> list[str]:
        return ["v1"]

    def test_it_is_a_transaction_test_case(self) -> None:
        self.assertIsInstance(self, TransactionTestCase)

    async def test_a_message(self) -> None:
        communicator = self.create_communicator()
        connected, _ = await communicator.connect()
        self.assertTrue(connected)
        await communicator.assert_authenticated_status_ok()
        await communicator.send_message(EchoMessage(payload="Hello"))
        messages = await communicator.receive_all_json()
        self.assertEqual(len(messages), 1)
        self.assertEqual(messages[0]["payload"], "Hello")
        await communicator.disconnect()

    async def test_what_is_given_wins_over_the_class(self) -> None:
        own = self.create_communicator()
        self.assertEqual(own.scope["headers"], ANN)
        self.assertEqual(own.scope["subprotocols"], ["v1"])
        self.assertEqual(own.scope["path"], "/ws/")
        other = self.create_communicator(
            router=raw_application, ws_path="/other/?a=1", headers=[], subprotocols=[]
        )
        self.assertEqual(other.scope["headers"], [])
        self.assertEqual(other.scope["subprotocols"], [])
        self.assertEqual(other.scope["path"], "/other/")
        self.assertEqual(other.scope["query_string"], b"a=1")
        await other.connect()
        await other.send_to(text_data="raw")
        self.assertEqual(await other.receive_from(), "raw")

    async def test_auth_communicator_is_one(self) -> None:
        self.assertIs(self.auth_communicator, self.auth_communicator)
        await self.auth_communicator.connect()
        await self.auth_communicator.assert_authenticated_status_ok()

    @override_chanx_settings(SEND_COMPLETION=True)
    async def test_settings_can_be_overridden(self) -> None:
        await self.auth_communicator.connect()
        await self.auth_communicator.assert_authenticated_status_ok()
        await self.auth_communicator.send_message(PingMessage())
        actions = [(await self.auth_communicator.receive_json_from())["action"] for _ in range(2)]
        self.assertEqual(actions, ["pong", "complete"])


def test_every_communicator_is_disconnected_also_when_the_test_fails(
    layer: InMemoryChannelLayer,
) -> None:
    class Case(WebsocketTestCase):
        ws_path = "/room/"
        router = application

        async def test_failing(self) -> None:
            self.create_communicator()
            for _ in range(3):
                await self.create_communicator().connect()
            await self.auth_communicator.connect()
            await self.auth_communicator.assert_authenticated_status_ok()
            raise AssertionError("on purpose")

    problems = get_problems(run(Case))
    assert len(problems) == 1
    assert "on purpose" in problems[0]
    assert layer.groups == {}


def test_one_application_that_fails_does_not_keep_the_others_connected() -> None:
    codes = []

    class Consumer(OpenConsumer):
        async def disconnect(self, code: int) -> None:
            codes.append(code)

    class Case(WebsocketTestCase):
        ws_path = "/ws/"
        router = Consumer.as_asgi()

        async def test_failing(self) -> None:
            failing = self.create_communicator(router=fail_at_the_end)
            await failing.connect()
            await self.auth_communicator.connect()
            await self.auth_communicator.assert_authenticated_status_ok()
            raise AssertionError("on purpose")

    assert "on purpose" in "".join(get_problems(run(Case)))
    assert codes == [1000]


async def fail_at_the_end(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await receive()
    raise RuntimeError("failed at the end")


def test_missing_path_names_the_class() -> None:
    class NamelessCase(WebsocketTestCase):
        router = application

        async def test(self) -> None:
            with pytest.raises(AttributeError, match=r"NamelessCase.*ws_path"):
                self.create_communicator()
            with pytest.raises(AttributeError, match=r"NamelessCase.*ws_path"):
                _ = self.auth_communicator
            self.create_communicator(ws_path="/ws/")

    result = run(NamelessCase)
    assert get_problems(result) == []
    assert result.testsRun == 1


@pytest.mark.parametrize(
    "name", [f"{__name__}.application", None, "", f"{__name__}.http_only", "no.such"]
)
def test_router_is_found_through_the_settings(name: str | None) -> None:
    class SomeCase(WebsocketTestCase):
        ws_path = "/ws/"

        async def test(self) -> None:
            if name == f"{__name__}.application":
                communicator = self.create_communicator()
                await communicator.connect()
                await communicator.assert_authenticated_status_ok()
            else:
                with pytest.raises(ValueError, match="SomeCase has no router"):
                    self.create_communicator()

    with override_settings(ASGI_APPLICATION=name):
        result = run(SomeCase)
    assert get_problems(result) == []
    assert result.testsRun == 1


# --- in other processes ---------------------------------------------------------------------------


def run_python(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


SITE = """
    import sys, types
    {block}
    import django
    from django.conf import settings
    settings.configure(
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "channels", "chanx"],
        DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
        CHANNEL_LAYERS={{"default": {{"BACKEND": "channels.layers.InMemoryChannelLayer"}}}},
        REST_FRAMEWORK={{
            "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.BasicAuthentication"],
            "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        }},
        ASGI_APPLICATION="site_asgi.application",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        SECRET_KEY="only-for-tests",
        USE_TZ=True,
    )
    django.setup()
    from tests.patience import be_patient
    be_patient()
    import base64, unittest
    from channels.routing import ProtocolTypeRouter, URLRouter
    from django.contrib.auth.models import User
    from django.test.runner import DiscoverRunner
    from chanx.generic.websocket import AsyncJsonWebsocketConsumer
    from chanx.messages.incoming import IncomingMessage, PingMessage
    from chanx.messages.outgoing import PongMessage
    from chanx.routing import path
    from chanx.testing import WebsocketTestCase

    class Consumer(AsyncJsonWebsocketConsumer):
        INCOMING_MESSAGE_SCHEMA = IncomingMessage

        async def build_groups(self):
            return [f"room_{{self.scope['url_route']['kwargs']['room_id']}}"]

        async def receive_message(self, message, **kwargs):
            count = await User.objects.acount()
            await self.send_message(PongMessage(payload=count))
            user = PongMessage(payload=str(self.user))
            await self.send_group_message(user, exclude_current=False)

    module = sys.modules["site_asgi"] = types.ModuleType("site_asgi")
    module.application = ProtocolTypeRouter(
        {{"websocket": URLRouter([path("ws/<slug:room_id>/", Consumer.as_asgi())])}}
    )

    class TestConsumer(WebsocketTestCase):
        ws_path = "/ws/room1/"

        def setUp(self):
            User.objects.create_user("ann", password="pass")

        def get_ws_headers(self):
            return [(b"authorization", b"Basic " + base64.b64encode(b"ann:pass"))]

        async def test_database_and_groups(self):
            communicator = self.create_communicator()
            connected, _ = await communicator.connect()
            self.assertTrue(connected)
            await communicator.assert_authenticated_status_ok()
            await User.objects.acreate(username="bob")
            for _ in range(20):
                await communicator.send_message(PingMessage())
                messages = await communicator.receive_all_json()
                self.assertEqual([m["payload"] for m in messages], [2, "ann"])

        async def test_refused(self):
            communicator = self.create_communicator(headers=[])
            await communicator.connect()
            message = await communicator.wait_for_auth()
            self.assertEqual(message.payload.status_code, 401)
            await communicator.assert_closed(4401)

        async def test_users_of_other_tests_are_gone(self):
            self.assertEqual(await User.objects.acount(), 1)

    class Runner(DiscoverRunner):
        def build_suite(self, *args, **kwargs):
            return unittest.defaultTestLoader.loadTestsFromTestCase(TestConsumer)

    failures = Runner(verbosity=2, interactive=False).run_tests([])
    assert not failures
    print("daphne" in sys.modules and sys.modules["daphne"] is not None)
"""


def test_test_case_runs_under_the_runner_of_django() -> None:
    output = run_python(SITE.format(block=""))
    assert "Ran 3 tests" in output
    assert "OK" in output


def test_test_case_runs_without_daphne() -> None:
    output = run_python(SITE.format(block='sys.modules["daphne"] = None'))
    assert "Ran 3 tests" in output
    assert output.strip().endswith("False") or "\nFalse" in output
