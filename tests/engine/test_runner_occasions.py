"""Flows that begin by time: on whose day, at whose hour, and once."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flow_house import FlowHouse
from mail_shop import make_list

from deliverability.address import Address
from engine.audience.contacts import Change, change, ensure_contact
from engine.audience.fields import Field, Kind, declare
from engine.running import occasions
from engine.running.beginning import Hand
from engine.running.book import FlowBook
from engine.running.sweeping import Sweeper
from mta.ports import StoreBusy, Tx

HEAD = "name: f\nstream: marketing\nsteps:\n  - wait: 30d\ntrigger: "


@pytest.fixture
def make(tmp_path: Path, places: Callable[[], Path | str]) -> Iterator[Callable[[str], FlowHouse]]:
    houses: list[FlowHouse] = []

    def build(trigger: str) -> FlowHouse:
        houses.append(FlowHouse(tmp_path, f"{HEAD}{trigger}\n", place=places()))
        return houses[-1]

    yield build
    for house in houses:
        house.store.close()


Make = Callable[[str], FlowHouse]


def person(house: FlowHouse, name: str, **told: Any) -> int:
    def work(tx: Tx) -> int:
        contact_id = ensure_contact(tx, Address.parse(f"{name}@example.org"), now=house.clock.now())
        change(tx, contact_id, Change(**told), house.clock.now())
        return contact_id

    return house.store.write_now(work)


def sweeper(house: FlowHouse) -> Sweeper:
    return Sweeper(house.store, house.clock, ZoneInfo("UTC"))


async def sweep(house: FlowHouse, at: datetime | None = None) -> None:
    if at is not None:
        house.clock.advance(at - house.clock.now())
    made = sweeper(house)
    while await made.turn():
        pass


def runs(house: FlowHouse) -> list[tuple[str, str]]:
    rows = house.rows(
        "SELECT c.address, e.run_key FROM enrolment e JOIN contact c ON c.id = e.contact_id ORDER BY e.run_key, c.address"
    )
    return [(address.partition("@")[0], key) for address, key in rows]


async def test_a_schedule_lets_everybody_in_at_ten_of_their_own_clock(make: Make) -> None:
    house = make('{schedule: {rrule: "FREQ=WEEKLY;BYDAY=TU", at: "10:00"}}')  # the clock stands at noon of a Monday
    person(house, "ann")
    person(house, "jun", zone="Asia/Tokyo")
    await sweep(house)
    await sweep(house, datetime(2026, 3, 3, 0, 59, tzinfo=UTC))
    assert runs(house) == []
    await sweep(house, datetime(2026, 3, 3, 1, 0, tzinfo=UTC))
    assert runs(house) == [("jun", "2026-03-03")]
    await sweep(house, datetime(2026, 3, 3, 10, 1, tzinfo=UTC))
    assert runs(house) == [("ann", "2026-03-03"), ("jun", "2026-03-03")]
    await sweep(house, datetime(2026, 3, 10, 10, 1, tzinfo=UTC))
    assert len(runs(house)) == 4


async def test_a_birthday_comes_once_a_year_and_the_29th_of_february_on_the_28th(make: Make) -> None:
    house = make('{date: {field: birthday, offset: -1d, at: "09:00", yearly: true}}')
    person(house, "ann", birthday="1990-03-04")
    person(house, "bob", birthday="--03-04")
    person(house, "eve", birthday="1990-03-05")
    person(house, "leap", birthday="2000-02-29")
    await sweep(house, datetime(2026, 3, 3, 9, 0, tzinfo=UTC))
    assert runs(house) == [("ann", "2026-03-03"), ("bob", "2026-03-03")]
    await sweep(house, datetime(2026, 3, 4, 9, 0, tzinfo=UTC))
    assert runs(house)[2:] == [("eve", "2026-03-04")]
    await sweep(house, datetime(2027, 2, 27, 9, 0, tzinfo=UTC))
    assert runs(house)[3:] == [("leap", "2027-02-27")]


async def test_a_field_that_holds_a_date_lets_in_on_that_day(make: Make) -> None:
    house = make('{date: {field: fields.renewal, offset: -3d, at: "10:00"}}')
    house.store.write_now(lambda tx: declare(tx, Field("renewal", Kind.DATE), house.clock.now()))
    person(house, "ann", fields={"renewal": "2026-03-08"})
    person(house, "bob", fields={"renewal": "2026-03-09"})
    await sweep(house, datetime(2026, 3, 5, 10, 0, tzinfo=UTC))
    assert runs(house) == [("ann", "2026-03-05")]


async def test_a_day_of_the_calendar_is_for_the_list_that_is_named(make: Make) -> None:
    house = make('{calendar: {holiday: womens-day, at: "08:00"}, audience: {list: tea}}')
    house.store.write_now(make_list)
    ann, _ = person(house, "ann"), person(house, "bob")
    house.do(
        "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms) VALUES (?,1,'confirmed','',0)", ann
    )
    await sweep(house, datetime(2026, 3, 8, 8, 0, tzinfo=UTC))
    assert runs(house) == [("ann", "2026-03-08")]


async def test_who_was_not_heard_of_for_so_long_comes_in_once(make: Make) -> None:
    house = make("{inactivity: {event: order.placed, for: 30d}}")
    for name in ("ann@example.org", "bob@example.org"):
        house.tell("order.placed", name, number="A-1", total=1, currency="EUR", lines=[])
    await house.settle()
    await sweep(house, datetime(2026, 3, 20, 12, 0, tzinfo=UTC))
    house.tell("order.placed", "bob@example.org", number="A-2", total=1, currency="EUR", lines=[])
    await house.settle()
    for day in range(1, 4):
        await sweep(house, datetime(2026, 3, 31, 12, 0, tzinfo=UTC) + timedelta(days=day))
    assert [name for name, _ in runs(house)] == ["ann"]


async def test_what_passed_while_nobody_was_there_is_due_then_and_what_passed_long_ago_is_over(make: Make) -> None:
    house = make('{schedule: {rrule: "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR,SA,SU", at: "10:00"}}')
    person(house, "ann")
    await sweep(house)
    await sweep(house, datetime(2026, 3, 12, 12, 0, tzinfo=UTC))
    assert [key for _, key in runs(house)] == ["2026-03-10", "2026-03-11", "2026-03-12"]
    dues = [datetime.fromtimestamp(ms / 1000, UTC) for (ms,) in house.rows("SELECT due_ms FROM enrolment ORDER BY id")]
    assert dues == [datetime(2026, 3, day, 10, tzinfo=UTC) for day in (10, 11, 12)]


async def test_a_flow_in_the_archive_lets_nobody_in_also_not_afterwards(make: Make) -> None:
    house = make('{schedule: {rrule: "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR,SA,SU", at: "10:00"}}')
    person(house, "ann")
    await sweep(house)
    house.clock.advance(timedelta(hours=21))
    house.set_state("f", "archived")
    await sweep(house, datetime(2026, 3, 3, 10, 30, tzinfo=UTC))
    house.set_state("f", "active")
    await sweep(house, datetime(2026, 3, 3, 11, 30, tzinfo=UTC))
    assert runs(house) == []
    await sweep(house, datetime(2026, 3, 4, 10, 30, tzinfo=UTC))
    assert runs(house) == [("ann", "2026-03-04")]


async def test_a_crash_anywhere_and_two_sweepers_let_each_in_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occasions, "MOST", 3)
    monkeypatch.setattr(occasions, "SPAN", 4)
    house = make('{schedule: {rrule: "FREQ=WEEKLY;BYDAY=TU", at: "10:00"}}')
    names = [f"p{each:02}" for each in range(11)]
    for each in names:
        person(house, each)
    await sweep(house)
    house.clock.advance(datetime(2026, 3, 3, 10, 5, tzinfo=UTC) - house.clock.now())
    first, second = sweeper(house), sweeper(house)
    real = house.store.write
    for _ in range(3):

        async def write(work: Callable[[Tx], Any]) -> Any:
            def fail(tx: Tx) -> None:
                work(tx)
                raise StoreBusy("lost")

            return await real(fail)

        house.store.write = write  # type: ignore[method-assign, assignment]
        with pytest.raises(StoreBusy):
            await sweeper(house).turn()
        del house.store.write  # type: ignore[method-assign]
        await first.turn()
        await second.turn()
    await sweep(house)
    assert runs(house) == [(each, "2026-03-03") for each in names]
    assert house.rows("SELECT count(*) FROM flow_sweep") == [(0,)]


async def test_where_decides_and_by_hand_one_enters_any_flow(make: Make) -> None:
    house = make('{calendar: {on: 2026-03-08, at: "08:00"}, where: "\'vip\' in contact.tags"}')
    ann, bob = person(house, "ann", tags=frozenset({"vip"})), person(house, "bob")
    await sweep(house, datetime(2026, 3, 8, 8, 0, tzinfo=UTC))
    assert runs(house) == [("ann", "2026-03-08")]
    hand, now = Hand(FlowBook(), ZoneInfo("UTC")), house.clock.now()
    for contact_id in (ann, bob):
        house.store.write_now(lambda tx, who=contact_id: hand.start(tx, "f", who, {}, now, by="an operator"))  # type: ignore[misc]
    assert runs(house) == [("ann", ""), ("ann", "2026-03-08")]


PRICE = """\
name: f
stream: marketing
trigger: {event: product.viewed, key: event.sku}
steps:
  - wait: {for: {event: product.price_dropped, where: event.price < trigger.price}, timeout: 30d}
    id: cheaper
    then: [{tag: cheaper}]
