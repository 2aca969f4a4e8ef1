"""Durations on a person's clock: civil days, exact hours, and both edges of daylight saving time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flow.civil import Span, resolve, zone_of

BERLIN = ZoneInfo("Europe/Berlin")  # in 2026 forward on 29 March at 2:00, back on 25 October at 3:00


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "days", "exact", "shown"),
    [
        ("1h", 0, timedelta(hours=1), "1h"),
        ("90 min", 0, timedelta(minutes=90), "1h 30m"),
        ("3d", 3, timedelta(0), "3d"),
        ("24h", 0, timedelta(hours=24), "24h"),
        ("2w", 14, timedelta(0), "14d"),
        ("1d 12h", 1, timedelta(hours=12), "1d 12h"),
        ("1 day 30 seconds", 1, timedelta(seconds=30), "1d 30s"),
    ],
)
def test_a_duration_is_read_and_shown(text: str, days: int, exact: timedelta, shown: str) -> None:
    span = Span.parse(text)
    assert span == Span(days, exact)
    assert str(span) == shown
    assert Span.parse(str(span)) == span


@pytest.mark.parametrize(
    "text", ["", "1", "h", "1 fortnight", "-1h", "1.5h", "0h", "99999d", "1h!", "٣d", "1h" + " 1h" * 99999]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is expected"):
        Span.parse(text)


def test_a_civil_day_keeps_the_hour_where_24_hours_do_not() -> None:
    before = at("2026-03-28T18:00:00+01:00")
    assert Span.parse("1d").after(before, BERLIN) == at("2026-03-29T18:00:00+02:00")
    assert Span.parse("24h").after(before, BERLIN) == at("2026-03-29T19:00:00+02:00")


def test_a_time_that_the_clocks_skip_becomes_the_next_that_exists() -> None:
    assert Span.parse("1d").after(at("2026-03-28T02:30:00+01:00"), BERLIN) == at("2026-03-29T03:00:00+02:00")


def test_a_time_that_comes_twice_is_taken_the_first_time() -> None:
    assert Span.parse("1d").after(at("2026-10-24T02:30:00+02:00"), BERLIN) == at("2026-10-25T02:30:00+02:00")


def test_a_day_that_a_whole_country_skipped_ends_where_the_next_one_begins() -> None:
    samoa = ZoneInfo("Pacific/Apia")  # went over the date line: there was no 30 December 2011
    assert resolve(at("2011-12-30T10:00"), samoa) == at("2011-12-31T00:00:00+14:00")


@given(
    moment=st.datetimes(at("1990-01-01"), at("2037-01-01")),
    zone=st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Tehran", "Pacific/Apia"]),
    days=st.integers(1, 400),
)
def test_a_civil_wait_ends_on_the_right_day_or_at_the_edge_of_a_skipped_hour(
    moment: datetime, zone: str, days: int
) -> None:
    start, there = moment.replace(tzinfo=UTC), ZoneInfo(zone)
    end = Span(days, timedelta(0)).after(start, there)
    meant = start.astimezone(there).replace(tzinfo=None) + timedelta(days=days)
    shown = end.astimezone(there).replace(tzinfo=None)
    assert end > start
    assert shown == meant or timedelta(0) < shown - meant <= timedelta(days=1)


@pytest.mark.parametrize("name", ["", "Nowhere/Atlantis", "../../etc/passwd", "Europe", "\0", "x" * 5000])
def test_a_zone_that_is_none_is_the_installations(name: str) -> None:
    assert zone_of(name, BERLIN) is BERLIN


@pytest.mark.parametrize("text", ["999999999d", "9" * 5000 + "h", "99999999999999999999w", "3661d", "87841h " * 30])
def test_a_duration_that_is_too_long_is_told_its_bound(text: str) -> None:
    with pytest.raises(ValueError, match="at most ten years"):
        Span.parse(text)
    assert Span.parse("0" * 5000 + "3d") == Span.parse("3d")
