"""Planning: what shall become of a due run, with its mails already rendered. Outside any transaction.

A plan is good for the revision it was made on; `engine.running.committing` drops it when the run has changed since.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from deliverability.address import Address
from engine.audience.consent import ALL_LISTS
from engine.audience.lists import ListError, MailingList
from engine.flow.decisions import Ask, Branch, Decision, Ended, WaitUntil
from engine.flow.machine import decide
from engine.flow.model import END, Definition, Tracking
from engine.running import facts
from engine.running.due import DueRun
from engine.running.passages import Passage
from engine.sending.compose import Composed
from engine.tracking.marks import Mark
from mta.queue.delivery import Stream

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


Happening: TypeAlias = Passage | Letter


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens, in order, and where the run stands then. `trouble` is what somebody must mend."""

    run: DueRun
    happenings: tuple[Happening, ...]
    step: str
    due: datetime | None
    ended_how: str | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans. `draw` gives 16 unguessable octets for each mail; `zone` is the installation's."""

    composer: Composer
    draw: Callable[[], bytes]
    zone: ZoneInfo

    def plan(self, run: DueRun, now: datetime) -> Plan:
        """What shall become of a run. Never raises: a mail that can't be written holds the run before its send step."""
        if run.definition is None:
            return Plan(run, (), run.standing.step, now + HOLD, trouble="its version of the flow can't be read")
        if run.contact is None:
            return Plan(run, (Passage("exit", "exit", "the contact is gone"),), run.standing.step, None, "failed")
        zone = facts.zone_for(run.contact, self.zone)
        scope = facts.scope(run.contact, run.event, now, zone)
        decisions = decide(run.definition, run.standing, scope, now=now, zone=zone)
        happenings: list[Happening] = []
        for decision in decisions:
            if isinstance(decision, Ask):
                try:
                    happenings.append(self._letter(run, run.definition, run.contact, decision, now))
                except Exception as err:  # whatever a template does wrong concerns this run alone
                    why = f"{run.definition.name}, step {decision.step}: {err or type(err).__name__}"
                    return Plan(run, tuple(happenings), decision.step, now + HOLD, trouble=why)
            elif (passage := _passage(decision)) is not None:
                happenings.append(passage)
        return _concluded(run, tuple(happenings), decisions[-1])

    def _letter(self, run: DueRun, flow: Definition, contact: dict[str, Any], ask: Ask, now: datetime) -> Letter:
        if flow.mailing_list and run.mailing_list is None:
            raise ListError(f"there is no list {flow.mailing_list}")
        mail = self.composer.compose(
            ask.template, contact, {"event": run.event}, stream=flow.stream, now=now, octets=self.draw(),
            mailing_list=run.mailing_list, mark=Mark(run.enrolment_id, ask.occurrence, ask.step),
            said=flow.tracking_of(ask.step),
        )  # fmt: skip
        to, list_id = Address.parse(contact["address"]), run.mailing_list.id if run.mailing_list else ALL_LISTS
        return Letter(flow.name, ask.step, ask.template, to, flow.stream, mail, list_id)


def _passage(decision: Decision) -> Passage | None:
    match decision:
        case Branch():
            return Passage(decision.step, "if", decision.taken, {"values": decision.values})
        case WaitUntil():
            return Passage(decision.step, "wait", f"until {decision.due.isoformat(timespec='seconds')}")
        case Ended(step=step) if step:
            return Passage(step, "exit", decision.reason, {"values": decision.values})
    return None


def _concluded(run: DueRun, happenings: tuple[Happening, ...], last: Decision) -> Plan:
    match last:
        case WaitUntil():
            return Plan(run, happenings, last.then, last.due)
        case Ended():
            return Plan(run, happenings, END, None, last.how, last.reason if last.how == "failed" else "")
    raise AssertionError("a decision that is no end came last")
