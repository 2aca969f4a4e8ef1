"""Civil waits and what was meant by them: every zone, both edges of daylight saving, any window, any year."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.flow.civil import Span
from engine.flow.conditions import Condition
from engine.flow.days import WEEKDAYS, Days, country_of, is_holiday, is_weekend
from engine.flow.waits import Clock, OnDate, Window, intent_of, resolve_intent

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"})).map(ZoneInfo)
NOWS = st.integers(0, 21 * 365 * 86_400).map(lambda each: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=each))
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
DAYS = st.builds(Days, st.frozensets(st.integers(0, 6)))
BERLIN, NEW_YORK, JERUSALEM = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Jerusalem")


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def shows(found: datetime, clock: time, zone: ZoneInfo) -> bool:
    """Whether the asked wall clock is shown, or that time was skipped and this is the first moment after the gap."""
    local = found.astimezone(zone)
    if local.time() == clock:
        return True
    before = (found - timedelta(seconds=1)).astimezone(zone)
    return before.time() < clock < local.time() or before.date() < local.date()


@settings(max_examples=500, deadline=None)
@given(NOWS, ZONES, TIMES, DAYS)
def test_a_clock_time_is_later_than_now_shown_on_the_clock_and_on_a_day_that_will_do(
    now: datetime, zone: ZoneInfo, clock: time, days: Days
) -> None:
    found = Clock(clock, days).after(now, zone)
    assert now < found <= now + timedelta(days=9)
    assert shows(found, clock, zone)
    skipped = found.astimezone(zone).time() != clock  # a gap may reach over midnight
    assert not days.on or found.astimezone(zone).weekday() in days.on or skipped


@settings(max_examples=500, deadline=None)
@given(NOWS, ZONES, TIMES, TIMES, DAYS)
def test_a_window_is_open_when_its_wait_ends(
    now: datetime, zone: ZoneInfo, opens: time, closes: time, days: Days
) -> None:
    window = Window(opens, closes, days)
    found = window.after(now, zone)
    assert now <= found <= now + timedelta(days=9)
    if found > now:
        assert shows(found, opens, zone)
    else:
        local = now.astimezone(zone)
        day = local.date() if opens < closes or local.time() >= opens else local.date() - timedelta(days=1)
        assert not days.on or day.weekday() in days.on
        inside = opens <= local.time() < closes if opens < closes else not closes <= local.time() < opens
        assert inside


def test_a_window_across_midnight_is_not_turned_round() -> None:
    night = Window(time(22), time(6))
    assert night.after(at("2026-03-03T23:30"), BERLIN) == at("2026-03-03T23:30")
    assert night.after(at("2026-03-03T05:59"), BERLIN) == at("2026-03-03T05:59")
    assert night.after(at("2026-03-03T06:00"), BERLIN) == at("2026-03-03T22:00")
    assert night.after(at("2026-03-03T12:00"), BERLIN) == at("2026-03-03T22:00")


def test_a_night_is_of_the_day_on_which_it_begins() -> None:
    fridays = Window(time(22), time(6), Days(frozenset({4})))
    assert fridays.after(at("2026-03-07T03:00"), BERLIN) == at("2026-03-07T03:00")  # Saturday, of Friday's night
    assert fridays.after(at("2026-03-06T03:00"), BERLIN) == at("2026-03-06T22:00")  # Friday, of Thursday's


def test_both_edges_of_daylight_saving() -> None:
    half_past_two = Clock(time(2, 30))
    assert half_past_two.after(at("2026-03-28T12:00"), BERLIN) == datetime(
        2026, 3, 29, 1, tzinfo=UTC
    )  # 03:00, no 02:30
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 by summer time, and an hour later again
    assert half_past_two.after(at("2026-10-24T12:00"), BERLIN) == first
    assert half_past_two.after(first, BERLIN) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@settings(max_examples=300, deadline=None)
@given(NOWS, ZONES, ZONES, st.one_of(st.builds(Clock, TIMES, DAYS), st.builds(Window, TIMES, TIMES, DAYS)))
def test_an_intent_means_the_same_in_its_own_zone_and_the_same_clock_in_another(
    now: datetime, zone: ZoneInfo, other: ZoneInfo, wait: Clock | Window
) -> None:
    intent = intent_of(wait, now, zone)
    assert intent is not None and intent["zone"] == zone.key
    assert resolve_intent(intent, zone, now) == wait.after(now, zone)
    moved = resolve_intent(intent, other, now)
    assert moved == wait.after(now, other) >= now


@settings(max_examples=300, deadline=None)
@given(NOWS, ZONES, ZONES, st.integers(1, 400), st.integers(0, 100_000))
def test_civil_days_are_kept_as_the_local_time_they_end_at(
    now: datetime, zone: ZoneInfo, other: ZoneInfo, days: int, seconds: int
) -> None:
    span = Span(days, timedelta(seconds=seconds))
    intent = intent_of(span, now, zone)
    assert intent is not None
    assert resolve_intent(intent, zone, now) == span.after(now, zone)
    assert resolve_intent(intent, other, now) >= now


def test_exact_hours_need_no_intent() -> None:
    assert intent_of(Span.parse("24h"), at("2026-03-03T12:00"), BERLIN) is None


def test_who_moves_is_written_to_at_ten_where_they_are_now() -> None:
    intent = intent_of(Clock(time(10)), at("2026-03-03T12:00"), BERLIN)
    assert intent == {"at": "10:00", "on": [], "skip": [], "country": "", "zone": "Europe/Berlin"}
    later = at("2026-03-03T23:00")
    assert resolve_intent(intent, NEW_YORK, later) == at("2026-03-04T10:00", NEW_YORK)
    three_days = intent_of(Span.parse("3d"), at("2026-03-03T12:00"), BERLIN)
    assert three_days is not None
    assert resolve_intent(three_days, NEW_YORK, later) == at("2026-03-06T12:00", NEW_YORK)


# -- days


@pytest.mark.parametrize(
    ("zone", "country", "weekend"),
    [
        ("Asia/Jerusalem", "IL", {"fri", "sat"}), ("Asia/Riyadh", "SA", {"fri", "sat"}), ("Europe/Berlin", "DE", {"sat", "sun"}),
        ("Asia/Shanghai", "CN", {"sat", "sun"}), ("Asia/Tehran", "IR", {"fri"}), ("UTC", "", {"sat", "sun"}),
    ],
)  # fmt: skip
def test_the_weekend_is_the_countrys(zone: str, country: str, weekend: set[str]) -> None:
    assert country_of(ZoneInfo(zone)) == country
    week = [date(2026, 3, 2) + timedelta(days=each) for each in range(7)]
    assert {WEEKDAYS[day.weekday()] for day in week if is_weekend(day, country)} == weekend


def test_a_working_saturday_in_china_is_no_weekend() -> None:
    assert not is_weekend(date(2026, 2, 14), "CN") and is_weekend(date(2026, 3, 7), "CN")


def test_public_holidays_are_the_countrys() -> None:
    assert is_holiday(date(2026, 2, 17), "CN")  # Chinese New Year
    assert is_holiday(date(2026, 9, 21), "IL")  # Yom Kippur
    assert is_holiday(date(2026, 3, 8), "RU") and not is_holiday(date(2026, 3, 8), "GB")
    assert not is_holiday(date(2026, 12, 25), "") and not is_holiday(date(2026, 12, 25), "XX")


def test_a_wait_goes_past_weekends_and_holidays_of_the_contacts_country() -> None:
    working = Clock(time(10), Days(skip=frozenset({"weekends", "holidays"})))
    thursday = at("2026-03-05T12:00", JERUSALEM)
    assert working.after(thursday, JERUSALEM) == at("2026-03-08T10:00", JERUSALEM)  # Sunday
    assert working.after(thursday, BERLIN) == at("2026-03-06T10:00", BERLIN)  # Friday
    new_year = at("2026-12-31T12:00")
    assert working.after(new_year, BERLIN) == at("2027-01-04T10:00")


def test_where_no_day_will_do_the_next_one_has_to() -> None:
    never = Clock(time(10), Days(frozenset({4}), frozenset({"weekends"}), "IL"))
    assert never.after(at("2026-03-05T12:00"), BERLIN) == at("2026-03-06T10:00")


# -- dates


def test_a_date_is_its_day_by_the_contacts_clock() -> None:
    wait = OnDate(Condition.parse("event.expected"), -1, time(9))
    now = at("2026-03-01T12:00")

    def due(value: object) -> datetime | None:
        intent = wait.intent(value, now, BERLIN)  # type: ignore[arg-type]
        return None if intent is None else resolve_intent(intent, BERLIN, now)

    assert due("2026-03-10") == at("2026-03-09T09:00")
    assert due("2026-03-10T23:30:00+00:00") == at("2026-03-10T09:00")  # the 11th in Berlin
    assert due("2026-02-01") == now  # over
    for nothing in ("soon", 5, "9999-12-31", "0001-01-01T00:00:00+00:00", "2300-01-01"):
        assert due(nothing) is None
