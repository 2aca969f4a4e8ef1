"""The ledger never lets more through a window than its limit, and soon lets through what it may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.shaping.ledger import SLICES, Ledger


@given(st.integers(1, 20), st.lists(st.floats(0, 400), min_size=1, max_size=300).map(sorted))
def test_no_window_ever_holds_more_than_the_limit(limit: int, times: list[float]) -> None:
    ledger, spent = Ledger(limit, 60.0), []
    for now in times:
        if ledger.free(now):
            ledger.spend(1, now)
            spent.append(now)
    for begin in spent:
        assert sum(begin <= each < begin + 60 for each in spent) <= limit


def test_what_was_spent_is_free_again_when_its_window_is_over() -> None:
    ledger = Ledger(2, 60.0)
    ledger.spend(2, 1000.0)
    assert ledger.free(1000.0) == 0
    frees = ledger.frees_at(1000.0)
    assert frees is not None and 1060.0 <= frees <= 1060.0 + 2 * 60 / SLICES
    assert ledger.free(frees) == 2
    assert ledger.frees_at(frees) is None


def test_a_clock_that_steps_back_frees_nothing() -> None:
    ledger = Ledger(2, 60.0)
    ledger.spend(1, 1000.0)
    ledger.spend(1, 400.0)
    assert ledger.free(400.0) == 0


@pytest.mark.parametrize("back", [1.0, 30.0, 90.0, 3e8])
def test_what_was_spent_in_a_time_to_come_counts_for_one_window_from_now_on(back: float) -> None:
    """A clock that had stood years ahead would else let nothing through for years."""
    ledger, later = Ledger(2, 60.0), Ledger(2, 60.0)
    ledger.spend(2, 1e9)
    later.restore(ledger.rows_with(0, 1e9))
    for each in (ledger, later):
        now = 1e9 - back
        assert each.free(now) == 0 and each.free(now + 59) == 0
        assert each.free(now + 60 + 2 * 60 / SLICES) == 2


def test_a_ledger_goes_on_after_a_restart() -> None:
    ledger, later = Ledger(3, 60.0), Ledger(3, 60.0)
    ledger.spend(2, 1000.0)
    later.restore(ledger.rows_with(0, 0.0))
    assert later.free(1001.0) == 1
