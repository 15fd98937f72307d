"""What a client sends, and what comes back."""

import asyncio
import contextvars
import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel

from chanx.messages.base import BaseMessage
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import ErrorMessage, PongMessage
from chanx.testing import WebsocketCommunicator
from chanx.utils.settings import settings_context
from tests.app.consumers import OpenConsumer, override
from tests.app.messages import EchoMessage, OrderMessage
from tests.conftest import Connect, Vary

PROCESSING_ERROR = {"action": "error", "payload": {"detail": "Failed to process message"}}


class Completing(OpenConsumer):
    """Says when a frame is done."""

    send_completion = True


def get_errors(logs: list[Any]) -> list[str]:
    return [line["event"] for line in logs if line["log_level"] in ("error", "critical")]


async def ask(client: WebsocketCommunicator, text: str) -> list[dict[str, Any]]:
    await client.send_to(text_data=text)
    return await client.receive_all_json()


# --- good messages --------------------------------------------------------------------------------


async def test_ping_gets_a_pong(vary: Vary, connect: Connect) -> None:
    client = await connect(vary(OpenConsumer))
    await client.send_message(PingMessage())
    assert await client.receive_all_json() == [{"action": "pong", "payload": None}]


async def test_message_arrives_as_an_instance_of_its_class(vary: Vary, connect: Connect) -> None:
    seen = []

    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            seen.append((message, kwargs))

    client = await connect(vary(Consumer))
    await client.send_json_to(
        {
            "action": "order",
            "payload": {"item_name": "tea", "how_many": "2", "wanted_at": "2030-01-02T03:04:05Z"},
            "unknown": 1,
        }
    )
    assert await client.receive_all_json() == []
    ((message, kwargs),) = seen
    assert isinstance(message, OrderMessage)
    assert message.payload.how_many == 2
    assert message.payload.wanted_at == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert kwargs == {}


async def test_messages_are_handled_one_at_a_time_in_order(vary: Vary, connect: Connect) -> None:
    lines: list[str] = []

    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            lines.append(f"begin {message.payload}")
            await asyncio.sleep(0)
            await self.send_message(message)
            lines.append(f"end {message.payload}")

    client = await connect(vary(Consumer))
    for number in range(100):
        await client.send_message(EchoMessage(payload=number))
    messages = await client.receive_all_json()
    assert [message["payload"] for message in messages] == list(range(100))
    assert lines == [f"{word} {number}" for number in range(100) for word in ("begin", "end")]


class Color(Enum):
    RED = "red"


class RichMessage(BaseMessage):
    action: Literal["rich"] = "rich"
    payload: dict[str, Any]


