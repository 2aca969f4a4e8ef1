"""Warm-up: more from day to day, as long as it is borne."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.shaping.warmup import Warming, WarmUpSettings

SETTINGS = WarmUpSettings(schedule=(100, 200, 400))


def after(*days: tuple[int, int, int]) -> Warming:
    warming = Warming()
    warming.turn(1, SETTINGS)
    for number, facts in enumerate(days, 2):
        warming.note(*facts)
        warming.turn(number, SETTINGS)
    return warming


@pytest.mark.parametrize(
    ("days", "stage", "verdict"),
    [
        ((), 0, "begins"),
        (((100, 0, 0),), 1, "goes on"),
        (((100, 10, 1),), 1, "goes on"),
        (((49, 0, 0),), 0, "holds: 49 of 100 were used"),
        (((100, 0, 0), (200, 30, 0)), 1, "holds: 30 of 200 were put off or refused"),
        (((100, 0, 0), (200, 60, 0)), 0, "steps back: 60 of 200 were put off or refused"),
        (((100, 0, 0), (200, 0, 5)), 0, "steps back: 5 of 200 met a word against us"),
        (((10, 10, 10),), 0, "steps back: 10 of 10 met a word against us"),
        (((100, 0, 0), (200, 0, 0), (400, 0, 0)), 3, "warm"),
        (((100, 0, 0), (200, 0, 0), (400, 0, 0), (9, 9, 9)), 3, "warm"),
    ],
)
def test_a_day_is_judged_when_it_is_over(days: tuple[tuple[int, int, int], ...], stage: int, verdict: str) -> None:
    warming = after(*days)
    assert (warming.stage, warming.verdict) == (stage, verdict)


days = st.lists(
    st.integers(0, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n))), max_size=12
)


@given(days)
def test_it_never_jumps_never_advances_unborne_and_survives_a_restart(facts: list[tuple[int, int, int]]) -> None:
    warming, stage = Warming(), 0
    warming.turn(1, SETTINGS)
    for day, (attempts, refused, complaints) in enumerate(facts, 2):
        warming.note(attempts, refused, complaints)
        warming = Warming.from_dict({**warming.to_dict(), "later": 1})
        assert not warming.turn(day - 1, SETTINGS), "the same day is judged once"
        warming.turn(day, SETTINGS)
        assert warming.stage - stage in (-1, 0, 1)
        if warming.stage > stage:
            assert refused <= 0.1 * attempts and complaints <= 0.01 * attempts
        stage = warming.stage
        assert warming.allowance(SETTINGS) in (100, 200, 400, None)


def test_what_is_noted_before_the_first_day_began_counts_for_it() -> None:
    warming = Warming()
    warming.note(60, 0, 0)
    warming.turn(1, SETTINGS)
    warming.turn(2, SETTINGS)
    assert (warming.stage, warming.attempts, warming.total) == (1, 0, 60)


def test_a_clock_that_was_set_back_does_not_hold_a_source_until_the_day_that_was() -> None:
    warming = after((100, 0, 0))
    warming.turn(4000, SETTINGS)
    stage = warming.stage
    warming.note(200, 0, 0)
    assert not warming.turn(4, SETTINGS) and warming.stage == stage
    assert warming.turn(5, SETTINGS) and warming.day == 5
