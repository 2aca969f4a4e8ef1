"""The keeper: looks at contacts whose time has come, and at everybody where a segment is new or was changed.

It runs in the front office. A look reads a part of the contacts at a time, and writes only those who stand elsewhere,
in transactions of at most SETTLED contacts; between any two of them everybody else writes. A look that a crash ends is
begun anew. What carriers see after events (`engine.segments.keeping.after_event`) is true meanwhile, too.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine import houselog
from engine.audience import membership
from engine.bell import Bell
from engine.segments import rfm
from engine.segments.book import Segment, SegmentBook
from engine.segments.keeping import SETTLED, Found, differing, is_current, settle_many
from engine.segments.sql import Sql
from engine.segments.vocabulary import CLOCK, RFM
from mta.ports import Clock, Store, StoreTrouble, Tx, to_ms

PART: Final = 1_000  # contact ids in one reading
POLL_SECONDS: Final = 2.0
CLOCK_EVERY: Final = timedelta(minutes=15)  # everywhere on earth a day begins at a quarter of an hour


@dataclass(slots=True)
class _Look:
    """A whole look that is under way: at a segment's text, since when, and how far."""

    segment: Segment
    began: datetime
    end: int  # the largest contact's id when it began
    seen: int = 0
    moved: int = 0


@dataclass(slots=True)
class _Sample:
    """Buyers that were drawn so far, to find the fifths."""

    step: int
    end: int
    seen: int = 0
    buyers: list[tuple[int, int, int]] = field(default_factory=list)


