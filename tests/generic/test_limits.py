"""Limits as a site meets them: settings, attributes of consumers, close codes, log and counters."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from chanx.engine.limits import CLASS_LIMITS, Limits
from chanx.engine.stats import counters
from chanx.exceptions import TooManyGroups
from chanx.messages.incoming import PingMessage
from chanx.settings import DEFAULTS
from chanx.testing import WebsocketCommunicator
from chanx.utils.settings import settings_context
from tests.app.consumers import OpenConsumer, RoomConsumer, override
from tests.app.messages import DoMessage, SayMessage
from tests.clock import Clock
from tests.conftest import Connect, UseLayer, Vary

PONG = {"action": "pong", "payload": None}
PING_TEXT = '{"action":"ping"}'
FAILED = {"action": "error", "payload": {"detail": "Failed to process message"}}


@pytest.fixture(autouse=True)
def _fresh_counters() -> Iterator[None]:
    counters.reset()
    yield
    counters.reset()


def get_closing(logs: list[Any]) -> list[tuple[str, str]]:
    """Return reason and setting of each line that tells of a limit."""
    return [
        (line["reason"], line["setting"]) for line in logs if line["event"] == "Closing websocket"
    ]


def test_defaults_of_settings_and_engine_are_the_same() -> None:
    names = [name for name in CLASS_LIMITS if name != "concurrent_messages"]
    assert {name: getattr(Limits(), name) for name in names} == {
        name: DEFAULTS[name.upper()] for name in names
    }


# --- size -----------------------------------------------------------------------------------------


async def test_big_message_closes_with_1009(vary: Vary, connect: Connect, logs: list[Any]) -> None:
    client = await connect(vary(OpenConsumer))
    await client.send_to(text_data="x" * 65_537)
    await client.assert_closed(1009)
    assert get_closing(logs) == [("message too big", "MAX_MESSAGE_SIZE")]


async def test_size_is_a_setting_and_an_attribute(connect: Connect) -> None:
    class Small(OpenConsumer):
        max_message_size = 10

    class Endless(OpenConsumer):
        max_message_size = None

    with settings_context(MAX_MESSAGE_SIZE=20):
        for consumer, size in ((Small, 10), (OpenConsumer, 20)):
            client = await connect(consumer.as_asgi())
            await client.send_to(text_data="x" * size)
            [error] = await client.receive_all_json()
            assert error["action"] == "error"
            await client.send_to(text_data="x" * (size + 1))
            await client.assert_closed(1009)
        client = await connect(Endless.as_asgi())
        await client.send_to(text_data=json.dumps({"action": "ping", "x": "x" * 100_000}))
        assert await client.receive_all_json() == [PONG]


# --- rate -----------------------------------------------------------------------------------------


class Hasty(OpenConsumer):
    """Takes three messages, and then one every thousand seconds."""

    message_rate = 0.001
    message_burst = 3


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off at once who goes on after a refusal."""
    monkeypatch.setattr("chanx.engine.rate.PATIENCE", 0)


