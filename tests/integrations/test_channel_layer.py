"""The broker over a channel layer, and layers that fail."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from django.test import override_settings

from chanx.engine.events import Delivery, GroupEvent
from chanx.engine.hub import Hub
from chanx.exceptions import BrokerError, BrokerTimeout
from chanx.integrations.channel_layer import ChannelLayerBroker, get_hub
from chanx.integrations.own_channel import OwnChannel
from chanx.messages.incoming import PingMessage
from chanx.testing import WebsocketCommunicator
from tests.app.consumers import OpenConsumer, RoomConsumer, override
from tests.app.messages import EchoMessage
from tests.conftest import Connect, UseLayer

CALLS = ("new_channel", "group_add", "group_send", "group_discard")


class Member:
    """Takes what a hub hands over."""

    def __init__(self, name: str = "m", user: str | None = None) -> None:
        self.id = name
        self.user = user
        self.texts: asyncio.Queue[str] = asyncio.Queue()
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def deliver(self, event: GroupEvent, delivery: Delivery) -> None:
        self.texts.put_nowait(delivery.text)

    def enqueue(self, event: dict[str, Any]) -> bool:
        self.events.put_nowait(event)
        return True


def event(text: str = '{"a":1}', **kwargs: Any) -> GroupEvent:
    return GroupEvent(group="room", text=text, kind="json", **kwargs)


class FailingLayer(InMemoryChannelLayer):
    """Raises in one of its methods."""

    failing: str = ""

    async def _fail(self, name: str) -> None:
        if name == self.failing:
            raise ConnectionError("redis is down")

    async def new_channel(self, prefix: str = "specific.") -> str:
        await self._fail("new_channel")
        return await super().new_channel(prefix)

    async def group_add(self, group: str, channel: str) -> None:
        await self._fail("group_add")
        await super().group_add(group, channel)

    async def group_send(self, group: str, message: Any) -> None:
        await self._fail("group_send")
        await super().group_send(group, message)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._fail("group_discard")
        await super().group_discard(group, channel)


class HangingLayer(FailingLayer):
    """Never answers in one of its methods."""

    async def _fail(self, name: str) -> None:
        if name == self.failing:
            await asyncio.Event().wait()


async def take_all_steps(hub: Hub, member: Member) -> None:
    await hub.join(member, ["room"])
    await hub.publish(event())
    await hub.leave(member)


async def test_hub_over_a_layer_delivers() -> None:
    layer = InMemoryChannelLayer()
    hub, member = Hub(ChannelLayerBroker(layer)), Member()
    await hub.join(member, ["room"])
    await hub.publish(event())
    assert await member.texts.get() == '{"a":1}'
    await layer.group_send("room", {"type": "other"})
    assert await member.events.get() == {"type": "other"}
    await hub.leave(member)
    assert layer.groups == {}
    assert layer.channels == {}


async def test_processes_are_joined_once_each() -> None:
    layer = InMemoryChannelLayer()
    hubs = [Hub(ChannelLayerBroker(layer)) for _ in range(2)]
    members = [[Member(f"{process}.{n}") for n in range(5)] for process in range(2)]
    for hub, own in zip(hubs, members, strict=True):
        for member in own:
            await hub.join(member, ["room"])
    assert len(layer.groups["room"]) == 2
    await hubs[0].publish(event())
    for member in (*members[0], *members[1]):
        assert await member.texts.get() == '{"a":1}'
    for hub, own in zip(hubs, members, strict=True):
        for member in own:
            await hub.leave(member)
    assert layer.groups == {}


@pytest.mark.parametrize("call", CALLS)
async def test_failing_layer_is_a_broker_error(call: str) -> None:
    layer = FailingLayer()
    layer.failing = call
    hub, member = Hub(ChannelLayerBroker(layer)), Member()
    with pytest.raises(BrokerError, match=call) as caught:
        await take_all_steps(hub, member)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert "redis is down" in str(caught.value)


@pytest.mark.parametrize("call", CALLS)
async def test_hanging_layer_is_a_broker_timeout(call: str) -> None:
    layer = HangingLayer()
    layer.failing = call
    hub, member = Hub(ChannelLayerBroker(layer, deadline=0.01)), Member()
    with pytest.raises(BrokerTimeout, match=call) as caught:
        await take_all_steps(hub, member)
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, BrokerError)


async def test_member_that_could_not_join_can_try_again() -> None:
    layer = FailingLayer()
    layer.failing = "group_add"
    hub, member = Hub(ChannelLayerBroker(layer)), Member()
    with pytest.raises(BrokerError):
        await hub.join(member, ["room"])
    assert hub.get_members("room") == ()
    layer.failing = ""
    await hub.join(member, ["room"])
    await hub.publish(event())
    assert await member.texts.get() == '{"a":1}'
    await hub.leave(member)
    assert layer.groups == {}


async def test_nothing_is_received_after_a_failed_leave(
    leftover: Callable[[], set[str]],
) -> None:
    layer = FailingLayer()
    hub, member = Hub(ChannelLayerBroker(layer)), Member()
    await hub.join(member, ["room"])
    layer.failing = "group_discard"
    with pytest.raises(BrokerError):
        await hub.leave(member)
    assert hub.get_members("room") == ()
    assert not leftover()


async def test_group_that_was_never_joined_can_be_left() -> None:
    layer = FailingLayer()
    layer.failing = "group_discard"
    await ChannelLayerBroker(layer).unsubscribe("room")


@pytest.mark.parametrize("call", ["new_channel", "group_add"])
async def test_frozen_layer_does_not_hang_the_handshake(
    call: str, use_layer: UseLayer, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr(ChannelLayerBroker.__init__, "__defaults__", (0.01,))
    layer = use_layer(HangingLayer())
    layer.failing = call
    client = WebsocketCommunicator(RoomConsumer.as_asgi(), "/ws/")
    await client.connect()
    await client.assert_closed(4500)
    await client.disconnect()
    assert len([line for line in logs if line["log_level"] == "error"]) == 1


async def test_frozen_layer_does_not_hang_the_disconnect(
    connect: Connect, use_layer: UseLayer, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr(ChannelLayerBroker.__init__, "__defaults__", (0.01,))
    layer = use_layer(HangingLayer())
    client = await connect(RoomConsumer.as_asgi())
    layer.failing = "group_discard"
    await client.disconnect()
    assert [line["log_level"] for line in logs if line["log_level"] != "info"] == ["warning"]


class UnsteadyLayer(InMemoryChannelLayer):
    """Fails to receive, and has forgotten all groups, as often as it is told to."""

    failures = 0

    def __init__(self) -> None:
        super().__init__()
        self.receiving = asyncio.Event()

    async def receive(self, channel: str) -> Any:
        if self.failures:
            self.failures -= 1
            self.groups.clear()
            raise ConnectionError("redis is down")
        self.receiving.set()
        return await super().receive(channel)


async def test_reading_goes_on_after_failures(
    monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr("chanx.integrations.channel_layer._FIRST_DELAY", 0.0)
    monkeypatch.setattr("chanx.integrations.channel_layer._LONGEST_DELAY", 0.0)
    layer = UnsteadyLayer()
    layer.failures = 3
    hub, member = Hub(ChannelLayerBroker(layer)), Member()
    await hub.join(member, ["room"])
    await layer.receiving.wait()
    await hub.publish(event())
    assert await member.texts.get() == '{"a":1}'
    await hub.leave(member)
    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("warning", "Channel layer failed, trying again"),
        ("info", "Channel layer is back"),
    ]


async def test_event_that_cannot_be_handed_over_costs_only_itself(logs: list[Any]) -> None:
    class Broken(Member):
        def enqueue(self, event: dict[str, Any]) -> bool:
            if event["type"] == "bad":
                raise RuntimeError("secret")
            return super().enqueue(event)

    layer = InMemoryChannelLayer()
    hub, member = Hub(ChannelLayerBroker(layer)), Broken()
    await hub.join(member, ["room"])
    await layer.group_send("room", {"type": "bad"})
    await layer.group_send("room", {"type": "good"})
    assert await member.events.get() == {"type": "good"}
    await hub.leave(member)
    (line,) = logs
    assert (line["log_level"], line["group"]) == ("error", "room")


# --- refreshing -----------------------------------------------------------------------------------


class ExpiringLayer(InMemoryChannelLayer):
    """Counts how often a group was joined."""

    def __init__(self, group_expiry: float) -> None:
        super().__init__(group_expiry=group_expiry)  # type: ignore[arg-type]
        self.added: asyncio.Queue[str] = asyncio.Queue()
        self.is_failing = False

    async def group_add(self, group: str, channel: str) -> None:
        self.added.put_nowait(group)
        if self.is_failing:
            raise ConnectionError("redis is down")
        await super().group_add(group, channel)


async def test_membership_is_refreshed_before_it_expires(
    connect: Connect, use_layer: UseLayer
) -> None:
    layer = use_layer(ExpiringLayer(0.03))
    client = await connect(RoomConsumer.as_asgi())
    (channel,) = layer.groups["room"]
    for _ in range(3):
        assert await asyncio.wait_for(layer.added.get(), 10) == "room"
    assert list(layer.groups["room"]) == [channel]
    await client.disconnect()
    assert layer.groups == {}


async def test_refreshing_survives_failures(
    connect: Connect, use_layer: UseLayer, logs: list[Any]
) -> None:
    layer = use_layer(ExpiringLayer(0.03))
    client = await connect(RoomConsumer.as_asgi())
    await layer.added.get()
    layer.is_failing = True
    await asyncio.wait_for(layer.added.get(), 10)
    layer.is_failing = False
    await asyncio.wait_for(layer.added.get(), 10)
    await asyncio.wait_for(layer.added.get(), 10)
    await client.disconnect()
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert [line["event"] for line in warnings] == ["Membership not refreshed"]
    assert warnings[0]["group"] == "room"
    assert "request_id" not in warnings[0]


async def test_refreshing_ends_with_the_last_member_and_starts_again(
    connect: Connect, use_layer: UseLayer
) -> None:
    layer = use_layer(ExpiringLayer(0.03))
    client = await connect(RoomConsumer.as_asgi())
    for _ in range(2):
        await asyncio.wait_for(layer.added.get(), 10)
    await client.disconnect()
    while not layer.added.empty():
        layer.added.get_nowait()
    await connect(RoomConsumer.as_asgi())
    for _ in range(3):
        assert await asyncio.wait_for(layer.added.get(), 10) == "room"


# --- the hub of a process -------------------------------------------------------------------------


class StoringLayer(InMemoryChannelLayer):
    """Gives what it has in store without suspending, as the Redis pub/sub layer does."""

    def __init__(self) -> None:
        super().__init__()
        self.store: list[dict[str, Any]] = []

    async def receive(self, channel: str) -> Any:
        return self.store.pop(0) if self.store else await super().receive(channel)


@pytest.mark.parametrize("kind", ["group message", "event"])
async def test_events_that_come_all_at_once_overfill_nothing(
    connect: Connect, use_layer: UseLayer, kind: str
) -> None:
    """They are more than an outbox or an inbox holds, and the client takes each at once."""

    class Consumer(RoomConsumer):
        async def direct(self, event: dict[str, Any]) -> None:
            await self.send_json({"number": event["number"]})

    layer = use_layer(StoringLayer())
    client = await connect(Consumer.as_asgi())
    for number in range(3_000):
        message = {"type": "direct", "number": number}
        text = f'{{"number":{number}}}'
        layer.store.append(message if kind == "event" else event(text).to_dict())
    await layer.group_send("room", layer.store.pop())  # wakes the reader
    received = [await client.receive_json_from() for _ in range(3_000)]
    assert [message["number"] for message in received] == [2_999, *range(2_999)]
    await client.disconnect()


async def test_hub_is_one_per_layer(use_layer: UseLayer) -> None:
    layer = use_layer(InMemoryChannelLayer())
    found = get_hub("default")
    assert found is not None
    assert found[1].layer is layer
    assert get_hub("default") == found
    use_layer(InMemoryChannelLayer())
    other = get_hub("default")
    assert other is not None
    assert other[0] is not found[0]


async def test_unknown_alias_has_no_hub() -> None:
    assert get_hub("unknown") is None


async def test_consumer_may_use_another_layer(connect: Connect) -> None:
    backend = "channels.layers.InMemoryChannelLayer"
    with override_settings(
        CHANNEL_LAYERS={"default": {"BACKEND": backend}, "b": {"BACKEND": backend}}
    ):

        class Other(RoomConsumer):
            channel_layer_alias = "b"

        application, other = RoomConsumer.as_asgi(), Other.as_asgi()
        clients = [await connect(app) for app in (application, other, other)]
        await clients[1].send_json_to({"action": "say"})
        assert (await clients[2].receive_json_from())["action"] == "said"
        assert await clients[0].receive_all_json() == []
        for client in clients:
            await client.disconnect()


# --- own channels ---------------------------------------------------------------------------------


async def test_own_names_differ_and_are_valid() -> None:
    layer = InMemoryChannelLayer()
    broker = ChannelLayerBroker(layer)
    made = [broker.make_own_name() for _ in range(100)]
    assert all(is_safe for _, is_safe in made)
    names = {name for name, _ in made}
    assert len(names) == 100
    await asyncio.gather(*(layer.send(name, {"type": "x"}) for name in names))
    assert set(layer.channels) == names


async def test_layer_that_must_wait_for_a_name_gets_a_made_up_one() -> None:
    class SlowLayer(InMemoryChannelLayer):
        async def new_channel(self, prefix: str = "specific.") -> str:
            await asyncio.sleep(0)
            return await super().new_channel(prefix)

    layer = SlowLayer()
    broker = ChannelLayerBroker(layer)
    (first, is_safe), (second, _) = broker.make_own_name(), broker.make_own_name()
    assert first != second
    assert not is_safe
    await layer.send(first, {"type": "x"})
    assert await layer.receive(first) == {"type": "x"}


class SubscribingLayer(InMemoryChannelLayer):
    """Loses what is sent to a channel before it has subscribed to it, as Redis pub/sub does."""

    def __init__(self) -> None:
        super().__init__()
        self.subscribed: set[str] = set()
        self.may_subscribe = asyncio.Event()
        self.lost = asyncio.Event()

    async def new_channel(self, prefix: str = "specific.") -> str:
        await asyncio.Event().wait()  # nothing comes into store
        return prefix

    async def receive(self, channel: str) -> Any:
        await self.may_subscribe.wait()
        self.subscribed.add(channel)
        return await super().receive(channel)

    async def send(self, channel: str, message: Any) -> None:
        if channel in self.subscribed:
            await super().send(channel, message)
        else:
            self.lost.set()


async def tell_by_frame(consumer: Any) -> None:
    await consumer.send_message(EchoMessage(payload=consumer.channel_name))


async def tell_by_dict(consumer: Any) -> None:
    await consumer.send_json({"action": "echo", "payload": consumer.channel_name})


@pytest.mark.parametrize("tell", [tell_by_frame, tell_by_dict])
@pytest.mark.parametrize("step", ["plain", "send_json"])
async def test_nobody_is_told_a_name_before_it_can_be_reached(
    tell: Any, step: str, use_layer: UseLayer
) -> None:
    class Consumer(OpenConsumer):
        async def do_tell(self) -> None:
            await tell(self)

        async def greet(self, event: Any) -> None:
            await self.send_json({"action": "greeted"})

    layer = use_layer(SubscribingLayer())
    client = WebsocketCommunicator(override(Consumer, step).as_asgi(), "/ws/")
    await client.connect()
    await client.wait_for_auth(max_auth_time=10)
    await client.send_json_to({"action": "do", "payload": "tell"})
    await asyncio.wait_for(layer.lost.wait(), 10)
    assert await client.receive_nothing()
    layer.may_subscribe.set()
    name = (await client.receive_json_from())["payload"]
    await layer.send(name, {"type": "greet"})
    assert await client.receive_json_from() == {"action": "greeted"}
    await client.disconnect()


async def test_layer_that_never_subscribes_does_not_keep_frames_for_ever(
    use_layer: UseLayer, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr("chanx.integrations.own_channel.DEADLINE", 0.01)

    class Consumer(OpenConsumer):
        async def do_tell(self) -> None:
            await tell_by_frame(self)
            await tell_by_frame(self)

    use_layer(SubscribingLayer())
    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.wait_for_auth(max_auth_time=10)
    await client.send_json_to({"action": "do", "payload": "tell"})
    for _ in range(2):
        assert (await client.receive_json_from())["action"] == "echo"
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == [
        "Own channel is not ready"
    ]
    await client.disconnect()


async def test_own_channel_receives_in_order_until_closed() -> None:
    layer = InMemoryChannelLayer()
    received: asyncio.Queue[Any] = asyncio.Queue()
    own = OwnChannel(ChannelLayerBroker(layer), received.put)
    await own.wait_until_ready()
    assert layer.channels == {}
    name = own.name
    assert own.name == name
    assert own.is_name(name)
    assert not own.is_name("other")
    await own.wait_until_ready()
    for number in range(5):
        await layer.send(name, {"type": "x", "n": number})
    assert [(await received.get())["n"] for _ in range(5)] == list(range(5))
    await own.close()
    assert layer.channels == {}


async def test_closing_an_own_channel_that_nobody_used_does_nothing() -> None:
    own = OwnChannel(ChannelLayerBroker(InMemoryChannelLayer()), asyncio.Queue[Any]().put)
    await own.close()
    assert not own.is_name("x")


async def test_own_channel_waits_until_the_layer_delivers() -> None:
    class ForgetfulLayer(InMemoryChannelLayer):
        """Loses what is sent at first, as pub/sub does before a subscription is in force."""

        losses = 2

        async def send(self, channel: str, message: Any) -> None:
            if self.losses:
                self.losses -= 1
            else:
                await super().send(channel, message)

    layer = ForgetfulLayer()
    received: asyncio.Queue[Any] = asyncio.Queue()
    own = OwnChannel(ChannelLayerBroker(layer), received.put)
    name = own.name
    await own.wait_until_ready()
    await layer.send(name, {"type": "x"})
    assert await received.get() == {"type": "x"}
    await own.close()


async def test_layer_that_never_delivers_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    class DeafLayer(InMemoryChannelLayer):
        async def send(self, channel: str, message: Any) -> None:
            pass

    monkeypatch.setattr("chanx.integrations.own_channel.DEADLINE", 0.01)
    own = OwnChannel(ChannelLayerBroker(DeafLayer()), asyncio.Queue[Any]().put)
    assert own.name
    with pytest.raises(BrokerTimeout):
        await own.wait_until_ready()
    await own.close()


async def test_one_broken_event_on_the_own_channel_does_not_stop_the_reader(
    connect: Connect, use_layer: UseLayer, logs: list[Any]
) -> None:
    class Consumer(RoomConsumer):
        async def do_name(self) -> None:
            await self.send_json({"action": "name", "name": self.channel_name})

        async def my_event(self, event: Any) -> None:
            await self.send_json({"action": "event"})

    layer = use_layer(InMemoryChannelLayer())
    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "do", "payload": "name"})
    name = (await client.receive_json_from())["name"]
    for broken in ({"type": 5}, {}, {"type": "unknown"}, {"type": "send_group_member", "text": 5}):
        await layer.send(name, broken)
    await layer.send(name, {"type": "my.event"})
    assert (await client.receive_json_from())["action"] == "event"
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"
    assert len([line for line in logs if line["log_level"] != "info"]) == 4
