"""Moving people under way to another version of their flow, or ending their runs: a batch a commit, so that nobody waits
for it, with a row that says how far it is, so that a crash repeats nothing and leaves nobody out.

Where somebody goes is decided by engine.flow.versions, the same for the plan and for the move. A run that is moved gets
a new revision, so what a carrier had planned on the old one is void.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from engine.flow.model import Definition, Send, WaitFor
from engine.flow.versions import Destination, Fate, Needs, Route
from engine.running import history
from engine.running.book import FlowBook
from engine.running.facts import read_data
from engine.running.history import What
from engine.running.passages import Happened, Passage, write_passages
from mta.ports import Tx, to_ms

BATCH: Final = 150  # runs looked at in one commit

_MOVE: Final = (
    "UPDATE enrolment SET version_id = ?, step = ?, due_ms = ?, standing = ?, awaits = ?, intent = ?,"
    " revision = revision + 1 WHERE id = ?"
)
_END: Final = (
    "UPDATE enrolment SET state = 'ended', ended_how = 'exit', ended_ms = ?, due_ms = NULL, awaits = '',"
    " revision = revision + 1 WHERE id = ?"
)
_KEPT: Final = ("jumps", "given")  # what somebody keeps who goes on at another step: engine.running.standing


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A waiting run, as moving looks at it."""

    id: int
    contact_id: int
    run_key: str
    version_id: int
    step: str
    occurrence: int
    due_ms: int | None
    standing: str
    intent: str


@dataclass(frozen=True, slots=True)
class Move:
    """An errand that is not over."""

    id: int
    flow_id: int
    version_id: int | None
    mapping: Mapping[str, str]
    leaves: bool
    operator: str
    contact_id: int
    run_key: str


