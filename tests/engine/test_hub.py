"""The groups of a process: joining once, encoding once, leaving nothing behind."""

import asyncio
import gc
import json
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanx.engine.events import EVENT_TYPE, Delivery, GroupEvent
from chanx.engine.hub import Hub
from chanx.exceptions import BrokerError, EventMalformed
from tests.engine.fakes import PATIENCE, FakeMember, MemoryBroker, settle


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def hub(broker: MemoryBroker) -> Hub:
    return Hub(broker)


class Name(str):
    """A name of a group whose end can be seen: plain strings have no weak references."""


async def is_gone(*references: "weakref.ref[Any]") -> bool:
    await settle()  # the event loop forgets the task whose step came last
    gc.collect()
    return all(reference() is None for reference in references)


async def publish_text(hub: Hub, group: str, number: int, **options: Any) -> None:
    await hub.publish(GroupEvent(group, json.dumps(number), kind="json", **options))


# --- Joining and leaving --------------------------------------------------------------------------


async def test_process_subscribes_once_however_many_members_a_group_has(
    hub: Hub, broker: MemoryBroker
) -> None:
    members = [FakeMember(str(number)) for number in range(50)]
    for member in members:
        await hub.join(member, ["room"])
    assert broker.calls == [("subscribe", "room")]
    assert hub.get_members("room") == tuple(members)


async def test_process_unsubscribes_when_the_last_member_leaves(
    hub: Hub, broker: MemoryBroker
) -> None:
    first, last = FakeMember("1"), FakeMember("2")
    await hub.join(first, ["room"])
    await hub.join(last, ["room"])
    await hub.leave(first)
    assert broker.count("unsubscribe", "room") == 0
    assert hub.get_members("room") == (last,)
    await hub.leave(last)
    assert broker.calls == [("subscribe", "room"), ("unsubscribe", "room")]
    assert hub.get_members("room") == ()
    assert broker.subscribed == set()


async def test_each_group_is_subscribed_on_its_own(hub: Hub, broker: MemoryBroker) -> None:
    member, other = FakeMember("1"), FakeMember("2")
    await hub.join(member, ["a", "b"])
    await hub.join(other, iter(["b", "c"]))
    assert broker.subscribed == {"a", "b", "c"}
    await hub.leave(member)
    assert broker.subscribed == {"b", "c"}
    await hub.leave(other, ["b"])
    assert broker.subscribed == {"c"}


async def test_joining_again_changes_nothing(hub: Hub, broker: MemoryBroker) -> None:
    member = FakeMember("1")
    for _ in range(3):
        await hub.join(member, ["room", "room"])
    assert broker.calls == [("subscribe", "room")]
    assert hub.get_members("room") == (member,)
    await publish_text(hub, "room", 1)
    assert member.texts == ["1"]
    await hub.leave(member, ["room", "room"])
    assert broker.subscribed == set()


async def test_joining_no_group_changes_nothing(hub: Hub, broker: MemoryBroker) -> None:
    await hub.join(FakeMember("1"), [])
    assert broker.calls == []


async def test_leaving_what_one_is_not_in_changes_nothing(hub: Hub, broker: MemoryBroker) -> None:
    member, stranger = FakeMember("1"), FakeMember("2")
    await hub.join(member, ["room"])
    await hub.leave(stranger)
    await hub.leave(stranger, ["room", "other"])
    await hub.leave(member, ["other"])
    await hub.leave(member, [])
    assert hub.get_members("room") == (member,)
    await hub.leave(member)
    await hub.leave(member)
    await hub.leave(member, ["room"])
    assert broker.calls == [("subscribe", "room"), ("unsubscribe", "room")]


async def test_member_may_come_back(hub: Hub, broker: MemoryBroker) -> None:
    member = FakeMember("1")
    for number in range(3):
        await hub.join(member, ["room"])
        await publish_text(hub, "room", number)
        await hub.leave(member)
        await publish_text(hub, "room", -1)
    assert member.texts == ["0", "1", "2"]
    assert broker.count("subscribe", "room") == 3


async def test_members_that_join_at_once_subscribe_once_and_all_wait(
    hub: Hub, broker: MemoryBroker
) -> None:
    broker.hold()
    members = [FakeMember(str(number)) for number in range(5)]
    joining = [asyncio.create_task(hub.join(member, ["room"])) for member in members]
    await settle()
    assert not any(task.done() for task in joining)
    assert broker.calls == [("subscribe", "room")]
    broker.release()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*joining)
    assert broker.calls == [("subscribe", "room")]
    await publish_text(hub, "room", 1)
    assert all(member.texts == ["1"] for member in members)


