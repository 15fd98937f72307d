"""The broker over a channel layer, and layers that fail."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from chanx.engine.events import Delivery, GroupEvent
from chanx.engine.hub import Hub
from chanx.engine.stats import counters
from chanx.exceptions import BrokerError, BrokerTimeout, BrokerUnavailable
from chanx.integrations.channel_layer import ChannelLayerBroker, get_hub
from chanx.integrations.own_channel import OwnChannel
from chanx.messages.incoming import PingMessage
from chanx.testing import WebsocketCommunicator
from tests.app.consumers import OpenConsumer, RoomConsumer, override
from tests.app.messages import EchoMessage
from tests.conftest import Connect, UseLayer
from tests.patience import PATIENCE


class Member:
    """Takes what a hub hands over."""

    def __init__(self, name: str = "m", user: str | None = None) -> None:
        self.id = name
        self.user = user
        self.texts: asyncio.Queue[str] = asyncio.Queue()
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.lost: asyncio.Queue[int] = asyncio.Queue()

    def deliver(self, event: GroupEvent, delivery: Delivery) -> None:
        self.texts.put_nowait(delivery.text)

    def enqueue(self, event: dict[str, Any]) -> bool:
        self.events.put_nowait(event)
        return True

    def lose(self, group: str, count: int) -> None:
        self.lost.put_nowait(count)


def event(text: str = '{"a":1}', **kwargs: Any) -> GroupEvent:
    return GroupEvent(group="room", text=text, kind="json", **kwargs)


class FailingLayer(InMemoryChannelLayer):
    """Raises in one of its methods."""

    failing: str = ""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Let those who receive find out."""
        self._woken.set()

    async def receive(self, channel: str) -> Any:
        await self._fail("receive")
        receiving = asyncio.ensure_future(super().receive(channel))
        waking = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait([receiving, waking], return_when=asyncio.FIRST_COMPLETED)
            if receiving.done():
                return receiving.result()
            self._woken.clear()
            raise ConnectionError("redis is down")
        finally:
            receiving.cancel()
            waking.cancel()

    async def _fail(self, name: str) -> None:
        self.calls[name] += 1
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
        self.calls[name] += 1
        if name == self.failing:
            await asyncio.Event().wait()


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


async def test_publishing_to_a_failing_layer_is_a_broker_error() -> None:
    layer = FailingLayer()
    layer.failing = "group_send"
    hub = Hub(ChannelLayerBroker(layer))
    with pytest.raises(BrokerUnavailable, match="group_send") as caught:
        await hub.publish(event())
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert "redis is down" in str(caught.value)


async def test_publishing_to_a_hanging_layer_is_a_broker_timeout_and_then_fails_at_once() -> None:
    layer = HangingLayer()
    layer.failing = "group_send"
    hub = Hub(ChannelLayerBroker(layer, deadline=0.01))
    with pytest.raises(BrokerTimeout, match="group_send") as caught:
        await hub.publish(event())
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, BrokerUnavailable)
    with pytest.raises(BrokerUnavailable, match="Try again later") as refused:
        await hub.publish(event())
    assert not isinstance(refused.value, BrokerTimeout)


@pytest.mark.parametrize("call", ["new_channel", "group_add", "group_discard"])
@pytest.mark.parametrize("kind", [FailingLayer, HangingLayer])
async def test_failing_layer_costs_nobody_a_group(call: str, kind: type[FailingLayer]) -> None:
    """What cannot be told to the layer now is told to it later."""
    layer = kind()
    layer.failing = call
    broker = ChannelLayerBroker(layer, deadline=0.01)
    hub, member, other = Hub(broker), Member(), Member("o")
    await hub.join(member, ["room", "other"])
    await hub.join(other, ["room"])
    await hub.leave(member)
    assert hub.get_members("room") == (other,)
    broker._calls.deadline = PATIENCE
    layer.failing = ""
    await publish_until_it_arrives(hub, other)
    await hub.leave(other)
    while any(not group.startswith("chanx.probe.") for group in layer.groups):
        await asyncio.sleep(0)