async def test_payloads_are_written_in_json_mode(vary: Vary, connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            payload = {
                "at": datetime(2030, 1, 2, tzinfo=UTC),
                "id": UUID(int=1),
                "price": Decimal("1.50"),
                "color": Color.RED,
                "text": "Grüße \u2028 \U0001f600",
            }
            await self.send_message(RichMessage(payload=payload))

    client = await connect(vary(Consumer))
    await client.send_json_to({"action": "ping"})
    (message,) = await client.receive_all_json()
    assert message["payload"] == {
        "at": "2030-01-02T00:00:00Z",
        "id": "00000000-0000-0000-0000-000000000001",
        "price": "1.50",
        "color": "red",
        "text": "Grüße \u2028 \U0001f600",
    }


async def test_send_json_writes_what_send_message_would(vary: Vary, connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_json({"action": "x", "at": datetime(2030, 1, 2, tzinfo=UTC)})
            await self.send_json({"action": "x", "model": PongMessage()})
            await self.send_json(["no", "dict", Decimal("1.50")])
            await self.send_json(None)

    client = await connect(vary(Consumer))
    await client.send_json_to({"action": "ping"})
    assert await client.receive_all_json() == [
        {"action": "x", "at": "2030-01-02T00:00:00Z"},
        {"action": "x", "model": {"action": "pong", "payload": None}},
        ["no", "dict", "1.50"],
        None,
    ]


@pytest.mark.parametrize("action", [["a"], {"a": 1}, 5, None, True])
@pytest.mark.parametrize("variant", ["plain", "all"])
async def test_send_json_takes_any_value_as_action(
    variant: str, connect: Connect, action: Any
) -> None:
    class Consumer(OpenConsumer):
        async def do_send(self) -> None:
            await self.send_json({"action": action})

    client = await connect(override(Consumer, variant).as_asgi())
    messages = await ask(client, '{"action": "do", "payload": "send"}')
    assert messages == [{"action": action}]


@pytest.mark.parametrize(("close", "code"), [(True, 1000), (4005, 4005)])
async def test_send_json_closes_if_asked_to(
    vary: Vary, connect: Connect, close: bool | int, code: int
) -> None:
    class Consumer(OpenConsumer):
        async def do_end(self) -> None:
            await self.send_json({"action": "bye"}, close=close)

    client = await connect(vary(Consumer))
    assert await ask(client, '{"action": "do", "payload": "end"}') == [{"action": "bye"}]
    await client.assert_closed(code)


async def test_bytes_can_be_sent(vary: Vary, connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def do_bytes(self) -> None:
            await self.send(bytes_data=b"\x00\x01")

    client = await connect(vary(Consumer))
    await client.send_json_to({"action": "do", "payload": "bytes"})
    assert await client.receive_from() == b"\x00\x01"


async def test_replies_leave_in_order_without_waiting(vary: Vary, connect: Connect) -> None:
    class Consumer(OpenConsumer):
        send_message_immediately = False

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            for number in range(50):
                await self.send_message(EchoMessage(payload=number))

    client = await connect(vary(Consumer))
    messages = await ask(client, '{"action": "ping"}')
    assert [message["payload"] for message in messages] == list(range(50))


async def test_unsendable_value_is_a_processing_error(
    vary: Vary, connect: Connect, logs: list[Any]
) -> None:
    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_message(EchoMessage(payload=object()))

    client = await connect(vary(Consumer))
    assert await ask(client, '{"action": "ping"}') == [PROCESSING_ERROR]
    assert get_errors(logs) == ["Failed to process message"]


# --- the handler fails ----------------------------------------------------------------------------


async def test_exception_in_the_handler_is_a_processing_error(
    vary: Vary, connect: Connect, logs: list[Any]
) -> None:
    class Consumer(OpenConsumer):
        async def do_fail(self) -> None:
            raise RuntimeError("secret")

    client = await connect(vary(Consumer))
    assert await ask(client, '{"action": "do", "payload": "fail"}') == [PROCESSING_ERROR]
    assert await ask(client, '{"action": "ping"}') == [{"action": "pong", "payload": None}]
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert line["event"] == "Failed to process message"
    assert line["exc_info"]
    assert line["received_action"] == "do"


class Inner(BaseModel):
    number: int


@pytest.mark.parametrize("where", ["receive_message", "receive_json"])
async def test_validation_error_of_the_handler_is_no_error_of_the_client(
    where: str, vary: Vary, connect: Connect, logs: list[Any]
) -> None:
    class Consumer(OpenConsumer):
        pass

    async def fail(self: Any, *args: Any, **kwargs: Any) -> None:
        Inner.model_validate({"number": "secret"})

    setattr(Consumer, where, fail)
    client = await connect(vary(Consumer))
    assert await ask(client, '{"action": "ping"}') == [PROCESSING_ERROR]
    assert get_errors(logs) == ["Failed to process message"]


async def test_handler_may_answer_with_an_error_of_its_own(vary: Vary, connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def do_refuse(self) -> None:
            await self.send_message(ErrorMessage(payload={"detail": "no"}))

    client = await connect(vary(Consumer))
    assert await ask(client, '{"action": "do", "payload": "refuse"}') == [
        {"action": "error", "payload": {"detail": "no"}}
    ]


async def test_cancelled_error_of_the_handlers_own_does_not_hold_up_the_next_message(
    connect: Connect, logs: list[Any]
) -> None:
    is_reached, may_go_on = asyncio.Event(), asyncio.Event()

    class Consumer(OpenConsumer):
        async def do_await_cancelled_task(self) -> None:
            is_reached.set()
            await may_go_on.wait()
            task = asyncio.ensure_future(asyncio.Event().wait())
            task.cancel()
            await task

    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "do", "payload": "await_cancelled_task"})
    await client.send_json_to({"action": "ping"})
    await is_reached.wait()
    may_go_on.set()
    actions = [message["action"] for message in await client.receive_all_json()]
    assert actions == ["error", "pong"]
    assert get_errors(logs) == ["Failed to process message"]


@pytest.mark.parametrize("variant", ["plain", "all"])
async def test_context_variables_set_while_connecting_are_seen_by_handlers(
    variant: str, connect: Connect
) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    class Consumer(OpenConsumer):
        async def connect(self) -> None:
            variable.set("set")
            await super().connect()

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_json({"action": variable.get()})

    client = await connect(override(Consumer, variant).as_asgi())
    assert await ask(client, '{"action": "ping"}') == [{"action": "set"}]


# --- completion -----------------------------------------------------------------------------------


async def receive_actions(client: WebsocketCommunicator, count: int) -> list[Any]:
    return [(await client.receive_json_from())["action"] for _ in range(count)]


async def test_completion_comes_last_for_each_frame(vary: Vary, connect: Connect) -> None:
    class Consumer(Completing):
        async def do_twice(self) -> None:
            await self.send_message(PongMessage())
            await self.send_message(PongMessage())

        async def do_nothing(self) -> None:
            pass

        async def do_fail(self) -> None:
            raise RuntimeError("secret")

    client = await connect(vary(Consumer))
    for name in ("twice", "nothing", "fail"):
        await client.send_json_to({"action": "do", "payload": name})
    await client.send_json_to({"action": "unknown"})
    await client.send_to(text_data="no json")
    await client.send_to(bytes_data=b"binary")
    assert await receive_actions(client, 11) == [
        *("pong", "pong", "complete"),
        "complete",
        *("error", "complete"),
        *("error", "complete"),
        *("error", "complete"),
        "error",
    ]
    assert await client.receive_json_from() == {"action": "complete", "payload": None}


async def test_completion_is_off_unless_asked_for(connect: Connect) -> None:
    client = await connect(OpenConsumer.as_asgi())
    await client.send_json_to({"action": "ping"})
    await client.send_json_to({"action": "ping"})
    assert await receive_actions(client, 2) == ["pong", "pong"]
    assert client.output_queue.empty()


async def test_completion_follows_the_setting(vary: Vary, connect: Connect) -> None:
    with settings_context(SEND_COMPLETION=True):
        client = await connect(vary(OpenConsumer))
        await client.send_json_to({"action": "ping"})
        assert await receive_actions(client, 2) == ["pong", "complete"]


async def test_attribute_wins_over_the_setting(connect: Connect) -> None:
    class Consumer(OpenConsumer):
        send_completion = False

    with settings_context(SEND_COMPLETION=True):
        client = await connect(Consumer.as_asgi())
        await client.send_json_to({"action": "ping"})
        await client.send_json_to({"action": "ping"})
        assert await receive_actions(client, 2) == ["pong", "pong"]


async def test_completion_comes_after_queued_replies(vary: Vary, connect: Connect) -> None:
    class Consumer(Completing):
        send_message_immediately = False

    client = await connect(vary(Consumer))
    for _ in range(5):
        await client.send_json_to({"action": "ping"})
    assert await receive_actions(client, 10) == ["pong", "complete"] * 5


# --- bad input ------------------------------------------------------------------------------------

BAD_TEXTS = {
    "empty": "",
    "blank": "  ",
    "no json": "hello",
    "half": '{"action": "ping"',
    "trailing": '{"action": "ping"} x',
    "null": "null",
    "number": "5",
    "string": '"ping"',
    "list": '[{"action": "ping"}]',
    "empty object": "{}",
    "no action": '{"payload": 1}',
    "action null": '{"action": null}',
    "action number": '{"action": 5}',
    "action list": '{"action": ["ping"]}',
    "action object": '{"action": {"a": 1}}',
    "unknown action": '{"action": "unknown"}',
    "long action": json.dumps({"action": "x" * 60_000}),
    "action of chanx": '{"action": "pong"}',
    "group event": '{"type": "send_group_member", "text": "x"}',
    "wrong payload": '{"action": "order", "payload": {"item_name": 5}}',
    "missing payload": '{"action": "order"}',
    "nan": '{"action": "echo", "payload": NaN}',
    "infinity": '{"action": "echo", "payload": -Infinity}',
    "lone surrogate": '{"action": "echo", "payload": "\\ud800"}',
    "deep": '{"action": "echo", "payload": ' + "[" * 5000 + "]" * 5000 + "}",
    "byte order mark": '\ufeff{"action": "ping"}',
    "single quotes": "{'action': 'ping'}",
    "control character": '{"action": "echo", "payload": "\x01"}',
}


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS)
@pytest.mark.parametrize("variant", ["plain", "receive", "all"])
async def test_bad_text_costs_one_error_message(
    variant: str, text: str, connect: Connect, logs: list[Any]
) -> None:
    client = await connect(override(OpenConsumer, variant).as_asgi())
    (message,) = await ask(client, text)
    assert message["action"] == "error"
    assert [set(error) for error in message["payload"]] == [{"type", "loc", "msg"}]
    assert message["payload"][0]["loc"][0] == "message"
    assert len(json.dumps(message)) < 2000
    assert await ask(client, '{"action": "ping"}') == [{"action": "pong", "payload": None}]
    assert get_errors(logs) == []
    assert not [line for line in logs if line.get("exc_info")]


@pytest.mark.parametrize("variant", ["plain", "all"])
async def test_text_that_has_no_form_in_utf8_costs_one_error_message(
    variant: str, connect: Connect, logs: list[Any]
) -> None:
    client = await connect(override(OpenConsumer, variant).as_asgi())
    (message,) = await ask(client, '{"action": "echo", "payload": "\ud800"}')
    assert [set(error) for error in message["payload"]] == [{"type", "loc", "msg"}]
    assert get_errors(logs) == []


@pytest.mark.parametrize("data", [b"", b'{"action": "ping"}', b"\xff\x00"])
async def test_binary_frame_costs_one_error_message(
    data: bytes, vary: Vary, connect: Connect, logs: list[Any]
) -> None:
    client = await connect(vary(OpenConsumer))
    await client.send_to(bytes_data=data)
    (message,) = await client.receive_all_json()
    assert message["action"] == "error"
    assert [error["loc"] for error in message["payload"]] == [["message"]]
    assert await ask(client, '{"action": "ping"}') == [{"action": "pong", "payload": None}]
    assert get_errors(logs) == []


async def test_frame_with_both_keys_as_servers_send_it(connect: Connect, vary: Vary) -> None:
    client = await connect(vary(OpenConsumer))
    await client.send_input(
        {"type": "websocket.receive", "text": '{"action": "ping"}', "bytes": None}
    )
    assert (await client.receive_json_from())["action"] == "pong"
    await client.send_input({"type": "websocket.receive", "text": None, "bytes": b"x"})
    assert (await client.receive_json_from())["action"] == "error"


async def test_each_wrong_field_is_named(vary: Vary, connect: Connect) -> None:
    client = await connect(vary(OpenConsumer))
    order = {"item_name": 5, "how_many": "many", "wanted_at": "never"}
    await client.send_json_to({"action": "order", "payload": order})
    (message,) = await client.receive_all_json()
    found = [(error["type"], error["loc"]) for error in message["payload"]]
    assert found == [
        ("string_type", ["message", "order", "payload", "item_name"]),
        ("int_parsing", ["message", "order", "payload", "how_many"]),
        ("datetime_from_date_parsing", ["message", "order", "payload", "wanted_at"]),
    ]


async def test_error_replies_are_alike_the_fast_and_the_slow_way(connect: Connect) -> None:
    class Lenient(OpenConsumer):
        max_invalid_messages = None

    fast = await connect(Lenient.as_asgi())
    slow = await connect(override(Lenient, "all").as_asgi())
    for text in BAD_TEXTS.values():
        replies = [await ask(client, text) for client in (fast, slow)]
        kinds = [
            [(error["type"], error["loc"]) for error in message["payload"]]
            for (message,) in replies
        ]
        assert kinds[0] == kinds[1], text


async def test_input_is_not_repeated_to_the_client_or_the_log(
    vary: Vary, connect: Connect, logs: list[Any]
) -> None:
    client = await connect(vary(OpenConsumer))
    for content in (
        {"action": "order", "payload": {"item_name": "ok", "how_many": "hush-hush"}},
        {"action": "hush-hush"},
        {"action": "order", "payload": "hush-hush"},
    ):
        await client.send_json_to(content)
    messages = await client.receive_all_json()
    assert len(messages) == 3
    assert "hush" not in json.dumps(messages)
    assert "hush" not in repr(logs)