class SegmentKeeper:
    def __init__(self, store: Store, clock: Clock, zone: ZoneInfo, wake: Callable[[], None] = lambda: None) -> None:
        """`zone`: the installation's, for contacts without their own. `wake`: somebody moved, and flows may wait for it."""
        self._store, self._clock, self._wake = store, clock, wake
        self.use(zone)
        self._look: _Look | None = None
        self._sample: _Sample | None = None
        self._given_up: dict[int, str] = {}  # by segment: the expression that can't be asked
        self._bell = Bell()

    def use(self, zone: ZoneInfo) -> None:
        """The configuration was read again."""
        self.book = SegmentBook(zone)

    def ring(self) -> None:
        """Work now: a segment is new, or the clock was moved."""
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        await self._bell.work(self.turn, POLL_SECONDS, _wait)

    async def turn(self) -> bool:
        """One small piece of whatever is to do; False when nothing is."""
        now = self._clock.now()
        return await self._settle_due(now) or await self._clear() or await self._draw(now) or await self._look_on(now)

    # -- time alone

    async def _settle_due(self, now: datetime) -> bool:
        due, segments = await self._store.read(lambda tx: (_due(tx, now), _by_id(self.book, tx)))
        for segment_id, ids in due.items():
            segment = segments.get(segment_id)
            if segment is None or segment.checked is None or self._is_given_up(segment):
                await self._store.write(lambda tx, which=segment_id: _no_due(tx, which, now))  # type: ignore[misc]
            else:
                await self._settle(segment, ids, "time")
        return bool(due)

    async def _settle(self, segment: Segment, ids: list[int], cause: str) -> int:
        now = self._clock.now()
        try:
            moved = await self._store.write(lambda tx: settle_many(tx, segment, ids, self.book, now, cause))
        except StoreTrouble:
            raise
        except Exception:
            self._give_up(segment)
            return 0
        if moved:
            self._wake()
        return moved

    def _give_up(self, segment: Segment) -> None:
        """A segment that can't be asked must hold up no other: it waits until its expression is changed, or a restart."""
        houselog.segment_failed(segment.name)
        self._given_up[segment.id] = segment.expression
        self._look = None

    def _is_given_up(self, segment: Segment) -> bool:
        return self._given_up.get(segment.id) == segment.expression

    # -- everybody

    async def _look_on(self, now: datetime) -> bool:
        if self._look is None:
            self._look = await self._store.read(lambda tx: self._begin(tx, now))
        look = self._look
        if look is None:
            return False
        if look.seen >= look.end:
            self._look = None
            await self._store.write(lambda tx: _end_look(tx, look))
            took_ms = int((self._clock.now() - look.began).total_seconds() * 1000)
            houselog.segment_looked_at(look.segment.name, moved=look.moved, took_ms=took_ms)
            return True
        which = Sql("c.id > ? AND c.id <= ?", (look.seen, look.seen + PART))
        try:
            found = await self._store.read(lambda tx: self._differing(tx, look, now, which))
        except StoreTrouble:
            raise
        except Exception:
            self._give_up(look.segment)
            return True
        if found is None:  # it is another segment by now, or none
            self._look = None
            return True
        for start in range(0, len(found), SETTLED):
            ids = [each.contact_id for each in found[start : start + SETTLED]]
            look.moved += await self._settle(look.segment, ids, "look")
        look.seen += PART
        return True

    def _differing(self, tx: Tx, look: _Look, now: datetime, which: Sql) -> list[Found] | None:
        if not is_current(tx, look.segment):
            return None
        return differing(tx, look.segment, self.book.world(tx, now), which)

    def _begin(self, tx: Tx, now: datetime) -> _Look | None:
        for each in self.book.segments(tx):
            if each.checked is not None and not self._is_given_up(each) and _is_wanted(each, now):
                row = tx.one("SELECT COALESCE(MAX(id), 0) FROM contact")
                return _Look(each, now, row[0] if row else 0)
        return None

    # -- fifths

    async def _draw(self, now: datetime) -> bool:
        if self._sample is None:
            self._sample = await self._store.read(lambda tx: self._begin_sample(tx, now))
        sample = self._sample
        if sample is None:
            return False
        if sample.seen < sample.end:
            after, up_to = sample.seen, sample.seen + PART * 10
            sample.buyers += await self._store.read(lambda tx: rfm.buyers(tx, after, up_to, sample.step))
            sample.seen = up_to
            return True
        self._sample = None
        await self._store.write(lambda tx: self._keep_fifths(tx, sample, now))
        return True

    def _begin_sample(self, tx: Tx, now: datetime) -> _Sample | None:
        if not any(each.checked and RFM in each.checked.reads.topics for each in self.book.segments(tx)):
            return None
        at = rfm.known(tx)[1]
        if at is not None and now - at < rfm.EVERY:
            return None
        row = tx.one("SELECT COALESCE(MAX(id), 0) FROM contact")
        end = row[0] if row else 0
        return _Sample(max(1, end // rfm.SAMPLE), end)

    def _keep_fifths(self, tx: Tx, sample: _Sample, now: datetime) -> None:
        rfm.keep(tx, sample.buyers, now)
        readers = [each for each in self.book.segments(tx) if each.checked and RFM in each.checked.reads.topics]
        membership.ask_for_a_look(tx, now, [each.name for each in readers])

    # -- what was removed

    async def _clear(self) -> bool:
        removed = await self._store.read(lambda tx: tx.one("SELECT id FROM segment WHERE removed = 1 LIMIT 1"))
        if removed is None:
            return False

        def work(tx: Tx) -> None:
            if not membership.clear(tx, removed[0], SETTLED):
                tx.execute("DELETE FROM segment WHERE id = ?", (removed[0],))

        await self._store.write(work)
        return True


def _by_id(book: SegmentBook, tx: Tx) -> dict[int, Segment]:
    return {each.id: each for each in book.segments(tx)}


def _due(tx: Tx, now: datetime) -> dict[int, list[int]]:
    """Whose time has come, by segment; at most SETTLED of them."""
    rows = tx.query(
        "SELECT segment_id, contact_id FROM segment_due WHERE due_ms <= ? ORDER BY due_ms LIMIT ?",
        (to_ms(now), SETTLED),
    )
    found: dict[int, list[int]] = {}
    for segment_id, contact_id in rows:
        found.setdefault(segment_id, []).append(contact_id)
    return found


def _no_due(tx: Tx, segment_id: int, now: datetime) -> None:
    """Of a segment that nobody can ask: what is due is not."""
    tx.execute("DELETE FROM segment_due WHERE segment_id = ? AND due_ms <= ?", (segment_id, to_ms(now)))


def _is_wanted(segment: Segment, now: datetime) -> bool:
    if segment.looked is None or segment.wanted > segment.looked:
        return True
    assert segment.checked is not None
    quarter = now - (now - now.min.replace(tzinfo=now.tzinfo)) % CLOCK_EVERY
    return CLOCK in segment.checked.reads.topics and segment.looked < quarter


def _end_look(tx: Tx, look: _Look) -> None:
    """Note when it began: whoever was changed later was seen after the event, or is seen by the next look."""
    began_ms = to_ms(look.began)
    tx.execute(
        "UPDATE segment SET looked_ms = ?, built_ms = COALESCE(built_ms, ?) WHERE id = ? AND expression = ?",
        (began_ms, began_ms, look.segment.id, look.segment.expression),
    )


def _wait(trouble: StoreTrouble) -> None:
    houselog.segments_wait(trouble)
