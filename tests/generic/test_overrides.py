"""Everything that Channels lets a subclass override is called when it is overridden."""

from typing import Any

import pytest
from channels.exceptions import AcceptConnection, DenyConnection
from channels.layers import InMemoryChannelLayer
from django.test import override_settings

from chanx.generic.plan import get_plan
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.outgoing import PongMessage
from tests.app.consumers import STEPS, HeaderAuthentication, OpenConsumer, RoomConsumer, override
from tests.app.messages import SaidMessage
from tests.conftest import Connect


class Talker(RoomConsumer):
    """Takes every step once, when told to."""

    async def do_talk(self) -> None:
        await self.send_json({"action": "json"})
        await self.send_group_message(SaidMessage(), exclude_current=False)

    async def do_end(self) -> None:
        await self.close(4000)


@pytest.mark.parametrize("variant", [*STEPS, "all"])
async def test_overridden_step_is_called(variant: str, connect: Connect) -> None:
    calls: list[str] = []
    client = await connect(override(Talker, variant, calls).as_asgi())
    await client.send_json_to({"action": "ping"})
    await client.send_json_to({"action": "do", "payload": "talk"})
    messages = await client.receive_all_json()
    messages += [await client.receive_json_from() for _ in range(3 - len(messages))]
    assert [message["action"] for message in messages] == ["pong", "json", "said"]
    await client.send_json_to({"action": "do", "payload": "end"})
    await client.assert_closed(4000)
    await client.disconnect()
    assert set(calls) == (set(STEPS) if variant == "all" else {variant})


async def test_each_step_is_called_once_per_message(connect: Connect) -> None:
    calls: list[str] = []
    client = await connect(override(Talker, "all", calls).as_asgi())
    calls.clear()
    await client.send_json_to({"action": "ping"})
    await client.receive_all_json()
    assert calls == [
        *("dispatch", "websocket_receive", "receive", "decode_json", "receive_json"),
        *("send_message", "send_json", "encode_json", "send"),
    ]


async def test_each_step_is_called_once_per_group_delivery(
    connect: Connect, layer: InMemoryChannelLayer
) -> None:
    calls: list[str] = []
    client = await connect(override(Talker, "all", calls).as_asgi())
    sender = await connect(Talker.as_asgi())
    calls.clear()
    await sender.send_json_to({"action": "say"})
    await client.receive_json_from()
    assert calls == ["dispatch", "send_group_member", "send_json", "encode_json", "send"]


@pytest.mark.parametrize(
    ("name", "receives", "sends", "delivers"),
    [
        ("plain", True, True, True),
        ("receive_message", True, True, True),
        ("connect", True, True, True),
        ("dispatch", False, True, False),
        ("websocket_receive", False, True, True),
        ("receive", False, True, True),
        ("receive_json", False, True, True),
        ("decode_json", False, True, True),
        ("send_json", True, False, False),
        ("encode_json", True, False, False),
        ("send", True, False, False),
        ("send_group_member", True, True, False),
    ],
)
def test_plan_skips_no_overridden_step(
    name: str, receives: bool, sends: bool, delivers: bool
) -> None:
    class Consumer(OpenConsumer):
        pass

    if name != "plain":
        setattr(Consumer, name, lambda *_: None)
    plan = get_plan(Consumer, AsyncJsonWebsocketConsumer)
    assert plan.receives_directly is receives
    assert plan.sends_directly is sends
    assert plan.delivers_directly is delivers
    assert plan.overrides_dispatch is (name == "dispatch")


async def test_step_overridden_in_a_mixin_counts(connect: Connect) -> None:
    class Mixin:
        async def receive_json(self, content: Any, **kwargs: Any) -> None:
            await super().receive_json({"action": "ping"}, **kwargs)  # type: ignore[misc]

    class Consumer(Mixin, OpenConsumer):
        pass

    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "whatever"})
    assert [message["action"] for message in await client.receive_all_json()] == ["pong"]


async def test_kwargs_of_receive_json_reach_receive_message(connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def receive(
            self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
        ) -> None:
            await super().receive(text_data, bytes_data, first=1)

        async def receive_json(self, content: Any, **kwargs: Any) -> None:
            await super().receive_json(content, **kwargs, second=2)

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_json({"action": message.action, **kwargs})

    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "ping"})
    assert await client.receive_all_json() == [{"action": "ping", "first": 1, "second": 2}]