async def test_slow_group_does_not_hold_up_another(hub: Hub, broker: MemoryBroker) -> None:
    quick, slow = FakeMember("1"), FakeMember("2")
    await hub.join(quick, ["quick"])
    broker.hold()
    joining = asyncio.create_task(hub.join(slow, ["slow"]))
    await settle()
    async with asyncio.timeout(PATIENCE):
        await hub.join(slow, ["quick"])
        await publish_text(hub, "quick", 1)
    assert slow.texts == ["1"]
    broker.release()
    await joining


async def test_member_that_joins_while_the_process_unsubscribes_is_subscribed_again(
    hub: Hub, broker: MemoryBroker
) -> None:
    leaver, joiner = FakeMember("1"), FakeMember("2")
    await hub.join(leaver, ["room"])
    broker.hold()
    leaving = asyncio.create_task(hub.leave(leaver))
    await settle()
    assert broker.calls[-1] == ("unsubscribe", "room")
    joining = asyncio.create_task(hub.join(joiner, ["room"]))
    await settle()
    assert not joining.done()
    broker.release()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(leaving, joining)
    assert broker.calls == [("subscribe", "room"), ("unsubscribe", "room"), ("subscribe", "room")]
    await publish_text(hub, "room", 1)
    assert (leaver.texts, joiner.texts) == ([], ["1"])


async def test_member_that_joins_before_the_process_unsubscribes_keeps_the_subscription(
    hub: Hub, broker: MemoryBroker
) -> None:
    """The last one left while the first subscription was on its way, and another came."""
    broker.hold()
    first, second = FakeMember("1"), FakeMember("2")
    joining = asyncio.create_task(hub.join(first, ["room"]))
    await settle()
    leaving = asyncio.create_task(hub.leave(first))
    await settle()
    joining_too = asyncio.create_task(hub.join(second, ["room"]))
    await settle()
    broker.release()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(joining, leaving, joining_too)
    assert broker.subscribed == {"room"}
    assert hub.get_members("room") == (second,)
    await publish_text(hub, "room", 1)
    assert (first.texts, second.texts) == ([], ["1"])


async def test_member_that_leaves_while_it_joins_leaves_nothing_behind(
    hub: Hub, broker: MemoryBroker
) -> None:
    broker.hold()
    member = FakeMember("1")
    joining = asyncio.create_task(hub.join(member, ["room"]))
    await settle()
    leaving = asyncio.create_task(hub.leave(member))
    await settle()
    broker.release()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(joining, leaving)
    assert broker.subscribed == set()
    assert hub.get_members("room") == ()


async def test_member_is_out_of_the_group_at_once_when_it_leaves(
    hub: Hub, broker: MemoryBroker
) -> None:
    member, other = FakeMember("1"), FakeMember("2")
    await hub.join(member, ["a", "b"])
    await hub.join(other, ["b"])
    broker.hold()
    leaving = asyncio.create_task(hub.leave(member))
    await settle()
    assert not leaving.done()
    assert hub.get_members("b") == (other,)
    await publish_text(hub, "b", 1)
    assert (member.texts, other.texts) == ([], ["1"])
    broker.release()
    await leaving


# --- A broker that fails --------------------------------------------------------------------------


async def test_failing_subscription_leaves_nothing_behind(hub: Hub, broker: MemoryBroker) -> None:
    member = FakeMember("1")
    broker.failures["subscribe", "room"] = BrokerError("down")
    with pytest.raises(BrokerError, match="down"):
        await hub.join(member, ["room"])
    assert hub.get_members("room") == ()
    await hub.leave(member)
    assert broker.calls == [("subscribe", "room")]
    await hub.join(member, ["room"])
    assert broker.subscribed == {"room"}
    await publish_text(hub, "room", 1)
    assert member.texts == ["1"]


async def test_member_stays_in_the_groups_before_the_one_that_failed(
    hub: Hub, broker: MemoryBroker
) -> None:
    member = FakeMember("1")
    broker.failures["subscribe", "b"] = BrokerError("down")
    with pytest.raises(BrokerError):
        await hub.join(member, ["a", "b", "c"])
    assert [bool(hub.get_members(name)) for name in "abc"] == [True, False, False]
    await hub.leave(member)
    assert broker.subscribed == set()


