"""Matching: what events mean for the flows.

Each event is looked at once, a contact's in the order of ids, in one transaction with all that follows from it: segments
first, so that flows see where it put its contact; then goals (they end runs), then triggers (they begin runs, or renew
the waiting run with the same key: replace its data). A run that is due waits until its contact's events have been looked
at, so a goal that was committed first wins.

A newer event with the same key renews whether its `where` holds or not: `where` says who enters, and who is in must not
be told of a cart that is no more. It restarts no wait; steps see the new data.

Events of different people are looked at together: what is asked of the database is asked once for all of them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.flow.entering import Entered, Renewed, Told, enter
from engine.running import facts
from engine.running.book import ActiveFlow, FlowBook
from engine.running.cases import Case, Run, Taken, Waiting
from engine.running.goals import Goals
from engine.running.incoming import StoredEvent, claim, in_turns
from engine.running.passages import Happened, Passage, write_passages
from engine.segments.book import SegmentBook
from engine.segments.keeping import after_event
from engine.store.many import in_list
from mta.ports import Tx, from_ms, to_ms

_BEGIN: Final = (
    "INSERT INTO enrolment (flow_id, version_id, contact_id, run_key, step, state, data, occurrence, entered_ms,"
    " due_ms, revision) VALUES (?,?,?,?,?,'waiting',?,1,?,?,0)"
)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Looks at events. `zone` is the installation's."""

    book: FlowBook
    segments: SegmentBook
    zone: ZoneInfo

    def take(self, tx: Tx, ids: Sequence[int], now: datetime) -> Taken:
        """Look at those of these events that nobody looked at before."""
        taken = Taken()
        events = [each for each in claim(tx, ids) if each.contact_id is not None]
        if events:
            flows, segments = self.book.flows(tx), self.segments.segments(tx)
            for turn in in_turns(events):
                for event in turn:
                    assert event.contact_id is not None
                    after_event(tx, event.name, event.contact_id, event.data, self.segments, now, segments)
                self._look(tx, turn, flows, taken, now)
        return taken

    def _look(
        self, tx: Tx, events: Sequence[StoredEvent], flows: Mapping[str, tuple[ActiveFlow, ...]], taken: Taken,
        now: datetime,
    ) -> None:  # fmt: skip
        """Look at events of different contacts."""
        waiting = self._waiting(tx, events)
        concerned = [each for each in events if each.name in flows or _has_goal(each, waiting)]
        happened: list[Happened] = []
        begun = []
        goals = Goals()
        for case in self._cases(tx, concerned, now):
            own = waiting.get(case.contact_id, [])
            ended = [each for each in own if goals.meets(tx, case, each, happened)]
            taken.ended += [Run(each.definition.name, each.id) for each in ended if each.definition]
            for flow in flows.get(case.event.name, ()):
                runs = {each.key: each.id for each in own if each.flow_id == flow.flow_id and each not in ended}
                entry = enter(
                    flow.definition, Told(case.event.name, case.event.data), case.scope, contact_id=case.contact_id,
                    waiting=runs, entered_at=_entered_at(tx, flow, case), now=now, zone=case.zone,
                )  # fmt: skip
                if isinstance(entry, Renewed):
                    _renew(tx, runs[entry.key], case)
                    taken.renewed.append(Run(flow.definition.name, runs[entry.key]))
                elif isinstance(entry, Entered):
                    begun.append((flow, case, entry))
        goals.end(tx, now)
        for flow, case, entry in begun:
            enrolment_id = _begin(tx, flow, case, entry, now, happened)
            taken.entered.append(Run(flow.definition.name, enrolment_id))
        write_passages(tx, happened, now)

    def _waiting(self, tx: Tx, events: Iterable[StoredEvent]) -> dict[int, list[Waiting]]:
        """The waiting runs of the events' contacts, in whatever version, by contact."""
        ids = [each.contact_id for each in events]
        marks, which = in_list(ids)
        if lock := tx.for_update():  # of two events of one contact, one is looked at after the other
            tx.query(f"SELECT id FROM contact WHERE id IN ({marks}) ORDER BY id{lock}", which)
        found: dict[int, list[Waiting]] = {}
        for run_id, flow_id, version_id, contact_id, key, entered_ms, occurrence in tx.query(
            "SELECT id, flow_id, version_id, contact_id, run_key, entered_ms, occurrence FROM enrolment"
            f" WHERE contact_id IN ({marks}) AND state = 'waiting' ORDER BY id" + tx.for_update(),
            which,
        ):
            definition = self.book.definition(tx, version_id)
            run = Waiting(run_id, flow_id, contact_id, key, definition, from_ms(entered_ms), occurrence)
            found.setdefault(contact_id, []).append(run)
        return found

    def _cases(self, tx: Tx, events: Sequence[StoredEvent], now: datetime) -> list[Case]:
        people = facts.read_contacts(tx, (each.contact_id for each in events if each.contact_id is not None))
        cases = []
        for event in events:
            contact = people.get(event.contact_id or 0)
            if contact is not None:
                own = facts.zone_for(contact, self.zone)
                cases.append(Case(event, contact["id"], facts.scope(contact, event.data, now, own), own))
        return cases


def _has_goal(event: StoredEvent, waiting: Mapping[int, list[Waiting]]) -> bool:
    runs = waiting.get(event.contact_id or 0, ())
    return any(each.definition and each.definition.goal and each.definition.goal.event == event.name for each in runs)


def _entered_at(tx: Tx, flow: ActiveFlow, case: Case) -> Any:
    def find(key: str) -> datetime | None:
        row = tx.one(
            "SELECT MAX(entered_ms) FROM enrolment WHERE flow_id = ? AND contact_id = ? AND run_key = ?",
            (flow.flow_id, case.contact_id, key),
        )
        return from_ms(row[0]) if row and row[0] is not None else None

    return find


def _renew(tx: Tx, enrolment_id: int, case: Case) -> None:
    tx.put(
        "UPDATE enrolment SET data = ?, revision = revision + 1 WHERE id = ?",
        (json.dumps(case.event.data, ensure_ascii=False), enrolment_id),
    )


def _begin(tx: Tx, flow: ActiveFlow, case: Case, entry: Entered, now: datetime, happened: list[Happened]) -> int:
    data, now_ms = json.dumps(case.event.data, ensure_ascii=False), to_ms(now)
    enrolment_id = tx.insert(
        _BEGIN,
        (flow.flow_id, flow.version_id, case.contact_id, entry.key, flow.definition.first, data, now_ms, now_ms),
    )
    detail = {"event": case.event.id, "values": entry.values}
    happened.append(Happened(enrolment_id, 1, Passage("trigger", "trigger", case.event.name, detail)))
    return enrolment_id