def begin(
    tx: Tx, flow_id: int, version_id: int | None, operator: str, now: datetime, *,
    mapping: Mapping[str, str] | None = None, leaves: bool = False,
) -> int:  # fmt: skip
    """Have whoever is under way moved to this version, or ended (None); the errand's number. One that was not over for
    this flow gives way."""
    tx.execute("UPDATE flow_move SET ended_ms = ? WHERE flow_id = ? AND ended_ms IS NULL", (to_ms(now), flow_id))
    return tx.insert(
        "INSERT INTO flow_move (flow_id, version_id, mapping, leaves, operator, contact_id, run_key, moved, stayed, gone,"
        " began_ms) VALUES (?,?,?,?,?,0,'',0,0,0,?)",
        (flow_id, version_id, json.dumps(dict(mapping or {})), int(leaves), operator, to_ms(now)),
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """How many moved, stayed and left so far."""

    moved: int
    stayed: int
    gone: int
    is_over: bool


def figures(tx: Tx, move_id: int) -> Figures:
    """How far an errand is."""
    row = tx.one("SELECT moved, stayed, gone, ended_ms FROM flow_move WHERE id = ?", (move_id,))
    return Figures(0, 0, 0, True) if row is None else Figures(row[0], row[1], row[2], row[3] is not None)


@dataclass(frozen=True, slots=True)
class Mover:
    """Does the errands, the oldest first."""

    book: FlowBook = field(default_factory=FlowBook)

    def is_due(self, tx: Tx, now: datetime) -> bool:
        """Whether somebody is still to be moved. Reads the versions, so that no commit waits for that."""
        row = tx.one("SELECT flow_id FROM flow_move WHERE ended_ms IS NULL ORDER BY id LIMIT 1")
        for (version_id,) in tx.query("SELECT id FROM flow_version WHERE flow_id = ?", row) if row else ():
            self.book.definition(tx, version_id)
        return row is not None

    def move_some(self, tx: Tx, now: datetime) -> None:
        """The next batch. Does nothing where nothing is to be done."""
        _move_some(tx, self.book, now)


def _move_some(tx: Tx, book: FlowBook, now: datetime) -> None:
    row = tx.one(
        "SELECT id, flow_id, version_id, mapping, leaves, operator, contact_id, run_key FROM flow_move"
        " WHERE ended_ms IS NULL ORDER BY id LIMIT 1" + tx.for_update()
    )
    if row is None:
        return
    move = Move(row[0], row[1], row[2], read_data(row[3]), bool(row[4]), *row[5:])
    runs = list(under_way(tx, move.flow_id, (move.contact_id, move.run_key), BATCH, tx.for_update()))
    fates = _move_to(tx, book, move, runs, now) if move.version_id is not None else _end(tx, move, runs, now)
    last = (runs[-1].contact_id, runs[-1].run_key) if runs else (move.contact_id, move.run_key)
    tx.execute(
        "UPDATE flow_move SET contact_id = ?, run_key = ?, moved = moved + ?, stayed = stayed + ?, gone = gone + ?,"
        " ended_ms = ? WHERE id = ?",
        (*last, *fates, None if len(runs) == BATCH else to_ms(now), move.id),
    )
    if len(runs) < BATCH:
        all_of_it = figures(tx, move.id)
        what = What.ENDED if move.version_id is None else What.MOVED
        detail = {"moved": all_of_it.moved, "stayed": all_of_it.stayed, "left": all_of_it.gone}
        history.note(tx, move.flow_id, what, move.operator, now, detail)


def under_way(tx: Tx, flow_id: int, after: tuple[int, str], limit: int, ending: str = "") -> Iterator[UnderWay]:
    """The next waiting runs of a flow, in whatever version, by contact and key."""
    rows = tx.query(
        "SELECT id, contact_id, run_key, version_id, step, occurrence, due_ms, standing, intent FROM enrolment"
        " WHERE flow_id = ? AND state = 'waiting' AND (contact_id, run_key) > (?, ?) ORDER BY contact_id, run_key LIMIT ?"
        + ending,
        (flow_id, *after, limit),
    )
    return (UnderWay(*row) for row in rows)


def destinations(
    tx: Tx, book: FlowBook, route: Route, version_id: int, runs: Sequence[UnderWay]
) -> Iterator[tuple[UnderWay, Destination]]:
    """Where each of these runs goes, without those that are on that version already."""
    asked = [run for run in runs if run.version_id != version_id]
    risks: dict[tuple[int, str], frozenset[str]] = {}
    for run in asked:
        if (place := (run.version_id, run.step)) not in risks:
            risks[place] = route.at_risk(run.step, book.definition(tx, run.version_id))
    passed = _passed(tx, [run for run in asked if risks[run.version_id, run.step]])
    for run in asked:
        behind = passed.get((run.id, run.occurrence), set()) & risks[run.version_id, run.step]
        yield run, route.of(run.step, behind, _needs(run))


def _needs(run: UnderWay) -> Needs | None:
    """What a run must go to that waits for more than a time, if it shall go on waiting: for an event, for an operator's
    answer about a late mail. A webhook's answer comes to its own step alone."""
    if run.due_ms is None:
        return Send
    return WaitFor if read_data(run.standing).get("waiting_for") == run.step else None


def _passed(tx: Tx, runs: Sequence[UnderWay]) -> dict[tuple[int, int], set[str]]:
    """The steps that each of these runs has passed, by (run, occurrence)."""
    found: dict[tuple[int, int], set[str]] = {}
    if runs:
        marks = ",".join("?" * len(runs))
        sql = f"SELECT enrolment_id, occurrence, step FROM passage WHERE enrolment_id IN ({marks})"
        for enrolment_id, occurrence, step in tx.query(sql, [run.id for run in runs]):
            found.setdefault((enrolment_id, occurrence), set()).add(step)
    return found


def _move_to(tx: Tx, book: FlowBook, move: Move, runs: Sequence[UnderWay], now: datetime) -> tuple[int, int, int]:
    definition = book.definition(tx, move.version_id) if move.version_id is not None else None
    if definition is None or move.version_id is None:
        return 0, len(runs), 0
    route = Route(definition, move.mapping, move.leaves)
    counts = dict.fromkeys(Fate, 0)
    moved, left = [], []
    for run, to in destinations(tx, book, route, move.version_id, runs):
        counts[to.fate] += 1
        if to.fate is Fate.MOVES:
            moved.append((move.version_id, to.step, *_stands(run, to, definition, now), run.id))
            told = {"version": definition.version, "from": run.step, "to": to.step}
            _tell(
                tx, move, run, Passage(f"moved {move.id}", "moved", f"to version {definition.short_version}", told), now
            )
        elif to.fate is Fate.LEAVES:
            left.append(run)
    tx.executemany(_MOVE, moved)
    _end(tx, move, left, now)
    return counts[Fate.MOVES], counts[Fate.STAYS], counts[Fate.LEAVES]


def _stands(run: UnderWay, to: Destination, definition: Definition, now: datetime) -> tuple[int | None, str, str, str]:
    """due_ms, standing, awaits and intent of a run that goes there."""
    kept = read_data(run.standing)
    if not to.keeps_wait:
        return to_ms(now), json.dumps({name: kept[name] for name in _KEPT if name in kept}, ensure_ascii=False), "", ""
    found, is_at = definition.program.get(to.step), kept.get("waiting_for") == run.step
    awaits = found.step.event if is_at and found is not None and isinstance(found.step, WaitFor) else ""
    standing = json.dumps(kept | {"waiting_for": to.step}, ensure_ascii=False) if is_at else run.standing
    return run.due_ms, standing, awaits, run.intent


def _end(tx: Tx, move: Move, runs: Collection[UnderWay], now: datetime) -> tuple[int, int, int]:
    for run in runs:
        _tell(tx, move, run, Passage("exit", "exit", "an operator ended it", {"operator": move.operator}), now)
    tx.executemany(_END, [(to_ms(now), run.id) for run in runs])
    return 0, 0, len(runs)


def _tell(tx: Tx, move: Move, run: UnderWay, passage: Passage, now: datetime) -> None:
    write_passages(tx, [Happened(run.id, run.occurrence, passage)], now)