async def test_each_of_those_who_wait_tries_for_itself_after_a_failure(
    hub: Hub, broker: MemoryBroker
) -> None:
    broker.hold()
    broker.failures["subscribe", "room"] = BrokerError("down")
    members = [FakeMember(str(number)) for number in range(3)]
    joining = [asyncio.create_task(hub.join(member, ["room"])) for member in members]
    await settle()
    broker.release()
    async with asyncio.timeout(PATIENCE):
        results = await asyncio.gather(*joining, return_exceptions=True)
    assert [type(result) for result in results] == [BrokerError, type(None), type(None)]
    assert hub.get_members("room") == tuple(members[1:])
    assert broker.subscribed == {"room"}


async def test_cancelled_subscription_leaves_nothing_behind(hub: Hub, broker: MemoryBroker) -> None:
    broker.hold()
    first, second = FakeMember("1"), FakeMember("2")
    joining = [asyncio.create_task(hub.join(member, ["room"])) for member in (first, second)]
    await settle()
    for task in joining:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settle()
    broker.release()
    assert hub.get_members("room") == ()
    third = FakeMember("3")
    await hub.join(third, ["room"])
    await hub.leave(third)
    assert broker.subscribed == set()


async def test_failing_unsubscription_is_told_and_the_group_can_be_joined_again(
    hub: Hub, broker: MemoryBroker
) -> None:
    member = FakeMember("1")
    await hub.join(member, ["room"])
    broker.failures["unsubscribe", "room"] = BrokerError("down")
    with pytest.raises(BrokerError, match="down"):
        await hub.leave(member)
    assert hub.get_members("room") == ()
    await hub.join(member, ["room"])
    await publish_text(hub, "room", 1)
    assert member.texts == ["1"]


async def test_failing_unsubscription_does_not_keep_the_other_groups(
    hub: Hub, broker: MemoryBroker
) -> None:
    """A broker refreshes what it is subscribed to: a group that is forgotten never expires."""
    member = FakeMember("1")
    await hub.join(member, ["a", "b", "c"])
    broker.broken.add("unsubscribe")
    with pytest.raises(BrokerError):
        await hub.leave(member)
    assert broker.subscribed == set()


async def test_cancelled_leave_does_not_keep_the_other_groups(
    hub: Hub, broker: MemoryBroker
) -> None:
    member, other = FakeMember("1"), FakeMember("2")
    await hub.join(member, ["a", "b", "c"])
    broker.hold()
    leaving = asyncio.create_task(hub.leave(member))
    await settle()
    leaving.cancel()
    broker.release()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await settle()
    # Whoever comes next must not find a group that is subscribed and has no members, for ever.
    assert broker.subscribed == set() or broker.subscribed == {"a"}
    await hub.join(other, ["a", "b", "c"])
    await hub.leave(other)
    assert broker.subscribed == set()


async def test_leave_cancelled_during_a_subscription_does_not_keep_the_group(
    hub: Hub, broker: MemoryBroker
) -> None:
    broker.hold()
    member = FakeMember("1")
    joining = asyncio.create_task(hub.join(member, ["room"]))
    await settle()
    leaving = asyncio.create_task(hub.leave(member))
    await settle()
    leaving.cancel()
    await settle()
    broker.release()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(joining, leaving, return_exceptions=True)
    await settle()
    assert hub.get_members("room") == ()
    assert broker.subscribed == set()


async def test_subscription_that_all_who_wanted_it_gave_up_is_not_kept(
    hub: Hub, broker: MemoryBroker
) -> None:
    """The one who subscribes has left while another waited, who was then cancelled."""
    broker.hold()
    first, second = FakeMember("1"), FakeMember("2")
    joining = [asyncio.create_task(hub.join(member, ["room"])) for member in (first, second)]
    await settle()
    leaving = asyncio.create_task(hub.leave(first))
    await settle()
    joining[1].cancel()
    await settle()
    broker.release()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*joining, leaving, return_exceptions=True)
    await settle()
    assert hub.get_members("room") == ()
    assert broker.subscribed == set()


async def test_subscription_is_not_kept_for_one_who_is_cancelled_at_its_very_end(
    hub: Hub, broker: MemoryBroker
) -> None:
    """The one who subscribed has left by then, and the other did not get to know."""
    broker.hold()
    first, second = FakeMember("1"), FakeMember("2")
    joining = [asyncio.create_task(hub.join(member, ["room"])) for member in (first, second)]
    await settle()
    await hub.leave(first)
    joining[0].add_done_callback(lambda task: joining[1].cancel())
    broker.release()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*joining, return_exceptions=True)
    await settle()
    assert broker.subscribed == ({"room"} if hub.get_members("room") else set())


