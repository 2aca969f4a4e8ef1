"""How many subscriptions of each list stand where, and how many people something happened to in which hour: figures that
whoever moves one writes in the same transaction.

A list of a million is then counted by reading three rows, and its last month by reading some hundreds. They are written at
the end of a transaction, in one order, since everybody writes them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Final

from mta.ports import Tx, to_ms

HOUR_MS: Final = 3_600_000
_PART: Final = 400  # contacts in one question


class What(StrEnum):
    """What happens to people on a list. The words are in the table and on screens."""

    ASKED = "asked"  # by mail, for the first time since they asked or were entered
    CONFIRMED = "confirmed"
    EXPIRED = "expired"  # they did not answer in time
    LEFT = "left"  # by themselves, or taken off
    IMPORTED = "imported"  # entered as confirmed, with what was declared of them


class _Figures:
    """What this transaction changes."""

    def __init__(self) -> None:
        self.changed: Counter[tuple[int, str]] = Counter()
        self.happened: Counter[tuple[int, int, str]] = Counter()

    def __call__(self, tx: Tx) -> None:
        for (list_id, hour_ms, what), more in sorted(self.happened.items()):
            tx.put(
                "INSERT INTO list_hour (list_id, hour_ms, what, people) VALUES (?,?,?,?)"
                " ON CONFLICT (list_id, hour_ms, what) DO UPDATE SET people = list_hour.people + excluded.people",
                (list_id, hour_ms, what, more),
            )
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


def happened(tx: Tx, list_id: int, what: What, now: datetime, people: int = 1) -> None:
    """Something happened to so many people on a list."""
    at_ms = to_ms(now)
    tx.at_commit(_Figures).happened[list_id, at_ms - at_ms % HOUR_MS, str(what)] += people


@contextmanager
def kept(tx: Tx, known: Sequence[int], then: Iterable[int], imported: datetime | None = None) -> Iterator[None]:
    """Around whatever is done to the subscriptions of many: of contacts that are known, and (asked for afterwards) of
    all that it was done to. `imported`: when, where an import does it."""
    before = _tally(tx, known)
    yield
    after = _tally(tx, list(then))
    after.subtract(before)
    tx.at_commit(_Figures).changed.update(after)
    if imported is not None:
        for (list_id, state), more in after.items():
            if more > 0 and (what := _BY_IMPORT.get(state)) is not None:
                happened(tx, list_id, what, imported, more)


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


def hours(tx: Tx, since: datetime, list_id: int = 0) -> list[tuple[int, int, What, int]]:
    """(list, beginning of the hour, what, people) since then, oldest first; of one list, or of all."""
    which, more = ("list_id = ? AND ", (list_id,)) if list_id else ("", ())
    rows = tx.query(
        f"SELECT list_id, hour_ms, what, people FROM list_hour WHERE {which}hour_ms >= ? ORDER BY hour_ms, list_id, what",
        (*more, to_ms(since)),
    )
    return [(each, hour_ms, What(what), people) for each, hour_ms, what, people in rows]


def has_old(tx: Tx, before: datetime) -> bool:
    """Whether `drop_old` would find any."""
    return tx.one("SELECT 1 FROM list_hour WHERE hour_ms < ? LIMIT 1", (to_ms(before),)) is not None


def drop_old(tx: Tx, before: datetime, limit: int = 500) -> None:
    """Let go of up to `limit` hours of lists."""
    rows = tx.query(
        "SELECT list_id, hour_ms, what FROM list_hour WHERE hour_ms < ? ORDER BY hour_ms LIMIT ?",
        (to_ms(before), limit),
    )
    tx.executemany("DELETE FROM list_hour WHERE list_id = ? AND hour_ms = ? AND what = ?", rows)


_BY_IMPORT: Final = {"confirmed": What.IMPORTED, "unsubscribed": What.LEFT}


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
