"""Anniversaries by day: only of earlier years, of a leap day, in the zone's days, and counted again only after a while."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from clock import NOON
from house_books import Books, open_books
from mail_shop import Place

from engine.audience import anniversaries
from engine.audience.anniversaries import KEPT, Anniversaries
from mta.ports import Store, Tx, to_ms

CAME = (
    datetime(2025, 3, 31, 12, tzinfo=UTC), datetime(2024, 3, 31, 12, tzinfo=UTC), datetime(2024, 2, 29, 12, tzinfo=UTC),
    datetime(2025, 3, 30, 23, 30, tzinfo=UTC), datetime(2027, 3, 31, 12, tzinfo=UTC),
)  # fmt: skip


class Reader:
    """A store that counts how often it is read."""

    def __init__(self, books: Books) -> None:
        self.books, self.reads = books, 0

    async def read(self, work: Callable[[Tx], Any]) -> Any:
        self.reads += 1
        return self.books.write(work)


def came(books: Books, number: int, at: datetime, first_order_ms: int | None = None) -> None:
    row = (number, f"p{number}@x.example", f"p{number}@x.example", to_ms(at), first_order_ms)
    books.write(
        lambda tx: tx.execute(
            "INSERT INTO contact (id, key, address, birthday, name, locale, zone, fields, created_ms, first_order_ms)"
            " VALUES (?,?,?,'','','','','{}',?,?)",
            row,
        )
    )


async def test_people_are_counted_on_the_day_that_they_came_in_an_earlier_year(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anniversaries, "SPAN", 2)
    books = open_books(place)
    for number, at in enumerate(CAME, 1):
        came(books, number, at, to_ms(at) if number == 1 else None)
    reader, counts, zone = Reader(books), Anniversaries(), ZoneInfo("Asia/Tokyo")
    store = cast(Store, reader)
    asked = [date(2027, 3, 31), date(2027, 2, 28), date(2028, 2, 28), date(2025, 3, 31), date(2027, 7, 1)]
    found = await counts.on(store, "created", asked, zone, NOON)
    assert found == {asked[0]: 3, asked[1]: 1, asked[3]: 1}
    assert await counts.on(store, "orders.first_at", asked, zone, NOON) == {asked[0]: 1}
    assert await counts.on(store, "created", [date(2027, 3, 30)], ZoneInfo("UTC"), NOON) == {date(2027, 3, 30): 1}
    read = reader.reads
    came(books, 99, datetime(2020, 7, 1, tzinfo=UTC))
    assert await counts.on(store, "created", asked, zone, NOON + KEPT / 2) == found and reader.reads == read
    assert await counts.on(store, "created", asked, zone, NOON + KEPT + timedelta(seconds=1)) == {**found, asked[4]: 1}
    books.close()
