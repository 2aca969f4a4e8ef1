"""Matching: what events mean for the flows.

Each event is looked at once, a contact's in the order of ids, in one transaction with all that follows from it: segments
first, so that flows see where it put its contact; then goals (they end runs), then triggers (they begin runs, or renew
the waiting run with the same key: replace its data). A run that is due waits until its contact's events have been looked
at, so a goal that was committed first wins. Between the two, runs that wait for the event go on.

A newer event with the same key renews whether its `where` holds or not: `where` says who enters, and who is in must not
be told of a cart that is no more. It restarts no wait, unless the trigger says `restart: true`; steps see the new data.

Events of different people are looked at together: what is asked of the database is asked once for all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine.campaigns import following as campaigns
from engine.flow.entering import Bar, NotEntered, Renewed, Told, enter, is_barred
from engine.flow.model import WaitFor
from engine.flow.sieve import Sieve
from engine.flow.waits import resolve_intent
from engine.running import chains, facts
from engine.running.beginning import Beginning, begin, entered_at, renew
from engine.running.book import ActiveFlow, FlowBook
from engine.running.cases import Case, Run, Taken, Waiting
from engine.running.goals import Goals
from engine.running.hearing import happened_before, is_awaited, is_older
from engine.running.incoming import StoredEvent, claim, in_turns
from engine.running.passages import Happened, write_passages
from engine.running.products import spread
from engine.running.standing import Kept
from engine.segments.book import Segment, SegmentBook
from engine.segments.keeping import after_event
from engine.store.many import in_list
from mta.ports import Tx, from_ms, to_ms

_HEARD: Final = "UPDATE enrolment SET standing = ?, awaits = '', due_ms = ?, revision = revision + 1 WHERE id = ?"
_LATER: Final = "UPDATE enrolment SET due_ms = ?, revision = revision + 1 WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Matcher:
    """Looks at events. `zone` is the installation's."""

    book: FlowBook
    segments: SegmentBook
    zone: ZoneInfo

    def take(self, tx: Tx, ids: Sequence[int], now: datetime) -> Taken:
        """Look at those of these events that nobody looked at before."""
        taken = Taken()
        claimed = claim(tx, ids, now)
        for event in claimed:
            if event.contact_id is None:
                spread(tx, event)
        events = [each for each in claimed if each.contact_id is not None]
        if events:
            campaigns.heard(tx, [campaigns.Heard(e.name, e.contact_id, e.data, e.at) for e in events if e.contact_id])
            flows, segments = self.book.flows(tx), self.segments.segments(tx)
            for turn in in_turns(events, lambda event: event.contact_id):
                for event in turn:
                    self._see_segments(tx, event, segments, now)
                self._look(tx, turn, flows, taken, now)
        return taken

    def _see_segments(self, tx: Tx, event: StoredEvent, segments: Sequence[Segment], now: datetime) -> None:
        """What the event changes of the contact's segments is of the same chain."""
        assert event.contact_id is not None
        before = chains.newest(tx) if event.chain else 0
        after_event(tx, event.name, event.contact_id, event.data, self.segments, now, segments)
        if event.chain:
            chains.mark(tx, event.contact_id, before, event.chain)

    def _look(
        self, tx: Tx, events: Sequence[StoredEvent], flows: Mapping[str, Sieve[ActiveFlow]], taken: Taken,
        now: datetime,
    ) -> None:  # fmt: skip
        """Look at events of different contacts."""
        waiting = self._waiting(tx, events)
        concerned = [each for each in events if _may_begin(each, flows, waiting) or _is_of_a_run(each, waiting)]
        happened: list[Happened] = []
        goals = Goals()
        for case in self._cases(tx, concerned, now):
            own = waiting.get(case.contact_id, [])
            ended = [each for each in own if goals.meets(tx, case, each, happened)]
            taken.ended += [Run(each.definition.name, each.id) for each in ended if each.definition]
            going_on = [each for each in own if each not in ended]
            _hear(tx, case, going_on, now)
            if moves_zone(case.event):
                _resolve_again(tx, case, going_on, now)
            for flow in _flows_for(case.event, flows, going_on):
                self._enter(tx, case, flow, going_on, taken, happened, now)
        goals.end(tx, now)
        write_passages(tx, happened, now)

    def _enter(
        self, tx: Tx, case: Case, flow: ActiveFlow, own: Sequence[Waiting], taken: Taken, happened: list[Happened],
        now: datetime,
    ) -> None:  # fmt: skip
        runs = {each.key: each.id for each in own if each.flow_id == flow.flow_id}
        if not runs and is_barred(flow.definition, case.scope):
            return
        entry = enter(
            flow.definition, Told(case.event.name, case.event.data, case.event.at), case.scope, contact_id=case.contact_id,
            waiting=runs, entered_at=entered_at(tx, flow.flow_id, case.contact_id), now=now, zone=case.zone,
            chain=case.event.chain,
        )  # fmt: skip
        if isinstance(entry, NotEntered):
            if entry.reason is Bar.CHAIN:
                came = f"event {case.event.id} ({case.event.name})"
                taken.chained.append(chains.told(flow.definition.name, came))
            return
        told = {"event": case.event.id}
        of = Beginning(flow, case.contact_id, case.event.data, case.event.name, told, chain=case.event.chain)
        if isinstance(entry, Renewed):
            if is_older(tx, case.event, runs[entry.key]):
                return
            renew(tx, of, entry, runs[entry.key], now)
            taken.renewed.append(Run(flow.definition.name, runs[entry.key]))
        else:
            run = Run(flow.definition.name, begin(tx, of, entry, now, happened))
            (taken.ended if entry.is_held_out else taken.entered).append(run)

    def _waiting(self, tx: Tx, events: Iterable[StoredEvent]) -> dict[int, list[Waiting]]:
        """The waiting runs of the events' contacts, in whatever version, by contact."""
        ids = [each.contact_id for each in events]
        marks, which = in_list(ids)
        if lock := tx.for_update():  # of two events of one contact, one is looked at after the other
            tx.query(f"SELECT id FROM contact WHERE id IN ({marks}) ORDER BY id{lock}", which)
        found: dict[int, list[Waiting]] = {}
        for run_id, flow_id, contact_id, version_id, key, entered_ms, *stands in tx.query(
            "SELECT id, flow_id, contact_id, version_id, run_key, entered_ms, step, occurrence, awaits, intent FROM enrolment"
            f" WHERE contact_id IN ({marks}) AND state = 'waiting' ORDER BY id" + tx.for_update(),
            which,
        ):
            definition = self.book.definition(tx, version_id)
            run = Waiting(run_id, flow_id, contact_id, key, definition, from_ms(entered_ms), *stands)
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


