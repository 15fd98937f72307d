"""Numbers on events, and the gaps that receivers see in them."""

import itertools
import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from chanx.engine import gaps as module
from chanx.engine.gaps import GRACE, Gaps, Numbers, get_grace

# --- the sender's side ----------------------------------------------------------------------------


def test_each_group_is_counted_on_its_own_from_one() -> None:
    numbers = Numbers()
    assert [numbers.take(group)[1] for group in "aabab"] == [1, 2, 1, 3, 2]
    assert numbers.take("a")[0] != numbers.take("b")[0]


def test_origins_of_processes_differ() -> None:
    assert Numbers().take("a")[0] != Numbers().take("a")[0]


@given(failing=st.lists(st.booleans(), max_size=50))
def test_number_of_what_failed_is_used_again(failing: list[bool]) -> None:
    numbers = Numbers()
    published = []
    for fails in failing:
        origin, number = numbers.take("a")
        if fails:
            numbers.give_back("a", origin, number)
        else:
            published.append(number)
    assert published == list(range(1, len(published) + 1))


@given(order=st.permutations(range(6)), failing=st.sets(st.integers(0, 5)))
def test_numbers_of_what_failed_at_the_same_time_are_used_again(
    order: Sequence[int], failing: set[int]
) -> None:
    numbers = Numbers()
    taken = [numbers.take("a") for _ in range(6)]
    for index in order:
        if index in failing:
            numbers.give_back("a", *taken[index])
    published = {number for index, (_, number) in enumerate(taken) if index not in failing}
    published |= {numbers.take("a")[1] for _ in failing}
    assert published == set(range(1, 7))


def test_forgotten_group_begins_with_another_origin() -> None:
    numbers = Numbers()
    origin, number = numbers.take("first")
    for index in range(module._MAX_GROUPS):
        numbers.take(str(index))
    numbers.give_back("first", origin, number)  # nobody's any more
    again, first = numbers.take("first")
    assert again != origin
    assert first == 1
    assert len(numbers._sequences) == module._MAX_GROUPS


def test_mark_tells_the_last_number() -> None:
    numbers = Numbers()
    assert numbers.mark("a") is None
    origin, _ = [numbers.take("a") for _ in range(3)][-1]
    assert numbers.get_unmarked("a") == 3
    assert numbers.mark("a") == (origin, 3)
    assert numbers.get_unmarked("a") == 0
    assert numbers.get_unmarked("b") == 0


def test_nothing_is_marked_when_all_of_it_failed() -> None:
    numbers = Numbers()
    numbers.give_back("a", *numbers.take("a"))
    assert numbers.get_unmarked("a") == 0
    assert numbers.mark("a") is None


def test_number_that_receivers_were_told_of_is_not_taken_back() -> None:
    """They wait for it, so they must be told that it stands for nothing, or get it."""
    numbers = Numbers()
    taken = [numbers.take("a") for _ in range(3)]
    assert numbers.mark("a") == (taken[0][0], 3)
    numbers.give_back("a", *taken[2])
    assert numbers.has_free("a")
    assert numbers.take_void("a", 10) == [3]
    assert not numbers.has_free("a")
    assert numbers.take("a")[1] == 4


def test_void_numbers_are_given_to_nobody_but_may_be_freed_again() -> None:
    numbers = Numbers()
    origin, _ = [numbers.take("a") for _ in range(5)][-1]
    for number in (4, 2, 3):
        numbers.give_back("a", origin, number)
    assert numbers.take_void("a", 2) == [2, 3]
    assert [numbers.take("a")[1] for _ in range(2)] == [4, 6]
    numbers.free("a", origin, [2, 3])
    numbers.free("a", "another", [5])
    assert [numbers.take("a")[1] for _ in range(3)] == [2, 3, 7]
    assert numbers.take_void("b", 2) == []
    assert not numbers.has_free("b")


def test_mark_that_is_not_the_end_leaves_one_to_come() -> None:
    numbers = Numbers()
    origin, number = numbers.take("a")
    assert numbers.mark("a", is_end=False) == (origin, number)
    assert numbers.get_unmarked("a") == 1


# --- the receiver's side --------------------------------------------------------------------------


def see_all(gaps: Gaps, arriving: Sequence[int], origin: str = "o", now: float = 0.0) -> None:
    for number in arriving:
        gaps.see(origin, number, now)


