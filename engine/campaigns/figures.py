"""How many of a run stand where: figures that whoever moves a recipient writes in the same transaction.

A run of a million is then shown by reading some rows. They are written at the end of a transaction, in one order, since
everybody writes them.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from engine.campaigns.states import Fate
from mta.ports import Tx


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where somebody stands: `what` is a state, or opened, clicked, ordered."""

    run_id: int
    variant: str
    what: str
    reason: str = ""


class _Changed:
    """What this transaction changes."""

    def __init__(self) -> None:
        self.by: Counter[Place] = Counter()

    def __call__(self, tx: Tx) -> None:
        for place in sorted(self.by):
            if more := self.by[place]:
                tx.put(
                    "INSERT INTO campaign_figure (run_id, variant, what, reason, people) VALUES (?,?,?,?,?)"
                    " ON CONFLICT (run_id, variant, what, reason)"
                    " DO UPDATE SET people = campaign_figure.people + excluded.people",
                    (place.run_id, place.variant, place.what, place.reason, more),
                )


_WITH_REASON: Final = frozenset({Fate.EXCLUDED, Fate.CANCELLED})  # whose reasons are a few words, the same for many


def place(run_id: int, variant: str, fate: Fate, reason: str = "") -> Place:
    """Where a recipient with this fate is counted."""
    return Place(run_id, variant, str(fate), reason if fate in _WITH_REASON else "")


def add(tx: Tx, place: Place, people: int = 1) -> None:
    """So many more stand there."""
    tx.at_commit(_Changed).by[place] += people


def move(tx: Tx, one: Place, other: Place, people: int = 1) -> None:
    """So many go from one place to the other."""
    changed = tx.at_commit(_Changed).by
    changed[one] -= people
    changed[other] += people


def of_run(tx: Tx, run_id: int) -> dict[Place, int]:
    """How many stand where; a place without anybody is left out."""
    rows = tx.query(
        "SELECT run_id, variant, what, reason, people FROM campaign_figure WHERE run_id = ? AND people <> 0"
        " ORDER BY variant, what, reason",
        (run_id,),
    )
    return {Place(*row[:4]): int(row[4]) for row in rows}


def count(tx: Tx, run_id: int, what: Collection[str]) -> int:
    """How many stand at one of these, whatever their variant."""
    marks = ",".join("?" * len(what))
    row = tx.one(
        f"SELECT COALESCE(sum(people), 0) FROM campaign_figure WHERE run_id = ? AND what IN ({marks})", (run_id, *what)
    )
    return int(row[0]) if row else 0
