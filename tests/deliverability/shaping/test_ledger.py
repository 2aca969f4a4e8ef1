"""The ledger never lets more through a window than its limit, and soon lets through what it may."""

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


def test_a_ledger_goes_on_after_a_restart() -> None:
    ledger, later = Ledger(3, 60.0), Ledger(3, 60.0)
    ledger.spend(2, 1000.0)
    later.restore(ledger.rows_with(0, 0.0))
    assert later.free(1001.0) == 1