"""


async def test_an_event_of_the_catalogue_reaches_whoever_s_run_holds_the_product(
    tmp_path: Path, places: Callable[[], Path | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.running.products.MOST", 2)
    house = FlowHouse(tmp_path, PRICE, place=places())
    for number in range(5):
        house.tell("product.viewed", f"p{number}@example.org", sku="T-1" if number % 2 else "T-2", price=40 + number)
    await house.settle()
    house.tell("product.price_dropped", None, sku="T-1", price=42)
    await house.settle()
    await sweep(house)
    await house.settle()
    assert house.rows("SELECT contact_id FROM tag") == [(4,)], "the second of those who looked at it saw a lower price"
    assert house.rows("SELECT count(*) FROM flow_sweep") == [(0,)]
    house.tell("product.price_dropped", None, sku="T-2", price=1)
    await house.settle()
    await sweep(house)
    await house.settle()
    assert len(house.rows("SELECT contact_id FROM tag")) == 4
    house.store.close()


async def test_new_rules_of_zones_have_every_wait_by_a_clock_read_again(
    tmp_path: Path, places: Callable[[], Path | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.running.clocks.AT_ONCE", 2)
    flow = 'name: f\nstream: marketing\ntrigger: {event: my.start}\nsteps:\n  - wait: {until: "10:00"}\n  - wait: 1h\n'
    house = FlowHouse(tmp_path, flow, place=places())

    async def sweep_by(rules: str) -> None:
        made = Sweeper(house.store, house.clock, ZoneInfo("UTC"), rules=rules)
        while await made.turn():
            pass

    await sweep_by("2026a")
    for number in range(3):
        house.tell("my.start", f"p{number}@example.org")
    await house.settle()
    was = house.rows("SELECT due_ms FROM enrolment ORDER BY id")
    house.do("UPDATE enrolment SET due_ms = due_ms + 3600000 WHERE id <> 2")  # as the rules of before had it
    await sweep_by("2026a")
    assert house.rows("SELECT due_ms FROM enrolment ORDER BY id") != was
    await sweep_by("2026b")
    assert house.rows("SELECT due_ms FROM enrolment ORDER BY id") == was
    assert house.rows("SELECT count(*) FROM flow_sweep") == [(0,)]
    house.store.close()
