"""The journal, a page at a time, the newest first: by whom, what, about whom or what, and with which words in it.

A page looks at so many rows at most, so that no filter walks through a million; it may be shorter than was asked for
and still say where to go on.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.acts.keeping import LAPSE
from engine.acts.telling import key
from mta.ports import Tx, to_ms

LOOKED_AT: Final = 5_000  # rows
_COLUMNS: Final = (
    "id, at_ms, ended_ms, peer, operator, path, about, told, done, inverse, final, undo_until_ms, undoes, undone_by,"
    " (SELECT u.ended_ms FROM act u WHERE u.id = act.undone_by)"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acts; "" is any."""

    who: str = ""  # the user of the system, or the operator's name
    what: str = ""  # a command, or the first part of some: queue
    about: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One act, as it is shown."""

    number: int
    at_ms: int
    user: str
    operator: str
    path: str
    about: str
    told: str
    done: str
    state: str  # done, under way, unknown (the daemon stopped meanwhile), undone
    can_undo: bool
    final: str  # why it can't be undone
    until_ms: int | None
    undoes: int | None
    undone_by: int | None


def page(tx: Tx, wanted: Wanted, limit: int, before: int, now: datetime) -> tuple[list[Told], int]:
    """Up to `limit` acts with numbers below `before` (0: the newest), and the number to go on below (0: there is no more)."""
    top = before or _newest(tx) + 1
    floor = 0 if wanted.about and not wanted.text else top - LOOKED_AT  # whom it is about has an index
    where, params = _clauses(wanted)
    if wanted.text:
        where, params = _among(_holding(tx, wanted.text, (top, floor, *params), where)[:limit])
    rows = tx.query(
        f"SELECT {_COLUMNS} FROM act WHERE id < ? AND id >= ?{where} ORDER BY id DESC LIMIT ?",
        (top, floor, *params, limit),
    )
    found = [_told(row, to_ms(now)) for row in rows]
    if len(found) == limit:
        return found, found[-1].number
    is_more = floor > 1 and tx.one("SELECT 1 FROM act WHERE id < ? LIMIT 1", (floor,)) is not None
    return found, floor if is_more else 0


def _newest(tx: Tx) -> int:
    row = tx.one("SELECT id FROM act ORDER BY id DESC LIMIT 1")
    return int(row[0]) if row else 0


def _clauses(wanted: Wanted) -> tuple[str, list[Any]]:
    said: list[tuple[str, list[Any]]] = []
    if wanted.who:
        said.append(("(peer = ? OR operator = ?)", [wanted.who, wanted.who]))
    if wanted.what:
        start = wanted.what.rstrip("/")
        kinds = [f"{_escaped(start)}{end}%" for end in "/ "]
        said.append(("(path = ? OR path LIKE ? ESCAPE '!' OR path LIKE ? ESCAPE '!')", [start, *kinds]))
    if wanted.about:
        said.append(("about = ?", [key(wanted.about)]))
    return "".join(f" AND {sql}" for sql, _ in said), [each for _, params in said for each in params]


def _holding(tx: Tx, text: str, params: tuple[Any, ...], where: str) -> list[int]:
    """Which of them have this text, the newest first: databases know small and capital letters of ASCII only."""
    rows = tx.query(f"SELECT id, done, told FROM act WHERE id < ? AND id >= ?{where} ORDER BY id DESC", params)
    wanted = text.casefold()
    return [number for number, done, told in rows if wanted in done.casefold() or wanted in told.casefold()]


def _among(numbers: list[int]) -> tuple[str, list[Any]]:
    marks = ",".join("?" * len(numbers)) or "NULL"
    return f" AND id IN ({marks})", [*numbers]


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _told(row: tuple[Any, ...], now_ms: int) -> Told:
    (
        number,
        at_ms,
        ended_ms,
        user,
        operator,
        path,
        about,
        told,
        done,
        inverse,
        final,
        until_ms,
        undoes,
        undone_by,
        gone,
    ) = row
    is_late = until_ms is not None and until_ms <= now_ms
    state = _state(at_ms, ended_ms, gone, now_ms)
    why = final or ("its time to be undone is over" if is_late else "" if inverse else "no command does the opposite")
    return Told(
        number, at_ms, user, operator, path, about, told, done, state,
        state == "done" and bool(inverse) and not is_late, why if state == "done" else "", until_ms, undoes,
        undone_by if gone is not None else None,
    )  # fmt: skip


def _state(at_ms: int, ended_ms: int | None, gone_ms: int | None, now_ms: int) -> str:
    if gone_ms is not None:
        return "undone"
    if ended_ms is not None:
        return "done"
    return "unknown" if at_ms < now_ms - LAPSE.total_seconds() * 1000 else "under way"
