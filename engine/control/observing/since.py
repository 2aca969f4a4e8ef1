"""What happened since the daemon started, counted by the numbers that rows get: one look at the end of an index each,
however long the history is.

On PostgreSQL a transaction that was undone leaves a gap, so a figure may be a little high there.
"""

from collections import Counter
from typing import Final

from engine.audience.figures import HOUR_MS
from mta.ports import Tx

TABLES: Final = ("message", "event", "doubt", "inbound")


class SinceStart:
    """Counts from its first look on. A figure never falls: what was counted and deleted was there."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        self._highest: dict[str, int] = {}
        self._hour_ms = 0  # hours of lists before this one are in `_over`
        self._over: Counter[str] = Counter()

    def look(self, tx: Tx, now_ms: int) -> dict[str, int]:
        """So many rows by table, and by "list ..." what happened to people on lists."""
        for table in TABLES:
            row = tx.one(f"SELECT max(id) FROM {table}")
            last = int(row[0] or 0) if row else 0
            self._first.setdefault(table, last)
            self._highest[table] = max(self._highest.get(table, 0), last)
        counts = {table: self._highest[table] - self._first[table] for table in TABLES}
        return counts | {f"list {what}": count for what, count in self._of_lists(tx, now_ms).items()}

    def _of_lists(self, tx: Tx, now_ms: int) -> Counter[str]:
        hour_ms = now_ms - now_ms % HOUR_MS
        is_first = not self._hour_ms
        self._hour_ms = self._hour_ms or hour_ms
        since = self._hour_ms
        rows = tx.query(
            "SELECT hour_ms, what, sum(people) FROM list_hour WHERE hour_ms >= ? GROUP BY hour_ms, what", (since,)
        )
        found = Counter(self._over)
        for each_ms, what, people in rows:
            found[what] += int(people)
            if each_ms < hour_ms - HOUR_MS:  # nobody writes there any more
                self._over[what] += int(people)
        self._hour_ms = max(since, hour_ms - HOUR_MS)
        if is_first:
            self._over.subtract(found)
            return Counter(dict.fromkeys(found, 0))
        return found
