"""How many people went through each step of each flow, how their runs ended, and where those stand who are under way.

Counted some rows at a time, in snapshots that hold nobody up. What happened is only ever added to, so it is counted once
and then from where the last count ended; how runs stand changes, so that is counted anew.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final

from engine.running.standing import Kept
from mta.ports import Store, Tx, from_ms, to_ms

PASSAGES: Final = 5000  # looked at in one snapshot
RUNS: Final = 5000
STANDING: Final = 1000
SLOT_MS: Final = 5 * 60_000
SLOTS: Final = 12  # beside the one that has begun: an hour
SETTLES_MS: Final = 2000  # so long after a passage was seen all with smaller numbers are there
OVERDUE_MS: Final = 10 * 60_000  # after this nobody is just about to go on

WRITTEN: Final = "written"  # the way of a send step whose mail was written
_PASSED: Final = (
    "SELECT e.flow_id, p.step, CASE WHEN p.kind = 'if' THEN p.result WHEN p.kind = 'send' AND p.result = 'delivery asked'"
    f" THEN '{WRITTEN}' ELSE '' END AS way, p.at_ms / {SLOT_MS} AS slot, count(*) AS people"
    " FROM passage p JOIN enrolment e ON e.id = p.enrolment_id WHERE p.id > ? AND p.id <= ? GROUP BY 1, 2, 3, 4"
)
_ENDS: Final = (
    "SELECT flow_id, COALESCE(ended_how, state) AS how, count(*) AS people FROM enrolment WHERE id > ? AND id <= ?"
    " GROUP BY 1, 2"
)
_STANDING: Final = (
    "SELECT e.id, e.contact_id, e.run_key, e.version_id, e.step, e.occurrence, e.due_ms, e.standing, e.intent, e.awaits,"
    " e.entered_ms, p.kind, p.step, p.result, p.at_ms FROM enrolment e LEFT JOIN passage p"
    " ON p.id = (SELECT max(id) FROM passage WHERE enrolment_id = e.id)"
    " WHERE e.flow_id = ? AND e.state = 'waiting' AND (e.contact_id, e.run_key) > (?, ?)"
    " ORDER BY e.contact_id, e.run_key LIMIT ?"
)

Way = tuple[str, str]  # a step, and the way on from it: the label of a branch, `written`, or ""
Cursor = tuple[int, str]  # a contact and a run's key


@dataclass(frozen=True, slots=True)
class Stander:
    """Somebody under way. `step` is the one they stand at (a wait that is not over, else the one that is next), `before`
    the one that is next, as a move has it. `trouble`: what somebody must mend."""

    enrolment_id: int
    contact_id: int
    run_key: str
    version_id: int
    step: str
    before: str
    since_ms: int
    due_ms: int | None
    trouble: str = ""
    awaits: str = ""

    @property
    def cursor(self) -> Cursor:
        return self.contact_id, self.run_key

    def is_stuck(self, now_ms: int) -> bool:
        """Whether a person must do something, or its turn should have come long ago."""
        return bool(self.trouble) or self.due_ms is None or self.due_ms < now_ms - OVERDUE_MS


def standers(tx: Tx, flow_id: int, after: Cursor, limit: int) -> list[Stander]:
    """The next people under way in a flow, by contact and key."""
    return [_stander(row) for row in tx.query(_STANDING, (flow_id, *after, limit))]


def _stander(row: Sequence[Any]) -> Stander:
    run, contact, key, version, before, _, due_ms, standing, intent, awaits, entered_ms, *last = row
    waiting_for, waited, trouble = _kept(standing)
    step = waiting_for or (before if trouble or not _waits(waited, due_ms, intent, last) else waited)
    since_ms = entered_ms if last[3] is None else last[3]
    return Stander(run, contact, key, version, step, before, since_ms, due_ms, trouble, awaits)


def _waits(waited: str, due_ms: int | None, intent: str, last: Sequence[Any]) -> bool:
    """Whether one stands at a wait. The row names the step that follows it already: it is the wait's while the wait is what
    happened last, and its time is the row's."""
    kind, step, result, _ = last
    if kind != "wait" or step != waited or due_ms is None:
        return False
    return bool(intent) or result == _until(due_ms // 1000)


@lru_cache(maxsize=4096)  # a million people keep much the same
def _kept(standing: str) -> tuple[str, str, str]:
    """What a run waits for, at which wait it was last, and what somebody must mend."""
    kept = Kept.read("", 1, None, standing, "")
    return kept.standing.waiting_for, kept.standing.waited, kept.trouble


@lru_cache(maxsize=4096)
def _until(second: int) -> str:
    """As a wait writes down until when it is."""
    return f"until {from_ms(second * 1000).isoformat(timespec='seconds')}"


@dataclass(slots=True)
class Place:
    """Who stands at a step."""

    people: int = 0
    since_ms: int = 0  # when the one who stands there longest came
    stuck: int = 0  # who can't go on by themselves, or should have long ago


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who is under way in a flow, by version and step."""

    places: Mapping[tuple[int, str], Place]
    people: int


async def crowd(store: Store, flow_id: int, now: datetime) -> Crowd:
    """Everybody under way in a flow, counted now."""
    places: dict[tuple[int, str], Place] = {}
    after, people, now_ms = (0, ""), 0, to_ms(now)
    while found := await store.read(partial(_standers, flow_id, after)):
        for each in found:
            _count(places.setdefault((each.version_id, each.step), Place()), each, now_ms)
        people, after = people + len(found), found[-1].cursor
        if len(found) < STANDING:
            break
    return Crowd(places, people)


def _standers(flow_id: int, after: Cursor, tx: Tx) -> list[Stander]:
    return standers(tx, flow_id, after, STANDING)


def _count(place: Place, each: Stander, now_ms: int) -> None:
    place.people += 1
    place.since_ms = min(place.since_ms or each.since_ms, each.since_ms)
    place.stuck += each.is_stuck(now_ms)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one flow: how often each way was taken, altogether and in the last hour or a little more; how runs ended, those
    under way as `waiting`."""

    passed: Mapping[Way, int] = field(default_factory=dict)
    hour: Mapping[Way, int] = field(default_factory=dict)
    ends: Mapping[str, int] = field(default_factory=dict)

    def at(self, step: str) -> int:
        """How many passed a step, whichever way."""
        return sum(count for (each, _), count in self.passed.items() if each == step)

    def at_lately(self, step: str) -> int:
        return sum(count for (each, _), count in self.hour.items() if each == step)

    @property
    def entered(self) -> int:
        return self.at("trigger")

    @property
    def mails(self) -> int:
        return sum(count for (_, way), count in self.passed.items() if way == WRITTEN)


NO_FIGURES: Final = Figures()


@dataclass(frozen=True, slots=True)
class Counted:
    """The figures of all flows by id; `rows` says how much work it was."""

    flows: Mapping[int, Figures]
    rows: int


class Traffic:
    """Keeps count. `count` is for one caller at a time.

    Where several write at once a passage may come to be seen after one with a greater number. So the youngest are counted
    anew at each look, until they are settled: no write takes so long.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settled = 0  # passages up to this id are counted for good
        self._look = (0, 0)  # the youngest at some look, and when that was
        self._passed: dict[int, Counter[Way]] = {}
        self._slots: dict[int, dict[int, Counter[Way]]] = {}

    async def count(self, now: datetime) -> Counted:
        """Every flow's figures, as they are now."""
        now_ms = to_ms(now)
        fresh = await self._catch_up(now_ms)
        ends, runs = await self._ends()
        self._forget(now_ms)
        flows = {flow_id: self._figures(flow_id, fresh, ends, now_ms) for flow_id in {*ends, *self._passed, *fresh}}
        return Counted(flows, runs)

    async def _catch_up(self, now_ms: int) -> "_Fresh":
        """Count for good what is settled; what is not, for this once."""
        last = await self._store.read(_youngest)
        youngest, at_ms = self._look
        is_over = now_ms - at_ms >= SETTLES_MS
        settled = max(youngest if is_over else 0, last - PASSAGES)
        if is_over:
            self._look = (last, now_ms)
        async for rows in self._passages(self._settled, settled):
            for flow_id, step, way, slot, people in rows:
                self._passed.setdefault(flow_id, Counter())[step, way] += people
                self._slots.setdefault(flow_id, {}).setdefault(slot, Counter())[step, way] += people
        self._settled = max(settled, self._settled)
        fresh: _Fresh = {}
        async for rows in self._passages(self._settled, last):
            for flow_id, step, way, slot, people in rows:
                fresh.setdefault(flow_id, []).append(((step, way), slot, people))
        return fresh

    async def _passages(self, after: int, until: int) -> AsyncIterator[list[tuple[Any, ...]]]:
        while after < until:
            upto = min(after + PASSAGES, until)
            yield await self._store.read(partial(_passages, after, upto))
            after = upto

    async def _ends(self) -> tuple[dict[int, Counter[str]], int]:
        ends: dict[int, Counter[str]] = {}
        last, seen = await self._store.read(_youngest_run), 0
        while seen < last:
            for flow_id, how, people in await self._store.read(partial(_ends, seen)):
                ends.setdefault(flow_id, Counter())[how] += people
            seen += RUNS
        return ends, last

    def _forget(self, now_ms: int) -> None:
        for slots in self._slots.values():
            for slot in [each for each in slots if each < _first_slot(now_ms)]:
                del slots[slot]

    def _figures(self, flow_id: int, fresh: "_Fresh", ends: Mapping[int, Counter[str]], now_ms: int) -> Figures:
        passed, hour = Counter(self._passed.get(flow_id)), Counter[Way]()
        for each in self._slots.get(flow_id, {}).values():
            hour.update(each)
        for way, slot, people in fresh.get(flow_id, ()):
            passed[way] += people
            hour[way] += people if slot >= _first_slot(now_ms) else 0
        return Figures(passed, hour, ends.get(flow_id, {}))


_Fresh = dict[int, list[tuple[Way, int, int]]]
"""By flow: a way, a slot, how many."""


def _first_slot(now_ms: int) -> int:
    return now_ms // SLOT_MS - SLOTS


def _youngest(tx: Tx) -> int:
    row = tx.one("SELECT max(id) FROM passage")
    return row[0] or 0 if row else 0


def _youngest_run(tx: Tx) -> int:
    row = tx.one("SELECT max(id) FROM enrolment")
    return row[0] or 0 if row else 0


def _passages(after: int, until: int, tx: Tx) -> list[tuple[Any, ...]]:
    return tx.query(_PASSED, (after, until))


def _ends(after: int, tx: Tx) -> list[tuple[Any, ...]]:
    return tx.query(_ENDS, (after, after + RUNS))
