"""The journal's rows: an act is written down before it is done, completed after, and claimed by the one that undoes it.

The order, and what a crash leaves:

| step | a crash before it leaves |
|---|---|
| 1. the act is begun: committed | nothing |
| 2. it is done, in commits of its own | the act, begun: whether it was done is not known, and the journal says so |
| 3. it is completed with what was done and its inverse: committed | the same |

An act that was refused changed nothing and is taken out again. Undoing is an act too: step 1 claims the act that it
undoes, so that two who undo at once do it once; a claim whose owner was never completed lapses.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from deliverability.text import clean
from engine.acts.telling import ABOUT_MAX, key
from mta.ports import Tx, from_ms, to_ms

UNDO: Final = "acts/undo"
LAPSE: Final = timedelta(minutes=5)  # an act that was begun so long ago and is not completed never will be
RECENT: Final = timedelta(hours=1)  # how old the act is at most that is undone without being named
INVERSE_MAX: Final = 256 * 1024  # characters
DONE_MAX: Final = 1000
ERASED: Final = "the data of the person was erased"
_CHUNK: Final = 200


@dataclass(frozen=True, slots=True)
class Inverse:
    """The command that undoes an act."""

    path: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """One that can be undone."""

    number: int
    path: str
    about: str
    done: str
    inverse: Inverse


class CantUndo(Exception):
    """Why not, in words, and what to do instead."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


def begin(tx: Tx, path: str, *, user: str, operator: str, about: str, told: str, now: datetime) -> int:
    """Write down what somebody is about to do; its number."""
    return tx.insert(
        "INSERT INTO act (at_ms, peer, operator, path, about, told, done, inverse, final) VALUES (?,?,?,?,?,?,'','','')",
        (to_ms(now), clean(user)[:100], clean(operator)[:100], path, about[:ABOUT_MAX], told),
    )


def complete(
    tx: Tx, number: int, done: str, now: datetime, *, inverse: Inverse | None = None, final: str = "",
    until: datetime | None = None,
) -> None:  # fmt: skip
    """It was done, which is told in one line. `inverse` undoes it, until then; where there is none, `final` says why. Of an
    act that erased whom it was about nothing more is kept."""
    told = "; ".join(done.splitlines())
    said = json.dumps({"path": inverse.path, "body": inverse.body}, ensure_ascii=False) if inverse else ""
    if len(said) > INVERSE_MAX:
        said, final = "", "what was there before is too large to be kept"
    tx.execute("UPDATE act SET ended_ms = ? WHERE id = ?", (to_ms(now), number))
    tx.execute(
        "UPDATE act SET done = ?, inverse = ?, final = ?, undo_until_ms = ? WHERE id = ? AND final <> ?",
        (clean(told)[:DONE_MAX], said, clean(final), to_ms(until) if until else None, number, ERASED),
    )


def take_out(tx: Tx, number: int) -> None:
    """It was refused: nothing was done, and whatever it had claimed is free again."""
    tx.execute("UPDATE act SET undone_by = NULL WHERE undone_by = ?", (number,))
    tx.execute("DELETE FROM act WHERE id = ?", (number,))


def newest(tx: Tx, user: str, now: datetime) -> int:
    """The act that this user would undo without naming one: the newest that is not undone, whether or not it can be. An
    older one is not what they think of. CantUndo."""
    row = tx.one(f"SELECT id, at_ms FROM act WHERE {_STANDS} ORDER BY id DESC LIMIT 1", (user, UNDO))
    if row is None:
        raise CantUndo(f"{user} did nothing that can be undone", "`posthouse acts` lists what was done")
    number, at_ms = row
    if at_ms < to_ms(now - RECENT):
        when = f"{from_ms(at_ms):%Y-%m-%d %H:%M} UTC"
        raise CantUndo(f"the newest act of {user} is {number}, of {when}", f"name it: posthouse undo {number}")
    return int(number)


_STANDS: Final = (
    "peer = ? AND path <> ? AND NOT EXISTS (SELECT 1 FROM act u WHERE u.id = act.undone_by AND u.ended_ms IS NOT NULL)"
)


