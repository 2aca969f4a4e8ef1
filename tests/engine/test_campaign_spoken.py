"""Times as operators say them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.campaigns.spoken import Spoken, read_time

NOW = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)  # a Sunday
BERLIN = ZoneInfo("Europe/Berlin")  # 19:30


@pytest.mark.parametrize(
    ("text", "civil", "zone"),
    [
        ("tue 10:00 reader", "2026-11-24T10:00", "contact"),
        ("Tuesday 10:00 readers", "2026-11-24T10:00", "contact"),
        ("on tue at 10:00", "2026-11-24T10:00", ""),
        ("sun 20:00", "2026-11-22T20:00", ""),
        ("sun 19:00", "2026-11-29T19:00", ""),
        ("tomorrow 9:00", "2026-11-23T09:00", ""),
        ("today 23:15 here", "2026-11-22T23:15", "here"),
        ("8:00", "2026-11-23T08:00", ""),
        ("21:00", "2026-11-22T21:00", ""),
        ("1 dec 10:00 America/New_York", "2026-12-01T10:00", "America/New_York"),
        ("dec 1, 10:00", "2026-12-01T10:00", ""),
        ("3 march 10:00", "2027-03-03T10:00", ""),
        ("3. march 2028 10:00", "2028-03-03T10:00", ""),
        ("2026-12-01T10:00", "2026-12-01T10:00", ""),
        ("2026-12-01 10:00 contact", "2026-12-01T10:00", "contact"),
        ("in 2h", "2026-11-22T21:30", ""),
        ("in 3d 30min", "2026-11-25T20:00", ""),
        ("29 feb 10:00", "2028-02-29T10:00", ""),
        ("in 1h Asia/Tokyo", "2026-11-23T04:30", "Asia/Tokyo"),
    ],
)
def test_what_people_say_is_a_civil_time_and_whose_clock_it_is(text: str, civil: str, zone: str) -> None:
    assert read_time(text, NOW, BERLIN) == Spoken(datetime.fromisoformat(civil), zone)


def test_now_is_no_time_of_the_clock() -> None:
    assert read_time("now", NOW, BERLIN) == Spoken(None)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "tue", "tue 25:00", "tue wed 10:00", "10:00 11:00", "30 feb 10:00", "2026-02-30T10:00", "2026-12-01", "in",
     "in soon", "5 10:00", "reader", "\x1b[31m", "tue 10:00 Middle/Earth", "9" * 400],
)  # fmt: skip
def test_what_is_no_time_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|calendar|says no hour"):
        read_time(text, NOW, BERLIN)


@pytest.mark.parametrize(
    ("now", "text", "civil"),
    [
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), "in 2h", "2026-03-29T04:30"),  # 1:30 there; 2:00 is 3:00
        (datetime(2026, 10, 24, 22, 30, tzinfo=UTC), "in 4h", "2026-10-25T03:30"),  # 0:30 there; 3:00 is 2:00
        (datetime(2026, 3, 28, 18, 30, tzinfo=UTC), "in 1d", "2026-03-29T19:30"),
    ],
)
def test_hours_ahead_are_hours_though_the_clock_is_set_between(now: datetime, text: str, civil: str) -> None:
    assert read_time(text, now, BERLIN) == Spoken(datetime.fromisoformat(civil))
