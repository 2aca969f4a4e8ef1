"""New events, as they were recorded: which there are, and taking them, so that each is looked at once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from engine.flow.entering import OLDEST
from engine.running import facts
from engine.store.many import in_list
from mta.ports import Tx, from_ms, to_ms

T = TypeVar("T")

COLUMNS: Final = "id, name, contact_id, key, data, at_ms, chain"
SET_ASIDE: Final = 2  # of event.matched: nobody could look at it without failing
TOLD_LATE: Final = 3  # ... it was looked at so long after it happened that it began and renewed nothing


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of the event table. `data` is what conditions see as `event`: also `name`, `key` and `at`."""

    id: int
    name: str
    contact_id: int | None
    data: dict[str, Any]
    at: datetime
    chain: int = 0  # how many runs led to it


def new_events(tx: Tx, limit: int) -> list[int]:
    """The ids of events that nobody looked at, oldest first."""
    return [row[0] for row in tx.query("SELECT id FROM event WHERE matched = 0 ORDER BY id LIMIT ?", (limit,))]


def versions_of(tx: Tx, ids: Sequence[int]) -> list[int]:
    """The versions of the waiting runs of whom these events (at least one) are about."""
    marks, which = in_list(ids)
    rows = tx.query(
        "SELECT DISTINCT e.version_id FROM event v JOIN enrolment e ON e.contact_id = v.contact_id AND e.state = 'waiting'"
        f" WHERE v.id IN ({marks})",
        which,
    )
    return [row[0] for row in rows]


def claim(tx: Tx, ids: Sequence[int], now: datetime) -> list[StoredEvent]:
    """Those of these events (at least one) that nobody looked at yet, in order: from now on somebody has."""
    marks, which = in_list(ids)
    if lock := tx.for_update():  # two processes that take the same ones take them in one order
        tx.query(f"SELECT id FROM event WHERE id IN ({marks}) AND matched = 0 ORDER BY id{lock}", which)
    rows = tx.query(
        f"UPDATE event SET matched = CASE WHEN at_ms < ? THEN {TOLD_LATE} ELSE 1 END WHERE id IN ({marks}) AND matched = 0"
        f" RETURNING {COLUMNS}",
        (to_ms(now - OLDEST), *which),
    )
    return [stored(row) for row in sorted(rows, key=lambda row: int(row[0]))]


def set_aside(tx: Tx, event_id: int) -> None:
    """Give up on an event that nobody can look at without failing."""
    tx.execute("UPDATE event SET matched = ? WHERE id = ? AND matched = 0", (SET_ASIDE, event_id))


def in_turns(things: Iterable[T], contact_of: Callable[[T], int | None]) -> list[list[T]]:
    """The first thing of each contact, then the second of each, and so on: in one turn nobody has two."""
    turns: list[list[T]] = []
    counts: dict[int | None, int] = {}
    for thing in things:
        contact_id = contact_of(thing)
        turn = counts[contact_id] = counts.get(contact_id, -1) + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(thing)
    return turns


def stored(row: tuple[Any, ...]) -> StoredEvent:
    """A row of COLUMNS."""
    event_id, name, contact_id, key, data, at_ms, chain = row
    at = from_ms(at_ms)
    told = {"name": name, "key": key, "at": at.isoformat(), **facts.read_data(data)}
    return StoredEvent(event_id, name, contact_id, told, at, chain)
