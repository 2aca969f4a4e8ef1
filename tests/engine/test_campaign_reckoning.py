"""What campaigns reckon, without a store: whether a variant won, who gets which, when each reader's hour is."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.campaigns.choosing import UNDECIDED, shared_out, variant_of
from engine.campaigns.model import Campaign, IfPassed, When
from engine.campaigns.moments import begins, due, next_at, next_occasion
from engine.campaigns.reading import check
from engine.campaigns.winning import Count, fisher, judge

TESTED = """
name: news
goal: {event: order.placed}
audience: {lists: [tea]}
template: newsletter
variants: [{name: a, subject: A}, {name: b, subject: B}, {name: c, subject: C}]
test: {sample: 30%, metric: opens, after: 1h, otherwise: a}
"""
UTC_ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")


# -- winning


@pytest.mark.parametrize(
    ("one", "other", "p"),
    [  # Fisher's tea: 3 of 4 cups; and tables whose p-values are in textbooks
        (Count(4, 3), Count(4, 1), 0.4857),
        (Count(10, 1), Count(14, 11), 0.0028),
        (Count(12, 8), Count(6, 1), 0.1312),
        (Count(100, 10), Count(100, 10), 1.0),
        (Count(5, 0), Count(5, 0), 1.0),
    ],
)
def test_fisher_s_exact_test_gives_the_known_values(one: Count, other: Count, p: float) -> None:
    assert fisher(one, other) == pytest.approx(p, abs=5e-5)
    assert fisher(other, one) == pytest.approx(p, abs=5e-5)


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0, 1), st.floats(0, 1))
def test_p_is_a_chance_and_the_same_from_both_sides(n: int, m: int, x: float, y: float) -> None:
    one, other = Count(n, int(n * x)), Count(m, int(m * y))
    assert 0 < fisher(one, other) <= 1
    assert fisher(one, other) == pytest.approx(fisher(other, one))


def test_a_variant_wins_only_beyond_chance() -> None:
    assert judge({"a": Count(1000, 100), "b": Count(1000, 150)}, 0.95).winner == "b"
    assert judge({"a": Count(1000, 100), "b": Count(1000, 105)}, 0.95).winner == ""
    assert judge({"a": Count(10, 10), "b": Count(0, 0)}, 0.95).winner == ""
    assert judge({"a": Count(0, 0), "b": Count(0, 0)}, 0.95).winner == ""


def test_with_three_variants_the_best_must_beat_each_and_chance_is_counted_for_each_pair() -> None:
    two = {"a": Count(500, 50), "b": Count(500, 74)}
    assert judge(two, 0.95).winner == "b"
    judged = judge({**two, "c": Count(500, 50)}, 0.95)
    assert judged.winner == ""
    assert "times 3 pairs" in judged.words


def test_a_million_people_are_judged_at_once() -> None:
    assert judge({"a": Count(500_000, 60_000), "b": Count(500_000, 60_900)}, 0.95).winner == "b"


# -- choosing


def of_three() -> Campaign:
    found = check(TESTED, "c.yaml")
    assert isinstance(found, Campaign)
    return found


def test_a_sample_is_the_same_people_each_time_and_shares_are_even() -> None:
    campaign = of_three()
    got = [variant_of(campaign, each) for each in range(20_000)]
    assert got == [variant_of(campaign, each) for each in range(20_000)]
    assert got.count(UNDECIDED) / 20_000 == pytest.approx(0.7, abs=0.02)
    for name in "abc":
        assert got.count(name) / 20_000 == pytest.approx(0.1, abs=0.01)
        assert [shared_out(campaign, each) for each in range(3_000)].count(name) == pytest.approx(1_000, abs=100)


# -- moments

AT = datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001


def test_an_hour_that_the_clocks_skip_is_the_next_that_exists() -> None:
    when = When(AT, own_zone=True)
    assert due(when, AT, begins(when, AT.replace(tzinfo=UTC), UTC_ZONE), BERLIN) == datetime(
        2026, 3, 29, 1, 0, tzinfo=UTC
    )


def test_an_hour_that_comes_twice_is_taken_the_first_time() -> None:
    twice = datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001
    when = When(twice, own_zone=True)
    assert due(when, twice, begins(when, AT.replace(tzinfo=UTC), UTC_ZONE), BERLIN) == datetime(
        2026, 10, 25, 0, 30, tzinfo=UTC
    )


@given(st.sampled_from(["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Africa/Cairo", "UTC"]),
       st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))  # noqa: DTZ001  # fmt: skip
def test_nobody_s_hour_is_over_when_it_begins_in_time(name: str, civil: datetime) -> None:
    when = When(civil, own_zone=True)
    began = begins(when, datetime(2025, 1, 1, tzinfo=UTC), UTC_ZONE)
    found = due(when, civil, began, ZoneInfo(name))
    assert found is not None
    assert found >= began
    local = found.astimezone(ZoneInfo(name)).replace(tzinfo=None)
    assert local == civil or local.date() == civil.date()  # a skipped hour is later the same day


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (IfPassed.NEXT_DAY, datetime(2026, 3, 31, 0, 30, tzinfo=UTC)),
        (IfPassed.SEND_NOW, datetime(2026, 3, 30, 3, 0, tzinfo=UTC)),
        (IfPassed.SKIP, None),
    ],
)
def test_whose_hour_is_over_is_as_the_file_says(rule: IfPassed, expected: datetime | None) -> None:
    civil = datetime(2026, 3, 30, 2, 30)  # noqa: DTZ001
    when = When(civil, own_zone=True, if_passed=rule)
    assert due(when, civil, datetime(2026, 3, 30, 3, 0, tzinfo=UTC), BERLIN) == expected


def test_the_next_hour_is_today_or_tomorrow() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert next_at(time(18), noon, BERLIN) == datetime(2026, 3, 2, 17, tzinfo=UTC)
    assert next_at(time(9), noon, BERLIN) == datetime(2026, 3, 3, 8, tzinfo=UTC)


def test_occasions_come_in_order_and_end() -> None:
    first = datetime(2026, 3, 2, 10)  # noqa: DTZ001
    when = When(first, rrule="FREQ=WEEKLY;COUNT=2")
    assert next_occasion(when, datetime(2026, 1, 1, tzinfo=UTC), UTC_ZONE) == first
    assert next_occasion(when, datetime(2026, 3, 2, 10, tzinfo=UTC), UTC_ZONE) == first.replace(day=9)
    assert next_occasion(when, datetime(2026, 3, 9, 10, tzinfo=UTC), UTC_ZONE) is None