async def test_messages_beyond_the_rate_are_refused_with_a_time(
    vary: Vary, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chanx.engine.rate.PATIENCE", 3600)  # nobody goes on that long
    client = await connect(vary(Hasty))
    for _ in range(50):
        await client.send_message(PingMessage())
    messages = await client.receive_all_json()
    assert messages[:3] == [PONG] * 3
    for message in messages[3:]:
        assert message["action"] == "error"
        assert message["payload"]["detail"] == "Too many messages"
        assert 900 < message["payload"]["retry_after"] <= 4000
    # All at once: it cannot have known.
    assert len(messages) == 50
    assert counters.messages_in == {"handled": 3, "refused": 47}


@pytest.mark.usefixtures("_impatient")
async def test_who_goes_on_after_a_refusal_is_closed(
    vary: Vary, connect: Connect, logs: list[Any]
) -> None:
    client = await connect(vary(Hasty))
    for _ in range(6):
        await client.send_message(PingMessage())
    await client.assert_closed(4429)
    assert get_closing(logs) == [("too many messages", "MESSAGE_RATE, MESSAGE_BURST")]
    assert counters.messages_in == {"handled": 3, "refused": 3}


async def test_what_waited_for_a_handler_is_not_held_against_the_client(connect: Connect) -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    class Busy(OpenConsumer):
        message_rate = 100
        message_burst = 2

        async def do_wait(self) -> None:
            begun.set()
            await gate.wait()

    client = await connect(Busy.as_asgi())
    await client.send_message(DoMessage(payload="wait"))
    await begun.wait()
    for _ in range(20):
        await client.send_message(PingMessage())
    # Long enough for twenty at the rate.
    asyncio.get_running_loop().call_later(0.5, gate.set)
    assert await client.receive_all_json() == [PONG] * 20


async def test_refused_messages_are_completed(connect: Connect) -> None:
    class Completing(Hasty):
        send_completion = True

    client = await connect(Completing.as_asgi())
    for _ in range(4):
        await client.send_message(PingMessage())
    actions = [(await client.receive_json_from())["action"] for _ in range(8)]
    assert actions == ["pong", "complete"] * 3 + ["error", "complete"]


async def test_rate_counts_invalid_messages_too(connect: Connect) -> None:
    client = await connect(Hasty.as_asgi())
    for _ in range(4):
        await client.send_to(text_data="no JSON")
    details = [message["payload"] for message in await client.receive_all_json()]
    assert [isinstance(each, list) for each in details] == [True, True, True, False]


async def test_no_rate(connect: Connect) -> None:
    class Free(OpenConsumer):
        message_rate = None

    client = await connect(Free.as_asgi())
    for _ in range(1000):
        await client.send_message(PingMessage())
    assert await client.receive_all_json() == [PONG] * 1000


# --- invalid messages -----------------------------------------------------------------------------


async def test_invalid_messages_in_a_row_close_with_4400(
    vary: Vary, connect: Connect, logs: list[Any]
) -> None:
    class Strict(OpenConsumer):
        max_invalid_messages = 3

    client = await connect(vary(Strict))
    for _ in range(3):
        await client.send_to(text_data="no JSON")
    await client.send_message(PingMessage())  # and they begin anew
    for _ in range(3):
        await client.send_to(text_data="no JSON")
    messages = await client.receive_all_json()
    assert [message["action"] for message in messages] == [*["error"] * 3, "pong", *["error"] * 3]
    await client.send_to(text_data="no JSON")
    assert (await client.receive_json_from())["action"] == "error"
    await client.assert_closed(4400)
    assert get_closing(logs) == [("too many invalid messages", "MAX_INVALID_MESSAGES")]
    assert counters.messages_in == {"invalid": 7, "handled": 1}


# --- time -----------------------------------------------------------------------------------------


class Slow(OpenConsumer):
    """Has a handler that never ends by itself."""

    handler_timeout = 0.01
    send_completion = True
    begun: asyncio.Event

    async def do_wait(self) -> None:
        """Wait for ever."""
        self.begun.set()
        await asyncio.Event().wait()


async def test_handler_that_takes_too_long_is_a_processing_error(
    vary: Vary, connect: Connect, logs: list[Any], clock: Clock
) -> None:
    class Consumer(Slow):
        begun = asyncio.Event()

    client = await connect(vary(Consumer))
    await client.send_message(DoMessage(payload="wait"))
    await client.send_message(PingMessage())
    await Consumer.begun.wait()
    clock.advance(0.02)
    found = [await client.receive_json_from() for _ in range(4)]
    complete = {"action": "complete", "payload": None}
    assert found == [FAILED, complete, PONG, complete]
    [line] = [line for line in logs if line["event"] == "Handler took too long"]
    assert (line["log_level"], line["setting"], line["seconds"]) == (
        "error",
        "HANDLER_TIMEOUT",
        0.01,
    )
    assert line["received_action"] == "do"
    assert counters.messages_in == {"timed_out": 1, "handled": 1}


async def test_set_up_that_takes_too_long_closes_with_4500(clock: Clock) -> None:
    class Dawdling(OpenConsumer):
        handler_timeout = 0.01

        async def post_authentication(self) -> None:
            await asyncio.Event().wait()

    client = WebsocketCommunicator(Dawdling.as_asgi(), "/ws/")
    await client.connect()
    await client.receive_json_from()
    clock.advance(0.02)
    await client.assert_closed(4500)


async def test_grace_lets_a_handler_end_its_work(connect: Connect) -> None:
    begun, may_end, done = asyncio.Event(), asyncio.Event(), []

    class Graceful(OpenConsumer):
        disconnect_grace = 1000

        async def do_work(self) -> None:
            begun.set()
            await may_end.wait()
            done.append("work")

        async def disconnect(self, code: int) -> None:
            done.append("disconnect")

    client = await connect(Graceful.as_asgi())
    await client.send_message(DoMessage(payload="work"))
    await begun.wait()
    await client.send_input({"type": "websocket.disconnect", "code": 1001})
    may_end.set()
    await client.wait()
    assert done == ["work", "disconnect"]


# --- several at once ------------------------------------------------------------------------------


async def test_several_messages_at_once(connect: Connect, logs: list[Any]) -> None:
    both, gate, most = asyncio.Event(), asyncio.Event(), 0

    class Concurrent(OpenConsumer):
        concurrent_messages = 2
        running = 0

        async def do_wait(self) -> None:
            nonlocal most
            Concurrent.running += 1
            most = max(most, Concurrent.running)
            if most == 2:
                both.set()
            await gate.wait()
            await self.send_message(DoMessage(payload="done"))
            Concurrent.running -= 1

    client = await connect(Concurrent.as_asgi())
    for _ in range(4):
        await client.send_message(DoMessage(payload="wait"))
    await both.wait()
    gate.set()
    assert await client.receive_all_json() == [{"action": "do", "payload": "done"}] * 4
    assert most == 2
    received = [line["message_id"] for line in logs if line["event"] == "Received websocket json"]
    assert len(set(received)) == 4


async def test_a_message_overtakes_one_that_waits(connect: Connect) -> None:
    gate = asyncio.Event()

    class Concurrent(OpenConsumer):
        concurrent_messages = 2

        async def do_wait(self) -> None:
            await gate.wait()
            await self.send_message(DoMessage(payload="late"))

    client = await connect(Concurrent.as_asgi())
    await client.send_message(DoMessage(payload="wait"))
    await client.send_message(PingMessage())
    assert await client.receive_json_from() == PONG
    gate.set()
    assert (await client.receive_json_from())["payload"] == "late"


# --- groups ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("layer")
async def test_groups_of_a_connection_are_bounded(connect: Connect, logs: list[Any]) -> None:
    class Joining(OpenConsumer):
        max_groups = 2

        async def build_groups(self) -> list[str]:
            return ["one"]

        async def do_join(self) -> None:
            for name in ("one", "two", "three"):
                await self.channel_layer.group_add(name, self.channel_name)

    client = await connect(Joining.as_asgi())
    await client.send_message(DoMessage(payload="join"))
    assert await client.receive_all_json() == [FAILED]
    [line] = [line for line in logs if line["event"] == "Failed to process message"]
    assert isinstance(line["exc_info"], TooManyGroups)
    assert str(line["exc_info"]) == (
        "A connection of Joining would be in 3 groups, and may be in 2: join fewer, or raise "
        "max_groups on the class or MAX_GROUPS in CHANX"
    )


@pytest.mark.usefixtures("layer")
async def test_too_many_groups_from_the_start_close_with_4500(logs: list[Any]) -> None:
    class Joining(RoomConsumer):
        async def build_groups(self) -> list[str]:
            return ["one", "two"]

    with settings_context(MAX_GROUPS=1):
        client = WebsocketCommunicator(Joining.as_asgi(), "/ws/")
        await client.connect()
        await client.assert_closed(4500)


# --- heartbeat and silence ------------------------------------------------------------------------


class Beating(OpenConsumer):
    """Pings after a while."""

    heartbeat_interval = 20


@pytest.fixture
async def beating(clock: Clock) -> AsyncIterator[WebsocketCommunicator]:
    """A client that asked for pings, by a clock that is stopped."""
    offered = ["other", "chanx", "chanx.heartbeat"]
    client = WebsocketCommunicator(Beating.as_asgi(), "/ws/", subprotocols=offered)
    assert await client.connect() == (True, "chanx")
    await client.assert_authenticated_status_ok()
    yield client
    await client.disconnect_if_running()


async def test_heartbeat_for_who_asks_for_it(beating: WebsocketCommunicator, clock: Clock) -> None:
    for _ in range(3):
        clock.advance(20)
        assert await beating.receive_json_from() == {"action": "ping", "payload": None}
        await beating.send_json_to({"action": "pong", "payload": None})
        assert await beating.receive_all_json() == []


async def test_silence_after_a_ping_closes_with_4408(
    beating: WebsocketCommunicator, clock: Clock, logs: list[Any]
) -> None:
    clock.advance(20)
    assert (await beating.receive_json_from())["action"] == "ping"
    clock.advance(20)
    await beating.assert_closed(4408)
    assert get_closing(logs) == [("client is silent", "IDLE_TIMEOUT, HEARTBEAT_INTERVAL")]


async def test_pong_of_who_did_not_ask_is_a_message_like_others(connect: Connect) -> None:
    client = await connect(Beating.as_asgi(), subprotocols=["chanx"])
    await client.send_json_to({"action": "pong"})
    [message] = await client.receive_all_json()
    assert message["payload"][0]["type"] == "union_tag_invalid"


async def test_subprotocol_that_a_consumer_selects_is_left_alone() -> None:
    class Selecting(Beating):
        async def connect(self) -> None:
            await self.accept("other")

    offered = ["other", "chanx", "chanx.heartbeat"]
    client = WebsocketCommunicator(Selecting.as_asgi(), "/ws/", subprotocols=offered)
    assert await client.connect() == (True, "other")
    await client.disconnect()


async def test_silent_client_is_closed_when_that_is_wanted(logs: list[Any]) -> None:
    class Impatient(OpenConsumer):
        idle_timeout = 0.01

    client = WebsocketCommunicator(Impatient.as_asgi(), "/ws/")
    await client.connect()
    await client.receive_json_from()
    await client.assert_closed(4408)


# --- slow clients ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("layer")
async def test_coalescing_by_the_senders_key(use_layer: UseLayer, logs: list[Any]) -> None:
    """The client takes nothing until all is sent, so the outbox decides what it gets."""

    class Ticker(RoomConsumer):
        slow_client_policy = "coalesce"
        message_rate = None

        def coalesce_key(self, message: Any) -> str | None:
            return str(message["symbol"])

        async def do_publish(self) -> None:
            for price in range(100):
                for symbol in ("a", "b"):
                    content = {"action": "price", "symbol": symbol, "price": price}
                    await self.send_to_groups(content, ["room"], exclude_current=False)

    sent: list[Any] = []
    is_in, may_read = asyncio.Event(), asyncio.Event()
    incoming: asyncio.Queue[Any] = asyncio.Queue()

    async def send(event: Any) -> None:
        if event["type"] == "websocket.send":
            is_in.set()
        if event["type"] == "websocket.send" and "price" in event["text"]:
            await may_read.wait()
        sent.append(event)

    scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
    slow = asyncio.create_task(Ticker.as_asgi()(scope, incoming.get, send))
    incoming.put_nowait({"type": "websocket.connect"})
    await is_in.wait()
    sender = WebsocketCommunicator(Ticker.as_asgi(), "/ws/")
    await sender.connect()
    await sender.send_message(DoMessage(payload="publish"))
    await sender.receive_all_json()
    may_read.set()
    for _ in range(100):
        await asyncio.sleep(0)
    await sender.disconnect()
    incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await slow
    messages = [json.loads(event["text"]) for event in sent if event["type"] == "websocket.send"]
    prices = [message for message in messages if message["action"] == "price"]
    newest = {message["symbol"]: message["price"] for message in prices}
    assert newest == {"a": 99, "b": 99}
    assert messages[-1]["action"] == "dropped"
    assert len(prices) + messages[-1]["payload"]["count"] == 200
    [line] = [line for line in logs if line["event"] == "Dropped messages to a slow websocket"]
    assert line["count"] == messages[-1]["payload"]["count"]


@pytest.mark.usefixtures("layer")
async def test_deliveries_are_counted(connect: Connect) -> None:
    clients = [await connect(RoomConsumer.as_asgi()) for _ in range(3)]
    for client in clients:
        await client.send_message(SayMessage(payload="hello"))
        await client.receive_all_json()
    assert counters.deliveries == 6  # each to the two others


# --- mistakes of the site -------------------------------------------------------------------------


def test_bad_limit_on_a_class_is_named() -> None:
    consumer: Any = type("Wrong", (OpenConsumer,), {"max_message_size": "64k"})
    text = (
        "Wrong.max_message_size is '64k', but must be a whole number above 0, or None for no "
        "limit: correct it, or remove it"
    )
    with pytest.raises(ValueError, match=text):
        consumer.as_asgi()


@override_settings(CHANX={"MAX_MESSAGE_SIZE": "64k"})
async def test_bad_limit_in_the_settings_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"CHANX\['MAX_MESSAGE_SIZE'\] is '64k', but"):
        OpenConsumer.as_asgi()


