"""The queue of frames and its policies."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanx.engine.limits import Limits, SlowClientPolicy
from chanx.engine.outbox import Outbox, Queued

POLICIES = get_args(SlowClientPolicy)
DROPPING = [policy for policy in POLICIES if policy != "close"]


def make(policy: SlowClientPolicy, frames: int | None = 3, size: int | None = None) -> Outbox:
    return Outbox(Limits(slow_client_policy=policy, outbox_frames=frames, outbox_bytes=size))


def frame(name: Any, size: int = 1, key: str | None = None) -> Queued:
    return Queued({"name": name}, size, is_delivery=True, key=key)


def drain(outbox: Outbox) -> list[Any]:
    return [outbox.pop().event["name"] for _ in range(len(outbox))]


def test_close_has_no_room_at_the_bound() -> None:
    outbox = make("close")
    assert [outbox.put_delivery(frame(n)) for n in range(4)] == [0, 0, 0, None]
    assert drain(outbox) == [0, 1, 2]


def test_drop_newest() -> None:
    outbox = make("drop_newest")
    assert [outbox.put_delivery(frame(n)) for n in range(5)] == [0, 0, 0, 1, 1]
    assert drain(outbox) == [0, 1, 2]


def test_drop_oldest() -> None:
    outbox = make("drop_oldest")
    assert [outbox.put_delivery(frame(n)) for n in range(5)] == [0, 0, 0, 1, 1]
    assert drain(outbox) == [2, 3, 4]


def test_drop_oldest_makes_room_for_a_large_one() -> None:
    outbox = make("drop_oldest", frames=None, size=10)
    for number in range(5):
        assert outbox.put_delivery(frame(number, 2)) == 0
    assert outbox.put_delivery(frame("large", 7)) == 4
    assert outbox.size == 9
    assert drain(outbox) == [4, "large"]


def test_what_a_handler_sent_is_never_dropped() -> None:
    outbox = make("drop_oldest")
    for number in range(3):
        outbox.append(Queued({"name": number}, 1))
    assert outbox.put_delivery(frame("delivery")) == 1
    assert drain(outbox) == [0, 1, 2]


def test_coalesce_keeps_the_newest_of_a_key_in_the_place_of_the_first() -> None:
    outbox = make("coalesce", frames=10)
    for name, key in [("a1", "a"), ("b1", "b"), ("x", None), ("a2", "a"), ("b2", "b"), ("y", None)]:
        assert outbox.put_delivery(frame(name, key=key)) == (1 if name in ("a2", "b2") else 0)
    assert drain(outbox) == ["a2", "b2", "x", "y"]


def test_coalesce_begins_anew_when_a_key_has_left() -> None:
    outbox = make("coalesce", frames=10)
    outbox.put_delivery(frame("a1", key="a"))
    assert drain(outbox) == ["a1"]
    assert outbox.put_delivery(frame("a2", key="a")) == 0
    assert drain(outbox) == ["a2"]


def test_coalesce_drops_the_oldest_when_there_are_too_many_keys() -> None:
    outbox = make("coalesce")
    assert [outbox.put_delivery(frame(n, key=str(n))) for n in range(5)] == [0, 0, 0, 1, 1]
    assert outbox.put_delivery(frame("again", key="0")) == 1  # its first has been dropped
    assert drain(outbox) == [3, 4, "again"]


def test_coalesce_counts_the_bytes_of_the_newest() -> None:
    outbox = make("coalesce")
    outbox.put_delivery(frame("a1", 5, key="a"))
    outbox.put_delivery(frame("a2", 2, key="a"))
    assert outbox.size == 2


def test_other_policies_do_not_look_at_keys() -> None:
    outbox = make("drop_newest")
    for number in range(3):
        outbox.put_delivery(frame(number, key="a"))
    assert drain(outbox) == [0, 1, 2]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_frame_that_finds_nothing_waiting_is_taken_whatever_its_size(
    policy: SlowClientPolicy,
) -> None:
    outbox = make(policy, frames=1, size=1)
    assert outbox.put_delivery(frame("large", 100)) == 0
    assert drain(outbox) == ["large"]


@given(
    st.sampled_from(DROPPING),
    st.integers(1, 5),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from([None, "a", "b"]), st.booleans())),
)
def test_nothing_is_lost_without_being_counted(
    policy: SlowClientPolicy,
    frames: int,
    size: int,
    steps: list[tuple[int, str | None, bool]],
) -> None:
    outbox = make(policy, frames, size)
    put, taken, dropped = 0, [], 0
    for number, (bytes_, key, takes) in enumerate(steps):
        if takes and outbox:
            taken.append(outbox.pop())
        missed = outbox.put_delivery(frame(number, bytes_, key))
        assert missed is not None
        put, dropped = put + 1, dropped + missed
        assert len(outbox) <= frames
        assert outbox.size <= size or len(outbox) == 1
    taken += [outbox.pop() for _ in range(len(outbox))]
    assert outbox.size == 0
    assert put == len(taken) + dropped
    if policy != "coalesce":
        names = [each.event["name"] for each in taken]
        assert names == sorted(names)