async def test_failing_publish_reaches_the_sender(hub: Hub, broker: MemoryBroker) -> None:
    broker.failures["publish", "room"] = BrokerError("down")
    with pytest.raises(BrokerError, match="down"):
        await hub.publish(GroupEvent("room", "{}"))


async def test_two_calls_for_one_member_of_which_the_first_fails_make_it_a_member(
    hub: Hub, broker: MemoryBroker
) -> None:
    member = FakeMember("1")
    broker.hold()
    broker.failures["subscribe", "room"] = BrokerError("refused")
    joining = [asyncio.create_task(hub.join(member, ["room"])) for _ in range(2)]
    await settle()
    broker.release()
    async with asyncio.timeout(PATIENCE):
        results = await asyncio.gather(*joining, return_exceptions=True)
    assert [type(result) for result in results] == [BrokerError, type(None)]
    assert hub.get_members("room") == (member,)
    await publish_text(hub, "room", 1)
    assert member.texts == ["1"]
    await hub.leave(member)
    assert broker.subscribed == set()


async def test_two_calls_for_one_member_that_leaves_meanwhile_leave_it_outside(
    hub: Hub, broker: MemoryBroker
) -> None:
    member = FakeMember("1")
    broker.hold()
    joining = [asyncio.create_task(hub.join(member, ["room"])) for _ in range(2)]
    await settle()
    leaving = asyncio.create_task(hub.leave(member))
    await settle()
    broker.release()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*joining, leaving)
    assert hub.get_members("room") == ()
    assert broker.subscribed == set()


async def test_groups_are_waited_for_no_longer_than_one_deadline(
    hub: Hub, broker: MemoryBroker
) -> None:
    await hub.join(FakeMember("1"), ["a", "b"])
    broker.deadline = 0.0
    await hub.join(FakeMember("2"), ["c", "d"])
    assert broker.waits == [True, True, False, False]
    assert broker.subscribed == {"a", "b", "c", "d"}


# --- Hostile events -------------------------------------------------------------------------------


def make_nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "event",
    [
        None,
        5,
        "text",
        [1],
        b"bytes",
        {"type": "ping", "nested": make_nested(5_000)},
        {"type": EVENT_TYPE, "content": make_nested(5_000)},
        {"type": EVENT_TYPE, "text": "\ud800"},
        {"type": EVENT_TYPE, "text": "{}", "number": 2**70},
        {"type": EVENT_TYPE, "text": "{}", "number": 0},
        {"type": EVENT_TYPE, "text": "{}", "origin": "o" * 1000, "number": 1},
        {"type": "unknown " * 100_000},
    ],
    ids=lambda event: repr(event)[:60] if not isinstance(event, dict) else "dict",
)
async def test_hostile_event_is_an_error_of_a_few_words(
    hub: Hub, broker: MemoryBroker, event: Any
) -> None:
    member = FakeMember("1", handles=["ping"])
    await hub.join(member, ["room"])
    with pytest.raises(EventMalformed) as caught:
        await broker.arrive("room", event)
    assert len(str(caught.value)) < 300
    await publish_text(hub, "room", 1)
    assert member.texts == ["1"]


async def test_event_goes_to_the_group_that_it_came_by_and_not_to_the_one_it_names(
    hub: Hub, broker: MemoryBroker
) -> None:
    member, victim = FakeMember("1"), FakeMember("2")
    await hub.join(member, ["room"])
    await hub.join(victim, ["secret"])
    await broker.arrive("room", GroupEvent("secret", "1", kind="json").to_dict())
    assert (member.texts, victim.texts) == (["1"], [])


# --- Nothing is left ------------------------------------------------------------------------------


async def test_hub_forgets_groups_and_members(hub: Hub, broker: MemoryBroker) -> None:
    member, name = FakeMember("1"), Name("room")
    references = weakref.ref(member), weakref.ref(name)
    await hub.join(member, [name])
    await publish_text(hub, "room", 1)
    await hub.leave(member)
    broker.forget()
    del member, name
    assert await is_gone(*references)


async def test_hub_forgets_what_it_could_not_subscribe(hub: Hub, broker: MemoryBroker) -> None:
    member, name = FakeMember("1"), Name("room")
    references = weakref.ref(member), weakref.ref(name)
    broker.broken.add("subscribe")
    for _ in range(2):
        with pytest.raises(BrokerError):
            await hub.join(member, [name])
    broker.forget()
    del member, name
    assert await is_gone(*references)


