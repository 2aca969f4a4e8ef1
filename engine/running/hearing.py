"""What a run hears of: whether what came is what it waits for, and whether it happened before the run began at all."""

from collections.abc import Mapping
from datetime import datetime
from math import inf
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.flow.decisions import Await
from engine.flow.model import WaitFor
from engine.running import facts
from engine.running.cases import Waiting
from engine.running.due import DueRun
from engine.running.incoming import COLUMNS, TOLD_LATE, StoredEvent, stored
from mta.ports import Tx, to_ms

_STEP: Final = "step"
_AT: Final = "at"
_UTC: Final = ZoneInfo("UTC")


def came_since(tx: Tx, run: DueRun, begun: Await, now: datetime) -> bool:
    """Whether such an event came already, since the run's last step was over; before its first, since what let it in
    happened: of two that are told at once the second is not lost."""
    if run.contact is None:
        return False
    since_ms, since_id = _last_of(tx, run.enrolment_id) or (to_ms(now), 0)
    rows = tx.query(
        f"SELECT {COLUMNS} FROM event WHERE contact_id = ? AND name = ? AND at_ms >= ?"
        f" AND matched IN (1, {TOLD_LATE}) ORDER BY at_ms, id",
        (run.contact_id, begun.event, since_ms),
    )
    scope = facts.scope(run.contact, {}, now, facts.zone_for(run.contact, _UTC))
    events = (each for each in map(stored, rows) if to_ms(each.at) > since_ms or each.id > since_id)
    return any(is_awaited(tx, run.enrolment_id, begun, each, scope, run.event) for each in events)


def _last_of(tx: Tx, run_id: int) -> tuple[int, float] | None:
    """When a run's last step was over, and which of the events of that very moment is the last that came before it."""
    sql = "SELECT at_ms, kind FROM passage WHERE enrolment_id = ? ORDER BY at_ms DESC, id DESC LIMIT 1"
    last = tx.one(sql, (run_id,))
    if last is None:
        return None
    return (_cause(tx, run_id) if last[1] == "trigger" else None) or (last[0], inf)


def happened_before(tx: Tx, event: StoredEvent, run: Waiting) -> bool:
    """Whether an event that was told late happened before the run began: then it is neither its goal nor what it waits for.

    A run begins when what let it in happened, which is before we heard of it: what a shop's clock puts between the two is
    the run's."""
    if event.at >= run.entered:
        return False
    cause = _cause(tx, run.id)
    return cause is None or to_ms(event.at) < cause[0]


def _cause(tx: Tx, run_id: int) -> tuple[int, int] | None:
    """The event that let somebody in: when it happened, and its id."""
    sql = "SELECT detail FROM passage WHERE enrolment_id = ? AND kind = 'trigger' ORDER BY id LIMIT 1"
    began = tx.one(sql, (run_id,))
    cause = facts.read_data(began[0]).get("event") if began else None
    row = tx.one("SELECT at_ms, id FROM event WHERE id = ?", (cause,)) if isinstance(cause, int) else None
    return (row[0], row[1]) if row else None


def is_older(tx: Tx, event: StoredEvent, run_id: int) -> bool:
    """Whether an event happened before the one whose data a run has now: told late, it is no newer one and replaces
    nothing. Of data without the moment it is from, such as an operator's, nothing is older."""
    row = tx.one("SELECT data FROM enrolment WHERE id = ?", (run_id,))
    present, own = (facts.read_data(row[0]) if row else {}).get(_AT), event.data.get(_AT)
    if not isinstance(present, str) or own != event.at.isoformat():  # which an event's own data may call otherwise
        return False
    try:
        return event.at < datetime.fromisoformat(present)
    except (ValueError, TypeError):
        return False


def is_awaited(
    tx: Tx, enrolment_id: int, wait: WaitFor | Await, event: StoredEvent, scope: Mapping[str, object],
    own: Mapping[str, Any],
) -> bool:  # fmt: skip
    """Whether an event is what a run waits for: its name, all of `match`, and `where`, in which `trigger` is the run's own
    data. Where it is about a mail of a step, the mail is this very run's."""
    if event.name != wait.event or any(event.data.get(key) != value for key, value in wait.match.items()):
        return False
    if _STEP in wait.match and not _is_own_mail(tx, enrolment_id, event):
        return False
    return wait.where is None or wait.where.evaluate({**scope, "event": event.data, "trigger": own})


def _is_own_mail(tx: Tx, enrolment_id: int, event: StoredEvent) -> bool:
    message_id = event.data.get("message")
    if not isinstance(message_id, int):
        return False
    return (
        tx.one("SELECT 1 FROM sending WHERE message_id = ? AND enrolment_id = ?", (message_id, enrolment_id))
        is not None
    )
