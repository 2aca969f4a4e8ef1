"""Sunset: a list's rhythm as it was sent, who ignores it by that, and the flow that asks them once."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flow_house import ANN, FlowHouse
from mail_shop import make_list

from engine.audience import lists
from engine.audience.engagement import Signal, note
from engine.audience.list_settings import ListSettings
from engine.sunset.ignored import is_measured, look
from engine.sunset.rhythm import LONGEST, SHORTEST, Rhythm, measure, rhythm_of
from engine.sunset.teller import Teller
from engine.tracking.settings import TrackingSettings
from mta.ports import Tx, to_ms

DAY = timedelta(days=1)
SUNSET = Path("templates/flows/sunset.yaml").read_text(encoding="utf-8")

Make = Callable[..., FlowHouse]


@pytest.fixture
async def make(tmp_path: Path, places: Callable[[], Path | str]) -> AsyncIterator[Make]:
    houses: list[FlowHouse] = []

    def build(sunset: str = "on") -> FlowHouse:
        house = FlowHouse(tmp_path, SUNSET, place=places())
        houses.append(house)

        def work(tx: Tx) -> None:
            make_list(tx, "news")
            if sunset != "off":
                lists.change(tx, "news", {"sunset": sunset})

        house.store.write_now(work)
        return house

    yield build
    for house in houses:
        house.store.close()


def reader(house: FlowHouse, contact_id: int, address: str, *mail_days: float, on_since: float = 400) -> None:
    """Somebody who has been on the list for so many days, and was sent its mail so many days ago."""
    now = house.clock.now()

    def work(tx: Tx) -> None:
        tx.execute(
            "INSERT INTO contact (id, key, address, name, locale, zone, fields, created_ms) VALUES (?,?,?,'','','','{}',0)",
            (contact_id, address, address),
        )
        tx.execute(
            "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms, confirmed_ms)"
            " VALUES (?, 1, 'confirmed', 'web', 0, ?)",
            (contact_id, to_ms(now - on_since * DAY)),
        )
        for number, days in enumerate(mail_days):
            message_id = contact_id * 1000 + number
            tx.execute(
                "INSERT INTO message (id, reverse_path, stream, origin, subject, header_from, message_id, size, recipients,"
                " received_ms, needs_utf8, has_8bit, credential, list_id) VALUES (?,'',1,'flow','','','',1,1,?,0,0,'',1)",
                (message_id, to_ms(now - days * DAY)),
            )
            tx.execute(
                "INSERT INTO sending (message_id, contact_id, flow, step, occurrence, template) VALUES (?,?,'','',1,'')",
                (message_id, contact_id),
            )

    house.store.write_now(work)


def weekly(weeks: int = 30) -> list[float]:
    return [7.0 * each + 1 for each in range(weeks)]


def ignoring(house: FlowHouse, threshold: timedelta = SHORTEST) -> list[str]:
    found = house.store.read_now(lambda tx: look(tx, 1, threshold, 0, 100, house.clock.now()))
    return [each.address for each in found.found]


def tell(house: FlowHouse) -> list[tuple[object, ...]]:
    """A day's chore; all that it ever told."""
    teller = Teller(TrackingSettings())
    while house.store.read_now(lambda tx: teller.is_due(tx, house.clock.now())):
        house.store.write_now(lambda tx: teller.do(tx, house.clock.now()))
    return house.rows("SELECT contact_id, key FROM event WHERE name = 'list.ignored' ORDER BY id")


# -- the rhythm


@pytest.mark.parametrize(
    ("every", "threshold"),
    [(1, 91), (7, 91), (14, 168), (30, 360), (61, 365)],
    ids=["daily", "weekly", "fortnightly", "monthly", "every other month"],
)
def test_who_writes_seldom_waits_longer_but_never_beyond_a_year(every: int, threshold: int) -> None:
    days = [number * every for number in range(6)]
    assert rhythm_of([days, days, [], [3]]) == Rhythm(timedelta(days=every), 2)
    assert rhythm_of([days]).threshold == timedelta(days=threshold)


def test_several_mails_of_a_day_are_one_and_the_median_reader_counts() -> None:
    assert rhythm_of([[0, 0, 7, 7, 14], [0, 7, 14], [0, 100]]).gap == timedelta(days=7)
    assert rhythm_of([]).threshold == LONGEST


async def test_the_rhythm_is_measured_from_what_was_sent_by_us_and_by_the_shop(make: Make) -> None:
    house = make()
    reader(house, 1, ANN, *weekly())
    assert house.store.read_now(lambda tx: measure(tx, 1, house.clock.now())).gap == timedelta(days=7)
    reader(house, 2, "bob@example.org")
    for days in (2, 12, 22):
        house.do(
            "INSERT INTO mailed (contact_id, at_ms, stream, kind, name, list_id) VALUES (2, ?, 1, 'shop', '', 1)",
            to_ms(house.clock.now() - days * DAY),
        )
    found = house.store.read_now(lambda tx: measure(tx, 1, house.clock.now()))
    assert found == Rhythm(timedelta(days=8.5), 2)


