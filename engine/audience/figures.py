"""How many subscriptions of each list stand where: figures that whoever moves one writes in the same transaction.

A list of a million is then counted by reading three rows. They are written at the end of a transaction, in one order,
since everybody writes them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from mta.ports import Tx

_PART: Final = 400  # contacts in one question


class _Figures:
    """What this transaction changes."""

    def __init__(self) -> None:
        self.changed: Counter[tuple[int, str]] = Counter()

    def __call__(self, tx: Tx) -> None:
        for (list_id, state), more in sorted(self.changed.items()):
            if more:
                tx.put(
                    "INSERT INTO list_figure (list_id, state, people) VALUES (?,?,?) ON CONFLICT (list_id, state)"
                    " DO UPDATE SET people = list_figure.people + excluded.people",
                    (list_id, state, more),
                )


def moved(tx: Tx, list_id: int, was: str, now_is: str) -> None:
    """A subscription went from one state to another; "" where there is none."""
    changed = tx.at_commit(_Figures).changed
    for state, more in ((was, -1), (now_is, 1)):
        if state:
            changed[list_id, state] += more


@contextmanager
def kept(tx: Tx, known: Sequence[int], then: Iterable[int]) -> Iterator[None]:
    """Around whatever is done to the subscriptions of many: of contacts that are known, and (asked for afterwards) of
    all that it was done to."""
    before = _tally(tx, known)
    yield
    after = _tally(tx, list(then))
    after.subtract(before)
    tx.at_commit(_Figures).changed.update(after)


def of_list(tx: Tx, list_id: int) -> dict[str, int]:
    """How many stand where; a state without anybody is left out."""
    rows = tx.query(
        "SELECT state, people FROM list_figure WHERE list_id = ? AND people <> 0 ORDER BY state", (list_id,)
    )
    return dict(rows)


def of_all(tx: Tx) -> dict[str, int]:
    """The same over all lists."""
    return {
        state: int(people) for state, people in tx.query("SELECT state, sum(people) FROM list_figure GROUP BY state")
    }


def _tally(tx: Tx, ids: Sequence[int]) -> Counter[tuple[int, str]]:
    found: Counter[tuple[int, str]] = Counter()
    for start in range(0, len(ids), _PART):
        part = ids[start : start + _PART]
        rows = tx.query(
            f"SELECT list_id, state, count(*) FROM subscription WHERE contact_id IN ({','.join('?' * len(part))})"
            " GROUP BY list_id, state",
            part,
        )
        for list_id, state, count in rows:
            found[list_id, state] += count
    return found
