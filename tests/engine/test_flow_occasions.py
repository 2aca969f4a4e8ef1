"""Triggers by time: which days are an occasion, and when that is on a contact's clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flow.festivals import FESTIVALS
from engine.flow.occasions import moment_of, occasions, own_days
from engine.flow.recurrence import days_of, is_anchored, is_ever, read_rule
from engine.flow.triggers import CalendarTrigger, DateTrigger, ScheduleTrigger

TEN = time(10)
DATES = st.dates(date(1920, 1, 1), date(2025, 12, 31))


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("chinese-new-year", ["2024-02-10", "2025-01-29", "2026-02-17", "2027-02-06"]),
        ("mid-autumn", ["2025-10-06", "2026-09-25"]),
        ("dragon-boat", ["2026-06-19"]),
        ("rosh-hashanah", ["2025-09-23", "2026-09-12"]),
        ("yom-kippur", ["2026-09-21"]),
        ("hanukkah", ["2025-12-15", "2026-12-05"]),
        ("purim", ["2024-03-24", "2026-03-03"]),
        ("passover", ["2024-04-23", "2026-04-02"]),
        ("shavuot", ["2026-05-22"]),
        ("easter", ["2026-04-05"]),
        ("orthodox-easter", ["2026-04-12"]),
        ("mothers-day", ["2026-05-10"]),
        ("black-friday", ["2026-11-27"]),
        ("cyber-monday", ["2026-11-30"]),
        ("womens-day", ["2026-03-08"]),
        ("orthodox-christmas", ["2026-01-07"]),
    ],
)
def test_holidays_fall_where_they_do(name: str, days: list[str]) -> None:
    for day in days:
        assert FESTIVALS[name](int(day[:4])).isoformat() == day


@given(st.sampled_from(sorted(FESTIVALS)), st.integers(1900, 2099))
def test_every_holiday_is_once_a_year(name: str, year: int) -> None:
    assert FESTIVALS[name](year).year == year


def test_a_birthday_comes_each_year_and_that_of_29_february_as_is_told() -> None:
    born = date(1996, 2, 29)
    yearly = DateTrigger("birthday", 0, TEN, yearly=True)
    years = date(2026, 1, 1), date(2028, 12, 31)
    assert occasions(yearly, *years, born) == [date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29)]
    march = DateTrigger("birthday", 0, TEN, yearly=True, leap_day="mar-01")
    assert occasions(march, *years, born) == [date(2026, 3, 1), date(2027, 3, 1), date(2028, 2, 29)]


def test_days_before_a_date_may_lie_in_the_year_before() -> None:
    before = DateTrigger("birthday", -7, TEN, yearly=True)
    assert occasions(before, date(2026, 12, 1), date(2026, 12, 31), date(1990, 1, 3)) == [date(2026, 12, 27)]


def test_an_anniversary_is_not_the_day_itself() -> None:
    first_order = DateTrigger("orders.first_at", 0, TEN, yearly=True)
    assert occasions(first_order, date(2025, 1, 1), date(2026, 12, 31), date(2025, 5, 5)) == [date(2026, 5, 5)]


@given(DATES, st.integers(-400, 400), st.sampled_from(["feb-28", "mar-01"]), st.integers(2026, 2039))
def test_whose_dates_make_an_occasion_can_be_asked_the_other_way_round(
    own: date, offset: int, leap_day: str, year: int
) -> None:
    trigger = DateTrigger("birthday", offset, TEN, yearly=True, leap_day=leap_day)
    days = occasions(trigger, date(year, 1, 1), date(year, 12, 31), own)
    for day in days:
        assert (own.month, own.day) in own_days(trigger, day)
    for day in (days[0] + timedelta(days=each) for each in (-1, 1)) if days else ():
        assert (own.month, own.day) not in own_days(trigger, day)


def test_a_date_that_does_not_return_is_one_occasion() -> None:
    renews = DateTrigger("fields.renews", -3, TEN)
    year = date(2026, 1, 1), date(2026, 12, 31)
    assert occasions(renews, *year, date(2026, 5, 4)) == [date(2026, 5, 1)]
    assert occasions(renews, *year, None) == []


def test_calendar_days_are_of_one_year_or_of_all() -> None:
    years = date(2026, 1, 1), date(2027, 12, 31)
    assert occasions(CalendarTrigger(TEN, on=date(2026, 12, 24)), *years) == [date(2026, 12, 24)]
    assert occasions(CalendarTrigger(TEN, month_day=(12, 24)), *years) == [date(2026, 12, 24), date(2027, 12, 24)]
    week_before = CalendarTrigger(TEN, holiday="chinese-new-year", offset=-7)
    assert occasions(week_before, *years) == [date(2026, 2, 10), date(2027, 1, 30)]


def test_a_schedule_follows_its_rule() -> None:
    mondays = ScheduleTrigger("FREQ=WEEKLY;BYDAY=MO", TEN, None)
    assert occasions(mondays, date(2026, 3, 1), date(2026, 3, 20)) == [date(2026, 3, each) for each in (2, 9, 16)]
    second = ScheduleTrigger("FREQ=WEEKLY;INTERVAL=2", TEN, date(2026, 3, 4))
    assert occasions(second, date(2026, 1, 1), date(2026, 4, 5)) == [
        date(2026, 3, 4),
        date(2026, 3, 18),
        date(2026, 4, 1),
    ]
    last_friday = ScheduleTrigger("FREQ=MONTHLY;BYDAY=-1FR", TEN, None)
    assert occasions(last_friday, date(2026, 3, 1), date(2026, 4, 30)) == [date(2026, 3, 27), date(2026, 4, 24)]


@pytest.mark.parametrize(
    "rule",
    ["", "WEEKLY", "FREQ=HOURLY", "FREQ=WEEKLY;BYHOUR=3", "FREQ=DAILY;FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=XX", "BYDAY=MO"],
)
def test_what_is_no_rule_of_days_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="recurrence rule"):
        read_rule(rule)


def test_a_rule_that_counts_needs_its_first_day_and_one_that_names_no_day_is_known() -> None:
    assert is_anchored("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO") and is_anchored("FREQ=MONTHLY")
    assert not is_anchored("FREQ=MONTHLY;BYMONTHDAY=1")
    assert not is_ever("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", None)
    assert days_of("FREQ=DAILY;COUNT=2", date(2026, 1, 1), date(2026, 1, 2), date(2027, 1, 1)) == [date(2026, 1, 2)]


def test_an_occasion_is_at_its_hour_on_the_contacts_clock() -> None:
    trigger = CalendarTrigger(time(2, 30), on=date(2026, 3, 29))
    assert moment_of(trigger, date(2026, 3, 29), ZoneInfo("Europe/Berlin")) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert moment_of(trigger, date(2026, 3, 29), ZoneInfo("Asia/Tokyo")) == datetime(2026, 3, 28, 17, 30, tzinfo=UTC)
