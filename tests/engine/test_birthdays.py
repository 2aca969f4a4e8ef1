"""Birthdays by day: with and without a year, of who was born on a leap day, and counted again only after a while."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, cast

from clock import NOON
from house_books import Books, open_books
from mail_shop import Place

from engine.audience.birthdays import KEPT, Birthdays
from mta.ports import Store, Tx

BORN = ("1990-03-31", "--03-31", "2001-02-28", "1996-02-29", "", "1990-12-01")


class Reader:
    """A store that counts how often it is read."""

    def __init__(self, books: Books) -> None:
        self.books, self.reads = books, 0

    async def read(self, work: Callable[[Tx], Any]) -> Any:
        self.reads += 1
        return self.books.write(work)


def born(books: Books, number: int, birthday: str) -> None:
    row = (number, f"p{number}@x.example", f"p{number}@x.example", birthday)
    books.write(
        lambda tx: tx.execute(
            "INSERT INTO contact (id, key, address, birthday, name, locale, zone, fields, created_ms)"
            " VALUES (?,?,?,?,'','','','{}',0)",
            row,
        )
    )


async def test_people_are_counted_on_their_day_and_a_leap_day_is_kept_on_the_last_of_february(place: Place) -> None:
    books = open_books(place)
    for number, birthday in enumerate(BORN, 1):
        born(books, number, birthday)
    reader, birthdays = Reader(books), Birthdays()
    store = cast(Store, reader)
    asked = [date(2027, 3, 31), date(2027, 2, 28), date(2028, 2, 28), date(2028, 2, 29), date(2027, 7, 1)]
    found = await birthdays.on(store, asked, NOON)
    assert found == {asked[0]: 2, asked[1]: 2, asked[2]: 1, asked[3]: 1}
    read = reader.reads
    born(books, 99, "--07-01")
    assert await birthdays.on(store, asked, NOON + KEPT / 2) == found and reader.reads == read
    assert await birthdays.on(store, asked, NOON + KEPT + timedelta(seconds=1)) == {**found, asked[4]: 1}
    books.close()
