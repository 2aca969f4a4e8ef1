"""How many people have their birthday on which day, by an index of days of the year: nobody else is looked at.

Who was born on 29 February has it on the 28th in common years, as flows take it.
"""

import asyncio
import calendar
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from mta.ports import Store, Tx

KEPT: Final = timedelta(hours=1)  # a day is counted again after so long


class Birthdays:
    """Counts a day in a snapshot of its own, of a million people some milliseconds, and remembers it for a while."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, datetime]] = {}  # by the day of the year; when it was counted
        self._alone = asyncio.Lock()

    async def on(self, store: Store, days: Iterable[date], now: datetime) -> Mapping[date, int]:
        """The days on which there are any, with how many."""
        asked = {each: _of_the_year(each) for each in days}
        async with self._alone:
            for name in sorted({name for names in asked.values() for name in names}):
                known = self._known.get(name)
                if known is None or not timedelta() <= now - known[1] < KEPT:
                    self._known[name] = await store.read(lambda tx, name=name: counted(tx, name)), now  # type: ignore[misc]
        found = {day: sum(self._known[name][0] for name in names) for day, names in asked.items()}
        return {day: count for day, count in found.items() if count}


def counted(tx: Tx, day: str) -> int:
    """How many were born on a day of the year, 03-31. The words are the index's own."""
    row = tx.one(
        "SELECT count(*) FROM contact WHERE birthday <> '' AND substr(birthday, length(birthday) - 4) = ?", (day,)
    )
    return int(row[0]) if row else 0


def _of_the_year(day: date) -> tuple[str, ...]:
    is_last = (day.month, day.day) == (2, 28) and not calendar.isleap(day.year)
    return (f"{day:%m-%d}", "02-29") if is_last else (f"{day:%m-%d}",)
