"""The crash ledger: each time that a dot may have been answered without our knowing, and how it was settled.

Nothing is ever taken out of it: what came twice, or never, is explained by a row here.
"""

from dataclasses import dataclass, field
from typing import Any

from mta.ports import Tx
from mta.queue.delivery import State, Stream


@dataclass(frozen=True, slots=True)
class Doubt:
    """One delivery, one time in doubt."""

    id: int
    at_ms: int
    delivery_id: int
    message_id: int
    forward_path: str
    stream: Stream
    why: str  # answer lost, or orphaned (its carrier died)
    settled: str | None  # resent, held back, assumed delivered; None while it is open
    settled_ms: int | None
    state: State  # the delivery's, now


@dataclass(frozen=True, slots=True)
class Tally:
    """How many doubts there were: by what made them, and by how they were settled."""

    total: int = 0
    open: int = 0
    by_cause: dict[str, int] = field(default_factory=dict)
    by_end: dict[str, int] = field(default_factory=dict)


_DOUBTS = (
    "SELECT q.id, q.at_ms, q.delivery_id, d.message_id, d.forward_path, d.stream, q.why, q.settled, q.settled_ms, d.state"
    " FROM doubt q JOIN delivery d ON d.id = q.delivery_id WHERE q.id < ?"
)
_LAST = (1 << 63) - 1


def doubts(tx: Tx, *, only_open: bool = False, before_id: int = _LAST, limit: int = 100) -> list[Doubt]:
    """The newest first; `before_id` goes on after a page."""
    among = " AND q.settled IS NULL" if only_open else ""
    rows = tx.query(f"{_DOUBTS}{among} ORDER BY q.id DESC LIMIT ?", (before_id, limit))
    return [_doubt(list(row)) for row in rows]


def _doubt(values: list[Any]) -> Doubt:
    values[5], values[9] = Stream(values[5]), State(values[9])
    return Doubt(*values)


def tally(tx: Tx, since_ms: int = 0) -> Tally:
    """Those since then, counted."""
    rows = tx.query("SELECT why, settled, count(*) FROM doubt WHERE at_ms >= ? GROUP BY why, settled", (since_ms,))
    by_cause: dict[str, int] = {}
    by_end: dict[str, int] = {}
    for why, settled, count in rows:
        by_cause[why] = by_cause.get(why, 0) + count
        if settled is not None:
            by_end[settled] = by_end.get(settled, 0) + count
    total = sum(by_cause.values())
    return Tally(total, total - sum(by_end.values()), dict(sorted(by_cause.items())), dict(sorted(by_end.items())))
