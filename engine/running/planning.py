"""Planning: what shall become of a due run, with its mails already rendered. Outside any transaction.

A plan is good for the revision it was made on; `engine.running.committing` drops it when the run has changed since.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from deliverability.address import Address
from engine.audience.consent import ALL_LISTS
from engine.audience.lists import ListError, MailingList
from engine.flow.actions import NotifyStaff
from engine.flow.decisions import (
    Act,
    Ask,
    Await,
    Branch,
    Decision,
    Ended,
    Jumped,
    Question,
    Skipped,
    Standing,
    WaitUntil,
)
from engine.flow.machine import decide, standing_after
from engine.flow.model import Definition, Tracking
from engine.running import facts
from engine.running.due import DueRun
from engine.running.passages import Passage
from engine.running.standing import Place, ended, put_off
from engine.sending.compose import Composed
from engine.tracking.marks import Mark
from mta.queue.delivery import Stream

NOTE: Final = "staff-note"  # the mail that tells staff a line of text
HOLD: Final = timedelta(minutes=15)  # until a run that can't be written is tried again


class Composer(Protocol):
    """What writes a mail: engine.sending.compose."""

    address: Address

    def compose(
        self, template: str, contact: Mapping[str, Any], facts: Mapping[str, Any], *, stream: Stream, now: datetime,
        octets: bytes, mailing_list: MailingList | None = None, mark: Mark | None = None, said: tuple[Tracking, ...] = (),
    ) -> Composed: ...  # fmt: skip


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that a send step asks for, rendered."""

    flow: str
    step: str
    template: str
    to: Address
    stream: Stream
    mail: Composed
    list_id: int = ALL_LISTS
    priority: int | None = None  # None, here and below: as the arbiter's policy says
    best_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Memo:
    """A mail to somebody at the shop, rendered."""

    flow: str
    step: str
    to: Address
    mail: Composed


