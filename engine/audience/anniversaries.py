"""How many people became known, or had their first or last order, on which day of an earlier year.

All contacts are gone over for it, some at a time, and what was counted holds for a while. Days are those of one zone, as it
stands to UTC now: who came around midnight may be counted beside their own day. 29 February is kept on the 28th in common
years, as flows take it.
"""

import asyncio
import calendar
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from mta.ports import Store, Tx

KEPT: Final = timedelta(hours=6)
SPAN: Final = 50_000  # contact ids in one look
COLUMNS: Final[Mapping[str, str]] = {
    "created": "created_ms", "orders.first_at": "first_order_ms", "orders.last_at": "last_order_ms",
}  # fmt: skip
"""By the name that a flow has for it."""
_DAY_MS: Final = 86_400_000
_DAY: Final = timedelta(days=1)
_FIRST: Final = date(1970, 1, 1)

Days = Counter[date]


class Anniversaries:
    """Counts, and remembers it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, timedelta], tuple[Days, datetime]] = {}  # when it was counted
        self._alone = asyncio.Lock()

    async def on(
        self, store: Store, name: str, days: Iterable[date], zone: ZoneInfo, now: datetime
    ) -> Mapping[date, int]:
        """The days on which there are any, with how many."""
        shift = now.astimezone(zone).utcoffset() or timedelta()
        async with self._alone:
            known = self._known.get((name, shift))
            if known is None or not timedelta() <= now - known[1] < KEPT:
                known = self._known[name, shift] = await _counted(store, COLUMNS[name], shift), now
        return {day: count for day in days if (count := _anniversaries(known[0], day))}


async def _counted(store: Store, column: str, shift: timedelta) -> Days:
    found, past = Days(), 0
    last = await store.read(lambda tx: tx.one("SELECT COALESCE(MAX(id), 0) FROM contact"))
    while last and past < last[0]:
        rows = await store.read(lambda tx, past=past: _some(tx, column, shift, past))  # type: ignore[misc]
        found.update({_FIRST + int(day) * _DAY: count for day, count in rows})
        past += SPAN
    return found


def _some(tx: Tx, column: str, shift: timedelta, past: int) -> list[tuple[int, int]]:
    """Days since 1970, each with how many of these contacts."""
    rows = tx.query(
        f"SELECT ({column} + ?) / {_DAY_MS} AS day, count(*) FROM contact WHERE id > ? AND id <= ? AND {column} IS NOT NULL"
        " GROUP BY 1",
        (shift // timedelta(milliseconds=1), past, past + SPAN),
    )
    return [(row[0], row[1]) for row in rows]


def _anniversaries(found: Days, day: date) -> int:
    is_last = (day.month, day.day) == (2, 28) and not calendar.isleap(day.year)
    wanted = {(day.month, day.day), *([(2, 29)] if is_last else [])}
    return sum(count for each, count in found.items() if each.year < day.year and (each.month, each.day) in wanted)
