"""Calls as rows: asked for by a flow's step, tried by whoever claims them, ended once.

A call is claimed for as long as a try may take, by moving its time: who claimed it and died leaves it to the next. So a call
may be made twice, with the same id, and never not at all.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from mta.ports import Tx, from_ms, to_ms

CLAIM: Final = timedelta(minutes=3)  # longer than any try
_COLUMNS: Final = "id, uid, url, body, flow, step, occurrence, enrolment_id, waits, tries, give_up_ms"


class State(StrEnum):
    OPEN = "open"
    TAKEN = "taken"  # answered with 2xx
    FAILED = "failed"  # refused, or given up


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call that a step asks for."""

    uid: str
    url: str
    flow: str
    step: str
    occurrence: int
    enrolment_id: int
    contact_id: int
    waits: bool
    give_up: datetime
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call in somebody's hands. `tries`: with this one."""

    id: int
    uid: str
    url: str
    body: str
    flow: str
    step: str
    occurrence: int
    enrolment_id: int
    waits: bool
    tries: int
    give_up: datetime


def ask(tx: Tx, call: NewCall, now: datetime) -> None:
    """Have it called."""
    body = {"type": "flow.webhook", "timestamp": now.isoformat(), "data": call.content}
    tx.execute(
        "INSERT INTO hook_call (uid, url, body, flow, step, occurrence, enrolment_id, contact_id, waits, state, tries, due_ms,"
        " give_up_ms, status, why, created_ms) VALUES (?,?,?,?,?,?,?,?,?,'open',0,?,?,0,'',?)",
        (
            call.uid, call.url, json.dumps(body, ensure_ascii=False), call.flow, call.step, call.occurrence,
            call.enrolment_id, call.contact_id, int(call.waits), to_ms(now), to_ms(call.give_up), to_ms(now),
        ),
    )  # fmt: skip


def is_due(tx: Tx, now: datetime) -> bool:
    """Whether `claim` would find any."""
    return tx.one("SELECT 1 FROM hook_call WHERE state = 'open' AND due_ms <= ? LIMIT 1", (to_ms(now),)) is not None


def claim(tx: Tx, now: datetime, limit: int) -> list[Call]:
    """Calls whose time has come, ours for a while."""
    rows = tx.query(
        f"SELECT {_COLUMNS} FROM hook_call WHERE state = 'open' AND due_ms <= ? ORDER BY due_ms, id LIMIT ?"
        + tx.for_update(skip_locked=True),
        (to_ms(now), limit),
    )
    tx.executemany(
        "UPDATE hook_call SET due_ms = ?, tries = tries + 1 WHERE id = ?",
        [(to_ms(now + CLAIM), row[0]) for row in rows],
    )
    return [_call(row) for row in rows]


def _call(row: tuple[Any, ...]) -> Call:
    number, uid, url, body, flow, step, occurrence, enrolment_id, waits, tries, give_up_ms = row
    give_up = from_ms(give_up_ms)
    return Call(number, uid, url, body, flow, step, occurrence, enrolment_id, bool(waits), tries + 1, give_up)


def put_off(tx: Tx, call: Call, status: int, why: str, due: datetime) -> None:
    """It is tried again then."""
    tx.execute(
        "UPDATE hook_call SET due_ms = ?, status = ?, why = ? WHERE id = ? AND state = 'open' AND tries = ?",
        (to_ms(due), status, why[:500], call.id, call.tries),
    )


def end(tx: Tx, call: Call, state: State, status: int, why: str, now: datetime) -> bool:
    """It is over; False when somebody else ended it."""
    return bool(
        tx.execute(
            "UPDATE hook_call SET state = ?, status = ?, why = ?, due_ms = NULL, ended_ms = ? WHERE id = ? AND state = 'open'",
            (str(state), status, why[:500], to_ms(now), call.id),
        )
    )


def retry(tx: Tx, now: datetime, give_up: datetime, which: int | None = None) -> int:
    """Try failed ones (or this one) again, as if they had never been; how many. A flow that waited goes on without."""
    sql = "UPDATE hook_call SET state = 'open', tries = 0, due_ms = ?, give_up_ms = ?, ended_ms = NULL, waits = 0"
    where = " WHERE state = 'failed'" + ("" if which is None else " AND id = ?")
    return tx.execute(sql + where, (to_ms(now), to_ms(give_up), *(() if which is None else (which,))))


@dataclass(frozen=True, slots=True)
class Row:
    """A call, as `posthouse hook list` shows it."""

    id: int
    uid: str
    url: str
    flow: str
    step: str
    state: str
    tries: int
    status: int
    why: str
    created_ms: int
    due_ms: int | None
    ended_ms: int | None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def listed(tx: Tx, limit: int, *, only_failed: bool = False) -> list[Row]:
    """Calls, the youngest first."""
    where = " WHERE state = 'failed'" if only_failed else ""
    rows = tx.query(
        "SELECT id, uid, url, flow, step, state, tries, status, why, created_ms, due_ms, ended_ms FROM hook_call"
        f"{where} ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [Row(*row) for row in rows]


def has_old(tx: Tx, before: datetime) -> bool:
    """Whether `drop_old` would find any."""
    return tx.one("SELECT 1 FROM hook_call WHERE ended_ms < ? LIMIT 1", (to_ms(before),)) is not None


def drop_old(tx: Tx, before: datetime, limit: int = 200) -> None:
    """Forget calls that ended before then."""
    tx.execute(
        "DELETE FROM hook_call WHERE id IN (SELECT id FROM hook_call WHERE ended_ms < ? ORDER BY ended_ms LIMIT ?)",
        (to_ms(before), limit),
    )
