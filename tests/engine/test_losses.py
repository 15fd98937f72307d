"""Events that do not arrive: who is told, and of what nobody is."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from chanx.engine.events import EVENT_TYPE, MARK_TYPE, GroupEvent
from chanx.engine.hub import MARKS, Hub
from chanx.engine.stats import counters
from chanx.exceptions import BrokerError, EventMalformed
from tests.clock import Clock
from tests.engine.fakes import FakeMember, MemoryBroker, settle


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def hub(broker: MemoryBroker) -> Hub:
    return Hub(broker)


async def publish_text(hub: Hub, group: str, number: int, **options: Any) -> None:
    await hub.publish(GroupEvent(group, json.dumps(number), kind="json", **options))


@pytest.fixture
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chanx.engine.losses.get_grace", lambda deadline: 0.0)


@pytest.mark.usefixtures("_no_grace")
async def test_members_are_told_how_many_events_were_lost() -> None:
    wire: list[MemoryBroker] = []
    told: list[tuple[str, int]] = []
    sender = Hub(MemoryBroker(wire))
    receiver = Hub(MemoryBroker(wire), lambda group, count: told.append((group, count)))
    members = [FakeMember(str(number)) for number in range(3)]
    for member in members:
        await receiver.join(member, ["room"])
    counters.reset()
    for number in range(10):
        wire[1].loses_events = 2 <= number < 6
        await publish_text(sender, "room", number)
        await publish_text(sender, "other", number)
    await members[-1].until(lambda: bool(members[-1].lost))  # told in the order of joining
    for member in members:
        assert member.lost == [("room", 4)]
        assert member.texts == ["0", "1", "6", "7", "8", "9"]
    assert told == [("room", 4)]
    assert counters.broker["events_lost"] == 4
    for member in members:
        await receiver.leave(member)


@pytest.mark.usefixtures("_no_grace")
async def test_end_of_a_burst_that_is_lost_is_seen_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chanx.engine.losses._MARK_DELAY", 0.0)
    wire: list[MemoryBroker] = []
    sender, receiver = Hub(MemoryBroker(wire)), Hub(MemoryBroker(wire))
    member = FakeMember("1")
    await receiver.join(member, ["room"])
    for number in range(300):
        wire[1].loses_events = number >= 100
        await publish_text(sender, "room", number)
    wire[1].loses_events = False
    await member.until(lambda: bool(member.lost))
    assert member.lost == [("room", 200)]
    assert len(member.texts) == 100
    await receiver.leave(member)
    assert wire[1].subscribed == set()


@pytest.mark.usefixtures("_no_grace")
async def test_what_could_not_be_published_is_not_lost() -> None:
    wire: list[MemoryBroker] = []
    sender, receiver = Hub(MemoryBroker(wire)), Hub(MemoryBroker(wire))
    member = FakeMember("1")
    await receiver.join(member, ["room"])
    for number in range(10):
        if number in (3, 4, 7):
            wire[0].failures["publish", "room"] = BrokerError("down")
            with pytest.raises(BrokerError):
                await publish_text(sender, "room", number)
        else:
            await publish_text(sender, "room", number)
    await settle()
    assert member.lost == []
    assert len(member.texts) == 7
    await receiver.leave(member)


async def test_events_of_others_have_no_numbers_and_no_gaps(hub: Hub, broker: MemoryBroker) -> None:
    member = FakeMember("1")
    await hub.join(member, ["room"])
    for number in range(3):
        await broker.arrive("room", {"type": EVENT_TYPE, "content": number})
    assert member.texts == ["0", "1", "2"]
    assert member.lost == []


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"group": "room", "origin": "o"},
        {"group": "room", "origin": 1, "number": 1},
        {"group": "room", "origin": "o", "number": True},
        {"group": ["room"], "origin": "o", "number": 1},
        {"group": "room", "origin": "o", "number": 3, "void": "12"},
        {"group": "room", "origin": "o", "number": 3, "void": [1, "2"]},
        {"group": "room", "origin": "o", "number": 3, "void": [1] * 10_000},
    ],
)
async def test_malformed_mark_is_an_error(
    hub: Hub, broker: MemoryBroker, fields: dict[str, Any]
) -> None:
    await hub.join(FakeMember("1"), ["room"])
    with pytest.raises(EventMalformed, match="number"):
        await broker.arrive(MARKS, {"type": MARK_TYPE, **fields})


async def test_marks_are_heard_of_while_others_publish_to_groups_here() -> None:
    wire: list[MemoryBroker] = []
    one, other = Hub(MemoryBroker(wire)), Hub(MemoryBroker(wire))
    member = FakeMember("1")
    for _ in range(2):
        await one.join(member, ["room"])
        await publish_text(one, "room", 1)
        await settle()
        assert wire[0].subscribed == {"room"}
        await publish_text(other, "room", 2)
        await settle()
        assert wire[0].subscribed == {"room", MARKS}
        await one.leave(member)
        assert wire[0].subscribed == set()
    await one.join(member, ["room"])
    await publish_text(other, "room", 3)
    await one.leave(member)  # at the same time as the marks are subscribed to
    await settle()
    assert wire[0].subscribed == set()


async def test_mark_of_a_group_that_nobody_is_in_is_nothing(hub: Hub, broker: MemoryBroker) -> None:
    mark = {"type": MARK_TYPE, "group": "nobody", "origin": "o", "number": 5}
    await broker.arrive(MARKS, mark)
    assert broker.calls == []


async def test_groups_of_others_see_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer of somebody else's has no handler for it."""
    monkeypatch.setattr("chanx.engine.losses._MARK_DELAY", 0.0)
    broker = MemoryBroker()
    hub, member = Hub(broker), FakeMember("1")
    await hub.join(member, ["room"])
    for number in range(60):
        await publish_text(hub, "room", number)
    while ("publish", MARKS) not in broker.calls:
        await asyncio.sleep(0)
    assert broker.count("publish", "room") == 60


