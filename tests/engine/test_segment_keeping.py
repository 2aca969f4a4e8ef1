"""Memberships stay true: after events, as time passes, for everybody at once, and beside each other."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from clock import NOON
from flow_house import ANN, FlowHouse
from hypothesis import HealthCheck, given, settings
from segment_words import KINDS, expressions, seed

from deliverability.address import Address
from engine.audience import dossier, preferences
from engine.audience.consent import Answer
from engine.audience.contacts import Change, change, ensure_contact, find_contact
from engine.audience.fields import Field, Kind, declare
from engine.audience.membership import ask_for_a_look
from engine.segments.book import SegmentBook, SegmentNameError, remove_segment, store_segment
from engine.segments.checking import SegmentError
from engine.segments.facts import load
from engine.segments.keeper import SegmentKeeper
from engine.segments.keeping import standing
from mta.ports import Tx

WELCOME = """\
name: welcome-vip
title: Welcome among the best
about: A tag to whoever comes into the segment.
stream: marketing
trigger: {event: segment.entered, where: event.segment == 'vip' and 'vip' in contact.segments}
reentry: always
steps:
  - tag: greeted
"""
BEN = "ben@example.org"
ANSWER = Answer("", source="web", salt=bytes(32))
Make = Callable[[], "SegmentHouse"]


class SegmentHouse(FlowHouse):
    """A house of flows with the keeper of the front office in it."""

    def __init__(self, folder: Path, place: Path | str) -> None:
        super().__init__(folder, WELCOME, place=place)
        self.keeper = SegmentKeeper(self.store, self.clock, ZoneInfo("UTC"))

    async def settle(self) -> None:
        for _ in range(200):
            moved = [await runner.turn() for runner in self.runners]
            if not any([*moved, await self.keeper.turn()]):
                return
        raise AssertionError("the keeper finds no rest")

    async def set(self, expression: str, name: str = "vip") -> None:
        self.store.write_now(lambda tx: store_segment(tx, name, expression, title="", now=self.clock.now()))
        await self.settle()

    def person(self, address: str, **told: object) -> int:
        def work(tx: Tx) -> int:
            contact_id = ensure_contact(tx, Address.parse(address), now=self.clock.now())
            change(tx, contact_id, Change(**told), self.clock.now())  # type: ignore[arg-type]
            return contact_id

        return self.store.write_now(work)

    def members(self, name: str = "vip") -> list[str]:
        """Their addresses; the figure that is kept must say as many."""
        rows = self.rows(
            "SELECT c.address FROM segment_member m JOIN contact c ON c.id = m.contact_id"
            " JOIN segment s ON s.id = m.segment_id WHERE s.name = ? ORDER BY c.address", name
        )  # fmt: skip
        assert self.rows("SELECT members FROM segment WHERE name = ?", name) == [(len(rows),)]
        return [address for (address,) in rows]

    @property
    def history(self) -> list[tuple[int, str]]:
        return self.rows("SELECT entered, cause FROM segment_change ORDER BY id")

    @property
    def told(self) -> list[str]:
        return [name for (name,) in self.rows("SELECT name FROM event WHERE name LIKE 'segment.%' ORDER BY id")]


@pytest.fixture
async def house(tmp_path: Path, places: Callable[[], Path | str]) -> AsyncIterator[SegmentHouse]:
    house = SegmentHouse(tmp_path, places())
    house.store.write_now(lambda tx: declare(tx, Field("size", Kind.NUMBER), NOON))
    yield house
    house.store.close()


async def test_a_new_segment_finds_who_belongs_and_tells_nobody(house: SegmentHouse) -> None:
    house.person(ANN, fields={"size": 40})
    house.person(BEN, fields={"size": 30})
    await house.set("contact.fields.size > 38")
    assert house.members() == [ANN]
    assert house.told == house.history == []


async def test_an_event_moves_its_contact_at_once_and_a_flow_hears_of_it(house: SegmentHouse) -> None:
    await house.set("contact.orders.count >= 2")
    for number in ("A-1", "A-2", "A-3"):
        house.tell("order.placed", number=number, total=10, currency="EUR", lines=[])
        await house.settle()
    assert house.members() == [ANN]
    assert house.told == ["segment.entered"]
    assert house.history == [(1, "order.placed")]
    assert house.rows("SELECT c.address, t.tag FROM tag t JOIN contact c ON c.id = t.contact_id") == [(ANN, "greeted")]


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("contact.fields.size > 38", {"fields": {"size": 39}}),
        ("'gold' in contact.tags", {"tags": frozenset({"gold"})}),
        ("contact.name == 'Ann'", {"name": "Ann"}),
        ("contact.birth_month == 3", {"birthday": "--03-31"}),
    ],
)
async def test_what_an_operator_changes_is_seen(house: SegmentHouse, expression: str, told: dict[str, object]) -> None:
    house.person(ANN)
    await house.set(expression)
    house.person(ANN, **told)
    await house.settle()
    assert house.members() == [ANN]
    assert house.history == [(1, "contact.updated")]


async def test_what_people_say_of_themselves_is_seen(house: SegmentHouse) -> None:
    ann = house.person(ANN)

    def answered(tx: Tx) -> None:
        preferences.choose(
            tx, ann, preferences.Wishes(frozenset(), "", "he", None), answer=ANSWER, now=house.clock.now()
        )

    await house.set("contact.locale == 'he'")
    house.store.write_now(answered)
    await house.settle()
    assert house.members() == [ANN]


async def test_who_leaves_a_window_leaves_the_segment_at_that_moment(house: SegmentHouse) -> None:
    await house.set("orders('30d')")
    await house.set("not orders('30d')", "lost")
    house.tell("order.placed", number="A-1", total=10)
    await house.settle()
    assert (house.members(), house.members("lost")) == ([ANN], [])
    await house.later(days=29, hours=23, minutes=59)
    assert (house.members(), house.members("lost")) == ([ANN], [])
    await house.later(minutes=1)
    assert (house.members(), house.members("lost")) == ([], [ANN])
    assert house.history[-2:] == [(0, "time"), (1, "time")] or house.history[-2:] == [(1, "time"), (0, "time")]


async def test_an_older_event_that_leaves_a_window_is_not_the_last_one(house: SegmentHouse) -> None:
    await house.set("count(orders('10d')) >= 2")
    for days in (0, 3, 3):
        house.clock.advance(timedelta(days=days))
        house.tell("order.placed", number=f"A-{house.clock.now():%d}", total=10)
    await house.settle()
    assert house.members() == [ANN]
    await house.later(days=4)  # the first is ten days old
    assert house.members() == [ANN]
    await house.later(days=3)
    assert house.members() == []


async def test_a_day_that_begins_is_seen_everywhere_on_earth_within_a_quarter_of_an_hour(house: SegmentHouse) -> None:
    house.person(ANN, zone="Asia/Kathmandu")  # 5:45 before UTC
    house.person(BEN)
    await house.set("today >= '2026-03-03'")
    await house.later(hours=6, minutes=14)
    assert house.members() == []
    await house.later(minutes=1)
    assert house.members() == [ANN]
    await house.later(hours=5, minutes=45)
    assert house.members() == [ANN, BEN]


async def test_another_expression_is_history_but_nobodys_doing(house: SegmentHouse) -> None:
    house.person(ANN, fields={"size": 40})
    house.person(BEN, fields={"size": 30})
    await house.set("contact.fields.size > 38")
    await house.set("contact.fields.size < 38")
    assert house.members() == [BEN]
    assert sorted(house.history) == [(0, "defined"), (1, "defined")]
    assert house.told == []


async def test_many_that_were_changed_without_events_are_found_by_a_look(house: SegmentHouse) -> None:
    house.person(ANN)
    await house.set("contact.orders.count > 0")
    house.do("UPDATE contact SET orders = 1")
    await house.later(seconds=1)
    assert house.members() == []
    house.store.write_now(lambda tx: ask_for_a_look(tx, house.clock.now()))
    await house.later(seconds=1)
    assert house.members() == [ANN]
    assert (house.told, house.history) == (["segment.entered"], [(1, "look")])


async def test_fifths_of_buyers_are_found_from_what_all_of_them_bought(house: SegmentHouse) -> None:
    for number in range(10):
        house.tell("order.placed", f"c{number}@example.org", number=f"A-{number}", total=10 * (number + 1))
    house.person("none@example.org")
    await house.settle()
    await house.set("contact.rfm.monetary == 5")
    assert house.members() == ["c8@example.org", "c9@example.org"]
    for number in range(8):
        house.tell("order.placed", f"c{number}@example.org", number=f"B-{number}", total=1000)
    await house.later(days=1, hours=1)
    assert house.members() == ["c6@example.org", "c7@example.org"]


async def test_whoever_is_erased_or_merged_is_in_no_segment(house: SegmentHouse) -> None:
    house.person(ANN, tags=frozenset({"gold"}))
    house.person(BEN)
    await house.set("'gold' in contact.tags")

    def merge(tx: Tx) -> None:
        ann, ben = (find_contact(tx, Address.parse(each)) for each in (ANN, BEN))
        assert ann and ben
        dossier.merge(tx, ann, ben, by="me", now=house.clock.now())

    house.store.write_now(merge)
    await house.settle()
    assert house.members() == [BEN]

    def erase(tx: Tx) -> None:
        ben = find_contact(tx, Address.parse(BEN))
        assert ben
        dossier.erase(tx, ben, BEN, salt=b"0" * 32, now=house.clock.now())

    house.store.write_now(erase)
    await house.settle()
    assert house.members() == []
    assert house.rows("SELECT * FROM segment_change") == []


async def test_a_removed_segment_leaves_nothing_behind(house: SegmentHouse) -> None:
    house.tell("order.placed", number="A-1", total=10)
    await house.settle()
    await house.set("orders('30d')")
    assert house.store.write_now(lambda tx: remove_segment(tx, "vip"))
    assert not house.store.write_now(lambda tx: remove_segment(tx, "vip"))
    await house.settle()
    for table in ("segment", "segment_member", "segment_due", "segment_change"):
        assert house.rows(f"SELECT * FROM {table}") == []


async def test_a_segment_that_can_t_be_asked_holds_up_no_other(house: SegmentHouse) -> None:
    await house.set("contact.fields.size > 38", "aaa")
    deep = "default(contact.id, " * 24 + "contact.id" + ")" * 24 + " > 1"
    house.do("UPDATE segment SET expression = ?, looked_ms = NULL WHERE name = 'aaa'", deep)  # SQLite's parser gives up
    house.person(ANN)
    await house.set("true")
    assert house.members() == [ANN]


async def test_what_the_database_would_not_answer_is_refused(house: SegmentHouse) -> None:
    deep = "default(contact.id, " * 24 + "contact.id" + ")" * 24 + " > 1"
    if house.store.read_now(lambda tx: tx.dialect) == "sqlite":
        with pytest.raises(SegmentError, match="nested too deeply"):
            await house.set(deep)
    else:
        await house.set(deep)


async def test_a_segment_that_makes_no_sense_changes_nothing(house: SegmentHouse) -> None:
    await house.set("contact.fields.size > 38")
    for wrong in ("contact.fields.sise > 38", "DROP TABLE contact", "{{ 7 * 7 }}"):
        with pytest.raises(SegmentError):
            await house.set(wrong)
    with pytest.raises(SegmentNameError):
        await house.set("true", "No Name")
    assert house.rows("SELECT expression FROM segment") == [("contact.fields.size > 38",)]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=expressions)
async def test_a_look_by_sql_and_one_by_one_agree_on_members_and_their_times(house: SegmentHouse, text: str) -> None:
    if not house.rows("SELECT 1 FROM contact LIMIT 1"):
        house.store.write_now(lambda tx: seed(tx, 40))
    await house.set(text)
    book = SegmentBook(ZoneInfo("UTC"))

    def one_by_one(tx: Tx) -> list[tuple[int, int | None]]:
        segment, world = book.segment(tx, "vip"), book.world(tx, house.clock.now())
        assert segment.checked
        assert world.fields.keys() >= KINDS.keys()
        scopes = {
            number: load(tx, number, [segment.checked.reads], world) for (number,) in tx.query("SELECT id FROM contact")
        }
        found = {number: standing(segment, scope, house.clock.now()) for number, scope in scopes.items() if scope}
        return sorted((number, each.due_ms) for number, each in found.items() if each.is_in or each.due_ms)

    by_sql = house.rows(
        "SELECT c.id, d.due_ms FROM contact c LEFT JOIN segment_member m ON m.contact_id = c.id"
        " LEFT JOIN segment_due d ON d.contact_id = c.id WHERE m.contact_id IS NOT NULL OR d.due_ms IS NOT NULL ORDER BY c.id"
    )
    assert by_sql == house.store.read_now(one_by_one), text
