"""Messages to groups, and the events of others."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.test import override_settings

from chanx.exceptions import BrokerError, ChanxError, MessageNotInSchema, NoChannelLayer
from chanx.generic.plan import is_handler_name
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseOutgoingMessage
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import PongMessage
from chanx.testing import WebsocketCommunicator
from chanx.utils.settings import override_chanx_settings
from tests.app.consumers import OpenConsumer, RoomConsumer, override
from tests.app.messages import EchoMessage, Outgoing, SaidMessage
from tests.conftest import Connect, UseLayer, Vary
from tests.patience import PATIENCE

ANN = [(b"x-user", b"ann")]
BOBBY = [(b"x-user", b"bobby")]


def get_errors(logs: list[Any]) -> list[str]:
    return [line["event"] for line in logs if line["log_level"] in ("error", "critical")]


def said(payload: Any, *, is_mine: bool = False, is_current: bool = False) -> dict[str, Any]:
    return {"action": "said", "payload": payload, "is_mine": is_mine, "is_current": is_current}


async def tell(client: WebsocketCommunicator, payload: Any) -> None:
    await client.send_json_to({"action": "say", "payload": payload})


def make_talker(**arguments: Any) -> type[RoomConsumer]:
    """Return a consumer that sends what is said with these arguments."""

    class Talker(RoomConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_group_message(SaidMessage(payload=message.payload), **arguments)

    return Talker


# --- send_group_message ---------------------------------------------------------------------------


@pytest.mark.usefixtures("layer")
async def test_group_message_reaches_all_but_the_sender(vary: Vary, connect: Connect) -> None:
    application = vary(RoomConsumer)
    ann, bobby, nobody = [await connect(application, headers=h) for h in (ANN, BOBBY, [])]
    await tell(ann, "hi")
    assert await bobby.receive_json_from() == said("hi")
    assert await nobody.receive_json_from() == said("hi")
    assert await ann.receive_all_json() == []
    await tell(nobody, "ho")
    assert await ann.receive_json_from() == said("ho")


@pytest.mark.usefixtures("layer")
async def test_flags_tell_whose_message_it_is(vary: Vary, connect: Connect) -> None:
    application = vary(make_talker(exclude_current=False))
    ann, also_ann, bobby = [await connect(application, headers=h) for h in (ANN, ANN, BOBBY)]
    await tell(ann, "hi")
    assert await ann.receive_json_from() == said("hi", is_mine=True, is_current=True)
    assert await also_ann.receive_json_from() == said("hi", is_mine=True)
    assert await bobby.receive_json_from() == said("hi")


@pytest.mark.usefixtures("layer")
async def test_nothing_is_mine_for_anonymous_users(vary: Vary, connect: Connect) -> None:
    application = vary(make_talker(exclude_current=False))
    first, second = await connect(application), await connect(application)
    await tell(first, "hi")
    assert await first.receive_json_from() == said("hi", is_current=True)
    assert await second.receive_json_from() == said("hi")


@pytest.mark.usefixtures("layer")
async def test_exclude_current_does_not_exclude_other_connections_of_the_user(
    vary: Vary, connect: Connect
) -> None:
    application = vary(RoomConsumer)
    ann, also_ann = [await connect(application, headers=ANN) for _ in range(2)]
    await tell(ann, "hi")
    assert await also_ann.receive_json_from() == said("hi", is_mine=True)
    assert await ann.receive_all_json() == []


@pytest.mark.usefixtures("layer")
async def test_flags_set_by_the_sender_do_not_count(vary: Vary, connect: Connect) -> None:
    class Liar(RoomConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_group_message(SaidMessage(is_mine=True, is_current=True))
            await self.send_to_groups(
                {"action": "said", "payload": None, "is_mine": True, "is_current": True},
                kind="message",
            )

    sender = await connect(vary(Liar), headers=ANN)
    other = await connect(vary(RoomConsumer), headers=BOBBY)
    await sender.send_message(PingMessage())
    assert await other.receive_json_from() == said(None)
    assert await other.receive_json_from() == said(None)


@pytest.mark.usefixtures("layer")
async def test_kind_json_leaves_the_message_alone(vary: Vary, connect: Connect) -> None:
    application = vary(make_talker(kind="json", exclude_current=False))
    ann = await connect(application, headers=ANN)
    await tell(ann, "hi")
    assert await ann.receive_json_from() == said("hi")


@pytest.mark.usefixtures("layer")
async def test_any_message_may_be_sent_without_a_schema(vary: Vary, connect: Connect) -> None:
    class Consumer(RoomConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_group_message(message)

    application = vary(Consumer)
    ann, bobby = [await connect(application, headers=h) for h in (ANN, BOBBY)]
    await ann.send_message(EchoMessage(payload={"a": [1]}))
    assert await bobby.receive_json_from() == {
        "action": "echo",
        "payload": {"a": [1]},
        "is_mine": False,
        "is_current": False,
    }


@pytest.mark.usefixtures("layer")
async def test_message_outside_the_schema_raises_at_the_sender(
    vary: Vary, connect: Connect, logs: list[Any]
) -> None:
    caught: list[Exception] = []

    class Consumer(RoomConsumer):
        OUTGOING_GROUP_MESSAGE_SCHEMA = Outgoing

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            try:
                await self.send_group_message(message)
            except MessageNotInSchema as error:
                caught.append(error)
            await self.send_group_message(SaidMessage(payload="known"))

    application = vary(Consumer)
    ann, bobby = [await connect(application, headers=h) for h in (ANN, BOBBY)]
    await ann.send_message(EchoMessage(payload="unknown"))
    assert await bobby.receive_json_from() == said("known")
    (error,) = caught
    assert isinstance(error, ChanxError)
    assert isinstance(error, TypeError)
    assert "EchoMessage" in str(error)
    assert "OUTGOING_GROUP_MESSAGE_SCHEMA" in str(error)
    assert get_errors(logs) == []


@pytest.mark.usefixtures("layer")
async def test_subclass_of_a_known_message_may_be_sent(connect: Connect) -> None:
    class Louder(SaidMessage):
        volume: int = 11

    class Consumer(RoomConsumer):
        OUTGOING_GROUP_MESSAGE_SCHEMA = Outgoing

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_group_message(Louder(payload="hi"))

    ann, bobby = [await connect(Consumer.as_asgi(), headers=h) for h in (ANN, BOBBY)]
    await ann.send_message(PingMessage())
    assert (await bobby.receive_json_from())["volume"] == 11


# --- what is sent directly ------------------------------------------------------------------------


class Direct(BaseOutgoingMessage):
    """What a consumer answers."""

    message: EchoMessage


async def test_direct_message_outside_the_schema_raises_at_the_sender(
    vary: Vary, connect: Connect, logs: list[Any]
) -> None:
    caught: list[Exception] = []

    class Consumer(OpenConsumer):
        OUTGOING_MESSAGE_SCHEMA = Direct
        send_completion = True

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            try:
                await self.send_message(PongMessage())
            except MessageNotInSchema as error:
                caught.append(error)
            await self.send_message(EchoMessage(payload="known"))
            raise ValueError("for an error message")

    ann = await connect(vary(Consumer))
    await ann.send_message(PingMessage())
    received = [await ann.receive_json_from() for _ in range(3)]
    # What chanx sends of itself needs no declaration.
    assert [each["action"] for each in received] == ["echo", "error", "complete"]
    (error,) = caught
    assert "PongMessage" in str(error)
    assert "OUTGOING_MESSAGE_SCHEMA: add it to Direct.message" in str(error)


# --- which groups ---------------------------------------------------------------------------------


class Member(RoomConsumer):
    """Is in the groups that its query string names."""

    async def build_groups(self) -> Iterable[str]:
        query: str = self.scope["query_string"].decode()
        return query.split(",")


@pytest.mark.usefixtures("layer")
async def test_none_means_the_connections_own_groups(vary: Vary, connect: Connect) -> None:
    application = vary(Member)
    ann = await connect(application, "/ws/?a,b")
    in_a, in_b, in_c = [await connect(application, f"/ws/?{name}") for name in "abc"]
    await tell(ann, "hi")
    assert await in_a.receive_json_from() == said("hi")
    assert await in_b.receive_json_from() == said("hi")
    assert await in_c.receive_all_json() == []


@pytest.mark.usefixtures("layer")
async def test_empty_list_means_nobody(vary: Vary, connect: Connect, logs: list[Any]) -> None:
    application = vary(make_talker(groups=[], exclude_current=False))
    client, other = await connect(application), await connect(application)
    await tell(client, "hi")
    assert await client.receive_all_json() == []
    assert await other.receive_all_json() == []
    assert get_errors(logs) == []


@pytest.mark.usefixtures("layer")
async def test_named_groups_get_it_and_the_own_ones_do_not(vary: Vary, connect: Connect) -> None:
    class Consumer(Member):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            names = (name for name in ["b"])
            await self.send_group_message(SaidMessage(), names)

    application = vary(Consumer)
    sender, in_a, in_b = [await connect(application, f"/ws/?{name}") for name in "aab"]
    await sender.send_message(PingMessage())
    assert await in_b.receive_json_from() == said(None)
    assert await in_a.receive_all_json() == []
    assert await sender.receive_all_json() == []


@pytest.mark.usefixtures("layer")
async def test_one_delivery_per_targeted_group(vary: Vary, connect: Connect) -> None:
    application = vary(Member)
    sender = await connect(application, "/ws/?a,b,c")
    other = await connect(application, "/ws/?b,c,d")
    await tell(sender, 1)
    await tell(sender, 2)
    assert [(await other.receive_json_from())["payload"] for _ in range(4)] == [1, 1, 2, 2]
    assert await other.receive_all_json() == []


@pytest.mark.usefixtures("layer")
@pytest.mark.parametrize("variant", ["plain", "all"])
async def test_group_named_twice_is_one_targeted_group(variant: str, connect: Connect) -> None:
    application = override(make_talker(groups=["room", "room"]), variant).as_asgi()
    sender, other = await connect(application), await connect(application)
    await tell(sender, 1)
    await tell(sender, 2)
    assert [(await other.receive_json_from())["payload"] for _ in range(2)] == [1, 2]


@pytest.mark.usefixtures("layer")
async def test_string_in_place_of_a_list_is_a_mistake(connect: Connect, logs: list[Any]) -> None:
    client = await connect(make_talker(groups="room").as_asgi())
    await tell(client, "hi")
    (message,) = await client.receive_all_json()
    assert message["action"] == "error"
    assert get_errors(logs) == ["Failed to process message"]


async def test_class_level_groups_are_joined_too(
    vary: Vary, connect: Connect, layer: InMemoryChannelLayer
) -> None:
    class Consumer(Member):
        groups = ["static"]

        async def do_tell(self) -> None:
            await self.send_json({"action": "groups", "groups": self.groups})

    client = await connect(vary(Consumer), "/ws/?a,static")
    assert set(layer.groups) == {"static", "a"}
    await client.send_json_to({"action": "do", "payload": "tell"})
    assert (await client.receive_json_from())["groups"] == ["static", "a"]
    assert Consumer.groups == ["static"]


@pytest.mark.usefixtures("layer")
async def test_connections_do_not_share_groups(vary: Vary, connect: Connect) -> None:
    class Consumer(Member):
        groups = ["static"]

        async def do_tell(self) -> None:
            await self.send_json({"action": "groups", "groups": self.groups})

    application = vary(Consumer)
    clients = [await connect(application, f"/ws/?{name}") for name in "ab"]
    for client, name in zip(clients, "ab", strict=True):
        await client.send_json_to({"action": "do", "payload": "tell"})
        assert (await client.receive_json_from())["groups"] == ["static", name]


@pytest.mark.usefixtures("layer")
async def test_nobody_hears_of_groups_that_are_left(vary: Vary, connect: Connect) -> None:
    application = vary(RoomConsumer)
    sender, gone, other = [await connect(application) for _ in range(3)]
    await gone.disconnect()
    await tell(sender, "hi")
    assert await other.receive_json_from() == said("hi")
    assert gone.output_queue.empty()


async def test_disconnecting_leaves_no_membership(
    vary: Vary, connect: Connect, layer: InMemoryChannelLayer
) -> None:
    application = vary(RoomConsumer)
    clients = [await connect(application) for _ in range(3)]
    assert [len(channels) for channels in layer.groups.values()] == [1]
    for client in clients:
        assert set(layer.groups) == {"room"}
        await client.disconnect()
    assert layer.groups == {}
    assert layer.channels == {}


@override_chanx_settings(BROKER_TIMEOUT=None)  # a pause is no layer that does not answer
@pytest.mark.usefixtures("layer")
async def test_all_of_many_broadcasts_arrive_in_order(vary: Vary, connect: Connect) -> None:
    class Consumer(RoomConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            for number in range(300):
                await self.send_group_message(SaidMessage(payload=number), exclude_current=False)

    application = vary(Consumer)
    sender, other = await connect(application), await connect(application)
    await sender.send_message(PingMessage())
    for client in (sender, other):
        payloads = [(await client.receive_json_from())["payload"] for _ in range(300)]
        assert payloads == list(range(300))


async def test_group_without_members_here_is_told_elsewhere(
    connect: Connect, layer: InMemoryChannelLayer
) -> None:
    await layer.group_add("elsewhere", "other.process")
    client = await connect(make_talker(groups=["elsewhere"]).as_asgi())
    await tell(client, "hi")
    assert await client.receive_all_json() == []
    event = await layer.receive("other.process")
    assert event["type"] == "send_group_member"
    assert event["group"] == "elsewhere"


@pytest.mark.usefixtures("layer")
async def test_handler_may_change_how_a_group_message_is_delivered(connect: Connect) -> None:
    class Consumer(RoomConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_group_message(SaidMessage(), exclude_current=False)

        async def send_group_member(self, event: Any) -> None:
            await super().send_group_member({**event, "exclude_current": True})
            await super().send_group_member(event)

    sender, other = [await connect(Consumer.as_asgi()) for _ in range(2)]
    await sender.send_message(PingMessage())
    assert await other.receive_json_from() == said(None)
    assert await other.receive_json_from() == said(None)
    assert await sender.receive_json_from() == said(None, is_current=True)
    assert sender.output_queue.empty()


# --- send_to_groups -------------------------------------------------------------------------------


class Sender(RoomConsumer):
    """Sends a value to its groups."""

    content: Any = None
    arguments: dict[str, Any] = {}

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        await self.send_to_groups(self.content, **self.arguments)


@pytest.mark.usefixtures("layer")
@pytest.mark.parametrize(
    "value", [{"action": "a", "is_mine": 1}, {}, [1, {"a": None}], "text", 5, None, {"action": [1]}]
)
async def test_any_json_can_be_sent_to_groups(
    value: Any, connect: Connect, logs: list[Any]
) -> None:
    class Consumer(Sender):
        content = value

    for variant in ("plain", "all"):
        application = override(Consumer, variant).as_asgi()
        sender, other = await connect(application), await connect(application)
        await sender.send_message(PingMessage())
        assert await other.receive_json_from() == value
        assert await sender.receive_all_json() == []
        await sender.disconnect()
        await other.disconnect()
    assert get_errors(logs) == []


@pytest.mark.usefixtures("layer")
async def test_dict_can_be_sent_with_flags(vary: Vary, connect: Connect) -> None:
    class Consumer(Sender):
        content = {"action": "a"}
        arguments = {"kind": "message", "exclude_current": False}

    client = await connect(vary(Consumer), headers=ANN)
    await client.send_message(PingMessage())
    assert await client.receive_json_from() == {
        "action": "a",
        "is_mine": True,
        "is_current": True,
    }


@pytest.mark.usefixtures("layer")
async def test_empty_dict_can_be_sent_with_flags(connect: Connect) -> None:
    class Consumer(Sender):
        content: Any = {}
        arguments = {"kind": "message", "exclude_current": False}

    client = await connect(Consumer.as_asgi())
    await client.send_message(PingMessage())
    assert await client.receive_json_from() == {"is_mine": False, "is_current": True}


@pytest.mark.usefixtures("layer")
async def test_flags_need_a_dict(connect: Connect, logs: list[Any]) -> None:
    class Consumer(Sender):
        content = ["no dict"]
        arguments = {"kind": "message"}

    client = await connect(Consumer.as_asgi())
    await client.send_message(PingMessage())
    assert [message["action"] for message in await client.receive_all_json()] == ["error"]
    assert get_errors(logs) == ["Failed to process message"]


# --- completion -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("layer")
async def test_group_completion_comes_after_each_delivery(vary: Vary, connect: Connect) -> None:
    class Consumer(Member):
        send_completion = True

    application = vary(Consumer)
    sender = await connect(application, "/ws/?a,b")
    other = await connect(application, "/ws/?a,b")
    await tell(sender, 1)
    actions = [(await other.receive_json_from())["action"] for _ in range(3)]
    assert actions == ["said", "group_complete", "said"]
    assert await other.receive_json_from() == {"action": "group_complete", "payload": None}
    assert [(await sender.receive_json_from())["action"]] == ["complete"]


# --- events of others -----------------------------------------------------------------------------


class Listener(RoomConsumer):
    """Tells its client of the events it got."""

    async def my_event(self, event: dict[str, Any]) -> None:
        await self.send_json({"action": "event", **event})

    async def bad_event(self, event: dict[str, Any]) -> None:
        raise RuntimeError("secret")

    async def cancelled_event(self, event: dict[str, Any]) -> None:
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task


async def test_plain_group_send_reaches_handlers(
    vary: Vary, connect: Connect, layer: InMemoryChannelLayer
) -> None:
    clients = [await connect(vary(Listener)) for _ in range(2)]
    event = {"type": "my.event", "number": 1, "list": [1], "bytes": "x"}
    await layer.group_send("room", event)
    for client in clients:
        assert await client.receive_json_from() == {"action": "event", **event}


async def test_each_member_gets_an_event_of_its_own(
    vary: Vary, connect: Connect, layer: InMemoryChannelLayer
) -> None:
    class Consumer(Listener):
        async def my_event(self, event: dict[str, Any]) -> None:
            event["list"].append("mine")
            await super().my_event(event)

    clients = [await connect(vary(Consumer)) for _ in range(3)]
    await layer.group_send("room", {"type": "my.event", "list": []})
    for client in clients:
        assert (await client.receive_json_from())["list"] == ["mine"]


async def test_unknown_event_costs_one_line(
    connect: Connect, layer: InMemoryChannelLayer, logs: list[Any]
) -> None:
    clients = [await connect(Listener.as_asgi()) for _ in range(3)]
    before = len(logs)
    await layer.group_send("room", {"type": "unknown.event", "secret": "hush"})
    await layer.group_send("room", {"type": "_private"})
    await layer.group_send("room", {"no": "type"})
    await layer.group_send("room", {"type": ["list"]})
    await layer.group_send("room", {"type": "my.event"})
    for client in clients:
        assert (await client.receive_json_from())["action"] == "event"
    lines = [line for line in logs[before:] if line["log_level"] != "info"]
    assert len(lines) == 3  # those that are refused for the same reason share one
    assert {line["log_level"] for line in lines} == {"warning"}
    assert "hush" not in repr(logs)


async def test_unknown_event_with_overridden_dispatch_costs_one_line(
    connect: Connect, layer: InMemoryChannelLayer, logs: list[Any]
) -> None:
    client = await connect(override(Listener, "dispatch").as_asgi())
    await layer.group_send("room", {"type": "unknown.event"})
    await layer.group_send("room", {"type": "my.event"})
    assert (await client.receive_json_from())["action"] == "event"
    assert len([line for line in logs if line["log_level"] != "info"]) == 1


@pytest.mark.parametrize("kind", ["bad.event", "cancelled.event"])
@pytest.mark.parametrize("variant", ["plain", "all"])
async def test_failing_event_handler_does_not_end_the_connection(
    kind: str, variant: str, connect: Connect, layer: InMemoryChannelLayer, logs: list[Any]
) -> None:
    client = await connect(override(Listener, variant).as_asgi())
    await layer.group_send("room", {"type": kind})
    await layer.group_send("room", {"type": "my.event"})
    assert (await client.receive_json_from())["action"] == "event"
    assert len(get_errors(logs)) == 1
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"


@pytest.mark.parametrize(
    "broken",
    [
        {"text": 5},
        {"text": "no object", "kind": "message"},
        {"text": "{}", "kind": "unknown"},
        {"text": "{}", "flag_names": ["one"]},
        {"text": "{}", "user": 5},
        {},
    ],
)
async def test_malformed_group_message_is_one_warning(
    broken: dict[str, Any], connect: Connect, layer: InMemoryChannelLayer, logs: list[Any]
) -> None:
    client = await connect(Listener.as_asgi())
    await layer.group_send("room", {"type": "send_group_member", **broken})
    await layer.group_send("room", {"type": "my.event"})
    assert (await client.receive_json_from())["action"] == "event"
    assert [line["log_level"] for line in logs if line["log_level"] != "info"] == ["warning"]


async def test_content_in_place_of_text_is_sent_as_json(
    vary: Vary, connect: Connect, layer: InMemoryChannelLayer
) -> None:
    client = await connect(vary(RoomConsumer), headers=ANN)
    event = {"type": "send_group_member", "content": {"action": "a"}, "kind": "message"}
    await layer.group_send("room", event)
    message = await client.receive_json_from()
    assert message == {"action": "a", "is_mine": False, "is_current": False}


# --- the connection's own channel -----------------------------------------------------------------


class Caller(Listener):
    """Uses its own channel name."""

    async def build_groups(self) -> Iterable[str]:
        return []

    async def do_join(self) -> None:
        await self.channel_layer.group_add("extra", self.channel_name)

    async def do_leave(self) -> None:
        await self.channel_layer.group_discard("extra", self.channel_name)

    async def do_call(self) -> None:
        await self.channel_layer.send(self.channel_name, {"type": "my.event", "n": 1})

    async def do_call_badly(self) -> None:
        await self.channel_layer.send(self.channel_name, {"type": "unknown.event"})
        await self.channel_layer.send(self.channel_name, {"type": "my.event", "n": 2})

    async def do_call_message(self) -> None:
        event = {"type": "send_group_member", "content": {"action": "own"}}
        await self.channel_layer.send(self.channel_name, event)

    async def do_name(self) -> None:
        await self.send_json({"action": "name", "name": self.channel_name})

    async def do_name_in_thread(self) -> None:
        name = await asyncio.to_thread(lambda: self.channel_name)
        await self.channel_layer.send(name, {"type": "my.event", "n": 3})


async def do(client: WebsocketCommunicator, name: str) -> None:
    await client.send_json_to({"action": "do", "payload": name})


async def test_own_name_can_be_put_into_a_group(
    vary: Vary, connect: Connect, layer: InMemoryChannelLayer
) -> None:
    clients = [await connect(vary(Caller)) for _ in range(2)]
    for client in clients:
        await do(client, "join")
        assert await client.receive_all_json() == []
    assert [len(channels) for channels in layer.groups.values()] == [1]
    await layer.group_send("extra", {"type": "my.event"})
    for client in clients:
        assert (await client.receive_json_from())["action"] == "event"
    await do(clients[0], "leave")
    await clients[0].receive_all_json()
    await layer.group_send("extra", {"type": "my.event"})
    assert (await clients[1].receive_json_from())["action"] == "event"
    assert await clients[0].receive_all_json() == []
    for client in clients:
        await client.disconnect()
    assert layer.groups == {}


@pytest.mark.usefixtures("layer")
async def test_event_can_be_sent_to_the_own_name(vary: Vary, connect: Connect) -> None:
    client = await connect(vary(Caller))
    await do(client, "call")
    assert await client.receive_json_from() == {"action": "event", "type": "my.event", "n": 1}


@pytest.mark.usefixtures("layer")
async def test_group_message_can_be_sent_to_the_own_name(vary: Vary, connect: Connect) -> None:
    client = await connect(vary(Caller))
    await do(client, "call_message")
    assert await client.receive_json_from() == {"action": "own"}


async def test_others_reach_the_name_that_a_connection_told(
    vary: Vary, connect: Connect, layer: InMemoryChannelLayer
) -> None:
    clients = [await connect(vary(Caller)) for _ in range(2)]
    names = []
    for client in clients:
        await do(client, "name")
        names.append((await client.receive_json_from())["name"])
    assert len(set(names)) == 2
    for name, client in zip(names, clients, strict=True):
        await layer.send(name, {"type": "my.event", "to": name})
        assert (await client.receive_json_from())["to"] == name


@pytest.mark.usefixtures("layer")
async def test_unknown_event_to_the_own_name_costs_one_line(
    connect: Connect, logs: list[Any]
) -> None:
    client = await connect(Caller.as_asgi())
    await do(client, "call_badly")
    assert (await client.receive_json_from())["n"] == 2
    assert [line["log_level"] for line in logs if line["log_level"] != "info"] == ["warning"]


@pytest.mark.usefixtures("layer")
async def test_own_name_can_be_read_in_a_thread(connect: Connect, logs: list[Any]) -> None:
    client = await connect(Caller.as_asgi())
    await do(client, "name_in_thread")
    assert await client.receive_json_from() == {"action": "event", "type": "my.event", "n": 3}
    assert get_errors(logs) == []


async def test_own_channel_ends_with_the_connection(
    connect: Connect, layer: InMemoryChannelLayer, leftover: Callable[[], set[str]]
) -> None:
    client = await connect(Caller.as_asgi())
    await do(client, "call")
    await client.receive_json_from()
    await client.disconnect()
    assert layer.channels == {}
    async with asyncio.timeout(PATIENCE):
        while leftover():
            await asyncio.sleep(0)


async def test_connection_that_uses_no_name_costs_no_reader(
    connect: Connect, layer: InMemoryChannelLayer
) -> None:
    await connect(OpenConsumer.as_asgi())
    assert layer.channels == {}


async def test_other_channels_can_join_through_the_consumers_layer(
    connect: Connect, layer: InMemoryChannelLayer
) -> None:
    class Consumer(RoomConsumer):
        async def do_add(self) -> None:
            await self.channel_layer.group_add("workers", "worker.1")
            await self.channel_layer.group_send("workers", {"type": "job"})
            await self.channel_layer.send("worker.1", {"type": "second.job"})

        async def do_discard(self) -> None:
            await self.channel_layer.group_discard("workers", "worker.1")

        async def do_capacity(self) -> None:
            await self.send_json({"action": "capacity", "value": self.channel_layer.capacity})

    client = await connect(Consumer.as_asgi())
    await do(client, "add")
    await client.receive_all_json()
    assert await layer.receive("worker.1") == {"type": "job"}
    assert await layer.receive("worker.1") == {"type": "second.job"}
    await do(client, "discard")
    await client.receive_all_json()
    assert set(layer.groups) == {"room"}
    await do(client, "capacity")
    assert (await client.receive_json_from())["value"] == layer.capacity


# --- without a layer, and with one that fails -----------------------------------------------------


@override_settings(CHANNEL_LAYERS={})
async def test_consumer_works_without_a_layer(connect: Connect) -> None:
    assert get_channel_layer() is None

    class Consumer(OpenConsumer):
        async def do_layer(self) -> None:
            await self.send_json({"action": "layer", "is_none": self.channel_layer is None})

    client = await connect(Consumer.as_asgi())
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"
    await do(client, "layer")
    assert (await client.receive_json_from())["is_none"]


@override_settings(CHANNEL_LAYERS={})
@pytest.mark.parametrize("what", ["channel_name", "send_group_message", "send_to_groups"])
async def test_missing_layer_is_named(what: str, connect: Connect, logs: list[Any]) -> None:
    caught: list[Exception] = []

    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            try:
                if what == "channel_name":
                    _ = self.channel_name
                elif what == "send_group_message":
                    await self.send_group_message(SaidMessage(), ["room"])
                else:
                    await self.send_to_groups({}, ["room"])
            except NoChannelLayer as error:
                caught.append(error)

    client = await connect(Consumer.as_asgi())
    await client.send_message(PingMessage())
    await client.receive_all_json()
    (error,) = caught
    assert "CHANNEL_LAYERS" in str(error)
    assert "'default'" in str(error)


@override_settings(CHANNEL_LAYERS={})
async def test_groups_without_a_layer_close_with_4500(logs: list[Any]) -> None:
    client = WebsocketCommunicator(RoomConsumer.as_asgi(), "/ws/")
    await client.connect()
    await client.assert_closed(4500)
    await client.disconnect()
    assert len(get_errors(logs)) == 1


async def test_group_name_that_the_layer_refuses_closes_with_4500(logs: list[Any]) -> None:
    class Consumer(OpenConsumer):
        groups = ["no good name"]

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.assert_closed(4500)
    await client.disconnect()
    assert len(get_errors(logs)) == 1


async def test_failing_layer_is_a_broker_error_at_the_sender(
    connect: Connect, use_layer: UseLayer
) -> None:
    class Layer(InMemoryChannelLayer):
        async def group_send(self, group: str, message: Any) -> None:
            raise ConnectionError("redis is down")

    caught: list[BaseException | None] = []

    class Consumer(RoomConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            try:
                await self.send_group_message(SaidMessage())
            except BrokerError as error:
                caught.append(error.__cause__)

    use_layer(Layer())
    client = await connect(Consumer.as_asgi())
    await client.send_message(PingMessage())
    assert await client.receive_all_json() == []
    assert [type(cause) for cause in caught] == [ConnectionError]


async def test_layer_that_fails_while_leaving_is_one_warning(
    use_layer: UseLayer, logs: list[Any]
) -> None:
    class Layer(InMemoryChannelLayer):
        async def group_discard(self, group: str, channel: str) -> None:
            raise ConnectionError("redis is down")

    codes = []

    class Consumer(RoomConsumer):
        async def disconnect(self, code: int) -> None:
            codes.append(code)

    use_layer(Layer())
    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.wait_for_auth()
    await client.disconnect()
    assert codes == [1000]
    assert [line["log_level"] for line in logs if line["log_level"] != "info"] == ["warning"]


async def test_one_group_that_cannot_be_left_does_not_keep_the_others(
    connect: Connect, use_layer: UseLayer
) -> None:
    class Layer(InMemoryChannelLayer):
        discarded: set[str] = set()

        async def group_discard(self, group: str, channel: str) -> None:
            self.discarded.add(group)
            raise ConnectionError("redis is down")

    layer = use_layer(Layer())
    client = await connect(Member.as_asgi(), "/ws/?a,b,c")
    await client.disconnect()
    assert {"a", "b", "c"} <= layer.discarded


@pytest.mark.parametrize(
    "kind", ["dispatch", "close", "send.json", "receive_message", "accept", "send", "as_asgi"]
)
async def test_methods_that_are_no_handlers_are_not_called_by_events(
    vary: Vary, connect: Connect, layer: InMemoryChannelLayer, logs: list[Any], kind: str
) -> None:
    client = await connect(vary(RoomConsumer))
    await layer.group_send("room", {"type": kind, "text": "x"})
    await layer.group_send("room", {"type": "send_group_member", "content": {"action": "end"}})
    assert await client.receive_json_from() == {"action": "end"}
    await client.send_message(PingMessage())
    assert (await client.receive_all_json())[0]["action"] == "pong"


def test_no_method_of_the_base_class_is_a_handler_by_accident() -> None:
    methods = {
        name
        for name in dir(AsyncJsonWebsocketConsumer)
        if callable(getattr(AsyncJsonWebsocketConsumer, name)) and is_handler_name(name)
    }
    assert methods == {
        *("send_group_member", "websocket_connect", "websocket_disconnect", "websocket_receive"),
        "authenticator_class",  # a class, which takes no event
    }