Doing: TypeAlias = Passage | Letter | Memo | Act


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a plan does, and where the run stands right before it."""

    before: Standing
    doing: Doing


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens, in order, and where the run stands then: `after` tells of one that goes on, `place` of one that does not,
    or is put off. `trouble` is what somebody must mend."""

    run: DueRun
    happenings: tuple[Happening, ...]
    last: Decision | None = None
    after: Standing | None = None
    place: Place | None = None
    trouble: str = ""

    @property
    def begins(self) -> Await | None:
        """The wait for an event that begins with this plan, where what the run did last is over: the event may have come
        since. Where a wait for an event ended just now nothing came since: what ended it is not heard twice."""
        fresh = isinstance(self.last, Await) and not self.run.standing.waiting_for
        did = any(not (isinstance(each.doing, Passage) and each.doing.kind == "if") for each in self.happenings)
        return self.last if fresh and not did and isinstance(self.last, Await) else None


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans. `draw` gives 16 unguessable octets for each mail; `zone` is the installation's."""

    composer: Composer
    draw: Callable[[], bytes]
    zone: ZoneInfo
    staff: Collection[str] = ()  # whom flows may notify

    def plan(self, run: DueRun, now: datetime) -> Plan:
        """What shall become of a run. Never raises: a mail that can't be written holds the run before its send step."""
        if run.definition is None:
            why = "its version of the flow can't be read"
            return Plan(run, (), place=put_off(run.kept, now + HOLD, why), trouble=why)
        if run.contact is None:
            gone = Happening(run.standing, Passage("exit", "exit", "the contact is gone"))
            return Plan(run, (gone,), place=ended(run.standing.occurrence, "failed", run.standing.step))
        zone = facts.zone_for(run.contact, self.zone)
        scope = facts.scope(run.contact, run.event, now, zone) | {"winners": run.winners}
        decisions = decide(run.definition, run.standing, scope, now=now, zone=zone)
        before, happenings = replace(run.standing, due=None), list[Happening]()
        for decision in decisions:
            before = replace(before, step=decision.step)
            try:
                doing = self._doing(run, run.definition, run.contact, decision, now)
            except Exception as err:  # whatever a template does wrong concerns this run alone
                why = f"{run.definition.name}, step {decision.step}: {err or type(err).__name__}"
                held = put_off(replace(run.kept, standing=replace(before, due=run.standing.due)), now + HOLD, why)
                return Plan(run, tuple(happenings), place=held, trouble=why)
            if doing is not None:
                happenings.append(Happening(before, doing))
            before = _passed(before, decision)
        return _concluded(run, tuple(happenings), decisions)

    def _doing(
        self, run: DueRun, flow: Definition, contact: dict[str, Any], decision: Decision, now: datetime
    ) -> Doing | None:
        match decision:
            case Ask():
                return self._letter(run, flow, contact, decision, now)
            case Act(action=NotifyStaff() as notice):
                return self._memo(run, flow, contact, decision, notice, now)
            case Act():
                return decision
        return _passage(decision)

    def _letter(self, run: DueRun, flow: Definition, contact: dict[str, Any], ask: Ask, now: datetime) -> Letter:
        if flow.mailing_list and run.mailing_list is None:
            raise ListError(f"there is no list {flow.mailing_list}")
        mail = self.composer.compose(
            ask.template, contact, {"event": run.event, "offered": run.offered}, stream=flow.stream, now=now, octets=self.draw(),
            mailing_list=run.mailing_list, mark=Mark(run.enrolment_id, ask.occurrence, ask.step),
            said=flow.tracking_of(ask.step),
        )  # fmt: skip
        to, list_id = Address.parse(contact["address"]), run.mailing_list.id if run.mailing_list else ALL_LISTS
        zone, best_before = facts.zone_for(contact, self.zone), flow.best_before
        return Letter(
            flow.name, ask.step, ask.template, to, flow.stream, mail, list_id, flow.priority,
            best_before.after(now, zone) if best_before else None,
        )  # fmt: skip

    def _memo(
        self, run: DueRun, flow: Definition, contact: dict[str, Any], act: Act, notice: NotifyStaff, now: datetime
    ) -> Memo:  # fmt: skip
        to = Address.parse(notice.to)
        if to.key not in {Address.parse(each).key for each in self.staff}:
            raise ValueError(f"{to} is not named in mail.staff, so flows may not notify it")
        who = f"{contact['name']}, {contact['address']}" if contact["name"] else contact["address"]
        data = {**run.event, "text": notice.text, "flow": flow.title, "step": act.step, "who": who}
        reader = {"id": 0, "name": "", "address": str(to), "locale": "", "zone": ""}
        mail = self.composer.compose(
            notice.template or NOTE, reader, {"event": run.event, "data": data}, stream=Stream.TRANSACTIONAL, now=now,
            octets=self.draw(),
        )  # fmt: skip
        return Memo(flow.name, act.step, to, mail)


def _passed(before: Standing, decision: Decision) -> Standing:
    """Where the run stands in its turn after this decision, its step apart."""
    if isinstance(decision, Jumped):
        jumps = {**before.jumps, decision.step: before.jumps.get(decision.step, 0) + 1}
        return replace(before, jumps=jumps, occurrence=decision.occurrence)
    return replace(before, waiting_for="", heard=None, answer="")


def _passage(decision: Decision) -> Passage | None:
    """What is written down of it now; a wait for an event, and a question, when they are over."""
    match decision:
        case Branch():
            return Passage(decision.step, "if", decision.taken, {"values": decision.values})
        case Jumped():
            return Passage(decision.step, "jump", f"to {decision.then}")
        case Skipped():
            return Passage(decision.step, "send", f"skipped: {decision.reason}")
        case WaitUntil() if decision.step != decision.then:
            return Passage(decision.step, "wait", f"until {decision.due.isoformat(timespec='seconds')}")
        case Ended(step=step) if step:
            return Passage(step, "exit", decision.reason, {"values": decision.values})
    return None


def _concluded(run: DueRun, happenings: tuple[Happening, ...], decisions: tuple[Decision, ...]) -> Plan:
    last, after = decisions[-1], standing_after(run.standing, decisions)
    if after is None:
        assert isinstance(last, Ended)
        trouble = last.reason if last.how == "failed" else ""
        return Plan(run, happenings, last, place=ended(run.standing.occurrence, last.how), trouble=trouble)
    if isinstance(last, Question):
        place = put_off(replace(run.kept, standing=replace(after, due=run.standing.due)), None)
        return Plan(
            run, happenings, last, after, place, f"step {last.step} asks whether a late mail goes: {last.reason}"
        )
    return Plan(run, happenings, last, after)
