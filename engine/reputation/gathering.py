"""Figures of each day, gathered out of what is durable anyway: attempts, what came back, and who left.

So carrying mail writes nothing for them, and they are exact whatever dies: rows are read in the order of their ids, a part
at a time on the reader's thread, and a part's counts commit together with how far was read. It stays some seconds behind,
since transactions beside each other may commit in another order than their rows are numbered.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from engine.reputation import sources
from engine.reputation.sources import Read, Tally
from mta.ports import Tx

SETTLED: Final = timedelta(seconds=5)
ROWS: Final = 500  # read in one snapshot
AT_ONCE: Final = 20  # parts in one round of the janitor's
CURSOR: Final = "reputation"  # in meta: the last id that was read, by table

_READERS: Final[Mapping[str, Callable[[Tx, int, int, Tally], Read]]] = {
    "attempt": sources.attempts, "inbound": sources.returned, "event": sources.farewells,
}  # fmt: skip


@dataclass(slots=True)
class _Bound:
    """Rows up to here were there at that moment."""

    last: int
    at: datetime


@dataclass(frozen=True, slots=True)
class _Part:
    """What was read of a table between two ids."""

    table: str
    after: int
    until: int
    tally: Tally


@dataclass(slots=True)
class Gatherer:
    """A chore of the janitor's."""

    _bounds: dict[str, _Bound] = field(default_factory=dict)
    _part: _Part | None = None
    _done: int = 0  # parts of this round
    _round: datetime | None = None
    _written: _Part | None = None  # committed, if how far was read says so
    counted: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    """What was gathered here since the start: by table, stream and word."""
    took_ms: Counter[int] = field(default_factory=Counter)
    """From taking a message on to its being accepted, added up by stream."""

    def is_due(self, tx: Tx, now: datetime) -> bool:
        """Whether a part could be read, which then waits to be written."""
        if now != self._round:
            self._round, self._done = now, 0
        self._part = None
        seen = cursors(tx)
        self._count_written(seen)
        if self._done < AT_ONCE:
            self._done += 1
            parts = (self._read(tx, table, seen.get(table, 0), now) for table in _READERS)
            self._part = next((each for each in parts if each is not None), None)
        return self._part is not None

    def do(self, tx: Tx, now: datetime) -> None:
        """Add the part, unless another front office of this database did."""
        part = self._part
        if part is None:
            return
        if lock := tx.for_update():
            tx.execute("INSERT INTO meta (key, value) VALUES (?, '{}') ON CONFLICT (key) DO NOTHING", (CURSOR,))
            tx.one("SELECT value FROM meta WHERE key = ?" + lock, (CURSOR,))
        seen = cursors(tx)
        if seen.get(part.table, 0) != part.after:
            return
        part.tally.add_to(tx)
        self._written = part
        tx.execute(
            "INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (CURSOR, json.dumps({**seen, part.table: part.until})),
        )

    def _count_written(self, seen: Mapping[str, int]) -> None:
        """Count the part that was committed since the last look."""
        part, self._written = self._written, None
        if part is None or seen.get(part.table, 0) < part.until:
            return
        for kind, words in part.tally.counts.items():
            for word, count in words.items():
                self.counted[part.table, kind.stream, word] += count
        self.took_ms.update(part.tally.took_ms)

    def _read(self, tx: Tx, table: str, seen: int, now: datetime) -> _Part | None:
        bound = self._bounds.get(table)
        if bound is None or seen >= bound.last:
            bound = self._bounds[table] = _Bound(_newest(tx, table), now)
        if seen >= bound.last or now - bound.at < SETTLED:
            return None
        tally = Tally()
        read = _READERS[table](tx, seen, min(seen + ROWS, bound.last), tally)
        return _Part(table, seen, read, tally)


def cursors(tx: Tx) -> dict[str, int]:
    """How far each table was read."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", (CURSOR,))
    return json.loads(row[0]) if row else {}


def has_old(tx: Tx, before: datetime) -> bool:
    """Whether `drop_old` would find any."""
    row = tx.one("SELECT min(day) FROM reputation_day")
    return row is not None and row[0] is not None and row[0] < sources.day_of(before)


def drop_old(tx: Tx, before: datetime) -> None:
    """Let go of the oldest day, and of alarms that were over by then."""
    tx.execute("DELETE FROM reputation_day WHERE day = (SELECT min(day) FROM reputation_day)")
    tx.execute("DELETE FROM reputation_alarm WHERE ended_ms < ?", (sources.day_of(before) * sources.DAY_MS,))


def _newest(tx: Tx, table: str) -> int:
    row = tx.one(f"SELECT max(id) FROM {table}")
    return int(row[0] or 0) if row else 0