# -- who ignores it


async def test_only_who_was_written_to_and_gave_no_sign_of_life_ignores_a_list(make: Make) -> None:
    house = make()
    reader(house, 1, "silent@example.org", *weekly())
    reader(house, 2, "new@example.org", *weekly(8), on_since=60)
    reader(house, 3, "unwritten@example.org", 10, 20)
    reader(house, 4, "lively@example.org", *weekly())
    reader(house, 5, "machine@example.org", *weekly())
    house.store.write_now(lambda tx: note(tx, 4, Signal.OPENED, house.clock.now() - 90 * DAY))
    house.do(
        "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched)"
        " VALUES ('mail.fetched', 5, '', '{}', 'web', ?, 1)",
        to_ms(house.clock.now() - DAY),
    )
    assert ignoring(house) == ["silent@example.org", "machine@example.org"]
    house.clock.advance(2 * DAY)
    assert "lively@example.org" in ignoring(house)


async def test_people_are_looked_at_in_parts(make: Make) -> None:
    house = make()
    for number in range(1, 6):
        reader(house, number, f"p{number}@example.org", *weekly())
    now, found, after = house.clock.now(), [], 0
    while True:
        part = house.store.read_now(lambda tx, at=after: look(tx, 1, SHORTEST, at, 2, now))  # type: ignore[misc]
        found += [each.contact_id for each in part.found]
        if part.after is None:
            break
        after = part.after
    assert found == [1, 2, 3, 4, 5]


async def test_where_nothing_is_counted_nobody_ignores_anything(make: Make) -> None:
    house = make()
    reader(house, 1, ANN, *weekly())
    found = house.store.read_now(lambda tx: lists.get(tx, "news"))
    assert found is not None and is_measured(TrackingSettings(), found)
    assert not is_measured(TrackingSettings(clicks=False, opens=False), found)
    house.store.write_now(lambda tx: lists.change(tx, "news", {"clicks": "off", "opens": "off"}))
    assert tell(house) == []


# -- telling


async def test_a_silence_is_told_of_once_and_a_new_one_again(make: Make) -> None:
    house = make()
    reader(house, 1, ANN, *weekly())
    assert tell(house) == [(1, "news")] == tell(house)
    house.clock.advance(DAY)
    assert tell(house) == [(1, "news")]
    house.store.write_now(lambda tx: note(tx, 1, Signal.CLICKED, house.clock.now() - 95 * DAY))
    house.clock.advance(DAY)
    assert tell(house) == [(1, "news")] * 2


async def test_a_list_that_does_not_ask_for_it_is_left_alone(make: Make) -> None:
    house = make(sunset="off")
    reader(house, 1, ANN, *weekly())
    assert tell(house) == []


async def test_a_silence_that_somebody_set_stands_before_the_rhythm(make: Make) -> None:
    house = make(sunset="300 days")
    reader(house, 1, ANN, *weekly(), on_since=200)
    assert tell(house) == []
    assert ListSettings(sunset="300 days").silence == 300 * DAY
    for wrong in ("soon", "3 days"):
        with pytest.raises(ValueError, match=r"duration|730 days"):
            ListSettings(sunset=wrong)


# -- the flow


async def test_who_does_not_answer_is_asked_once_and_taken_off_the_list(make: Make) -> None:
    house = make()
    reader(house, 1, ANN, *weekly())
    tell(house)
    await house.settle()
    assert house.mails == [(ANN, "still-there")]
    await house.later(days=13)
    assert house.rows("SELECT state FROM subscription") == [("confirmed",)]
    await house.later(days=1)
    assert house.rows("SELECT state FROM subscription") == [("unsubscribed",)]
    for _ in range(3):
        house.clock.advance(30 * DAY)
        tell(house)
        await house.settle()
    assert len(house.mails) == 1


@pytest.mark.parametrize("sign", ["clicked", "preferences"])
async def test_any_sign_of_life_keeps_them(make: Make, sign: str) -> None:
    house = make()
    reader(house, 1, ANN, *weekly())
    tell(house)
    await house.settle()
    await house.later(days=5)
    if sign == "clicked":
        house.store.write_now(lambda tx: note(tx, 1, Signal.CLICKED, house.clock.now()))
    else:
        house.do(
            "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched)"
            " VALUES ('preferences.changed', 1, '', '{}', 'engine', ?, 0)",
            to_ms(house.clock.now()),
        )
    await house.later(days=10)
    assert house.rows("SELECT state FROM subscription") == [("confirmed",)]