def claim_newest(tx: Tx, user: str, by: int, now: datetime) -> Act:
    """Take the right to undo the newest act of this user (`newest`). CantUndo, which names an older one that can be."""
    number = newest(tx, user, now)
    try:
        return claim(tx, number, by, now)
    except CantUndo as err:
        older = tx.one(
            f"SELECT id, path, done FROM act WHERE {_STANDS} AND id < ? AND inverse <> '' AND undone_by IS NULL"
            " AND (undo_until_ms IS NULL OR undo_until_ms > ?) ORDER BY id DESC LIMIT 1",
            (user, UNDO, number, to_ms(now)),
        )
        remedy = f"before it: posthouse undo {older[0]} ({what(*older[1:])})" if older else err.remedy
        raise CantUndo(f"{err}. It is the newest of {user}, and none before it is undone instead", remedy) from None


def what(path: str, done: str) -> str:
    """An act in words."""
    return f"{path}: {done}" if done else path


def claim(tx: Tx, number: int, by: int, now: datetime) -> Act:
    """Take the right to undo an act; the act. `by` is the act that undoes it. CantUndo."""
    row = tx.one(
        "SELECT path, about, done, inverse, final, ended_ms, undo_until_ms, undone_by FROM act WHERE id = ?"
        + tx.for_update(),
        (number,),
    )
    if row is None:
        raise CantUndo(f"there is no act {number}", "`posthouse acts` lists them")
    path, about, done, inverse, final, ended_ms, until_ms, undone_by = row
    if ended_ms is None:
        raise CantUndo(f"it is not known whether act {number} was done", "look at what it was about")
    if undone_by is not None and not _has_lapsed(tx, undone_by, now):
        raise CantUndo(f"act {number} was undone already, by act {undone_by}")
    if not inverse:
        why = final or "there is no command that does the opposite"
        raise CantUndo(f"act {number} can't be undone: {why} ({what(path, done)})")
    if until_ms is not None and until_ms <= to_ms(now):
        raise CantUndo(f"act {number} could be undone until {from_ms(until_ms):%Y-%m-%d %H:%M:%S} UTC")
    tx.execute("UPDATE act SET undone_by = ? WHERE id = ?", (by, number))
    tx.execute("UPDATE act SET undoes = ?, about = ? WHERE id = ?", (number, about, by))
    if path == UNDO:  # what it had undone holds again
        tx.execute("UPDATE act SET undone_by = NULL WHERE undone_by = ?", (number,))
    said = json.loads(inverse)
    return Act(number, path, about, done, Inverse(said["path"], said["body"]))


def release(tx: Tx, act: Act, by: int) -> None:
    """It was not undone after all."""
    tx.execute("UPDATE act SET undone_by = NULL WHERE id = ? AND undone_by = ?", (act.number, by))
    if act.path == UNDO:
        tx.execute(
            "UPDATE act SET undone_by = ? WHERE id = (SELECT undoes FROM act WHERE id = ?)", (act.number, act.number)
        )


def _has_lapsed(tx: Tx, number: int, now: datetime) -> bool:
    row = tx.one("SELECT at_ms, ended_ms FROM act WHERE id = ?", (number,))
    return row is not None and row[1] is None and row[0] < to_ms(now - LAPSE)


def forget(tx: Tx, keys: Iterable[str]) -> None:
    """A person has their data erased: that something was done about somebody stays, and when, and by whom."""
    for each in keys:
        tx.execute(
            "UPDATE act SET about = '', told = '{}', done = '', inverse = '', final = ? WHERE about = ?",
            (ERASED, key(each)),
        )


def has_old(tx: Tx, before: datetime) -> bool:
    """Whether `drop_old` would find any."""
    return tx.one("SELECT 1 FROM act WHERE at_ms < ? LIMIT 1", (to_ms(before),)) is not None


def drop_old(tx: Tx, before: datetime) -> None:
    """Forget acts from before then."""
    tx.execute(
        "DELETE FROM act WHERE id IN (SELECT id FROM act WHERE at_ms < ? ORDER BY at_ms LIMIT ?)",
        (to_ms(before), _CHUNK),
    )