# --- What is not lost -----------------------------------------------------------------------------


def numbered(number: int) -> dict[str, Any]:
    return {"type": EVENT_TYPE, "text": "{}", "origin": "other", "number": number}


@pytest.mark.usefixtures("_no_grace")
async def test_what_came_while_the_process_was_not_in_the_group_is_not_lost(
    hub: Hub, broker: MemoryBroker
) -> None:
    """A member joins while the process leaves for the one before it."""
    leaver, joiner = FakeMember("1"), FakeMember("2")
    await hub.join(leaver, ["room"])
    await broker.arrive("room", numbered(1))
    broker.hold()
    leaving = asyncio.create_task(hub.leave(leaver))
    await settle()
    joining = asyncio.create_task(hub.join(joiner, ["room"]))
    await settle()
    await broker.arrive("room", numbered(2))  # on its way when the process left
    broker.release()
    await asyncio.gather(leaving, joining)
    await broker.arrive("room", numbered(10))
    await broker.arrive("room", numbered(12))
    await joiner.until(lambda: bool(joiner.lost))
    assert joiner.lost == [("room", 1)]


class SlowBroker(MemoryBroker):
    """Keeps the events with these texts until it is told to, and then raises."""

    def __init__(self, wire: list[MemoryBroker], *failing: str) -> None:
        super().__init__(wire)
        self.failing = failing
        self.numbers: list[int] = []
        self.voids: list[list[int]] = []
        self.may_fail = asyncio.Event()

    async def publish(self, group: str, event: dict[str, Any]) -> int:
        if event.get("text") in self.failing:
            await self.may_fail.wait()
            raise BrokerError("timed out")
        try:
            position = await super().publish(group, event)
            if group == MARKS:
                self.voids.append(event.get("void", []))
            else:
                self.numbers.append(event["number"])
            return position
        finally:
            self.changed()


