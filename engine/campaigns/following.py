"""Following: what becomes of a campaign's mails, and what their readers do, in the commit that says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.campaigns import figures
from engine.campaigns.figures import Place, place
from engine.campaigns.runs import Run
from engine.campaigns.states import OF_DELIVERY, Fate
from engine.sending import arbiter
from engine.store.many import in_list
from mta.ports import Tx, to_ms
from mta.queue.delivery import State
from mta.queue.queue import Settled

ORIGIN: Final = "campaign"  # of the messages
STOPPED: Final = "campaign stopped"
SPAN: Final = 5_000  # contact numbers looked at in one transaction
_SEEN: Final = {"mail.opened": "opened", "mail.clicked": "clicked"}
_SUPPRESSED: Final = "suppress"  # how both the queue and its replies begin what the arbiter said


def settled(tx: Tx, each: Settled, now: datetime) -> None:
    """A mail of a campaign came to an end."""
    fate = OF_DELIVERY.get(each.state)
    row = tx.one("SELECT run_id, occurrence FROM sending WHERE message_id = ?", (each.message_id,))
    if fate is not None and row is not None and row[0] is not None:
        why = _why(fate, each.reply)
        if why == STOPPED:
            fate, why = Fate.RECALLED, ""
            arbiter.give_back(tx, each.message_id, row[1])
        end(tx, row[0], row[1], each.message_id, fate, why, now)


def end(tx: Tx, run_id: int, contact_id: int, message_id: int, fate: Fate, reason: str, now: datetime) -> bool:
    """A recipient whose mail was queued has an end. False when it had one before."""
    rows = tx.query(
        "UPDATE campaign_recipient SET state = ?, reason = ?, at_ms = ? WHERE run_id = ? AND contact_id = ?"
        " AND message_id = ? AND state = 'queued' RETURNING variant",
        (str(fate), reason, to_ms(now), run_id, contact_id, message_id),
    )
    for (variant,) in rows:
        figures.move(tx, place(run_id, variant, Fate.QUEUED), place(run_id, variant, fate, reason))
    return bool(rows)


def reconcile(tx: Tx, run: Run, after: int, now: datetime) -> tuple[int, int]:
    """End recipients whose deliveries ended where nobody told (an operator's hand in the queue, a settled doubt): looks at
    some after that contact's number; (the last number looked at, 0 at the end; how many were ended)."""
    first = tx.one(
        "SELECT min(contact_id) FROM campaign_recipient WHERE run_id = ? AND contact_id > ?", (run.id, after)
    )
    if first is None or first[0] is None:
        return 0, 0
    rows = tx.query(
        "SELECT r.contact_id, r.message_id, d.state, COALESCE(d.ended_by, '') FROM campaign_recipient r"
        " JOIN delivery d ON d.message_id = r.message_id WHERE r.run_id = ? AND r.contact_id BETWEEN ? AND ?"
        " AND r.state = 'queued' AND d.state >= 10 ORDER BY r.contact_id",
        (run.id, first[0], first[0] + SPAN - 1),
    )
    ended = 0
    for contact_id, message_id, state, by in rows:
        if (fate := OF_DELIVERY.get(State(state))) is not None:
            ended += end(tx, run.id, contact_id, message_id, fate, _why(fate, by), now)
    return first[0] + SPAN - 1, ended


# -- what readers do


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of a contact."""

    name: str
    contact_id: int
    data: Mapping[str, Any]
    at: datetime


def heard(tx: Tx, events: Sequence[Heard]) -> None:
    """Events, as everybody looks at them once: openings and clicks by people, and campaigns' goals."""
    for each in events:
        message_id = each.data.get("message")
        if isinstance(message_id, int) and each.name in (*_SEEN, "mail.fetched"):
            row = tx.one("SELECT run_id, occurrence FROM sending WHERE message_id = ?", (message_id,))
            if row is not None and row[0] is not None:
                _seen(tx, row[0], row[1], each)
    marks, names = in_list(sorted({each.name for each in events}))
    first_ms = min(to_ms(each.at) for each in events)
    goals = tx.query(
        f"SELECT id, goal, goal_ms FROM campaign_run WHERE goal IN ({marks}) AND counts_until_ms >= ? ORDER BY id",
        (*names, first_ms),
    )
    for run_id, goal, within_ms in goals:
        for each in events:
            if each.name == goal:
                _reached(tx, run_id, each.contact_id, within_ms, each.at)


def _seen(tx: Tx, run_id: int, contact_id: int, event: Heard) -> None:
    """Note the first time; take it back where what was believed of a person was a machine's after all."""
    at = event.at
    if event.name in _SEEN:
        _note(tx, run_id, contact_id, _SEEN[event.name], at)
        if event.name == "mail.clicked":
            _note(tx, run_id, contact_id, "opened", at)  # whoever clicked had it before their eyes
        return
    what = {"open": "opened", "click": "clicked"}.get(str(event.data.get("what")))
    if what is None or event.data.get("by") == "person":
        return
    rows = tx.query(
        f"UPDATE campaign_recipient SET {what}_ms = NULL WHERE run_id = ? AND contact_id = ? AND {what}_ms = ?"
        " RETURNING variant",
        (run_id, contact_id, to_ms(at)),
    )
    for (variant,) in rows:
        figures.add(tx, Place(run_id, variant, what), -1)


def _note(tx: Tx, run_id: int, contact_id: int, what: str, at: datetime) -> None:
    rows = tx.query(
        f"UPDATE campaign_recipient SET {what}_ms = ? WHERE run_id = ? AND contact_id = ? AND {what}_ms IS NULL"
        " RETURNING variant",
        (to_ms(at), run_id, contact_id),
    )
    for (variant,) in rows:
        figures.add(tx, Place(run_id, variant, what))


def _reached(tx: Tx, run_id: int, contact_id: int, within_ms: int, at: datetime) -> None:
    row = tx.one(
        "SELECT at_ms FROM campaign_recipient WHERE run_id = ? AND contact_id = ? AND state = 'delivered'",
        (run_id, contact_id),
    )
    if row is not None and row[0] <= to_ms(at) <= row[0] + within_ms:
        _note(tx, run_id, contact_id, "ordered", at)


def _why(fate: Fate, said: str) -> str:
    """Why a mail was taken out of the queue: the arbiter's words, or an operator."""
    if fate is not Fate.CANCELLED:
        return ""
    return said.partition(": ")[2] if _SUPPRESSED in said else "by an operator"
