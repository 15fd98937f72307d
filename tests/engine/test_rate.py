"""The token bucket, on a clock of the tests' own."""

from hypothesis import given
from hypothesis import strategies as st

from chanx.engine.rate import PATIENCE, TokenBucket

RATES = st.floats(min_value=0.1, max_value=10_000)
BURSTS = st.integers(min_value=1, max_value=1000)
STEPS = st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=200)


def test_burst_is_taken_at_once_and_no_more() -> None:
    bucket = TokenBucket(1, 3, 0)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]


def test_tokens_come_back_at_the_rate() -> None:
    bucket = TokenBucket(2, 1, 0)
    assert bucket.take(0)
    assert bucket.take(0.5)
    assert not bucket.take(0.6)


def test_wait_is_the_time_until_a_message_is_taken() -> None:
    bucket = TokenBucket(4, 1, 0)
    assert bucket.take(0)
    assert not bucket.take(0)
    assert bucket.wait == 0.5  # the refused one has cost a token, too
    assert bucket.take(bucket.wait)


def test_who_waits_as_told_is_never_exhausted() -> None:
    bucket = TokenBucket(10, 2, 0)
    now = 0.0
    for _ in range(1000):
        if not bucket.take(now):
            assert not bucket.is_exhausted
            now += bucket.wait


def test_a_burst_of_refused_messages_exhausts_it_after_a_while() -> None:
    bucket = TokenBucket(0.001, 3, 0)
    for _ in range(3):
        assert bucket.take(0)
    for _ in range(100):
        assert not bucket.take(0)
        assert not bucket.is_exhausted
    assert not bucket.take(PATIENCE)
    assert bucket.is_exhausted


def test_debt_is_bounded() -> None:
    bucket = TokenBucket(1, 3, 0)
    for _ in range(1000):
        bucket.take(0)
    assert bucket.wait == 4


def test_time_in_which_messages_waited_counts_in_full() -> None:
    bucket = TokenBucket(10, 2, 0)
    assert bucket.take(0)
    assert all(bucket.take(5, has_waited=True) for _ in range(50))
    # And what was saved up so is gone with the next that did not wait.
    assert bucket.take(100)
    assert bucket.take(100)
    assert not bucket.take(100)


@given(RATES, BURSTS, STEPS)
def test_never_more_than_burst_and_rate_allow(rate: float, burst: int, steps: list[float]) -> None:
    bucket = TokenBucket(rate, burst, 0)
    now, taken = 0.0, 0
    for step in steps:
        now += step
        taken += bucket.take(now)
        assert taken <= burst + rate * now + 1e-6


@given(RATES, BURSTS, st.integers(min_value=1, max_value=300))
def test_below_the_rate_nothing_is_refused(rate: float, burst: int, count: int) -> None:
    bucket = TokenBucket(rate, burst, 0)
    # A little slower, because times are rounded.
    assert all(bucket.take(number * 1.000001 / rate) for number in range(count))
