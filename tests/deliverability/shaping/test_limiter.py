"""Slots and token buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.shaping.limiter import Slots, TokenBucket


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=2, burst=3)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait(100.0) == pytest.approx(0.5)
    assert bucket.take(100.5)
    assert not bucket.take(100.5)


def test_what_is_not_used_is_saved_up_to_the_burst_only() -> None:
    bucket = TokenBucket(rate=1, burst=2)
    bucket.take(0.0, 2)
    assert [bucket.take(1000.0) for _ in range(3)] == [True, True, False]


def test_more_than_the_burst_is_taken_on_credit_and_waited_for() -> None:
    bucket = TokenBucket(rate=1, burst=2)
    assert bucket.take(0.0, 10)
    assert bucket.wait(0.0) == pytest.approx(9.0)


def test_a_new_rate_counts_from_now_on() -> None:
    bucket = TokenBucket(rate=1, burst=1)
    bucket.take(0.0)
    bucket.set_rate(10, 0.0)
    assert bucket.wait(0.0) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="above 0"):
        bucket.set_rate(0, 0.0)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200).map(sorted))
def test_in_any_stretch_no_more_is_given_than_burst_and_rate(times: list[float]) -> None:
    bucket = TokenBucket(rate=3, burst=5)
    given_out = sum(bucket.take(time) for time in times)
    assert given_out <= 5 + 3 * (times[-1] - times[0]) + 1e-6


def test_slots_are_taken_and_given_back() -> None:
    slots = Slots(limit=2)
    assert [slots.take(), slots.take(), slots.take()] == [True, True, False]
    slots.give_back()
    assert slots.free == 1


def test_a_lowered_limit_waits_for_slots_to_come_back() -> None:
    slots = Slots(limit=2, taken=2)
    slots.limit = 1
    slots.give_back()
    assert not slots.take()
    assert slots.free == 0


def test_giving_back_what_was_not_taken_is_a_fault() -> None:
    with pytest.raises(ValueError, match="no slot"):
        Slots(limit=1).give_back()


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_bucket_without_rate_or_room_is_refused(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="rate above 0"):
        TokenBucket(rate, burst)
