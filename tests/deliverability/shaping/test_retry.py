"""When to try again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.settings import RetrySettings
from deliverability.shaping.retry import next_attempt, site_retry, wait_after

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DEFAULT = RetrySettings()


def test_the_first_retry_comes_after_five_to_ten_minutes() -> None:
    assert next_attempt(1, DEFAULT, now=NOW, jitter=-1) == NOW + timedelta(minutes=5)
    assert next_attempt(1, DEFAULT, now=NOW, jitter=1) == NOW + timedelta(minutes=10)


def test_waits_double_up_to_the_ceiling() -> None:
    waits = [wait_after(failures, DEFAULT.delivery, jitter=0) for failures in range(1, 9)]
    assert [wait.total_seconds() / 60 for wait in waits] == [7.5, 15, 30, 60, 120, 240, 240, 240]


def test_a_delivery_is_not_tried_after_it_expires() -> None:
    assert next_attempt(1, DEFAULT, now=NOW, jitter=0, expires_at=NOW + timedelta(minutes=10)) is not None
    assert next_attempt(2, DEFAULT, now=NOW, jitter=0, expires_at=NOW + timedelta(minutes=10)) is None


def test_a_site_comes_back_sooner_than_a_recipient() -> None:
    assert site_retry(1, DEFAULT, now=NOW, jitter=0) == NOW + timedelta(minutes=1)
    assert site_retry(99, DEFAULT, now=NOW, jitter=1) <= NOW + timedelta(minutes=80)


@given(st.integers(1, 10**9), st.floats(-1, 1))
def test_no_number_of_failures_is_too_large(failures: int, jitter: float) -> None:
    wait = wait_after(failures, DEFAULT.delivery, jitter=jitter)
    assert timedelta(minutes=5) <= wait <= DEFAULT.delivery.ceiling * 4 / 3 + timedelta(seconds=1)


@pytest.mark.parametrize(("failures", "jitter"), [(0, 0.0), (-1, 0.0), (1, 1.5), (1, float("nan"))])
def test_what_makes_no_sense_is_refused(failures: int, jitter: float) -> None:
    with pytest.raises(ValueError, match="failures count from 1"):
        wait_after(failures, DEFAULT.delivery, jitter=jitter)