async def test_hub_forgets_what_it_could_not_unsubscribe(hub: Hub, broker: MemoryBroker) -> None:
    member, names = FakeMember("1"), [Name("a"), Name("b")]
    references: list[weakref.ref[Any]] = [weakref.ref(member), *map(weakref.ref, names)]
    await hub.join(member, names)
    broker.broken.add("unsubscribe")
    with pytest.raises(BrokerError):
        await hub.leave(member)
    broker.forget()
    del member, names
    assert await is_gone(*references)


async def test_hub_forgets_what_was_cancelled(hub: Hub, broker: MemoryBroker) -> None:
    member, name = FakeMember("1"), Name("room")
    references = weakref.ref(member), weakref.ref(name)
    broker.hold()
    joining = asyncio.create_task(hub.join(member, [name]))
    await settle()
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    broker.forget()
    del member, name, joining
    assert await is_gone(*references)


async def test_events_for_groups_that_nobody_is_in_leave_nothing(
    hub: Hub, broker: MemoryBroker
) -> None:
    name = Name("room")
    reference = weakref.ref(name)
    await broker.arrive(name, GroupEvent(name, "{}").to_dict())
    await broker.arrive(name, {"type": "anything"})
    await hub.leave(FakeMember("1"), [name])
    assert hub.get_members(name) == ()
    broker.forget()
    del name
    assert await is_gone(reference)


# --- Group messages -------------------------------------------------------------------------------


async def test_message_is_written_once_for_each_pair_of_flags(hub: Hub) -> None:
    """At most three texts: for others, for the same user elsewhere, for the connection itself."""
    members = [FakeMember(str(number), user=str(number % 2)) for number in range(20)]
    members += [FakeMember(f"anonymous {number}") for number in range(5)]
    for member in members:
        await hub.join(member, ["room"])
    await hub.publish(GroupEvent("room", '{"a":1}', sender="4", user="0"))
    deliveries = {id(member.deliveries[0]): member.deliveries[0] for member in members}
    assert len(deliveries) == 3
    assert {delivery.text for delivery in deliveries.values()} == {
        '{"a":1,"is_mine":true,"is_current":true}',
        '{"a":1,"is_mine":true,"is_current":false}',
        '{"a":1,"is_mine":false,"is_current":false}',
    }
    assert all(len(member.deliveries) == 1 for member in members)
    for member in members:
        flags = json.loads(member.texts[0])
        assert flags["is_current"] is (member.id == "4")
        assert flags["is_mine"] is (member.user == "0")


async def test_message_of_an_anonymous_user_is_nobodys(hub: Hub) -> None:
    members = [FakeMember("1"), FakeMember("2"), FakeMember("3", user="3")]
    for member in members:
        await hub.join(member, ["room"])
    await hub.publish(GroupEvent("room", "{}", sender="1", user=None))
    assert [json.loads(member.texts[0]) for member in members] == [
        {"is_mine": False, "is_current": True},
        {"is_mine": False, "is_current": False},
        {"is_mine": False, "is_current": False},
    ]


async def test_message_from_outside_of_any_connection_is_nobodys_current(hub: Hub) -> None:
    member = FakeMember("1", user="1")
    await hub.join(member, ["room"])
    await hub.publish(GroupEvent("room", "{}"))
    assert json.loads(member.texts[0]) == {"is_mine": False, "is_current": False}


async def test_sender_alone_is_left_out_on_demand(hub: Hub) -> None:
    sender = FakeMember("1", user="1")
    same_user, other = FakeMember("2", user="1"), FakeMember("3", user="3")
    for member in (sender, same_user, other):
        await hub.join(member, ["room"])
    await hub.publish(GroupEvent("room", "{}", exclude_current=True, sender="1", user="1"))
    assert sender.texts == []
    assert json.loads(same_user.texts[0]) == {"is_mine": True, "is_current": False}
    assert json.loads(other.texts[0]) == {"is_mine": False, "is_current": False}
    await hub.publish(GroupEvent("room", "{}", exclude_current=True))
    assert len(sender.texts) == 1


async def test_json_is_the_same_for_all(hub: Hub) -> None:
    members = [FakeMember("1", user="1"), FakeMember("2")]
    for member in members:
        await hub.join(member, ["room"])
    await hub.publish(GroupEvent("room", "[1]", kind="json", sender="1", user="1"))
    assert [member.texts for member in members] == [["[1]"], ["[1]"]]


