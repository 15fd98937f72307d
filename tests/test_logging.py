"""What is logged, with which context, and what never is."""

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Any, Literal

import pytest
import structlog
from channels.layers import InMemoryChannelLayer
from pydantic import field_validator
from rest_framework.permissions import BasePermission, IsAuthenticated

from chanx.generic import failures
from chanx.generic.authenticator import ChanxWebsocketAuthenticator
from chanx.log import RepeatLimit
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.messages.incoming import PingMessage
from chanx.testing import WebsocketCommunicator
from chanx.utils.settings import settings_context
from tests.app.consumers import OpenConsumer, RoomConsumer, override
from tests.app.messages import EchoMessage, SaidMessage
from tests.conftest import Connect, Vary

CONTEXT = {"request_id", "path", "ip"}
log = structlog.get_logger("my.app")


class Chatty(RoomConsumer):
    """Logs a line of its own in every step."""

    async def connect(self) -> None:
        """Log."""
        log.info("own connect")
        await super().connect()

    async def build_groups(self) -> Iterable[str]:
        """Log."""
        log.info("own build_groups")
        return await super().build_groups()

    async def post_authentication(self) -> None:
        """Log."""
        log.info("own post_authentication")

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Log."""
        log.info("own receive_message")
        await super().receive_message(message, **kwargs)

    async def my_event(self, event: Any) -> None:
        """Log, and tell the client that it was done."""
        log.info("own event")
        await self.send_json({"action": "event"})

    async def do_name(self) -> None:
        """Tell the own name."""
        await self.send_json({"action": "name", "name": self.channel_name})

    async def do_fail(self) -> None:
        """Fail."""
        raise RuntimeError("secret")

    async def disconnect(self, code: int) -> None:
        """Log."""
        log.info("own disconnect")


def find(logs: list[Any], event: str) -> list[Any]:
    return [line for line in logs if line["event"] == event]


def only(logs: list[Any], event: str) -> Any:
    (line,) = find(logs, event)
    return line


# --- the lines ------------------------------------------------------------------------------------


async def test_life_of_a_connection_is_logged(vary: Vary, logs: list[Any]) -> None:
    client = WebsocketCommunicator(vary(OpenConsumer), "/ws/")
    await client.connect()
    await client.wait_for_auth()
    await client.send_message(PingMessage())
    await client.receive_all_json()
    await client.disconnect(4000)
    lines = [(line["event"], line.get("sent_action")) for line in logs]
    assert lines == [
        ("Sent websocket json", "authentication"),
        ("Received websocket json", None),
        ("Sent websocket json", "pong"),
        ("Disconnecting websocket", None),
    ]
    assert {line["log_level"] for line in logs} == {"info"}
    assert logs[1]["received_action"] == "ping"
    assert logs[3]["code"] == 4000


async def test_validator_does_not_see_the_action_of_the_frame_before(
    connect: Connect, logs: list[Any]
) -> None:
    class Checked(BaseMessage):
        action: Literal["checked"] = "checked"

        @field_validator("action")
        @classmethod
        def check(cls, value: str) -> str:
            log.info("own validator")
            return value

    class Incoming(BaseIncomingMessage):
        message: PingMessage | Checked

    class Consumer(OpenConsumer):
        INCOMING_MESSAGE_SCHEMA = Incoming

    client = await connect(Consumer.as_asgi())
    await client.send_message(PingMessage())
    await client.send_message(Checked(payload=None))
    await client.receive_all_json()
    line = find(logs, "own validator")[-1]
    assert line["received_action"] is None
    assert line["message_id"] == find(logs, "Received websocket json")[-1]["message_id"]


async def test_frame_that_was_dropped_is_not_logged_as_sent(
    vary: Vary, connect: Connect, logs: list[Any]
) -> None:
    class Consumer(OpenConsumer):
        async def do_close(self) -> None:
            await self.close()
            await self.send_message(EchoMessage())

    client = await connect(vary(Consumer))
    await client.send_json_to({"action": "do", "payload": "close"})
    await client.assert_closed(1000)
    sent = [line["sent_action"] for line in find(logs, "Sent websocket json")]
    assert sent == ["authentication"]


async def test_frames_have_an_id_and_an_action(
    vary: Vary, connect: Connect, logs: list[Any]
) -> None:
    client = await connect(vary(Chatty))
    await client.send_message(PingMessage())
    await client.send_message(EchoMessage())
    await client.send_json_to({"action": "unknown"})
    await client.send_json_to({"action": "do", "payload": "fail"})
    await client.receive_all_json()
    frames: dict[str, list[Any]] = {}
    for line in logs:
        if "message_id" in line:
            frames.setdefault(line["message_id"], []).append(line)
    assert len(frames) == 4
    actions = [{line["received_action"] for line in lines} for lines in frames.values()]
    assert actions == [{"ping"}, {"echo"}, {None}, {"do"}]
    received = ["Received websocket json", "own receive_message"]
    assert [[line["event"] for line in lines] for lines in frames.values()] == [
        [*received, "Sent websocket json"],
        [*received, "Sent websocket json"],
        ["Received invalid websocket json", "Sent websocket json"],
        [*received, "Failed to process message", "Sent websocket json"],
    ]


async def test_logger_is_called_chanx(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    with caplog.at_level(logging.INFO):
        client = await connect(OpenConsumer.as_asgi())
        await client.disconnect()
    names = {record.name for record in caplog.records if "websocket" in record.getMessage()}
    assert names == {"chanx"}


# --- context --------------------------------------------------------------------------------------


async def test_every_line_has_the_context_of_its_connection(
    vary: Vary, connect: Connect, layer: InMemoryChannelLayer, logs: list[Any]
) -> None:
    application = vary(Chatty)
    clients = [
        await connect(application, f"/{name}/", headers=[(b"x-request-id", name.encode())])
        for name in ("first", "second")
    ]
    for client in clients:
        await client.send_json_to({"action": "do", "payload": "fail"})
        await client.send_to(text_data="no json")
        await client.receive_all_json()
    await layer.group_send("room", {"type": "my.event"})
    for client in clients:
        await client.receive_json_from()
        await client.disconnect()
    assert len(find(logs, "own event")) == 2
    assert len(find(logs, "own disconnect")) == 2
    for line in logs:
        assert set(line) >= CONTEXT, line
        assert line["path"] == f"/{line['request_id']}/"


async def test_event_to_an_idle_connection_is_handled_in_its_context(
    connect: Connect, layer: InMemoryChannelLayer, logs: list[Any]
) -> None:
    client = await connect(Chatty.as_asgi(), headers=[(b"x-request-id", b"mine")])
    await layer.group_send("room", {"type": "my.event"})
    await client.receive_json_from()
    assert only(logs, "own event")["request_id"] == "mine"


async def test_frame_behind_an_event_is_handled_in_the_context_too(
    connect: Connect, layer: InMemoryChannelLayer, logs: list[Any]
) -> None:
    is_reached, may_go_on = asyncio.Event(), asyncio.Event()

    class Consumer(Chatty):
        async def my_event(self, event: Any) -> None:
            is_reached.set()
            await may_go_on.wait()

    client = await connect(Consumer.as_asgi(), headers=[(b"x-request-id", b"mine")])
    await layer.group_send("room", {"type": "my.event"})
    await is_reached.wait()
    await client.send_message(PingMessage())
    may_go_on.set()
    await client.receive_all_json()
    assert only(logs, "own receive_message")["request_id"] == "mine"


async def test_event_behind_a_frame_does_not_carry_the_frames_id(
    connect: Connect, layer: InMemoryChannelLayer, logs: list[Any]
) -> None:
    is_reached, may_go_on = asyncio.Event(), asyncio.Event()

    class Consumer(Chatty):
        async def do_wait(self) -> None:
            is_reached.set()
            await may_go_on.wait()

        async def note(self, event: Any) -> None:
            await self.send_json({"action": "note"})

    client = await connect(Consumer.as_asgi())
    witness = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "do", "payload": "wait"})
    await is_reached.wait()
    await layer.group_send("room", {"type": "my.event"})
    assert await witness.receive_json_from() == {"action": "event"}
    may_go_on.set()
    assert await client.receive_json_from() == {"action": "event"}
    for line in find(logs, "own event"):
        assert line.get("message_id") is None
        assert line.get("received_action") is None


async def test_event_to_the_own_name_has_the_context(
    connect: Connect, layer: InMemoryChannelLayer, logs: list[Any]
) -> None:
    client = await connect(Chatty.as_asgi(), headers=[(b"x-request-id", b"mine")])
    await client.send_json_to({"action": "do", "payload": "name"})
    name = (await client.receive_json_from())["name"]
    await layer.send(name, {"type": "my.event"})
    await client.receive_json_from()
    await layer.send(name, {"type": "unknown.event"})
    await layer.send(name, {"type": "my.event"})
    await client.receive_json_from()
    lines = [*find(logs, "own event"), only(logs, "Ignored an event")]
    for line in lines:
        assert line["request_id"] == "mine"
        assert line.get("message_id") is None


async def test_what_a_consumer_binds_stays_bound(connect: Connect, logs: list[Any]) -> None:
    class Consumer(Chatty):
        async def post_authentication(self) -> None:
            structlog.contextvars.bind_contextvars(user_name="ann")

    client = await connect(Consumer.as_asgi())
    await client.send_message(PingMessage())
    await client.receive_all_json()
    assert only(logs, "own receive_message")["user_name"] == "ann"


async def test_context_does_not_leak_into_the_caller(connect: Connect) -> None:
    structlog.contextvars.clear_contextvars()
    await connect(OpenConsumer.as_asgi())
    assert structlog.contextvars.get_contextvars() == {}


async def test_ip_is_that_of_the_client(logs: list[Any]) -> None:
    for address, expected in ((("10.1.2.3", 5), "10.1.2.3"), (None, None)):
        logs.clear()
        client = WebsocketCommunicator(OpenConsumer.as_asgi(), "/ws/")
        client.scope["client"] = address
        await client.connect()
        await client.wait_for_auth()
        await client.disconnect()
        assert {line["ip"] for line in logs} == {expected}


@pytest.mark.parametrize(
    ("header", "is_taken"),
    [
        (b"abc-123", True),
        (b"x" * 128, True),
        (b"", False),
        (b"x" * 129, False),
        (b"a\nb", False),
        (b"a\x1b[31mb", False),
        (b"\xe4", False),
        (b"\x00", False),
    ],
)
async def test_request_id_is_taken_from_the_header_if_it_is_fit(
    header: bytes, is_taken: bool, connect: Connect, logs: list[Any]
) -> None:
    await connect(OpenConsumer.as_asgi(), headers=[(b"x-request-id", header)])
    (request_id,) = {line["request_id"] for line in logs}
    if is_taken:
        assert request_id == header.decode()
    else:
        assert request_id.isalnum()
        assert len(request_id) == 32


async def test_request_ids_differ(connect: Connect, logs: list[Any]) -> None:
    for _ in range(3):
        await connect(OpenConsumer.as_asgi())
    assert len({line["request_id"] for line in logs}) == 3


# --- switching it off -----------------------------------------------------------------------------


async def exchange(application: Any, connect: Connect) -> None:
    client = await connect(application)
    other = await connect(application)
    for message in (PingMessage(), EchoMessage()):
        await client.send_message(message)
    await client.send_json_to({"action": "say"})
    await client.receive_all_json()
    await other.receive_json_from()


def get_actions(logs: list[Any]) -> set[Any]:
    received = {line["received_action"] for line in find(logs, "Received websocket json")}
    return received | {line["sent_action"] for line in logs if "sent_action" in line}


@pytest.mark.parametrize(
    ("attributes", "actions"),
    [
        ({}, {"ping", "echo", "say", "pong", "said", "authentication"}),
        ({"log_received_message": False}, {"echo", "pong", "said", "authentication"}),
        ({"log_sent_message": False}, {"ping", "echo", "say"}),
        (
            {"log_ignored_actions": ["ping", "pong"]},
            {"echo", "say", "said", "authentication"},
        ),
        ({"log_ignored_actions": {"said", "say"}}, {"ping", "echo", "pong", "authentication"}),
    ],
)
@pytest.mark.parametrize("as_settings", [True, False])
async def test_lines_can_be_left_out(
    attributes: dict[str, Any],
    actions: set[str],
    as_settings: bool,
    vary: Vary,
    connect: Connect,
    logs: list[Any],
) -> None:
    if as_settings:
        with settings_context(**{name.upper(): value for name, value in attributes.items()}):
            await exchange(vary(RoomConsumer), connect)
    else:
        consumer: Any = type("Consumer", (RoomConsumer,), attributes)
        await exchange(vary(consumer), connect)
    assert get_actions(logs) == actions


async def test_errors_are_logged_for_ignored_actions_too(connect: Connect, logs: list[Any]) -> None:
    class Consumer(Chatty):
        log_ignored_actions = ["do"]

    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "do", "payload": "fail"})
    await client.receive_all_json()
    line = only(logs, "Failed to process message")
    assert (line["received_action"], line["log_level"]) == ("do", "error")


# --- what is never logged -------------------------------------------------------------------------


async def test_no_payload_token_or_cookie_is_logged(
    vary: Vary, connect: Connect, layer: InMemoryChannelLayer, logs: list[Any]
) -> None:
    class Consumer(Chatty):
        OUTGOING_GROUP_MESSAGE_SCHEMA = None  # type: ignore[assignment]

        async def do_tell(self) -> None:
            await self.send_group_message(SaidMessage(payload="hush"), exclude_current=False)
            await self.send_json({"action": "told", "payload": "hush"})
            await self.send_to_groups({"action": "told", "payload": "hush"})

    headers = [
        (b"cookie", b"sessionid=hush"),
        (b"authorization", b"Bearer hush"),
        (b"sec-websocket-protocol", b"hush"),
    ]
    client = await connect(vary(Consumer), "/ws/?token=hush", headers=headers)
    await client.send_message(EchoMessage(payload="hush"))
    await client.send_json_to({"action": "do", "payload": "tell"})
    await client.send_json_to({"action": "hush"})
    await client.send_json_to({"action": "order", "payload": {"item_name": ["hush"]}})
    await client.send_to(text_data="hush")
    await client.send_to(bytes_data=b"hush")
    await layer.group_send("room", {"type": "unknown.event", "payload": "hush"})
    await layer.group_send("room", {"type": "my.event", "payload": "hush"})
    await client.receive_until_action("event")
    await client.disconnect()
    assert len(logs) > 10
    assert "hush" not in json.dumps(logs, default=repr)


async def test_actions_that_are_no_names_are_not_logged(connect: Connect, logs: list[Any]) -> None:
    class Consumer(OpenConsumer):
        async def do_send(self) -> None:
            await self.send_json({"action": ["hush"], "payload": "hush"})

    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "do", "payload": "send"})
    await client.receive_all_json()
    assert "hush" not in repr(logs)


async def test_failed_authentication_says_nothing_of_credentials(logs: list[Any]) -> None:
    class Broken(ChanxWebsocketAuthenticator):
        def _make_view(self, attempt: Any) -> Any:
            raise RuntimeError("broken")

    class Consumer(OpenConsumer):
        permission_classes = (IsAuthenticated,)

    class Failing(Consumer):
        authenticator_class = Broken

    for consumer in (Consumer, Failing, override(Consumer, "all")):
        headers = [(b"authorization", b"Token hush"), (b"cookie", b"a=hush")]
        client = WebsocketCommunicator(consumer.as_asgi(), "/ws/", headers=headers)
        await client.connect()
        await client.assert_closed()
        await client.disconnect()
    assert len(find(logs, "Authentication failed with unexpected error")) == 1
    assert "hush" not in json.dumps(logs, default=repr)


async def test_failing_handshakes_leave_one_traceback_a_second(
    monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    times = iter([0.0, 0.1, 0.9, 1.0])
    monkeypatch.setattr(failures, "failure_limit", RepeatLimit(times.__next__))

    class Broken(BasePermission):
        def has_permission(self, request: Any, view: Any) -> bool:
            raise RuntimeError("broken")

    class Consumer(OpenConsumer):
        permission_classes = (Broken,)

    application = Consumer.as_asgi()
    for _ in range(4):
        client = WebsocketCommunicator(application, "/ws/")
        await client.connect()
        await client.assert_closed(4500)
        await client.disconnect()
    lines = find(logs, "Authentication failed with unexpected error")
    assert [line["left_out"] for line in lines] == [0, 2]
    assert all(line["exc_info"] for line in lines)


def test_what_repeats_itself_is_one_line_a_second() -> None:
    now = 0.0
    limit = RepeatLimit(lambda: now)
    assert [limit.admit("a") for _ in range(5)] == [0, None, None, None, None]
    assert limit.admit("b") == 4
    now = 0.9
    assert limit.admit("a") is None
    now = 1.0
    assert limit.admit("a") == 1


def test_reasons_that_somebody_makes_up_are_ten_lines_a_second() -> None:
    now = 0.0
    limit = RepeatLimit(lambda: now)
    admitted = [limit.admit(str(number)) for number in range(1000)]
    assert admitted == [0] * 10 + [None] * 990
    now = 1.0
    assert limit.admit("x") == 990


async def test_input_in_a_group_of_exceptions_is_not_logged(
    connect: Connect, logs: list[Any]
) -> None:
    class Grouping(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.validate())

        async def validate(self) -> None:
            # Not as one word, which would be in the traceback as a line of this file.
            EchoMessage.model_validate({"action": "-".join(["SECRET", "TOKEN"])})

    client = await connect(Grouping.as_asgi())
    await client.send_message(PingMessage())
    await client.receive_all_json()
    [line] = [line for line in logs if line["event"] == "Failed to process message"]
    assert "SECRET-TOKEN" not in json.dumps(line, default=str)
    assert "EchoMessage" in line["exception"]