async def test_limit_that_becomes_bad_while_the_site_runs_is_named() -> None:
    application = OpenConsumer.as_asgi()
    client = WebsocketCommunicator(application, "/ws/")
    with settings_context(MAX_GROUPS=-1):
        await client.send_input({"type": "websocket.connect"})
        with pytest.raises(ImproperlyConfigured, match=r"CHANX\['MAX_GROUPS'\] is -1, but"):
            await client.wait()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SEND_COMPLETION", "False", "is 'False', but must be True or False"),
        ("MESSAGE_ACTION_KEY", "", "is '', but must be a string that is not empty"),
        ("LOG_IGNORED_ACTIONS", "ping", "is 'ping', but must be a list"),
        ("MAX_JSON_DEPTH", 500, "is 500, but must be a whole number from 1 to 200"),
    ],
)
def test_other_settings_that_make_no_sense(name: str, value: Any, problem: str) -> None:
    with settings_context(**{name: value}), pytest.raises(ImproperlyConfigured) as caught:
        OpenConsumer.as_asgi()
    assert str(caught.value).startswith(f"CHANX[{name!r}] {problem}")


def test_groups_that_are_a_string() -> None:
    consumer: Any = type("Wrong", (OpenConsumer,), {"groups": "lobby"})
    with pytest.raises(TypeError, match="each letter would be a group"):
        consumer.as_asgi()


@pytest.mark.usefixtures("layer")
async def test_coalesce_key_that_is_no_string(connect: Connect, logs: list[Any]) -> None:
    class Numbered(RoomConsumer):
        def coalesce_key(self, message: Any) -> Any:
            return 5

    client = await connect(Numbered.as_asgi())
    await client.send_message(SayMessage(payload="hello"))
    assert await client.receive_all_json() == [FAILED]
    [line] = [line for line in logs if line["event"] == "Failed to process message"]
    assert str(line["exc_info"]) == (
        "Numbered.coalesce_key() returned 5; return a string or None, and do not make it async"
    )


@pytest.mark.parametrize("variant", ["plain", "all"])
async def test_overrides_change_nothing_about_the_counters(connect: Connect, variant: str) -> None:
    client = await connect(override(OpenConsumer, variant).as_asgi())
    await client.send_message(PingMessage())
    await client.send_to(text_data="no JSON")
    await client.send_message(DoMessage(payload="nothing of this name"))
    await client.receive_all_json()
    assert counters.received == 3
    assert counters.messages_in == {"handled": 1, "invalid": 1, "failed": 1}
    assert counters.messages_out == 4
    assert sum(counters.handler_buckets) == 3