async def test_members_are_given_the_event_as_it_was_published(hub: Hub) -> None:
    seen: list[GroupEvent] = []
    members = [FakeMember("1"), FakeMember("2")]
    for member in members:
        member.on_deliver = seen.append
        await hub.join(member, ["room"])
    event = GroupEvent("room", "{}", sender="1", user="u", id="e", action="hello")
    await hub.publish(event)
    assert seen == [event, event]
    assert {delivery.action for member in members for delivery in member.deliveries} == {"hello"}


async def test_message_reaches_the_members_of_its_group_only(hub: Hub) -> None:
    here, there, nowhere = FakeMember("1"), FakeMember("2"), FakeMember("3")
    await hub.join(here, ["a"])
    await hub.join(there, ["b"])
    await publish_text(hub, "a", 1)
    assert (here.texts, there.texts, nowhere.texts) == (["1"], [], [])


async def test_member_of_two_groups_gets_one_delivery_for_each(hub: Hub) -> None:
    member = FakeMember("1")
    await hub.join(member, ["a", "b"])
    await publish_text(hub, "a", 1)
    await publish_text(hub, "b", 1)
    assert member.texts == ["1", "1"]


async def test_messages_reach_the_members_in_all_processes() -> None:
    wire: list[MemoryBroker] = []
    hubs = [Hub(MemoryBroker(wire)) for _ in range(3)]
    members = [FakeMember(str(number), user="u") for number in range(2)]
    for hub, member in zip(hubs, members, strict=False):
        await hub.join(member, ["room"])
    await hubs[2].publish(GroupEvent("room", "{}", sender="0", user="u"))
    assert [json.loads(member.texts[0]) for member in members] == [
        {"is_mine": True, "is_current": True},
        {"is_mine": True, "is_current": False},
    ]


async def test_order_in_a_group_is_that_of_publishing(hub: Hub) -> None:
    members = [FakeMember(str(number)) for number in range(450)]
    for member in members:
        await hub.join(member, ["room"])
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*[publish_text(hub, "room", number) for number in range(10)])
    expected = [str(number) for number in range(10)]
    assert all(member.texts == expected for member in members)


async def test_large_group_does_not_keep_the_event_loop_to_itself(hub: Hub) -> None:
    members = [FakeMember(str(number)) for number in range(1000)]
    for member in members:
        await hub.join(member, ["room"])
    publishing = asyncio.create_task(publish_text(hub, "room", 1))
    turns = 0
    while not publishing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 3
    assert all(member.texts == ["1"] for member in members)


async def test_member_that_leaves_during_a_large_delivery_gets_nothing(hub: Hub) -> None:
    members = [FakeMember(str(number)) for number in range(450)]
    for member in members:
        await hub.join(member, ["room"])
    latecomer = FakeMember("late")

    def leave(event: GroupEvent) -> None:
        tasks.append(asyncio.create_task(hub.leave(members[-1])))
        tasks.append(asyncio.create_task(hub.join(latecomer, ["room"])))

    tasks: list[asyncio.Task[None]] = []
    members[0].on_deliver = leave
    await publish_text(hub, "room", 1)
    await asyncio.gather(*tasks)
    assert members[-1].texts == []
    assert members[-2].texts == ["1"]
    assert latecomer.texts == []
    assert latecomer in hub.get_members("room")


async def test_malformed_group_message_is_an_error_and_reaches_nobody(
    hub: Hub, broker: MemoryBroker
) -> None:
    member = FakeMember("1", handles=[EVENT_TYPE])
    await hub.join(member, ["room"])
    with pytest.raises(EventMalformed):
        await broker.arrive("room", {"type": EVENT_TYPE, "kind": "other"})
    assert member.deliveries == []
    assert member.events == []


async def test_group_message_of_others_goes_to_the_group_that_it_came_from(
    hub: Hub, broker: MemoryBroker
) -> None:
    member, other = FakeMember("1"), FakeMember("2")
    await hub.join(member, ["room"])
    await hub.join(other, ["other"])
    await broker.publish("room", {"type": EVENT_TYPE, "content": {"a": 1}})
    assert (member.texts, other.texts) == (['{"a":1}'], [])


# --- Events that are no group messages ------------------------------------------------------------