def _flows_for(
    event: StoredEvent, flows: Mapping[str, Sieve[ActiveFlow]], own: Sequence[Waiting]
) -> Sequence[ActiveFlow]:  # fmt: skip
    """The flows that an event may begin, or renew the contact's run of."""
    sieve = flows.get(event.name)
    if sieve is None:
        return ()
    through, inside = sieve.through(event.data), {each.flow_id for each in own}
    there = {flow.flow_id for flow in through}
    return [*through, *(flow for flow in sieve.all if flow.flow_id in inside - there)] if inside - there else through


def _may_begin(
    event: StoredEvent, flows: Mapping[str, Sieve[ActiveFlow]], waiting: Mapping[int, list[Waiting]]
) -> bool:  # fmt: skip
    return bool(_flows_for(event, flows, waiting.get(event.contact_id or 0, ())))


def _is_of_a_run(event: StoredEvent, waiting: Mapping[int, list[Waiting]]) -> bool:
    """Whether one of the contact's runs may end by it, waits for it, or is by a clock that it sets."""
    return any(
        (each.definition and each.definition.goal and each.definition.goal.event == event.name)
        or each.awaits == event.name
        or (each.intent and moves_zone(event))
        for each in waiting.get(event.contact_id or 0, ())
    )


def moves_zone(event: StoredEvent) -> bool:
    """Whether the contact's clock shows another time from now on."""
    changed = event.data.get("fields")
    return event.name == "contact.updated" and isinstance(changed, dict) and "zone" in changed


def _hear(tx: Tx, case: Case, runs: Sequence[Waiting], now: datetime) -> None:
    """Let the runs that wait for this event go on."""
    for run in runs:
        wait = run.definition.program.get(run.step) if run.definition and run.awaits == case.event.name else None
        if wait is None or not isinstance(wait.step, WaitFor) or happened_before(tx, case.event, run):
            continue
        row = tx.one("SELECT due_ms, standing, data FROM enrolment WHERE id = ?", (run.id,))
        if row is None:
            continue
        kept = Kept.read(run.step, run.occurrence, row[0], row[1], run.intent)
        if is_awaited(tx, run.id, wait.step, case.event, case.scope, facts.read_data(row[2]) | dict(kept.given)):
            heard = replace(kept, standing=replace(kept.standing, heard=True), meant=None)
            tx.put(_HEARD, (heard.as_json(), to_ms(now), run.id))


def _resolve_again(tx: Tx, case: Case, runs: Sequence[Waiting], now: datetime) -> None:
    """The contact's clock was set: what was meant by it comes at another time."""
    for run in runs:
        if (intent := facts.read_data(run.intent)) and intent.get("zone") != case.zone.key:
            tx.put(_LATER, (to_ms(resolve_intent(intent, case.zone, now)), run.id))
