"""Why a flow did not let somebody in: the events that came, or did not, each asked again as when it came."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from engine.flow.entering import MAX_CHAIN, OLDEST, Bar, Entry, NotEntered, Occasion, Told, enter
from engine.flow.model import Definition
from engine.flow.shares import in_holdout
from engine.flow.telling import told_trigger
from engine.flow.triggers import Audience, DateTrigger, EventTrigger, ManualTrigger
from engine.reasons.words import Reason, Run, Word, missing
from engine.running import facts
from engine.running.incoming import TOLD_LATE
from mta.ports import Tx, from_ms

EVENTS: Final = 3  # the youngest that are told of
Person: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Beginning:
    """A flow as it is now, and who asks about it. `since`: when it was first applied; `zone`: the contact's own."""

    flow_id: int
    definition: Definition
    since: datetime
    contact: Person
    runs: list[Run]
    zone: ZoneInfo
    now: datetime

    def reasons(self, tx: Tx) -> Iterator[Reason]:
        """Why no run began, or none begins again."""
        definition, contact_id = self.definition, int(self.contact["id"])
        if definition.holdout and in_holdout(definition.name, contact_id, definition.holdout):
            yield Reason(Word.HELD_OUT, f"they are of the {definition.holdout:.0%} who get nothing from this flow")
        match definition.trigger:
            case EventTrigger() as trigger:
                yield from self._events(tx, trigger)
            case ManualTrigger():
                if not self.runs:
                    text = f"only by hand: `posthouse flow start {definition.name} {self.contact['address']}`"
                    yield Reason(Word.BY_HAND, text)
            case trigger:
                yield from self._audience(trigger.audience)
                if isinstance(trigger, DateTrigger) and not _date(self.contact, trigger.name):
                    yield Reason(Word.NO_DATE, f"{trigger.name} of this contact is not known")
                else:
                    yield from self._occasion()

    def _events(self, tx: Tx, trigger: EventTrigger) -> Iterator[Reason]:
        rows = tx.query(
            "SELECT id, key, data, at_ms, matched, chain FROM event WHERE contact_id = ? AND name = ?"
            " ORDER BY at_ms DESC, id DESC LIMIT ?",
            (self.contact["id"], trigger.event, EVENTS),
        )
        if not rows:
            yield Reason(Word.NO_EVENT, f"the flow begins with {told_trigger(trigger)}, and none came of this contact")
        for event_id, key, data, at_ms, matched, chain in rows:
            at = from_ms(at_ms)
            told = {"name": trigger.event, "key": key, "at": at.isoformat(), **facts.read_data(data)}
            if not _began(tx, event_id, self.runs):
                yield self._event(tx, trigger, told, at, matched, chain)

    def _event(
        self, tx: Tx, trigger: EventTrigger, told: Mapping[str, Any], at: datetime, matched: int, chain: int
    ) -> Reason:
        """What one event came to."""
        which = f"the {trigger.event} of {at:%Y-%m-%d %H:%M} UTC" + (f", {told['key']}" if told["key"] else "")
        if matched == 0:
            return Reason(Word.NOT_LOOKED_AT, f"{which} has just come: ask again in a moment", at)
        if matched == TOLD_LATE:
            return Reason(Bar.TOLD_LATE, f"{which} happened more than {OLDEST.days} days before it was told of", at)
        if matched != 1:
            return Reason(Word.SET_ASIDE, f"{which} could not be looked at: the log's `flow alarm` says why", at)
        if at < self.since and not self.runs:
            return Reason(
                Word.BEFORE_FLOW, f"{which} came before the flow was there ({self.since:%Y-%m-%d %H:%M} UTC)", at
            )
        scope = facts.scope(self.contact, dict(told), self.now, self.zone)
        entry = self._enter(tx, Told(trigger.event, told), scope, chain)
        if (run := self._renewed(entry, at)) is not None:
            return Reason(Word.RENEWED, f"{which} gave newer data to the run of {run.entered:%Y-%m-%d %H:%M} UTC", at)
        if isinstance(entry, NotEntered):
            return self._barred(trigger, entry, which, scope, at)
        return Reason(
            Word.WOULD_ENTER, f"{which} was not let in when it came, and by what is known now it would be", at
        )

    def _renewed(self, entry: Entry, at: datetime) -> Run | None:
        """The run that waited when an event with its key came."""
        return next(
            (
                each
                for each in self.runs
                if each.key == entry.key and each.entered < at and (not each.ended or at < each.ended)
            ),
            None,
        )

    def _barred(
        self, trigger: EventTrigger, entry: NotEntered, which: str, scope: Mapping[str, object], at: datetime
    ) -> Reason:
        match entry.reason:
            case Bar.CONDITION:
                assert trigger.where is not None
                values = trigger.where.explain(scope)
                text = f"{which}: {trigger.where.text.strip()} does not hold{missing(values)}"
                return Reason(entry.reason, text, at, values=values)
            case Bar.OTHER_EVENT:
                return Reason(entry.reason, f"{which} is not {told_trigger(trigger)}", at)
            case Bar.CHAIN:
                text = f"{which}: more than {MAX_CHAIN} runs in a row led to it, so flows feed each other"
                return Reason(entry.reason, text, at)
            case Bar.ENTERED_BEFORE:
                return Reason(entry.reason, f"{which}: a run with this key was there, and reentry is never", at)
        last, rule = self._last(entry.key), self.definition.reentry.after
        until = rule.after(last, self.zone) if rule is not None and last is not None else None
        return Reason(entry.reason, f"{which}: reentry is after {rule}", at, until)

    def _occasion(self) -> Iterator[Reason]:
        """Of a flow that begins on a day: what would stand in the way on that day."""
        trigger = self.definition.trigger
        scope = facts.scope(self.contact, {}, self.now, self.zone)
        if trigger.where is not None and not trigger.where.evaluate(scope):
            values = trigger.where.explain(scope)
            yield Reason(Bar.CONDITION, f"{trigger.where.text.strip()} does not hold{missing(values)}", values=values)
        elif not self.runs:
            yield Reason(
                Word.NO_OCCASION, f"the flow begins on {told_trigger(trigger)}, and none came since it is there"
            )

    def _audience(self, audience: Audience | None) -> Iterator[Reason]:
        if audience is None:
            return
        lists, segments = self.contact["lists"], self.contact["segments"]
        is_in = lists.get(audience.name) == "confirmed" if audience.kind == "list" else audience.name in segments
        if not is_in:
            yield Reason(Word.NOT_ITS_AUDIENCE, f"the flow is for the {audience.kind} {audience.name}")

    def _enter(self, tx: Tx, came: Told | Occasion, scope: Mapping[str, object], chain: int = 0) -> Entry:
        return enter(
            self.definition, came, scope, contact_id=int(self.contact["id"]), waiting=(),
            entered_at=self._last, now=self.now, zone=self.zone, chain=chain,
        )  # fmt: skip

    def _last(self, key: str) -> datetime | None:
        return max((each.entered for each in self.runs if each.key == key), default=None)


def _began(tx: Tx, event_id: int, runs: list[Run]) -> bool:
    """Whether one of these runs began with this event."""
    found = (
        tx.one("SELECT detail FROM passage WHERE enrolment_id = ? AND kind = 'trigger' ORDER BY id LIMIT 1", (each.id,))
        for each in runs
    )
    return any(row is not None and facts.read_data(row[0]).get("event") == event_id for row in found)


def _date(contact: Person, name: str) -> Any:
    """What is known of a date by its name in a trigger."""
    value: Any = contact
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