async def publish_until_it_arrives(hub: Hub, member: Member) -> None:
    async with asyncio.timeout(PATIENCE):
        while member.texts.empty():
            with contextlib.suppress(BrokerError):
                await hub.publish(event())
            await asyncio.sleep(0)
    assert await member.texts.get() == '{"a":1}'


async def test_outage_is_logged_once_and_asked_for_by_one(logs: list[Any]) -> None:
    layer = FailingLayer()
    hub = Hub(ChannelLayerBroker(layer))
    members = [Member(str(number)) for number in range(100)]
    for number, member in enumerate(members[:50]):
        await hub.join(member, [f"room{number}"])
    while layer.calls["receive"] < 50:
        await asyncio.sleep(0)
    counters.reset()
    layer.failing = "receive"
    layer.wake()
    while not logs:
        await asyncio.sleep(0)
    for number, member in enumerate(members):
        await hub.join(member, [f"room{number}"])
    layer.failing = ""
    async with asyncio.timeout(PATIENCE):
        while not counters.broker["reconnects"]:
            await asyncio.sleep(0)
    # One for each group, and what the probes need; not one for each group and try.
    assert layer.calls["group_add"] < 250
    for number, member in enumerate(members):
        await hub.publish(GroupEvent(f"room{number}", "1", kind="json"))
        assert await asyncio.wait_for(member.texts.get(), PATIENCE) == "1"
    lines = [(line["log_level"], line["event"]) for line in logs]
    assert lines == [
        ("warning", "Channel layer failed, trying again"),
        ("info", "Channel layer is back"),
    ]
    assert logs[0]["groups"] == 50
    assert logs[1]["groups"] == 100
    assert logs[1]["seconds"] >= 0


class SlowNamingLayer(FailingLayer):
    """Makes one channel, for the probe, and the next when it is let."""

    def __init__(self) -> None:
        self.is_slow = False
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        super().__init__()

    async def new_channel(self, prefix: str = "specific.") -> str:
        await self._fail("new_channel")
        if self.is_slow:
            self.asked.set()
            await self.may_answer.wait()
        self.is_slow = not self.failing and self.calls["group_send"] > 0
        return await super().new_channel(prefix)


async def test_group_that_is_left_while_it_is_joined_again_is_not_read(
    leftover: Callable[[], set[str]],
) -> None:
    layer = SlowNamingLayer()
    broker = ChannelLayerBroker(layer)
    layer.failing = "new_channel"
    await broker.subscribe("room")
    layer.failing = ""
    async with asyncio.timeout(PATIENCE):
        await layer.asked.wait()
        await broker.unsubscribe("room")
        layer.may_answer.set()
        while broker.is_down or leftover():
            await asyncio.sleep(0)


@pytest.mark.parametrize("name", ["no good name", "x" * 200])
async def test_name_that_is_refused_raises_in_an_outage_too(name: str) -> None:
    layer = FailingLayer()
    layer.failing = "group_add"
    hub, member = Hub(ChannelLayerBroker(layer)), Member()
    for _ in range(2):
        await hub.join(member, ["room"])
        with pytest.raises(BrokerError, match="group_add"):
            await hub.join(member, [name])
        assert hub.get_members(name) == ()


async def test_name_that_only_the_layer_itself_can_refuse_is_not_tried_for_ever(
    logs: list[Any],
) -> None:
    class Strict(FailingLayer):
        async def group_add(self, group: str, channel: str) -> None:
            await self._fail("group_add")
            if group == "refused":
                raise ValueError("not this one")
            await super().group_add(group, channel)

    layer = Strict()
    layer.failing = "group_add"
    hub, member = Hub(ChannelLayerBroker(layer)), Member()
    await hub.join(member, ["refused", "room"])
    layer.failing = ""
    await publish_until_it_arrives(hub, member)
    assert [line["group"] for line in logs if line["log_level"] == "error"] == ["refused"]
    await hub.leave(member)


