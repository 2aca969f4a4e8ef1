"""Today's figures, counted forward: each time only what came since the last time.

A busy day has a million ends, and while somebody looks on they are asked for every second. What is older than SETTLES_MS
changes no more, so it is counted once and remembered. With each full hour all is counted anew: what was erased since, or
written late by a machine that stood still, is right again then.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.audience import figures
from engine.store.ages import first_since
from mta.ports import Tx, to_ms
from mta.queue.delivery import State

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
SETTLES_MS: Final = 15_000  # so long after a moment all that ended at it is there
MANY: Final = 20_000  # people that are counted within the blink of an eye
REST_MS: Final = 30_000  # how old the count of more may be
_END: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Today:
    """What happened since midnight UTC, in the last hour by the minute and in the last day by the hour; and how many people
    there are by now."""

    now_ms: int
    accepted: int
    ended: dict[int, int]  # by state
    hours: dict[int, tuple[int, ...]]  # by state, those that ended in each of the last 24 hours
    deferred: int
    deferred_hours: tuple[int, ...]
    events: int
    doubts: int
    delivered_minutes: tuple[int, ...]
    contacts: int
    subscriptions: dict[str, int]  # by state
    suppressed: int


class DayCount:
    """One for a front office, asked by one at a time."""

    def __init__(self) -> None:
        self._hour = -1
        self._until_ms = 0
        self._people = _People(-REST_MS, 0, 0)

    def count(self, tx: Tx, now: datetime) -> Today:
        """Today, as it is now."""
        now_ms = to_ms(now)
        midnight, hour = now_ms - now_ms % DAY_MS, now_ms // HOUR_MS
        if hour != self._hour or now_ms < self._until_ms:
            self._begin(hour, midnight)
        self._until_ms = now_ms
        settled_ms = now_ms - SETTLES_MS
        found = self._ends.count(tx, settled_ms)
        deferred = _row(self._deferred.count(tx, settled_ms), hour, 24)
        hours = {state: _row(counts, hour, 24) for state, counts in found.hours.items()}
        since_midnight = hour - midnight // HOUR_MS + 1
        if not self._people.stand(now_ms):
            self._people = _People(now_ms, _count(tx, "contact"), _count(tx, "suppression"))
        return Today(
            now_ms=now_ms,
            accepted=self._accepted.count(tx, settled_ms)[0],
            ended={state: sum(counts[-since_midnight:]) for state, counts in hours.items()},
            hours=hours,
            deferred=sum(deferred[-since_midnight:]),
            deferred_hours=deferred,
            events=self._events.count(tx, settled_ms)[0],
            doubts=_count(tx, "doubt WHERE at_ms >= ?", midnight),
            delivered_minutes=_row(found.delivered, now_ms // MINUTE_MS, 60),
            contacts=self._people.contacts,
            subscriptions=figures.of_all(tx),
            suppressed=self._people.suppressed,
        )

    def _begin(self, hour: int, midnight: int) -> None:
        since_ms = (hour - 23) * HOUR_MS
        self._hour = hour
        self._ends = _Ends(since_ms)
        self._accepted = _Log("message", "received_ms", "0", "", midnight)
        self._events = _Log("event", "at_ms", "0", "", midnight)
        self._deferred = _Log("attempt", "at_ms", f"at_ms / {HOUR_MS}", " AND outcome = 'deferred'", since_ms)


@dataclass(frozen=True, slots=True)
class _People:
    at_ms: int
    contacts: int
    suppressed: int

    def stand(self, now_ms: int) -> bool:
        """Whether the count need not be taken anew: it is some work, and not old."""
        return self.contacts + self.suppressed > MANY and 0 <= now_ms - self.at_ms < REST_MS


class _Log:
    """A table whose rows are written in the order of time, counted from a moment on, by `slot`."""

    def __init__(self, table: str, column: str, slot: str, wanted: str, since_ms: int) -> None:
        self._table, self._column, self._since_ms = table, column, since_ms
        self._sql = f"SELECT {slot}, count(*) FROM {table} WHERE id >= ? AND id < ?{wanted} GROUP BY 1"
        self._next: int | None = None  # the first row that is not in `_kept`
        self._kept: Counter[int] = Counter()

    def count(self, tx: Tx, settled_ms: int) -> Counter[int]:
        begin = self._next or first_since(tx, self._table, self._column, self._since_ms)
        edge = first_since(tx, self._table, self._column, settled_ms, begin)
        settled = self._kept + self._between(tx, begin, edge)
        fresh = self._between(tx, edge, _END)
        self._next, self._kept = edge, settled
        return settled + fresh

    def _between(self, tx: Tx, begin: int, end: int) -> Counter[int]:
        return Counter({int(slot): int(count) for slot, count in tx.query(self._sql, (begin, end))})


class _Ends:
    """How deliveries ended, from a moment on."""

    def __init__(self, since_ms: int) -> None:
        self._next_ms = since_ms  # what ended earlier is in `_kept`
        self._kept = _Ended({}, Counter())

    def count(self, tx: Tx, settled_ms: int) -> "_Ended":
        edge = max(self._next_ms, settled_ms)
        settled = self._kept.and_between(tx, self._next_ms, edge)
        found = settled.and_between(tx, edge, _END)
        self._next_ms, self._kept = edge, settled
        return found


@dataclass(frozen=True, slots=True)
class _Ended:
    hours: Mapping[int, Counter[int]]  # by state
    delivered: Counter[int]  # by minute

    def and_between(self, tx: Tx, begin_ms: int, end_ms: int) -> "_Ended":
        """With those, too, that ended from one moment up to another."""
        rows = tx.query(
            "SELECT state, ended_ms / ?, count(*) FROM delivery WHERE ended_ms >= ? AND ended_ms < ? GROUP BY 1, 2",
            (MINUTE_MS, begin_ms, end_ms),
        )
        if not rows:
            return self
        hours, delivered = {state: counts.copy() for state, counts in self.hours.items()}, self.delivered.copy()
        for state, minute, count in rows:
            hours.setdefault(int(state), Counter())[minute * MINUTE_MS // HOUR_MS] += count
            if state == State.DELIVERED:
                delivered[minute] += count
        return _Ended(hours, delivered)


def _row(counts: Mapping[int, int], last: int, length: int) -> tuple[int, ...]:
    """The counts of so many slots, up to the last."""
    return tuple(counts.get(slot, 0) for slot in range(last - length + 1, last + 1))


def _count(tx: Tx, table: str, *params: int) -> int:
    row = tx.one(f"SELECT count(*) FROM {table}", params)
    return row[0] if row else 0
