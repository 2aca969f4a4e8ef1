"""Splits that choose their own winner: who went which way and did what is counted, judged once, and written down.

Somebody counts once, with the first time that they went a way, as soon as the time in which they may act is over: the same
person always goes the same way, so their later runs tell nothing new. Clicks and openings count of mails that the ways of
the split write; where none writes any, of all mails of the flow. Orders count whatever they follow, since a way may write
nothing. A split is judged as soon as each way has had as many people as it asks for: once, since looking again and again
finds a winner among equals. What came of it stands in the flow's history, with the figures; where there is a winner,
everybody goes that way from then on. The counting goes over the enrolments some thousand ids at a time, in memory; who is
interrupted begins again.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from engine.campaigns.winning import Count, judge
from engine.flow.model import Send, Split, Winner, walk
from engine.running import history
from engine.running.book import FlowBook
from engine.running.facts import read_data
from engine.running.history import What
from mta.ports import Tx, to_ms

EVERY: Final = timedelta(hours=1)  # between two counts
SPAN: Final = 2000  # ids of enrolments in one look
WINDOW: Final = timedelta(days=5)  # in which somebody may act

_FLOWS: Final = "SELECT id, version_id FROM flow WHERE state = 'active' AND version_id IS NOT NULL ORDER BY id"
EVENTS: Final = {"clicks": "mail.clicked", "opens": "mail.opened", "orders": "order.placed"}
_TAKEN: Final = (
    "SELECT p.result, p.at_ms, e.contact_id FROM enrolment e JOIN passage p ON p.enrolment_id = e.id"
    " WHERE e.id > ? AND e.id <= ? AND e.flow_id = ? AND p.step = ? AND p.kind = 'if' AND p.at_ms <= ?"
    " ORDER BY p.at_ms, e.id"
)
_DID: Final = "SELECT data FROM event WHERE contact_id = ? AND name = ? AND at_ms > ? AND at_ms <= ?"


@dataclass(slots=True)
class _Count:
    """A split that is being counted."""

    flow_id: int
    flow: str
    split: Split
    winner: Winner
    until: datetime  # who went a way by then had time enough
    after: int = 0  # the id of the last enrolment that was looked at
    people: Counter[str] = field(default_factory=Counter)
    did: Counter[str] = field(default_factory=Counter)
    seen: set[int] = field(default_factory=set)  # the contacts that were counted

    @property
    def own_steps(self) -> frozenset[str]:
        """The sends of its ways; empty where they write nothing."""
        return frozenset(each.id for way in self.split.ways for each in walk(way.steps) if isinstance(each, Send))


class Judge:
    """A chore of the janitor's. One count is under way at a time."""

    def __init__(self) -> None:
        self._book = FlowBook()
        self._left: list[_Count] = []
        self._next: datetime | None = None

    def is_due(self, tx: Tx, now: datetime) -> bool:
        """Whether a count is under way, or the time for another has come."""
        return bool(self._left) or self._next is None or now >= self._next

    def do(self, tx: Tx, now: datetime) -> None:
        """Look at some enrolments of one split; judge it after the last."""
        if not self._left:
            self._left, self._next = list(self._undecided(tx, now)), now + EVERY
        if not self._left:
            return
        count = self._left[0]
        last = tx.one("SELECT COALESCE(MAX(id), 0) FROM enrolment")
        _look(tx, count)
        if last is None or count.after >= last[0]:
            self._left.pop(0)
            _judge(tx, count, now)

    def _undecided(self, tx: Tx, now: datetime) -> list[_Count]:
        found = []
        for flow_id, version_id in tx.query(_FLOWS):
            flow = self._book.definition(tx, version_id)
            if flow is None:
                continue
            decided = _decisions(tx, flow_id)
            for step in walk(flow.steps):
                if isinstance(step, Split) and step.winner is not None and step.id not in decided:
                    found.append(_Count(flow_id, flow.name, step, step.winner, now - WINDOW))
        return found


def winners(tx: Tx, flow_id: int) -> dict[str, str]:
    """The way that everybody goes at each split of a flow that has its winner."""
    return {step: way for step, way in _decisions(tx, flow_id).items() if way}


def _decisions(tx: Tx, flow_id: int) -> dict[str, str]:
    """What each split that was judged came to: a way, or "" for none."""
    rows = tx.query("SELECT detail FROM flow_change WHERE flow_id = ? AND what = ?", (flow_id, What.JUDGED))
    return {str(each.get("step")): str(each.get("winner", "")) for each in (read_data(detail) for (detail,) in rows)}


def _look(tx: Tx, count: _Count) -> None:
    ways, steps = {way.label for way in count.split.ways}, count.own_steps
    until, event = to_ms(count.until), EVENTS[count.winner.metric]
    span = (count.after, count.after + SPAN, count.flow_id, count.split.id, until)
    for way, at_ms, contact_id in tx.query(_TAKEN, span):
        if way not in ways or contact_id in count.seen:
            continue
        count.seen.add(contact_id)
        count.people[way] += 1
        within = (contact_id, event, at_ms, at_ms + WINDOW // timedelta(milliseconds=1))
        count.did[way] += any(_is_ours(read_data(data), count, steps) for (data,) in tx.query(_DID, within))
    count.after += SPAN


def _is_ours(data: dict[str, Any], count: _Count, steps: frozenset[str]) -> bool:
    """Whether what somebody did counts: any order; of mail only that of the ways."""
    if count.winner.metric == "orders":
        return True
    return data.get("flow") == count.flow and (not steps or data.get("step") in steps)


def _judge(tx: Tx, count: _Count, now: datetime) -> None:
    counts = {way.label: Count(count.people[way.label], count.did[way.label]) for way in count.split.ways}
    if min(each.people for each in counts.values()) < count.winner.least:
        return
    judged = judge(counts, count.winner.significance)
    detail = {"step": count.split.id, "winner": judged.winner, "why": judged.words}
    history.note(tx, count.flow_id, What.JUDGED, "", now, detail)