async def test_receive_may_handle_binary_frames(connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def receive(
            self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
        ) -> None:
            if bytes_data is not None:
                await self.send(bytes_data=bytes_data[::-1])
            else:
                await super().receive(text_data, **kwargs)

    client = await connect(Consumer.as_asgi())
    await client.send_to(bytes_data=b"abc")
    assert await client.receive_from() == b"cba"
    await client.send_json_to({"action": "ping"})
    assert (await client.receive_json_from())["action"] == "pong"


async def test_own_encoding_is_used_for_all_that_goes_out(connect: Connect) -> None:
    class Consumer(RoomConsumer):
        @classmethod
        async def decode_json(cls, text_data: str) -> Any:
            if not text_data.startswith("v1:"):
                raise ValueError("secret")
            return await super().decode_json(text_data[3:])

        @classmethod
        async def encode_json(cls, content: Any) -> str:
            return "v1:" + await super().encode_json(content)

    from chanx.testing import WebsocketCommunicator

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    assert str(await client.receive_from()).startswith('v1:{"action":"authentication"')
    await client.send_to(text_data='v1:{"action": "ping"}')
    assert await client.receive_from() == 'v1:{"action":"pong","payload":null}'
    await client.send_to(text_data='{"action": "ping"}')
    reply = str(await client.receive_from())
    assert reply.startswith('v1:{"action":"error"')
    assert "secret" not in reply
    await client.send_to(text_data='v1:{"action": "say"}')
    other = await connect(RoomConsumer.as_asgi())
    await other.send_json_to({"action": "say"})
    assert str(await client.receive_from()).startswith('v1:{"action":"said"')
    await client.disconnect()


async def test_decode_json_may_return_python_objects(connect: Connect) -> None:
    from datetime import UTC, datetime

    class Consumer(OpenConsumer):
        @classmethod
        async def decode_json(cls, text_data: str) -> Any:
            wanted_at = datetime(2030, 1, 2, tzinfo=UTC)
            return {"action": "order", "payload": {"item_name": "tea", "wanted_at": wanted_at}}

    client = await connect(Consumer.as_asgi())
    await client.send_to(text_data="anything")
    (message,) = await client.receive_all_json()
    assert message["payload"]["wanted_at"] == "2030-01-02T00:00:00Z"


async def test_content_that_is_no_json_at_all_is_an_error_of_the_client(
    connect: Connect, logs: list[Any]
) -> None:
    class Consumer(OpenConsumer):
        @classmethod
        async def decode_json(cls, text_data: str) -> Any:
            return {"action": object()}

    client = await connect(Consumer.as_asgi())
    await client.send_to(text_data="anything")
    (message,) = await client.receive_all_json()
    assert message["action"] == "error"
    assert not [line for line in logs if line["log_level"] == "error"]


BEYOND_STRICT_JSON = {
    "json_too_deep": "[" * 64 + "]" * 64,
    "json_number_too_large": "18446744073709551616",
    "json_invalid": '"\\ud800"',
}


@pytest.mark.parametrize("name", ["receive", "decode_json", "receive_json"])
@pytest.mark.parametrize(("error", "value"), BEYOND_STRICT_JSON.items())
async def test_json_is_strict_for_consumers_with_overrides(
    name: str, error: str, value: str, connect: Connect
) -> None:
    seen: list[Any] = []

    class Mixin:
        async def receive_json(self, content: Any, **kwargs: Any) -> None:
            seen.append(content)

    calls: list[str] = []
    base = override(OpenConsumer, name, calls)
    bases = (Mixin, base) if name == "receive_json" else (base,)
    consumer: Any = type("Consumer", bases, {})
    client = await connect(consumer.as_asgi())
    await client.send_to(text_data=f'{{"action":"echo","payload":{value}}}')
    (message,) = await client.receive_all_json()
    assert message["action"] == "error"
    assert [details["type"] for details in message["payload"]] == [error]
    assert not seen


async def test_depth_is_a_setting_for_consumers_with_overrides(connect: Connect) -> None:
    calls: list[str] = []
    client = await connect(override(OpenConsumer, "decode_json", calls).as_asgi())
    text = '{"action":"echo","payload":[[1]]}'
    with override_settings(CHANX={"MAX_JSON_DEPTH": 2}):
        await client.send_to(text_data=text)
        (message,) = await client.receive_all_json()
        assert message["payload"][0]["type"] == "json_too_deep"
    await client.send_to(text_data=text)
    (message,) = await client.receive_all_json()
    assert message == {"action": "echo", "payload": [[1]]}


async def test_dispatch_may_drop_and_add_events(connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def dispatch(self, message: Any) -> None:
            if message["type"] == "websocket.receive" and message["text"] == "drop":
                return
            await super().dispatch(message)

    client = await connect(Consumer.as_asgi())
    await client.send_to(text_data="drop")
    await client.send_json_to({"action": "ping"})
    assert [message["action"] for message in await client.receive_all_json()] == ["pong"]


async def test_socket_event_handlers_can_be_replaced(connect: Connect) -> None:
    """A consumer that wraps Channels' websocket_receive sees the raw event."""
    events = []

    class Consumer(OpenConsumer):
        async def websocket_receive(self, message: Any) -> None:
            events.append(message)
            await super().websocket_receive(message)

    client = await connect(Consumer.as_asgi())
    await client.send_to(text_data='{"action": "ping"}')
    await client.receive_all_json()
    assert events == [{"type": "websocket.receive", "text": '{"action": "ping"}'}]


async def test_as_asgi_passes_initkwargs() -> None:
    seen = []

    class Consumer(OpenConsumer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            seen.append(kwargs)

    application: Any = Consumer.as_asgi(color="red")
    assert application.consumer_class is Consumer
    assert application.consumer_initkwargs == {"color": "red"}
    from chanx.testing import WebsocketCommunicator

    client = WebsocketCommunicator(application, "/ws/")
    await client.connect()
    await client.disconnect()
    assert seen == [{"color": "red"}]


@pytest.mark.parametrize("exception", [AcceptConnection, DenyConnection])
async def test_handshake_exceptions_in_a_handler_are_processing_errors(
    exception: type[Exception], connect: Connect
) -> None:
    class Consumer(OpenConsumer):
        async def do_fail(self) -> None:
            raise exception

    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "do", "payload": "fail"})
    assert [message["action"] for message in await client.receive_all_json()] == ["error"]


async def test_instances_share_nothing() -> None:
    class Consumer(OpenConsumer):
        groups = ["a"]

    first, second = Consumer(), Consumer()
    first.groups.append("b")
    assert second.groups == ["a"]
    assert Consumer.groups == ["a"]
    assert first.authenticator is not second.authenticator


async def test_subscript_gives_a_usable_class(connect: Connect) -> None:
    class Consumer(AsyncJsonWebsocketConsumer[int]):
        authentication_classes = (HeaderAuthentication,)
        permission_classes = ()
        INCOMING_MESSAGE_SCHEMA = OpenConsumer.INCOMING_MESSAGE_SCHEMA

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_message(PongMessage())

    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "ping"})
    assert len(await client.receive_all_json()) == 1