async def test_other_events_are_queued_for_the_members(hub: Hub, broker: MemoryBroker) -> None:
    members = [FakeMember(str(number), handles=["chat.message"]) for number in range(3)]
    for member in members:
        await hub.join(member, ["room"])
    event = {"type": "chat.message", "text": "hi"}
    await broker.publish("room", event)
    assert [member.events for member in members] == [[event]] * 3
    assert all(member.deliveries == [] for member in members)


async def test_event_that_only_some_members_know_reaches_these(
    hub: Hub, broker: MemoryBroker
) -> None:
    deaf, listening = FakeMember("1"), FakeMember("2", handles=["ping"])
    for member in (deaf, listening):
        await hub.join(member, ["room"])
    await broker.publish("room", {"type": "ping"})
    assert listening.events == [{"type": "ping"}]
    assert deaf.events == []


async def test_event_that_no_member_knows_is_one_error(hub: Hub, broker: MemoryBroker) -> None:
    for number in range(3):
        await hub.join(FakeMember(str(number), handles=["ping"]), ["room"])
    with pytest.raises(EventMalformed, match=r"no.* handler for 'chat\.message'|No member"):
        await broker.publish("room", {"type": "chat.message"})


@pytest.mark.parametrize("event", [{}, {"type": None}, {"type": 1}, {"type": ["ping"]}])
async def test_event_without_a_type_is_an_error(
    hub: Hub, broker: MemoryBroker, event: dict[str, Any]
) -> None:
    member = FakeMember("1", handles=["ping"])
    await hub.join(member, ["room"])
    with pytest.raises(EventMalformed, match="'type'"):
        await broker.publish("room", event)
    assert member.events == []


async def test_event_for_a_group_that_is_empty_by_now_is_ignored(
    hub: Hub, broker: MemoryBroker
) -> None:
    await broker.arrive("room", {"type": "chat.message"})
    assert broker.calls == []


# --- Publishing -----------------------------------------------------------------------------------


async def test_publish_returns_what_the_broker_says(hub: Hub) -> None:
    assert await hub.publish(GroupEvent("room", "{}")) == 1
    assert await hub.publish(GroupEvent("room", "{}")) == 2


class Calls:
    """Counts its calls; with what the members had by then."""

    def __init__(self, *members: FakeMember) -> None:
        self.members = members
        self.seen: list[int] = []

    def __call__(self) -> None:
        self.seen.append(sum(len(member.deliveries) for member in self.members))


async def test_sender_is_told_when_the_members_here_have_the_message(hub: Hub) -> None:
    members = [FakeMember(str(number)) for number in range(3)]
    for member in members:
        await hub.join(member, ["room"])
    told = Calls(*members)
    await hub.publish(GroupEvent("room", "{}", id="1"), told)
    assert told.seen == [3]
    await hub.publish(GroupEvent("room", "{}", id="2"))
    assert told.seen == [3]
    # The same event a second time, as brokers that deliver at least once may do.
    await hub.publish(GroupEvent("room", "{}", id="1"))
    assert told.seen == [3]


async def test_sender_is_told_when_the_event_comes_back_later(
    hub: Hub, broker: MemoryBroker
) -> None:
    member = FakeMember("1")
    await hub.join(member, ["room"])
    broker.subscribed.clear()
    told = Calls(member)
    event = GroupEvent("room", "{}", id="1")
    await hub.publish(event, told)
    assert told.seen == []
    await broker.arrive("room", event.to_dict())
    assert told.seen == [1]


async def test_sender_is_told_nothing_when_nobody_is_here(hub: Hub, broker: MemoryBroker) -> None:
    told = Calls()
    reference = weakref.ref(told)
    await hub.publish(GroupEvent("room", "{}", id="1"), told)
    assert told.seen == []
    del told
    assert await is_gone(reference)


async def test_sender_of_an_event_without_an_id_is_told_nothing(hub: Hub) -> None:
    await hub.join(FakeMember("1"), ["room"])
    told = Calls()
    await hub.publish(GroupEvent("room", "{}"), told)
    assert told.seen == []


async def test_sender_is_told_nothing_when_publishing_failed(
    hub: Hub, broker: MemoryBroker
) -> None:
    await hub.join(FakeMember("1"), ["room"])
    broker.failures["publish", "room"] = BrokerError("down")
    told = Calls()
    reference = weakref.ref(told)
    with pytest.raises(BrokerError):
        await hub.publish(GroupEvent("room", "{}", id="1"), told)
    await hub.publish(GroupEvent("room", "{}", id="1"))
    assert told.seen == []
    del told
    assert await is_gone(reference)