async def wait_for_first_check(layer: "ExpiringLayer") -> None:
    """Return when the probe's group was joined, and then "room", the only other one, again."""
    while not (await layer.added.get()).startswith("chanx.probe."):
        continue
    assert await layer.added.get() == "room"


async def test_process_that_is_deaf_finds_out_by_itself(logs: list[Any]) -> None:
    """The layer has forgotten its groups, and no call fails."""
    layer = ExpiringLayer(86_400)
    broker = ChannelLayerBroker(layer, deadline=PATIENCE, check_interval=0.01)
    hub, member = Hub(broker), Member()
    await hub.join(member, ["room"])
    async with asyncio.timeout(PATIENCE):
        await wait_for_first_check(layer)
        layer.groups.clear()
        # Not before: nothing but the forgotten groups is to be over this time.
        broker._calls.deadline = 0.01
        while "room" not in layer.groups:
            await asyncio.sleep(0)
    await publish_until_it_arrives(hub, member)
    await hub.leave(member)
    assert layer.groups == {}
    assert "does not deliver" in logs[0]["error"]


async def test_groups_that_the_layer_forgot_are_joined_again_though_one_is_heard(
    logs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was joined after the loss hides it from who only looks whether anything comes."""
    layer = ExpiringLayer(86_400)
    broker = ChannelLayerBroker(layer, deadline=PATIENCE, check_interval=0.01)
    hub, member, other = Hub(broker), Member(), Member("o")
    send = layer.group_send

    async def hear_of_the_other(group: str, message: Any) -> None:
        """Let the check that is in vain hear the other group, and be over soon; no other call."""
        if group.startswith("chanx.probe.") and group not in layer.groups:
            broker._calls.deadline = 0.01 if other.texts.empty() else PATIENCE
            while other.texts.empty():
                await send("new", GroupEvent("new", "1", kind="json").to_dict())
                await asyncio.sleep(0)
        await send(group, message)

    counters.reset()
    await hub.join(member, ["room"])
    async with asyncio.timeout(PATIENCE):
        await wait_for_first_check(layer)
        monkeypatch.setattr(layer, "group_send", hear_of_the_other)
        layer.groups.clear()
        await hub.join(other, ["new"])
        while "room" not in layer.groups:
            await asyncio.sleep(0)
    await publish_until_it_arrives(hub, member)
    assert [line["event"] for line in logs] == ["Channel layer lost groups, joining them again"]
    assert logs[0]["groups"] == 2
    assert counters.broker["memberships_lost"] == 1
    assert not broker.is_down
    for each in (member, other):
        await hub.leave(each)


async def test_groups_that_were_forgotten_before_the_first_check_are_joined_again() -> None:
    layer = InMemoryChannelLayer()
    hub, member = Hub(ChannelLayerBroker(layer, check_interval=0.01)), Member()
    await hub.join(member, ["room"])
    layer.groups.clear()
    async with asyncio.timeout(PATIENCE):
        while "room" not in layer.groups:
            await asyncio.sleep(0)
    await hub.leave(member)


class HeldJoinLayer(InMemoryChannelLayer):
    """Joins, and does not say so."""

    def __init__(self) -> None:
        super().__init__()
        self.joined = asyncio.Event()

    async def group_add(self, group: str, channel: str) -> None:
        await super().group_add(group, channel)
        self.joined.set()
        await asyncio.Event().wait()


async def test_joining_that_is_cancelled_leaves_no_reader(leftover: Callable[[], set[str]]) -> None:
    layer = HeldJoinLayer()
    hub, member = Hub(ChannelLayerBroker(layer, deadline=PATIENCE)), Member()
    joining = asyncio.ensure_future(hub.join(member, ["room"]))
    async with asyncio.timeout(PATIENCE):
        await layer.joined.wait()
        joining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await joining
        while layer.groups:  # the mending, which starts all readers
            await asyncio.sleep(0)
        while any("recovery" in task for task in leftover()):
            await asyncio.sleep(0)
    assert not leftover()


async def test_receive_that_hangs_for_ever_is_given_up() -> None:
    class Hanging(InMemoryChannelLayer):
        """Its receive waits on a connection that is gone, until somebody gives up."""

        is_gone = False

        async def receive(self, channel: str) -> Any:
            if self.is_gone:
                try:
                    await asyncio.Event().wait()
                finally:
                    self.is_gone = False
            message = await super().receive(channel)
            if message["type"] == "cut":
                self.is_gone = True
            return message

    layer = Hanging()
    broker = ChannelLayerBroker(layer, deadline=0.05, check_interval=0.01)
    hub, member = Hub(broker), Member()
    await hub.join(member, ["room"])
    await layer.group_send("room", {"type": "cut"})
    assert await member.events.get() == {"type": "cut"}
    await publish_until_it_arrives(hub, member)
    await hub.leave(member)


async def test_joining_many_groups_of_a_frozen_layer_takes_one_deadline() -> None:
    layer = HangingLayer()
    layer.failing = "group_add"
    hub, member = Hub(ChannelLayerBroker(layer, deadline=0.2)), Member()
    names = [f"room{number}" for number in range(200)]
    async with asyncio.timeout(PATIENCE):
        await hub.join(member, names)
        await hub.leave(member)
    # Each takes as long: the first one, and those that see meanwhile whether the layer is back.
    assert layer.calls["group_add"] < 20


async def test_nothing_is_received_after_a_refused_leave(
    leftover: Callable[[], set[str]],
) -> None:
    class Refusing(InMemoryChannelLayer):
        async def group_discard(self, group: str, channel: str) -> None:
            raise ValueError("no")

    layer = Refusing()
    hub, member = Hub(ChannelLayerBroker(layer)), Member()
    await hub.join(member, ["room"])
    with pytest.raises(BrokerError):
        await hub.leave(member)
    assert hub.get_members("room") == ()
    assert not leftover()


async def test_group_that_was_never_joined_can_be_left() -> None:
    layer = FailingLayer()
    layer.failing = "group_discard"
    await ChannelLayerBroker(layer).unsubscribe("room")


@pytest.mark.parametrize("call", ["new_channel", "group_add"])
@override_settings(CHANX={"BROKER_TIMEOUT": 0.5})
async def test_frozen_layer_does_not_hang_the_handshake(
    call: str, connect: Connect, use_layer: UseLayer, logs: list[Any]
) -> None:
    layer = use_layer(HangingLayer())
    layer.failing = call
    client, other = [await connect(RoomConsumer.as_asgi()) for _ in range(2)]
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"
    found = get_hub("default")
    assert found
    found[1]._calls.deadline = PATIENCE  # it answers from now on, as soon as the machine does
    layer.failing = ""
    while "room" not in layer.groups:
        await asyncio.sleep(0)
    await client.send_json_to({"action": "say"})
    assert (await other.receive_json_from())["action"] == "said"
    lines = [line["event"] for line in logs if line["log_level"] not in ("info", "debug")]
    assert lines == ["Channel layer failed, trying again"]


@override_settings(CHANX={"BROKER_TIMEOUT": 0.01})
async def test_frozen_layer_does_not_hang_the_disconnect(
    connect: Connect, use_layer: UseLayer, logs: list[Any]
) -> None:
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
    monkeypatch.setattr("chanx.engine.recovery.FIRST_DELAY", 0.0)
    layer = UnsteadyLayer()
    layer.failures = 3
    hub, member = Hub(ChannelLayerBroker(layer)), Member()
    await hub.join(member, ["room"])
    while layer.failures or "Channel layer is back" not in str(logs):
        await asyncio.sleep(0)
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


class RelapsingLayer(InMemoryChannelLayer):
    """Answers nothing at all while frozen; then answers, but for some group_discard() calls."""

    def __init__(self) -> None:
        super().__init__()
        self.is_frozen = False
        self.relapses = 0
        self.calls: list[tuple[str, str]] = []

    async def _answer(self, what: str, group: str) -> None:
        self.calls.append((what, group))
        if self.is_frozen:
            await asyncio.Event().wait()

    async def group_send(self, group: str, message: Any) -> None:
        await self._answer("send", group)
        await super().group_send(group, message)

    async def group_add(self, group: str, channel: str) -> None:
        await self._answer("add", group)
        await super().group_add(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._answer("discard", group)
        if self.relapses:
            self.relapses -= 1
            await asyncio.Event().wait()
        await super().group_discard(group, channel)


async def test_membership_that_cannot_be_ended_now_is_ended_later_and_delays_nobody() -> None:
    layer = RelapsingLayer()
    hub = Hub(ChannelLayerBroker(layer, deadline=0.05, check_interval=None))
    member, leaver = Member("m"), Member("l")
    await hub.join(member, ["room"])
    left = {f"left{number}" for number in range(5)}
    await hub.join(leaver, left)
    layer.is_frozen = True
    await hub.leave(leaver)
    assert left <= set(layer.groups)
    layer.relapses = 3
    layer.calls.clear()
    layer.is_frozen = False
    async with asyncio.timeout(PATIENCE):
        while left & set(layer.groups):
            await asyncio.sleep(0)
    calls = [call for call in layer.calls if not call[1].startswith("chanx.")]
    assert calls[0] == ("add", "room")
    await publish_until_it_arrives(hub, member)
    await hub.leave(member)


class StrayLayer(InMemoryChannelLayer):
    """Waits in one of its methods for something that somebody else cancels."""

    cancelled_in = ""

    async def _cancel(self, name: str) -> None:
        if name == self.cancelled_in:
            self.cancelled_in = ""
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    async def receive(self, channel: str) -> Any:
        message = await super().receive(channel)
        await self._cancel("receive")
        return message

    async def group_add(self, group: str, channel: str) -> None:
        await self._cancel("group_add")
        await super().group_add(group, channel)

    async def group_send(self, group: str, message: Any) -> None:
        await self._cancel("group_send")
        await super().group_send(group, message)


@pytest.mark.parametrize("where", ["receive", "group_add", "group_send"])
async def test_cancellation_inside_of_the_layer_is_an_outage_like_others(
    where: str, logs: list[Any]
) -> None:
    layer = StrayLayer()
    hub, member, other = Hub(ChannelLayerBroker(layer)), Member(), Member("o")
    await hub.join(member, ["room"])
    layer.cancelled_in = where
    await hub.join(other, ["other"])
    with contextlib.suppress(BrokerUnavailable):
        await hub.publish(event())
    async with asyncio.timeout(PATIENCE):
        while len(logs) < 2:
            await asyncio.sleep(0)
    assert [line["event"] for line in logs] == [
        "Channel layer failed, trying again",
        "Channel layer is back",
    ]
    assert "CancelledError" in logs[0]["error"]
    await publish_until_it_arrives(hub, member)
    await hub.publish(GroupEvent("other", "1", kind="json"))
    assert await asyncio.wait_for(other.texts.get(), PATIENCE) == "1"
    for each in (member, other):
        await hub.leave(each)


async def test_cancellation_during_the_mending_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr("chanx.engine.recovery.FIRST_DELAY", 0.0)
    layer = StrayLayer()
    broker = ChannelLayerBroker(layer)
    hub, member = Hub(broker), Member()
    layer.cancelled_in = "group_add"
    mended = asyncio.Event()
    add = layer.group_add

    async def cancel_twice(group: str, channel: str) -> None:
        if not mended.is_set():
            mended.set()
            layer.cancelled_in = "group_add"
        await add(group, channel)

    await hub.join(member, ["room"])
    monkeypatch.setattr(layer, "group_add", cancel_twice)
    async with asyncio.timeout(PATIENCE):
        while broker.is_down or not mended.is_set():
            await asyncio.sleep(0)
    await publish_until_it_arrives(hub, member)
    await hub.leave(member)


async def test_cancellation_while_handing_over_costs_that_event_only(logs: list[Any]) -> None:
    layer = InMemoryChannelLayer()
    broker = ChannelLayerBroker(layer)
    arrived: asyncio.Queue[Any] = asyncio.Queue()

    async def handle(group: str, event: dict[str, Any]) -> None:
        if event["type"] == "bad":
            raise asyncio.CancelledError
        arrived.put_nowait(event)

    broker.listen(handle)
    await broker.subscribe("room")
    for kind in ("bad", "good"):
        await layer.group_send("room", {"type": kind})
    assert await asyncio.wait_for(arrived.get(), PATIENCE) == {"type": "good"}
    await broker.unsubscribe("room")
    assert [line["event"] for line in logs] == ["Failed to deliver a group event"]


class HeldLayer(InMemoryChannelLayer):
    """Keeps what a process sends itself to see whether it arrives, until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_checked = asyncio.Event()
        self.may_arrive = asyncio.Event()

    async def group_send(self, group: str, message: Any) -> None:
        if not self.may_arrive.is_set() and group in self.groups:
            self.is_checked.set()
            return
        await super().group_send(group, message)


async def test_group_that_is_left_during_a_check_is_no_outage(
    leftover: Callable[[], set[str]], logs: list[Any]
) -> None:
    layer = HeldLayer()
    broker = ChannelLayerBroker(layer, deadline=PATIENCE, check_interval=0.01)
    await broker.subscribe("room")
    async with asyncio.timeout(PATIENCE):
        await layer.is_checked.wait()
        await broker.unsubscribe("room")
        layer.may_arrive.set()
        while layer.groups or leftover():
            await asyncio.sleep(0)
    assert not broker.is_down
    assert logs == []


@pytest.mark.parametrize("value", ["5", 0, -1, True, float("inf")])
def test_bad_timeout_is_told_and_not_taken_for_a_failing_layer(value: Any) -> None:
    async def get() -> Any:
        return get_hub("default")

    with (
        override_settings(CHANX={"BROKER_TIMEOUT": value}),
        pytest.raises(ImproperlyConfigured, match=r"CHANX\['BROKER_TIMEOUT'\] is .*, but must be"),
    ):
        asyncio.run(get())


# --- refreshing -----------------------------------------------------------------------------------


class ExpiringLayer(InMemoryChannelLayer):
    """Counts how often a group was joined. Nothing expires, as it would when the machine stalls."""

    def __init__(self, group_expiry: float) -> None:
        super().__init__(group_expiry=group_expiry)  # type: ignore[arg-type]
        self.added: asyncio.Queue[str] = asyncio.Queue()
        self.is_failing = False

    def _clean_expired(self) -> None:
        """Keep what it has."""

    async def group_add(self, group: str, channel: str) -> None:
        self.added.put_nowait(group)
        if self.is_failing:
            raise ConnectionError("redis is down")
        await super().group_add(group, channel)


@pytest.fixture
def _refreshed_as_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the expiry alone say how often memberships are renewed."""
    monkeypatch.setattr("chanx.integrations.refresh.REFRESH_INTERVAL", 86_400)


@pytest.mark.usefixtures("_refreshed_as_it_expires")
async def test_membership_is_refreshed_before_it_expires(
    connect: Connect, use_layer: UseLayer
) -> None:
    layer = use_layer(ExpiringLayer(0.03))
    client = await connect(RoomConsumer.as_asgi())
    (channel,) = layer.groups["room"]
    for _ in range(3):
        assert await asyncio.wait_for(layer.added.get(), PATIENCE) == "room"
    assert list(layer.groups["room"]) == [channel]
    await client.disconnect()
    assert layer.groups == {}


async def test_refreshing_survives_failures(
    connect: Connect, use_layer: UseLayer, logs: list[Any]
) -> None:
    layer = use_layer(ExpiringLayer(0.03))
    counters.reset()
    client = await connect(RoomConsumer.as_asgi())
    layer.is_failing = True
    async with asyncio.timeout(PATIENCE):
        while not counters.broker["refresh_failures"]:
            await asyncio.sleep(0)
        layer.is_failing = False
        while not counters.broker["reconnects"]:
            await asyncio.sleep(0)
        while not layer.added.empty():
            layer.added.get_nowait()
        assert await layer.added.get() == "room"
    await client.disconnect()
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert [line["event"] for line in warnings] == ["Channel layer failed, trying again"]
    assert warnings[0]["groups"] == 1
    assert "request_id" not in warnings[0]
    assert counters.broker["refresh_failures"] >= 1


@pytest.mark.usefixtures("_refreshed_as_it_expires")
async def test_refreshing_ends_with_the_last_member_and_starts_again(
    connect: Connect, use_layer: UseLayer
) -> None:
    layer = use_layer(ExpiringLayer(0.03))
    client = await connect(RoomConsumer.as_asgi())
    for _ in range(2):
        await asyncio.wait_for(layer.added.get(), PATIENCE)
    await client.disconnect()
    while not layer.added.empty():
        layer.added.get_nowait()
    await connect(RoomConsumer.as_asgi())
    for _ in range(3):
        assert await asyncio.wait_for(layer.added.get(), PATIENCE) == "room"


async def test_single_membership_that_was_lost_is_renewed_long_before_it_would_expire(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chanx.integrations.refresh.REFRESH_INTERVAL", 0.05)
    layer = ExpiringLayer(86_400)
    hub, member = Hub(ChannelLayerBroker(layer, check_interval=None)), Member()
    names = [f"room{number}" for number in range(30)]
    await hub.join(member, names)
    del layer.groups["room7"]
    while not layer.added.empty():
        layer.added.get_nowait()
    async with asyncio.timeout(PATIENCE):
        found = [await layer.added.get() for _ in names]
    # Each once in a round, of which the first may have been under way.
    assert sorted(found) == sorted(names)
    assert "room7" in layer.groups
    await hub.leave(member)
    assert layer.groups == {}


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
    made = [broker.names.make() for _ in range(100)]
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
    (first, is_safe), (second, _) = broker.names.make(), broker.names.make()
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


@override_settings(CHANX={"BROKER_TIMEOUT": PATIENCE})
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
    await client.wait_for_auth()
    await client.send_json_to({"action": "do", "payload": "tell"})
    await asyncio.wait_for(layer.lost.wait(), PATIENCE)
    assert await client.receive_nothing()
    layer.may_subscribe.set()
    name = (await client.receive_json_from())["payload"]
    await layer.send(name, {"type": "greet"})
    assert await client.receive_json_from() == {"action": "greeted"}
    await client.disconnect()


@override_settings(CHANX={"BROKER_TIMEOUT": 0.01})
async def test_layer_that_never_subscribes_does_not_keep_frames_for_ever(
    use_layer: UseLayer, logs: list[Any]
) -> None:

    class Consumer(OpenConsumer):
        async def do_tell(self) -> None:
            await tell_by_frame(self)
            await tell_by_frame(self)

    use_layer(SubscribingLayer())
    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.wait_for_auth()
    await client.send_json_to({"action": "do", "payload": "tell"})
    for _ in range(2):
        assert (await client.receive_json_from())["action"] == "echo"
    warnings = [line["event"] for line in logs if line["log_level"] == "warning"]
    # The first is of the names for the store, which do not come either.
    assert warnings == ["Channel layer failed, trying again", "Own channel is not ready"]
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


async def test_layer_that_never_delivers_is_a_timeout() -> None:
    class DeafLayer(InMemoryChannelLayer):
        async def send(self, channel: str, message: Any) -> None:
            pass

    own = OwnChannel(ChannelLayerBroker(DeafLayer(), deadline=0.01), asyncio.Queue[Any]().put)
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


# --- events that cannot be read -------------------------------------------------------------------


class GarbledLayer(InMemoryChannelLayer):
    """Raises for some of what arrives, as a serialiser does for what others wrote."""

    async def receive(self, channel: str) -> Any:
        message = await super().receive(channel)
        if message["type"] == "garbled":
            raise ValueError("unpack(b) received extra data: secret")
        return message["raw"] if message["type"] == "raw" else message


async def test_what_cannot_be_read_costs_itself_and_few_lines(logs: list[Any]) -> None:
    layer = GarbledLayer()
    hub, member = Hub(ChannelLayerBroker(layer, deadline=PATIENCE)), Member()
    await hub.join(member, ["room"])
    counters.reset()
    for _ in range(50):
        await layer.group_send("room", {"type": "garbled"})
        await asyncio.sleep(0)
    for raw in (None, 1, "text", ["list"], {}, {"type": 5}):
        await layer.group_send("room", {"type": "raw", "raw": raw})
    await layer.group_send("room", {"type": "good"})
    assert await asyncio.wait_for(member.events.get(), PATIENCE) == {"type": "good"}
    assert counters.broker["events_malformed"] == 56
    assert len(logs) == 2
    assert {line["log_level"] for line in logs} == {"warning"}
    assert "secret" not in repr(logs)
    assert "Channel layer failed" not in repr(logs)
    await hub.leave(member)


# --- events that are lost -------------------------------------------------------------------------


class LossyLayer(InMemoryChannelLayer):
    """Loses what is sent while it is told to."""

    is_losing = False

    async def group_send(self, group: str, message: Any) -> None:
        if not self.is_losing:
            await super().group_send(group, message)


class Losing(RoomConsumer):
    """Tells its client what it has missed."""

    async def handle_lost_events(self, group: str, count: int) -> None:
        await self.send_json({"action": "lost", "group": group, "count": count})


@pytest.fixture
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chanx.engine.losses.get_grace", lambda deadline: 0.0)


@pytest.mark.usefixtures("_no_grace")
@pytest.mark.parametrize("step", ["plain", "dispatch"])
async def test_consumer_is_told_of_lost_events(
    step: str, connect: Connect, use_layer: UseLayer, logs: list[Any]
) -> None:
    layer = use_layer(LossyLayer())
    application = override(Losing, step).as_asgi()
    sender, receiver = await connect(application), await connect(application)
    deaf = await connect(RoomConsumer.as_asgi())
    await sender.send_json_to({"action": "say", "payload": 0})
    assert (await receiver.receive_json_from())["payload"] == 0
    layer.is_losing = True
    for number in range(3):
        await sender.send_json_to({"action": "say", "payload": number})
    await sender.send_message(PingMessage())
    assert (await sender.receive_json_from())["action"] == "pong"
    layer.is_losing = False
    await sender.send_json_to({"action": "say", "payload": 4})
    assert (await receiver.receive_json_from())["payload"] == 4
    for client in (receiver, sender):
        assert await client.receive_json_from() == {"action": "lost", "group": "room", "count": 3}
    assert [(await deaf.receive_json_from())["payload"] for _ in range(2)] == [0, 4]
    (line,) = [line for line in logs if line["event"] == "Group events were lost"]
    assert (line["group"], line["count"], line["log_level"]) == ("room", 3, "warning")


async def test_event_from_outside_does_not_pass_for_a_loss(
    connect: Connect, use_layer: UseLayer, logs: list[Any]
) -> None:
    layer = use_layer(InMemoryChannelLayer())
    client = await connect(override(Losing, "dispatch").as_asgi())
    await layer.group_send("room", {"type": "chanx.lost", "group": "room", "count": 5})
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"


async def test_own_channel_is_read_again_after_an_outage() -> None:
    layer = FailingLayer()
    received: asyncio.Queue[Any] = asyncio.Queue()
    own = OwnChannel(ChannelLayerBroker(layer), received.put)
    name = own.name
    await own.wait_until_ready()
    layer.failing = "receive"
    layer.wake()
    await layer.send(name, {"type": "x"})
    layer.failing = ""
    assert await asyncio.wait_for(received.get(), PATIENCE) == {"type": "x"}
    await own.close()
