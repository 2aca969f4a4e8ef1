"""Segments of a large audience: how soon one is found, counted, and how long an event takes to ask a hundred of them.

The contacts have declared fields, tags, two lists and orders. One segment asks three things of everybody; a hundred ask of
orders, tags, fields and windows, so that an order makes each of them look at whoever placed it.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from bench.report import percentile
from deliverability.address import Address
from engine.audience import lists
from engine.audience.fields import Field, Kind, declare
from engine.flow.events import make_event
from engine.intake.recording import record
from engine.segments import asking
from engine.segments.book import SegmentBook, store_segment
from engine.segments.keeper import SegmentKeeper
from engine.segments.keeping import after_event
from engine.store.database import Database
from engine.store.groups import GroupStore
from engine.system import SystemClock
from mta.ports import Tx, to_ms

CHUNK: Final = 5_000  # contacts in one transaction of the seeding
SEGMENTS: Final = 100
EVENTS: Final = 60  # orders that ask all of them
LOOKS: Final = 20  # at the kept figures
THREE: Final = "contact.lists.news == 'confirmed' and contact.fields.size >= 38 and contact.orders.count >= 2"
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Audience:
    """What segments of so many contacts cost."""

    contacts: int
    found_seconds: float  # until a new segment's members are all there
    kept_ms: float  # the slowest look at all kept figures
    exact_seconds: float  # three conditions asked of everybody; the median of three times
    event_ms: float  # an event that asks a hundred segments, p95


def measure(folder: Path, contacts: int = 1_000_000) -> Audience:
    """Make the people, set the segments, ask."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    store = Database(folder / "audience.db", clock).open()
    try:
        store.migrate()
        _seed(store, contacts, to_ms(clock.now()))
        found = asyncio.run(_find(store, clock))
        book = SegmentBook(ZoneInfo("UTC"))
        exact = median(_exact(store, book, clock) for _ in range(3))
        store.write_now(lambda tx: _add_segments(tx, clock))
        _kept(store, book)  # each process reads the expressions once in its life
        kept = max(_kept(store, book) for _ in range(LOOKS))
        event = percentile([_event(store, book, clock, number) for number in range(1, EVENTS + 1)], 95)
    finally:
        store.close()
    return Audience(contacts, found, kept, exact, event)


def _seed(store: GroupStore, contacts: int, now_ms: int) -> None:
    now = SystemClock().now()

    def begin(tx: Tx) -> list[int]:
        for name, kind in (("size", Kind.NUMBER), ("city", Kind.TEXT), ("seen", Kind.DATE), ("vip", Kind.FLAG)):
            declare(tx, Field(name, kind), now)
        return [lists.create(tx, name, title=name, now=now).id for name in ("news", "offers")]

    ids = store.write_now(begin)
    for start in range(1, contacts + 1, CHUNK):
        rows = list(_people(Random(start), range(start, min(start + CHUNK, contacts + 1)), now_ms))
        store.write_now(lambda tx, rows=rows: _write(tx, rows, ids, now_ms))  # type: ignore[misc]


def _people(random: Random, numbers: range, now_ms: int) -> Iterator[tuple[int, str, int, int]]:
    """Number, fields, orders, hours since the last one."""
    for number in numbers:
        fields = {"city": "Leipzig", "seen": "2026-01-31", "size": random.randrange(20, 50), "vip": number % 3 == 0}
        yield number, json.dumps(fields), random.choice((0, 0, 1, 2, 3)), random.randrange(8000)


def _write(tx: Tx, rows: list[tuple[int, str, int, int]], ids: list[int], now_ms: int) -> None:
    tx.executemany(
        "INSERT INTO contact (id, key, address, name, locale, zone, fields, created_ms, orders, spent, first_order_ms,"
        " last_order_ms) VALUES (?,?,?,?,'en','',?,?,?,?,?,?)",
        [
            (number, f"c{number}@d{number % 5000}.example", f"c{number}@d{number % 5000}.example", f"Person {number}", fields,
             now_ms - 9000 * _HOUR_MS, orders, orders * 2500, last, last)
            for number, fields, orders, hours in rows
            for last in (now_ms - hours * _HOUR_MS if orders else None,)
        ],
    )  # fmt: skip
    tx.executemany(
        "INSERT INTO tag (contact_id, tag, at_ms) VALUES (?,?,?)",
        [(number, "gold" if number % 10 else "silver", now_ms) for number, *_ in rows if number % 2],
    )
    tx.executemany(
        "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms) VALUES (?,?,?,'',?)",
        [
            (row[0], each, "confirmed" if (row[0] + each) % 4 else "unsubscribed", now_ms)
            for row in rows
            for each in ids
        ],
    )
    tx.executemany(
        "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES ('order.placed',?,'',?,'http',?,1)",
        [
            (number, json.dumps({"number": f"{number}-{which}", "total": 25.0}), now_ms - (hours + which) * _HOUR_MS)
            for number, _, orders, hours in rows
            for which in range(orders)
        ],
    )


async def _find(store: GroupStore, clock: SystemClock) -> float:
    began = time.monotonic()
    await store.write(lambda tx: store_segment(tx, "three", THREE, title="", now=clock.now()))
    keeper = SegmentKeeper(store, clock, ZoneInfo("UTC"))
    while await keeper.turn():
        pass
    return time.monotonic() - began


def _exact(store: GroupStore, book: SegmentBook, clock: SystemClock) -> float:
    segment, world = store.read_now(lambda tx: (book.segment(tx, "three"), book.world(tx, clock.now())))
    assert segment.checked is not None
    began = time.monotonic()
    count = asking.recount(store, segment.checked, world)
    took = time.monotonic() - began
    assert count == segment.members, (count, segment.members)
    return took


def _add_segments(tx: Tx, clock: SystemClock) -> None:
    for number in range(1, SEGMENTS):
        asked = (
            f"contact.orders.count >= {number % 7} and 'gold' in contact.tags and contact.fields.size > {number % 40}",
            f"count(orders('{number}d')) >= 2 and contact.lists.news == 'confirmed'",
            f"sum(orders('365d'), 'total') > {number} or not orders('{number}d')",
        )[number % 3]
        store_segment(tx, f"s{number}", asked, title="", now=clock.now())
    tx.execute("UPDATE segment SET looked_ms = wanted_ms, built_ms = wanted_ms")


def _kept(store: GroupStore, book: SegmentBook) -> float:
    """What `posthouse segment list` asks."""
    began = time.monotonic()
    found = store.read_now(book.segments)
    assert len(found) == SEGMENTS
    return (time.monotonic() - began) * 1000


def _event(store: GroupStore, book: SegmentBook, clock: SystemClock, number: int) -> float:
    address = Address.parse(f"c{number * 7}@d{number * 7 % 5000}.example")
    now = clock.now()
    data = {"number": f"new-{number}", "total": 30}
    event = make_event("order.placed", data, at=now, source="http", address=address)
    store.write_now(lambda tx: record(tx, event, now=now))

    def work(tx: Tx) -> float:
        began = time.monotonic()
        asked = after_event(tx, "order.placed", number * 7, data, book, now)
        assert asked == SEGMENTS, asked
        return (time.monotonic() - began) * 1000

    return store.write_now(work)
