"""Matching: what an event means for the flows.

Each event is looked at once, in the order of ids, in one transaction with all that follows from it: goals first (they
end runs), then triggers (they begin runs, or renew the waiting run with the same key: replace its data). A run that is
due waits until its contact's events have been looked at, so a goal that was committed first wins.

A newer event with the same key renews whether its `where` holds or not: `where` says who enters, and who is in must not
be told of a cart that is no more. It restarts no wait; steps see the new data.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.flow.events import MAX_KEY
from engine.flow.model import Definition, Goal
from engine.flow.triggers import EventTrigger, Trigger
from engine.flow.values import as_text
from engine.running import facts
from engine.running.book import ActiveFlow, FlowBook
from engine.running.passages import Passage, write_passage
from engine.segments.book import SegmentBook
from engine.segments.keeping import after_event
from mta.ports import Tx, from_ms, to_ms

SET_ASIDE: Final = 2  # of event.matched: nobody could look at it without failing

_COLUMNS: Final = "id, name, contact_id, key, data, at_ms"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of the event table. `data` is what conditions see as `event`: also `name`, `key` and `at`."""

    id: int
    name: str
    contact_id: int | None
    data: dict[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """An enrolment that an event touched."""

    flow: str
    enrolment_id: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What an event did: the runs it began, renewed and ended."""

    entered: tuple[Run, ...] = ()
    renewed: tuple[Run, ...] = ()
    ended: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    """One event of one contact, with all that conditions may see."""

    event: StoredEvent
    contact_id: int
    scope: dict[str, object]
    zone: ZoneInfo
    now: datetime


def new_events(tx: Tx, limit: int) -> list[int]:
    """The ids of events that nobody looked at, oldest first."""
    return [row[0] for row in tx.query("SELECT id FROM event WHERE matched = 0 ORDER BY id LIMIT ?", (limit,))]


def set_aside(tx: Tx, event_id: int) -> None:
    """Give up on an event that nobody can look at without failing."""
    tx.execute("UPDATE event SET matched = ? WHERE id = ? AND matched = 0", (SET_ASIDE, event_id))


def take_event(tx: Tx, event_id: int, book: FlowBook, segments: SegmentBook, now: datetime, zone: ZoneInfo) -> Taken:
    """Look at one event: segments first, so that flows see where it put its contact. Taken() when somebody did before,
    or no flow asks for it. `zone` is the installation's."""
    if tx.execute("UPDATE event SET matched = 1 WHERE id = ? AND matched = 0", (event_id,)) != 1:
        return Taken()
    row = tx.one(f"SELECT {_COLUMNS} FROM event WHERE id = ?", (event_id,))
    event = _stored(row) if row else None
    if event is None or event.contact_id is None:
        return Taken()
    after_event(tx, event.name, event.contact_id, event.data, segments, now)
    runs = _runs_with_goal(tx, event, book)
    flows = [flow for flow in book.flows(tx) if _is_met(flow.definition.trigger, event)]
    contact = facts.read_contact(tx, event.contact_id) if runs or flows else None
    if contact is None:
        return Taken()
    own = facts.zone_for(contact, zone)
    case = _Case(event, event.contact_id, facts.scope(contact, event.data, now, own), own, now)
    ended = tuple(Run(run.flow, run.enrolment_id) for run in runs if _end_by_goal(tx, case, run))
    entered, renewed = [], []
    for flow in flows:
        key, name = run_key(flow.definition, case.scope), flow.definition.name
        if (known := _renew(tx, case, flow, key)) is not None:
            renewed.append(Run(name, known))
        elif (begun := _enter(tx, case, flow, key)) is not None:
            entered.append(Run(name, begun))
    return Taken(tuple(entered), tuple(renewed), ended)


def run_key(definition: Definition, scope: dict[str, object]) -> str:
    """What tells this run from the contact's others in the flow: the key's value as text; "" where there is none."""
    key = definition.trigger.key if isinstance(definition.trigger, EventTrigger) else None
    if key is None:
        return ""
    text = as_text(key.value(scope))
    if not isinstance(text, str):
        return ""
    return text if len(text) <= MAX_KEY else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _is_met(trigger: Trigger, event: StoredEvent) -> bool:
    return isinstance(trigger, EventTrigger) and trigger.is_met(event.name, event.data)


def _stored(row: tuple[Any, ...]) -> StoredEvent:
    event_id, name, contact_id, key, data, at_ms = row
    at = from_ms(at_ms)
    return StoredEvent(
        event_id, name, contact_id, {"name": name, "key": key, "at": at.isoformat(), **facts.read_data(data)}, at
    )


# -- goals


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A waiting run with a goal; `data` is its own event's."""

    flow: str
    enrolment_id: int
    goal: Goal
    data: dict[str, Any]
    entered_ms: int
    occurrence: int


def _runs_with_goal(tx: Tx, event: StoredEvent, book: FlowBook) -> list[_Waiting]:
    """The contact's waiting runs, in whatever version, whose goal is an event of this name."""
    rows = tx.query(
        "SELECT id, version_id, data, entered_ms, occurrence FROM enrolment WHERE contact_id = ? AND state = 'waiting'"
        " ORDER BY id" + tx.for_update(),
        (event.contact_id,),
    )
    found = []
    for enrolment_id, version_id, data, entered_ms, occurrence in rows:
        definition = book.definition(tx, version_id)
        if definition is not None and definition.goal is not None and definition.goal.event == event.name:
            own = facts.read_data(data)
            found.append(_Waiting(definition.name, enrolment_id, definition.goal, own, entered_ms, occurrence))
    return found


def _end_by_goal(tx: Tx, case: _Case, run: _Waiting) -> bool:
    goal = run.goal
    if goal.within is not None and case.event.at > goal.within.after(from_ms(run.entered_ms), case.zone):
        return False
    scope = case.scope | {"trigger": run.data}
    if goal.where is not None and not goal.where.evaluate(scope):
        return False
    tx.execute(
        "UPDATE enrolment SET state = 'ended', ended_how = 'goal', ended_ms = ?, due_ms = NULL, revision = revision + 1"
        " WHERE id = ? AND state = 'waiting'",
        (to_ms(case.now), run.enrolment_id),
    )
    values = goal.where.explain(scope) if goal.where is not None else {}
    passage = Passage("goal", "goal", case.event.name, {"event": case.event.id, "values": values})
    write_passage(tx, run.enrolment_id, run.occurrence, passage, case.now)
    return True


# -- triggers


def _renew(tx: Tx, case: _Case, flow: ActiveFlow, key: str) -> int | None:
    """Replace the data of the waiting run with this key; its id."""
    row = tx.one(
        "SELECT id FROM enrolment WHERE flow_id = ? AND contact_id = ? AND run_key = ? AND state = 'waiting'"
        + tx.for_update(),
        (flow.flow_id, case.contact_id, key),
    )
    if row is None:
        return None
    tx.execute(
        "UPDATE enrolment SET data = ?, revision = revision + 1 WHERE id = ?",
        (json.dumps(case.event.data, ensure_ascii=False), row[0]),
    )
    return int(row[0])


def _enter(tx: Tx, case: _Case, flow: ActiveFlow, key: str) -> int | None:
    """Begin a run, where the trigger's condition and the rule of re-entry let it; its id."""
    trigger = flow.definition.trigger
    if trigger.where is not None and not trigger.where.evaluate(case.scope):
        return None
    if not _may_enter(tx, case, flow, key):
        return None
    enrolment_id = tx.insert(
        "INSERT INTO enrolment (flow_id, version_id, contact_id, run_key, step, state, data, occurrence, entered_ms,"
        " due_ms, revision) VALUES (?,?,?,?,?,'waiting',?,1,?,?,0)",
        (
            flow.flow_id, flow.version_id, case.contact_id, key, flow.definition.first,
            json.dumps(case.event.data, ensure_ascii=False), to_ms(case.now), to_ms(case.now),
        ),
    )  # fmt: skip
    values = trigger.where.explain(case.scope) if trigger.where is not None else {}
    passage = Passage("trigger", "trigger", case.event.name, {"event": case.event.id, "values": values})
    write_passage(tx, enrolment_id, 1, passage, case.now)
    return enrolment_id


def _may_enter(tx: Tx, case: _Case, flow: ActiveFlow, key: str) -> bool:
    rule = flow.definition.reentry
    if rule.rule == "always":
        return True
    row = tx.one(
        "SELECT entered_ms FROM enrolment WHERE flow_id = ? AND contact_id = ? AND run_key = ?"
        " ORDER BY id DESC LIMIT 1",
        (flow.flow_id, case.contact_id, key),
    )
    if row is None:
        return True
    return rule.after is not None and rule.after.after(from_ms(row[0]), case.zone) <= case.now