@given(
    start=st.integers(1, 1000),
    count=st.integers(1, 60),
    lost=st.sets(st.integers(1, 59), max_size=30),
    seed=st.integers(),
    width=st.integers(1, 10),
)
def test_exactly_what_is_lost_between_two_events_is_counted(
    start: int, count: int, lost: set[int], seed: int, width: int
) -> None:
    """Whatever overtakes what, and however often an event comes."""
    chance = random.Random(seed)
    arriving = [number for number in range(count) if number not in lost]
    # The first event is where the counting begins, so it comes first.
    head, rest = arriving[:1], arriving[1:]
    rest += chance.sample(rest, len(rest) // 3)
    rest = [
        number
        for _, number in sorted(
            (place + chance.uniform(0, width), number) for place, number in enumerate(rest)
        )
    ]
    gaps = Gaps(grace=2.0)
    see_all(gaps, [start + number for number in head + rest])
    assert gaps.take_lost(1.9) == 0
    highest = max(arriving)
    assert gaps.take_lost(2.0) == len([number for number in lost if number < highest])
    assert gaps.is_complete
    assert gaps.take_lost(100.0) == 0


def test_gap_is_told_when_it_opens_and_not_for_what_is_in_order() -> None:
    gaps = Gaps()
    assert [gaps.see("o", number, 0.0) for number in (5, 6, 8, 9, 7, 7, 3, 11)] == [
        *[False, False, True],
        *[False, False, False, False],
        True,
    ]


def test_late_event_within_the_grace_time_is_not_lost() -> None:
    gaps = Gaps(grace=2.0)
    see_all(gaps, [1, 4])
    gaps.see("o", 2, 1.0)
    gaps.see("o", 3, 1.9)
    assert gaps.is_complete
    assert gaps.take_lost(10.0) == 0


def test_each_gap_has_a_grace_time_of_its_own() -> None:
    gaps = Gaps(grace=2.0)
    see_all(gaps, [1, 3], now=0.0)
    see_all(gaps, [5, 9], now=1.0)
    assert gaps.get_deadline(1.0) == 2.0
    assert gaps.take_lost(2.5) == 1
    assert not gaps.is_complete
    assert gaps.get_deadline(2.5) == 3.0
    assert gaps.take_lost(3.0) == 1 + 3
    assert gaps.get_deadline(3.0) is None


def test_what_was_only_heard_of_is_missing_until_it_comes() -> None:
    gaps = Gaps(grace=2.0)
    assert not gaps.hear_of("o", 3, 0.0)  # before the first that is heard
    assert gaps.hear_of("o", 6, 0.0)
    assert not gaps.hear_of("o", 5, 0.0)
    gaps.see("o", 6, 0.0)
    assert gaps.take_lost(2.0) == 2
    assert gaps.is_complete


def test_void_numbers_are_not_missing() -> None:
    gaps = Gaps(grace=2.0)
    see_all(gaps, [1, 5])
    gaps.skip("o", [2, 4, 100])
    gaps.skip("unknown", [1])
    assert gaps.take_lost(2.0) == 1


def test_what_a_publish_may_take_is_waited_for() -> None:
    assert get_grace(5) == 5 + GRACE
    assert get_grace(None) > get_grace(5)


def test_senders_are_told_apart() -> None:
    gaps = Gaps()
    for number in range(1, 50):
        for origin in "ab":
            gaps.see(origin, number, 0.0)
    gaps.see("a", 60, 0.0)
    assert gaps.take_lost(10.0) == 10


def test_what_was_sent_before_the_first_that_is_heard_is_not_missing() -> None:
    gaps = Gaps()
    see_all(gaps, [7, 5, 8])
    assert gaps.is_complete


def test_gap_beyond_belief_is_not_counted() -> None:
    gaps = Gaps()
    see_all(gaps, [1, module.MAX_NUMBER, module.MAX_NUMBER + 1])
    assert gaps.is_complete


def test_memory_is_bounded_and_what_is_given_up_counts_as_lost() -> None:
    gaps = Gaps(grace=2.0)
    wide = module._MAX_RANGES * 3
    for number in itertools.islice(itertools.count(1, 2), wide):  # each second one is missing
        gaps.see("o", number, 0.0)
    assert len(gaps._origins["o"].missing) == module._MAX_RANGES
    assert gaps.take_lost(0.0) == wide - 1 - module._MAX_RANGES
    for index in range(module._MAX_ORIGINS):
        gaps.see(str(index), 1, 0.0)
    assert len(gaps._origins) == module._MAX_ORIGINS
    assert gaps.get_deadline(1.0) == 1.0 + 2.0
    assert gaps.take_lost(0.0) == module._MAX_RANGES


@given(
    events=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 200), st.floats(0, 1)), max_size=200
    )
)
def test_whatever_comes_the_bounds_hold_and_nothing_is_counted_twice(
    events: list[tuple[str, int, float]],
) -> None:
    gaps = Gaps(grace=0.5)
    now = 0.0
    lost = 0
    for origin, number, step in events:
        now += step
        gaps.see(origin, number, now)
        lost += gaps.take_lost(now)
        for found in gaps._origins.values():
            ranges = [(each.first, each.last) for each in found.missing]
            assert ranges == sorted(ranges)
            assert all(first <= last for first, last in ranges)
            assert all(one[1] < other[0] for one, other in itertools.pairwise(ranges))
            assert len(ranges) <= module._MAX_RANGES
    lost += gaps.take_lost(now + 1)
    assert gaps.is_complete
    assert lost <= sum(
        max(number for other, number, _ in events if other == origin)
        for origin in {origin for origin, _, _ in events}
    )