async def test_sender_is_not_left_waiting_when_all_members_leave_before_the_event_comes(
    hub: Hub, broker: MemoryBroker
) -> None:
    """A process that has unsubscribed does not get the event: there is nobody to wait for."""
    member = FakeMember("1")
    await hub.join(member, ["room"])
    broker.loses_events = True
    told = Calls(member)
    reference = weakref.ref(told)
    await hub.publish(GroupEvent("room", "{}", id="1"), told)
    assert told.seen == []
    await hub.leave(member)
    assert told.seen in ([], [0])
    del told
    assert await is_gone(reference)


# --- Whatever order things happen in --------------------------------------------------------------

NAMES = st.sampled_from("ab")
WHO = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("join"), WHO, NAMES),
    st.tuples(st.just("leave"), WHO, NAMES),
    st.tuples(st.just("leave all"), WHO, NAMES),
    st.tuples(st.just("publish"), WHO, NAMES),
    st.tuples(st.just("fail subscribe"), WHO, NAMES),
    st.tuples(st.just("fail unsubscribe"), WHO, NAMES),
    st.tuples(st.just("cancel"), WHO, NAMES),
    st.tuples(st.sampled_from(["turn", "turn", "hold", "release"]), WHO, NAMES),
)


@given(steps=st.lists(STEPS, max_size=40))
async def test_subscriptions_are_those_of_groups_with_members_whatever_happened(
    steps: Sequence[tuple[str, int, str]],
) -> None:
    broker = MemoryBroker()
    hub = Hub(broker)
    members = [FakeMember(str(number)) for number in range(4)]
    locks = [asyncio.Lock() for _ in members]
    tasks: list[asyncio.Task[None]] = []

    async def perform(step: str, who: int, name: str) -> None:
        # A connection joins and leaves in one task at a time.
        async with locks[who]:
            if step == "join":
                await hub.join(members[who], [name])
            else:
                await hub.leave(members[who], [name] if step == "leave" else None)

    for step, who, name in steps:
        if step in ("join", "leave", "leave all"):
            tasks.append(asyncio.create_task(perform(step, who, name)))
        elif step == "publish":
            await publish_text(hub, name, who)
        elif step.startswith("fail"):
            broker.failures[step.removeprefix("fail "), name] = BrokerError("down")
        elif step == "cancel" and tasks:
            tasks[-1 - who % len(tasks)].cancel()
        elif step == "hold":
            broker.hold()
        elif step == "release":
            broker.release()
        else:
            await asyncio.sleep(0)
    broker.release()
    if tasks:
        done, pending = await asyncio.wait(tasks, timeout=PATIENCE)
        assert not pending
        for task in done:
            error = None if task.cancelled() else task.exception()
            assert error is None or isinstance(error, BrokerError), error
    broker.failures.clear()

    inhabited = {name for name in "ab" if hub.get_members(name)}
    assert broker.subscribed == inhabited
    for name in inhabited:
        before = {member: len(member.deliveries) for member in members}
        await publish_text(hub, name, 9)
        got = {member for member in members if len(member.deliveries) > before[member]}
        assert got == set(hub.get_members(name))

    for member in members:
        await hub.join(member, "ab")
    assert broker.subscribed == {"a", "b"}
    for member in members:
        await hub.leave(member)
    assert broker.subscribed == set()


def test_delivery_is_the_same_object_for_members_with_the_same_flags() -> None:
    """What the tests above rely on: equal texts are one delivery, not two that are equal."""
    event = GroupEvent("room", "{}")
    one, other = (event.render(is_mine=False, is_current=False) for _ in range(2))
    assert one == other == Delivery('{"is_mine":false,"is_current":false}', 36)
    assert one is not other


# --- Groups of chanx's own ------------------------------------------------------------------------


async def test_group_of_chanx_is_for_internal_members_only(hub: Hub, broker: MemoryBroker) -> None:
    stranger, member = FakeMember("1"), FakeMember("2")
    with pytest.raises(ValueError, match=r"'chanx\.control' is chanx's own.*'chanx\.'"):
        await hub.join(stranger, ["room", "chanx.control"])
    assert broker.calls == []
    assert hub.get_groups(stranger) == ()
    await hub.join(member, ["chanx.control"], is_internal=True)
    with pytest.raises(ValueError, match=r"'chanx\.'"):
        await hub.publish(GroupEvent("chanx.control", "{}"))
    assert member.texts == []
    assert broker.calls == [("subscribe", "chanx.control")]
    assert hub.get_names() == ("chanx.control",)
    assert hub.group_count == 0
