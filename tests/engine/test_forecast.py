"""The forecast: paces, days of a warm-up, throttles, hours and overlaps, reckoned by hand beside it."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from engine.campaigns.forecast import Budget, Course, Gate, Parcel, forecast
from engine.campaigns.opening import Openings
from engine.flow.waits import Window
from engine.sending.quiet import Quiet

TEN = datetime(2026, 3, 3, 10, 0, tzinfo=UTC).timestamp()  # a Tuesday
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
UTC_ZONE = ZoneInfo("UTC")
ALWAYS = Openings(Quiet(), UTC_ZONE)


def reckon(*parcels: Parcel, clocks: Openings = ALWAYS, days: float = 30, **gates: Gate) -> dict[str, Course]:
    return forecast(parcels, gates, clocks, TEN, TEN + days * DAY)


def one(*parcels: Parcel, clocks: Openings = ALWAYS, days: float = 30, **gates: Gate) -> Course:
    return reckon(*parcels, clocks=clocks, days=days, **gates)["news"]


def parcel(people: float, *gates: str, site: str = "a", zone: str = "", at: float = TEN, send: str = "news") -> Parcel:
    return Parcel(send, site, zone, at, people, gates)


def minutes(course: Course) -> float:
    assert course.ends is not None
    return (course.ends - TEN) / MINUTE


def test_a_pace_says_how_long_it_takes() -> None:
    course = one(parcel(600, "a"), a=Gate(rate=1.0))
    assert minutes(course) == pytest.approx(10)
    assert course.spans == [(TEN, pytest.approx(TEN + 600))]


def test_what_nothing_limits_takes_moments() -> None:
    assert minutes(one(parcel(1_000))) < 0.1


def test_the_slowest_site_says_when_it_ends_and_each_ends_by_itself() -> None:
    course = one(parcel(600, "a"), parcel(600, "b", site="b"), a=Gate(rate=1.0), b=Gate(rate=10.0))
    assert minutes(course) == pytest.approx(10)
    assert course.sites["b"] == pytest.approx(TEN + 60, abs=2)


def test_a_throttle_holds_over_all_sites() -> None:
    course = one(parcel(300, "all"), parcel(300, "all", site="b"), all=Gate(rate=1.0))
    assert minutes(course) == pytest.approx(10)


def test_a_site_that_rests_begins_when_its_rest_is_over() -> None:
    assert minutes(one(parcel(60, "a"), a=Gate(rate=1.0, opens=TEN + HOUR))) == pytest.approx(61)


def test_a_warm_up_takes_days_each_with_more_than_the_one_before() -> None:
    course = one(parcel(350, "a"), a=Gate(budgets=(Budget((50, 100, 200, 400), DAY, used=0),)))
    assert course.ends is not None
    assert TEN + 2 * DAY < course.ends < TEN + 2 * DAY + HOUR
    assert len(course.spans) == 3


def test_what_was_used_of_a_day_is_gone() -> None:
    course = one(parcel(60, "a"), a=Gate(budgets=(Budget((100,), DAY, used=60),)))
    assert course.ends is not None
    assert course.ends > TEN + DAY


def test_a_limit_on_the_hour_is_a_burst_each_hour() -> None:
    course = one(parcel(250, "a"), a=Gate(budgets=(Budget((100,), HOUR),)))
    assert course.ends is not None
    assert TEN + 2 * HOUR < course.ends < TEN + 2 * HOUR + MINUTE


def test_quiet_hours_stop_it_and_the_morning_goes_on() -> None:
    night = Openings(Quiet(time(21, 0), time(8, 0)), UTC_ZONE)
    course = one(parcel(12 * 3_600, "a"), a=Gate(rate=1.0), clocks=night)  # eleven hours today, the rest from eight on
    assert course.ends == pytest.approx(TEN + 22 * HOUR + HOUR, abs=MINUTE)
    assert [round((end - begin) / HOUR) for begin, end in course.spans] == [11, 1]


def test_hours_of_a_campaign_go_by_the_clock_that_is_said() -> None:
    hours = {"news": (Window(time(9, 0), time(11, 0)), ZoneInfo("Europe/Berlin"))}  # 8:00 to 10:00 UTC in March
    course = one(parcel(10, "a"), a=Gate(rate=1.0), clocks=Openings(Quiet(), UTC_ZONE, hours))
    assert course.begins == TEN
    assert course.spans[0][0] == TEN + 22 * HOUR


def test_each_zone_is_quiet_by_its_own_clock() -> None:
    night = Openings(Quiet(time(21, 0), time(8, 0)), UTC_ZONE)
    tokyo, york = parcel(3_600, "a", zone="Asia/Tokyo"), parcel(3_600, "b", site="b", zone="America/New_York")
    course = one(tokyo, york, a=Gate(rate=0.25), b=Gate(rate=0.25), clocks=night)
    assert course.sites["a"] == pytest.approx(
        TEN + (2 + 11 + 2) * HOUR, abs=MINUTE
    )  # 19:00 there, two hours until nine
    assert course.sites["b"] == pytest.approx(TEN + (3 + 4) * HOUR, abs=MINUTE)  # 5:00 there: begins at eight


def test_two_sends_share_a_site_and_both_take_longer() -> None:
    alone = one(parcel(600, "a"), a=Gate(rate=1.0))
    both = reckon(parcel(600, "a"), parcel(600, "a", send="other", at=TEN + 5 * MINUTE), a=Gate(rate=1.0))
    assert minutes(alone) == pytest.approx(10)
    assert both["other"].ends == pytest.approx(TEN + 20 * MINUTE, abs=5)
    assert minutes(both["news"]) > 12


def test_what_does_not_end_in_time_has_no_end() -> None:
    course = one(parcel(100_000, "a"), a=Gate(rate=0.1), days=1)
    assert course.ends is None
    assert course.left == pytest.approx(100_000 - 8_640, abs=1)


def test_a_million_readers_in_forty_zones_are_reckoned_in_few_steps() -> None:
    zones = [f"Etc/GMT{hours:+}" for hours in range(-12, 13)]
    parcels = [
        parcel(5_000, f"s{site}", site=f"s{site}", zone=zone, at=TEN + at * HOUR)
        for site in range(8)
        for at, zone in enumerate(zones)
    ]
    gates = {f"s{site}": Gate(rate=site + 1.0) for site in range(8)}
    night = Openings(Quiet(time(21, 0), time(8, 0)), UTC_ZONE)
    course = one(*parcels, clocks=night, **gates)
    assert course.ends is not None
    assert course.ends > TEN + 125_000
