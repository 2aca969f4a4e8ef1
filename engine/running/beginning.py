"""Beginning runs: the rows of one that was entered, whatever let the contact in."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.flow.entering import ByHand, Entered, Entry, NotEntered, Renewed, enter
from engine.flow.machine import HELD_OUT
from engine.flow.model import END
from engine.flow.spelling import near
from engine.running import facts
from engine.running.book import ActiveFlow, FlowBook
from engine.running.passages import Happened, Passage, write_passages
from mta.ports import Tx, from_ms, to_ms

_BEGIN: Final = (
    "INSERT INTO enrolment (flow_id, version_id, contact_id, run_key, step, state, data, occurrence, entered_ms,"
    " due_ms, revision, ended_ms, ended_how, chain, chained_ms) VALUES (?,?,?,?,?,?,?,1,?,?,0,?,?,?,?)"
)
_RENEW: Final = "UPDATE enrolment SET data = ?, revision = revision + 1 WHERE id = ?"
_RESTART: Final = (
    "UPDATE enrolment SET data = ?, version_id = ?, step = ?, occurrence = occurrence + 1, due_ms = ?, standing = '{}',"
    " awaits = '', intent = '', chain = ?, chained_ms = ?, revision = revision + 1 WHERE id = ?"
)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A contact that comes into a flow: why, with which data."""

    flow: ActiveFlow
    contact_id: int
    data: Mapping[str, Any]
    cause: str  # an event's name, or who says so
    detail: Mapping[str, Any]
    due: datetime | None = None  # when the first step should come; None: now
    chain: int = 0  # how many runs led to this (engine.running.chains)


def begin(tx: Tx, of: Beginning, entry: Entered, now: datetime, happened: list[Happened]) -> int:
    """A new run; its id. Of somebody who is held out it is over at once, so that it can be counted against the others."""
    flow, now_ms = of.flow, to_ms(now)
    state = (
        ("ended", END, None, now_ms, HELD_OUT)
        if entry.is_held_out
        else ("waiting", flow.definition.first, to_ms(of.due or now), None, None)
    )
    word, step, due_ms, ended_ms, how = state
    enrolment_id = tx.insert(
        _BEGIN,
        (
            flow.flow_id, flow.version_id, of.contact_id, entry.key, step, word, _json(of.data), now_ms, due_ms, ended_ms,
            how, of.chain, now_ms,
        ),
    )  # fmt: skip
    passage = Passage("trigger", "trigger", of.cause, {**of.detail, "values": entry.values})
    happened.append(Happened(enrolment_id, 1, passage))
    if entry.is_held_out:
        share = {"share": flow.definition.holdout}
        happened.append(Happened(enrolment_id, 1, Passage("holdout", "exit", "held out", share)))
    return enrolment_id


def renew(tx: Tx, of: Beginning, entry: Renewed, enrolment_id: int, now: datetime) -> None:
    """A waiting run has newer data, and begins anew where its trigger says so: then its steps are another occurrence."""
    flow, now_ms = of.flow, to_ms(now)
    if entry.restarts:
        first = flow.definition.first
        tx.put(_RESTART, (_json(of.data), flow.version_id, first, now_ms, of.chain, now_ms, enrolment_id))
    else:
        tx.put(_RENEW, (_json(of.data), enrolment_id))


def entered_at(tx: Tx, flow_id: int, contact_id: int) -> Callable[[str], datetime | None]:
    """For `enter`: when the last run with a key began."""

    def find(key: str) -> datetime | None:
        row = tx.one(
            "SELECT MAX(entered_ms) FROM enrolment WHERE flow_id = ? AND contact_id = ? AND run_key = ?",
            (flow_id, contact_id, key),
        )
        return from_ms(row[0]) if row and row[0] is not None else None

    return find


@dataclass(frozen=True, slots=True)
class Hand:
    """Lets people in because somebody says so: an operator, an application, another flow. `zone`: the installation's."""

    book: FlowBook
    zone: ZoneInfo

    def start(
        self,
        tx: Tx,
        name: str,
        contact_id: int,
        data: Mapping[str, Any],
        now: datetime,
        *,
        by: str,
        chain: int = 0,
    ) -> tuple[Entry, int]:
        """Let a contact into a flow: what came of it, and the run. LookupError where there is no such flow or contact.
        `chain`: how many runs led to this."""
        flow = self.book.named(tx, name)
        if flow is None:
            there = (each for (each,) in tx.query("SELECT name FROM flow WHERE state <> 'archived' ORDER BY name"))
            raise LookupError(f"there is no flow {name} that can be entered{near(name, there)}")
        contact = facts.read_contacts(tx, [contact_id]).get(contact_id)
        if contact is None:
            raise LookupError(f"there is no contact {contact_id}")
        own = facts.zone_for(contact, self.zone)
        waiting = _waiting(tx, flow.flow_id, contact_id)
        entry = enter(
            flow.definition, ByHand(), facts.scope(contact, dict(data), now, own), contact_id=contact_id, waiting=waiting,
            entered_at=entered_at(tx, flow.flow_id, contact_id), now=now, zone=own, chain=chain,
        )  # fmt: skip
        of = Beginning(flow, contact_id, data, by, {}, chain=chain)
        return entry, _written(tx, of, entry, waiting, now)


def _written(tx: Tx, of: Beginning, entry: Entry, waiting: Mapping[str, int], now: datetime) -> int:
    match entry:
        case Entered():
            happened: list[Happened] = []
            enrolment_id = begin(tx, of, entry, now, happened)
            write_passages(tx, happened, now)
            return enrolment_id
        case Renewed(key=key):
            renew(tx, of, entry, waiting[key], now)
            return waiting[key]
        case NotEntered():
            return 0


def _waiting(tx: Tx, flow_id: int, contact_id: int) -> dict[str, int]:
    rows = tx.query(
        "SELECT run_key, id FROM enrolment WHERE flow_id = ? AND contact_id = ? AND state = 'waiting'"
        + tx.for_update(),
        (flow_id, contact_id),
    )
    return dict(rows)


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(dict(data), ensure_ascii=False)
