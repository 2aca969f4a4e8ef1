"""Replies of late: what came of attempts in the last day, kept in memory while somebody looks.

Attempts are read in the order of their ids, a part at a time on the reader's thread: forward from where the last look
ended, and once backward, beside the answers, to a day ago or to BACK of them. So nothing is counted while nobody looks,
carrying mail writes nothing for it, and no look reads a long history; `since_ms` says how far back it is known.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any, Final

from deliverability.bounces.normal import normalise
from deliverability.reply import Reply, ReplyError
from mta.ports import Clock, Store, Tx, to_ms

PART: Final = 4_000  # attempts read in one snapshot
BACK: Final = 300_000  # attempts that are read back
AHEAD: Final = 200_000  # more than this since the last look, and it begins anew
CELL_MS: Final = 300_000
CELLS: Final = 36
HOUR_MS: Final = 3_600_000
KEPT: Final = timedelta(hours=24)
MOST: Final = 20_000  # kinds of replies that are told apart
MOST_CELLS: Final = 200_000
BLINK: Final = 0.25  # seconds that a look waits for the reading back
OTHER: Final = "other replies"
ACCEPTED, DEFERRED, BOUNCED = range(3)
_COLUMN: Final = {"delivered": ACCEPTED, "failed": BOUNCED}

_PART: Final = (
    "SELECT a.at_ms / 300000, d.domain, a.outcome, a.stage, a.rule,"
    " CASE WHEN a.outcome = 'delivered' THEN '' ELSE a.reply END, count(*), min(a.at_ms), max(a.at_ms),"
    " max(d.message_id), max(a.host) FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
    " WHERE a.id > ? AND a.id <= ? GROUP BY 1, 2, 3, 4, 5, 6"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """Replies that are one: of one hour and domain, with one text, stage and rule."""

    hour: int
    domain: str
    outcome: str
    text: str
    stage: str
    rule: str


@dataclass(slots=True)
class Cluster:
    count: int
    first_ms: int
    last_ms: int
    example: str
    message_id: int
    host: str

    def add(self, other: "Cluster") -> None:
        self.count += other.count
        self.first_ms = min(self.first_ms, other.first_ms)
        if other.last_ms >= self.last_ms:
            self.last_ms, self.example = other.last_ms, other.example
            self.message_id, self.host = other.message_id, other.host


@dataclass(slots=True)
class Known:
    """What was read. `cells`: (five minutes since 1970, domain) to accepted, deferred, bounced."""

    cells: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    clusters: dict[Kind, Cluster] = field(default_factory=dict)
    since_ms: int = 0

    def add(self, row: tuple[Any, ...]) -> None:
        cell, domain, outcome, stage, rule, reply, count, first_ms, last_ms, message_id, host = row
        if (cell, domain) in self.cells or len(self.cells) < MOST_CELLS:
            self.cells.setdefault((cell, domain), [0, 0, 0])[_COLUMN.get(outcome, DEFERRED)] += count
        if outcome in ("deferred", "failed"):
            kind = Kind(first_ms // HOUR_MS, domain, outcome, _alike(reply), stage, rule)
            if kind not in self.clusters and len(self.clusters) >= MOST:
                kind = Kind(first_ms // HOUR_MS, "", outcome, OTHER, "", "")
            each = Cluster(count, first_ms, last_ms, reply, message_id, host)
            if kind in self.clusters:
                self.clusters[kind].add(each)
            else:
                self.clusters[kind] = each

    def forget(self, now_ms: int) -> None:
        """What is older than anybody asks for."""
        first_cell = now_ms // CELL_MS - CELLS + 1
        first_hour = (now_ms - int(KEPT.total_seconds() * 1000)) // HOUR_MS
        self.cells = {key: each for key, each in self.cells.items() if key[0] >= first_cell}
        self.clusters = {kind: each for kind, each in self.clusters.items() if kind.hour >= first_hour}


class Lately:
    """`store`: as it is when asked."""

    def __init__(self, store: Callable[[], Store], clock: Callable[[], Clock]) -> None:
        self._store, self._clock = store, clock
        self._known = Known()
        self._newest: int | None = None  # up to here it is read
        self._reading: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def look(self) -> Known:
        """What is known now; a first look at a long history does not wait for all of it."""
        async with self._turn:
            last = await self._store().read(_last)
            if self._newest is None or last - self._newest > AHEAD or last < self._newest:
                await self.stop()
                self._known, self._newest = Known(since_ms=to_ms(self._clock().now())), last
                self._reading = asyncio.create_task(self._read_back(self._known, last))
            while self._newest < last:
                upto = min(self._newest + PART, last)
                for row in await self._store().read(partial(_part, after=self._newest, upto=upto)):
                    self._known.add(row)
                self._newest = upto
        if self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading}, timeout=BLINK)
        self._known.forget(to_ms(self._clock().now()))
        return self._known

    async def stop(self) -> None:
        """End the reading back."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read_back(self, known: Known, last: int) -> None:
        upto, floor = last, max(0, last - BACK)
        oldest_ms = to_ms(self._clock().now() - KEPT)
        while upto > floor:
            after = max(floor, upto - PART)
            rows = await self._store().read(partial(_part, after=after, upto=upto))
            for row in rows:
                if row[7] >= oldest_ms:
                    known.add(row)
            known.since_ms = min([known.since_ms, *(max(row[7], oldest_ms) for row in rows)])
            if any(row[7] < oldest_ms for row in rows):
                break
            upto = after
        if upto <= 0 or floor == 0 or known.since_ms <= oldest_ms:
            known.since_ms = oldest_ms


def _last(tx: Tx) -> int:
    row = tx.one("SELECT max(id) FROM attempt")
    return int(row[0] or 0) if row else 0


def _part(tx: Tx, *, after: int, upto: int) -> list[tuple[Any, ...]]:
    return list(tx.query(_PART, (after, upto)))


@lru_cache(maxsize=4_096)
def _alike(reply: str) -> str:
    """What a reply has in common with others of its kind: code, enhanced code and words."""
    try:
        parsed = Reply.parse(reply)
    except ReplyError:
        return normalise(reply)
    head = f"{parsed.code} {parsed.enhanced}" if parsed.enhanced else str(parsed.code)
    return f"{head} {normalise(parsed.text)}"