async def publish_with_failures(hub: Hub, broker: SlowBroker, fail: Callable[[], None]) -> None:
    """Publish five events at the same time, of which some fail when all others have gone out."""
    publishing = [asyncio.create_task(publish_text(hub, "room", number)) for number in range(5)]
    await broker.until(lambda: len(broker.numbers) == 5 - len(broker.failing))
    fail()
    await asyncio.gather(*publishing, return_exceptions=True)


async def test_number_of_what_failed_while_later_ones_went_out_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr("chanx.engine.losses.get_grace", lambda deadline: 1000.0)
    monkeypatch.setattr("chanx.engine.losses._VOID_DELAY", 0.0)
    wire: list[MemoryBroker] = []
    broker = SlowBroker(wire, "1", "2")
    sender, receiver = Hub(broker), Hub(MemoryBroker(wire))
    here, there = FakeMember("1"), FakeMember("2")
    await sender.join(here, ["room"])
    await receiver.join(there, ["room"])
    await publish_with_failures(sender, broker, broker.may_fail.set)
    await broker.until(lambda: broker.voids == [[2, 3]])
    # One that is lost on the way is the only one that is told of.
    for member_broker in wire:
        member_broker.loses_events = True
    await publish_text(sender, "room", 5)
    for member_broker in wire:
        member_broker.loses_events = False
    await publish_text(sender, "room", 6)
    clock.advance(1001)
    for member in (here, there):
        await member.until(lambda member=member: bool(member.lost))  # type: ignore[misc]  # of a lambda
        assert member.lost == [("room", 1)]
    assert broker.numbers == [1, 4, 5, 6, 7]


async def test_numbers_that_nobody_could_be_told_of_are_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chanx.engine.losses._VOID_DELAY", 0.0)
    broker = SlowBroker([], "1")
    hub = Hub(broker)
    broker.failures["publish", MARKS] = BrokerError("down")
    await publish_with_failures(hub, broker, broker.may_fail.set)
    await broker.until(lambda: broker.count("publish", MARKS) == 1)
    await settle()
    await publish_text(hub, "room", 5)
    assert broker.numbers == [1, 3, 4, 5, 2]
    assert broker.voids == []


# --- Marks ----------------------------------------------------------------------------------------


async def test_marks_are_not_heard_of_for_the_groups_of_chanx() -> None:
    wire: list[MemoryBroker] = []
    one, other = Hub(MemoryBroker(wire)), Hub(MemoryBroker(wire))
    control, member = FakeMember("c"), FakeMember("1")
    await one.join(control, ["chanx.control"], is_internal=True)
    await one.join(member, ["room"])
    await publish_text(other, "room", 1)
    await settle()
    assert wire[0].subscribed == {"chanx.control", "room", MARKS}
    await one.leave(member)
    assert wire[0].subscribed == {"chanx.control"}


async def test_refused_marks_are_told_once_and_tried_again_with_the_next_group() -> None:
    wire: list[MemoryBroker] = []
    told: list[BrokerError] = []
    one = Hub(MemoryBroker(wire), on_deaf=told.append)
    other = Hub(MemoryBroker(wire))
    member = FakeMember("1")
    error = wire[0].failures["subscribe", MARKS] = BrokerError("refused")
    await one.join(member, ["room"])
    for number in range(3):
        await publish_text(other, "room", number)
        await settle()
    assert told == [error]
    await one.leave(member)  # raises nothing, and unsubscribes from nothing that it has not
    assert wire[0].subscribed == set()
    await one.join(member, ["room"])
    await publish_text(other, "room", 3)
    await settle()
    assert wire[0].subscribed == {"room", MARKS}
    error = wire[0].failures["unsubscribe", MARKS] = BrokerError("refused")
    await one.leave(member)  # it is nobody's who leaves a group
    assert told[1:] == [error]
    await one.join(member, ["room"])
    await publish_text(other, "room", 4)
    await settle()
    assert wire[0].subscribed == {"room", MARKS}
