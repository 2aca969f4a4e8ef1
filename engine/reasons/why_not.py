"""Why somebody did not get a flow's mail, or a campaign's: every path has an answer.

First what became of their runs, the youngest first; then what came of the events that could have let them in; then what the
arbiter would say of a mail of this flow now.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from deliverability.address import Address
from engine.audience import lists
from engine.audience.consent import ALL_LISTS
from engine.audience.contacts import find_contact
from engine.audience.suppression import was_erased
from engine.campaigns.book import CampaignBook
from engine.flow.model import Definition
from engine.flow.spelling import near
from engine.reasons import passing
from engine.reasons.beginning import Beginning
from engine.reasons.campaign import of_campaign
from engine.reasons.words import Reason, Word
from engine.running import facts
from engine.running.book import FlowBook
from engine.sending.arbiter import Arbiter, Asked, Kind
from engine.sending.judging import Hold, Refuse, Send, judge
from engine.sending.refusals import Refusal
from mta.ports import Tx, from_ms
from mta.queue.delivery import Stream


class NoFlow(LookupError):
    """There is no flow of that name, nor a campaign; `hint` is the nearest."""

    def __init__(self, name: str, hint: str) -> None:
        self.hint = hint
        super().__init__(f"there is no flow and no campaign {name}")


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow as the tables know it. `since`: when it was first applied."""

    id: int
    name: str
    state: str
    version_id: int | None
    since: datetime


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Asks about one flow and one address. `zone` is the installation's."""

    book: FlowBook
    arbiter: Arbiter
    zone: ZoneInfo

    def reasons(self, tx: Tx, address: Address, name: str, now: datetime) -> tuple[Reason, ...]:
        """At least one, what binds first. NoFlow when there is none of that name."""
        flow = _flow(tx, name)
        contact_id = find_contact(tx, address)
        if contact_id is None:
            return tuple(_unknown(tx, address))
        people = facts.read_contacts(tx, [contact_id])
        found = list(self._found(tx, flow, people[contact_id], now))
        return tuple(found) or (Reason(Word.NOTHING, "the next event or day that the flow begins with lets them in"),)

    def kind_of(self, tx: Tx, name: str) -> Kind:
        """Whether this names a flow or, where there is no such flow, a campaign. NoFlow."""
        for kind in (Kind.FLOW, Kind.CAMPAIGN):
            if tx.one(f"SELECT 1 FROM {kind} WHERE name = ?", (name,)) is not None:
                return kind
        known = tx.query("SELECT name FROM flow UNION SELECT name FROM campaign ORDER BY name LIMIT 1000")
        raise NoFlow(name, near(name, [each for (each,) in known]))

    def campaign_reasons(self, tx: Tx, address: Address, name: str, now: datetime) -> tuple[Reason, ...]:
        """The same of a campaign."""
        contact_id = find_contact(tx, address)
        if contact_id is None:
            return tuple(_unknown(tx, address))
        contact = facts.read_contacts(tx, [contact_id])[contact_id]
        found = list(of_campaign(tx, name, contact, CampaignBook()))
        asked = Asked(Kind.CAMPAIGN, name, 0, contact_id, Address.parse(contact["address"]).key, Stream.MARKETING)
        return (*found, *self._judged(tx, asked, "this campaign", now))

    def _found(self, tx: Tx, flow: Flow, contact: dict[str, Any], now: datetime) -> Iterator[Reason]:
        definition = self.book.definition(tx, flow.version_id) if flow.version_id else None
        if definition is None:
            yield Reason(Word.UNREADABLE, "this program can't read the flow's text: nobody enters")
            return
        runs = passing.runs_of(tx, flow.id, contact["id"])
        for run in runs:
            yield from passing.of_run(tx, run, self.book, flow.state == "paused", now)
        if flow.state == "archived":
            yield Reason(Word.ARCHIVED, "nobody enters any more; `posthouse flow resume` opens it again")
        if not any(each.is_waiting for each in runs):
            if flow.state == "paused":
                yield Reason(
                    Word.PAUSED, "whoever enters waits before the first step; `posthouse flow resume` lets them go on"
                )
            own = facts.zone_for(contact, self.zone)
            beginning = Beginning(flow.id, definition, flow.since, contact, runs, own, now)
            told = beginning.reasons(tx)
            yield from (each for each in told if flow.state != "archived" or each.word != Word.WOULD_ENTER)
        yield from self._arbiter(tx, definition, contact, now)

    def _arbiter(self, tx: Tx, definition: Definition, contact: dict[str, Any], now: datetime) -> Iterator[Reason]:
        """What is said of a mail of this flow to them, were it asked for now. Nothing is written."""
        if not definition.templates:
            yield Reason(Word.NO_SEND, "the flow has no send step")
            return
        of_list = lists.get(tx, definition.mailing_list) if definition.mailing_list else None
        own = facts.zone_for(contact, self.zone)
        asked = Asked(
            Kind.FLOW, definition.name, 0, contact["id"], Address.parse(contact["address"]).key, definition.stream,
            list_id=of_list.id if of_list else ALL_LISTS, priority=definition.priority,
            best_before=until.after(now, own) if (until := definition.best_before) else None,
        )  # fmt: skip
        yield from self._judged(tx, asked, "this flow", now)

    def _judged(self, tx: Tx, asked: Asked, whose: str, now: datetime) -> Iterator[Reason]:
        verdict = judge(self.arbiter.case(tx, asked, now), self.arbiter.policy, now)
        why = f": {verdict.why}" if not isinstance(verdict, Send) and verdict.why else ""
        if isinstance(verdict, Hold):
            yield Reason(verdict.reason, f"a mail of {whose} would be held now{why}", until=verdict.until)
        elif isinstance(verdict, Refuse):
            yield Reason(verdict.reason, f"a mail of {whose} would not be written now{why}")


def _flow(tx: Tx, name: str) -> Flow:
    row = tx.one(
        "SELECT f.id, f.name, f.state, f.version_id, (SELECT MIN(applied_ms) FROM flow_version v WHERE v.flow_id = f.id)"
        " FROM flow f WHERE f.name = ?",
        (name,),
    )
    if row is None:
        raise NoFlow(name, "")
    flow_id, name, state, version_id, since_ms = row
    return Flow(flow_id, name, state, version_id, from_ms(since_ms or 0))


def _unknown(tx: Tx, address: Address) -> Iterator[Reason]:
    row = tx.one(
        "SELECT c.address FROM former_contact o JOIN contact c ON c.id = o.into_id WHERE o.address = ? LIMIT 1",
        (str(address),),
    )
    if row is not None:
        yield Reason(Word.ANOTHER, f"{address} was merged into {row[0]}: ask about that address")
    elif was_erased(tx, address.key):
        yield Reason(Refusal.ERASED, "this person had their data erased: nothing is known of them but that")
    else:
        yield Reason(Word.UNKNOWN, f"nobody is known as {address}: no event came of them, and nobody wrote them down")
