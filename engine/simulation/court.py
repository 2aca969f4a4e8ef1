"""The arbiter's judgement in a simulation: the same judge and the same policy, over the mails that the simulation would have
written and those that the history tells of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from engine.audience.preferences import PACES
from engine.flow.model import Definition
from engine.sending.arbiter import Kind, source, subjects_of
from engine.sending.arbiter_settings import LONGEST
from engine.sending.judging import Cap, Case, Held, Hold, Place, Policy, Send, Verdict, judge
from engine.sending.permission import permission
from engine.sending.refusals import Refusal
from engine.simulation.people import Person
from mta.queue.delivery import Stream


@dataclass(frozen=True, slots=True)
class Heard:
    """What is to become of a mail; `held` tells of it while it is held."""

    verdict: Verdict
    held: Held | None = None


class Court:
    """Judges the mail of one flow."""

    def __init__(self, flow: Definition, policy: Policy, places: dict[int, list[Place]]) -> None:
        """`places`: those that mails of all flows take, by contact."""
        self._flow, self._policy = flow, policy
        subjects = subjects_of(Kind.FLOW, flow.name, flow.mailing_list)
        self._subjects = frozenset(subjects)
        self._priority = policy.priority_of(subjects) if flow.priority is None else flow.priority
        self._longest = max([policy.distance, *(cap.window for cap in policy.caps)], default=timedelta())
        self._sent = places

    def hear(
        self, person: Person, step: str, ref: int, held: Held | None, waiting: Sequence[Held], now: datetime
    ) -> Heard:
        """What is to become of the mail of this step to this person, and its place where it is sent."""
        flow = self._flow
        if flow.stream is not Stream.MARKETING:
            return self._sentenced(
                person, judge(Case(flow.stream, person.zone, permission=person.stopped), self._policy, now), now
            )
        refusal = person.stopped or person.no_marketing or permission(person.lists, flow.mailing_list)
        wish = PACES.get(person.pace)
        pace = Cap(*wish, reason=Refusal.TOO_OFTEN) if wish else None
        longest = max(self._longest, pace.window if pace else timedelta())
        of = source(Kind.FLOW, flow.name, step)
        case = Case(
            flow.stream, person.zone, self._subjects, of, self._priority, permission=refusal, pace=pace,
            sent=self._places(person, now - longest), waiting=tuple(waiting), held=held,
            best_before=flow.best_before.after(now, person.zone) if flow.best_before else None,
        )  # fmt: skip
        verdict = judge(case, self._policy, now)
        if isinstance(verdict, Hold):
            since = held.since if held else now
            own = Held(ref, of, self._subjects, self._priority, since, verdict.until, verdict.best_before)
            return Heard(verdict, own)
        return self._sentenced(person, verdict, now)

    def note(self, person: Person, at: datetime, flow: str, of_list: str) -> None:
        """A mail of another flow's takes its place."""
        if self._longest or person.pace:
            self._take_place(person, Place(at, _subjects(flow, of_list), f"{Kind.FLOW} {flow}"))

    def _sentenced(self, person: Person, verdict: Verdict, now: datetime) -> Heard:
        counts = self._flow.stream is Stream.MARKETING or self._policy.counts_all
        if isinstance(verdict, Send) and counts and (self._longest or person.pace):
            self._take_place(person, Place(now, self._subjects, f"{Kind.FLOW} {self._flow.name}"))
        return Heard(verdict)

    def _take_place(self, person: Person, place: Place) -> None:
        """Among those of the person's that a cap or a pace may still look at."""
        since = place.at - LONGEST
        places = self._sent.get(person.id, ())
        self._sent[person.id] = [*(each for each in places if each.at > since), place]

    def _places(self, person: Person, since: datetime) -> tuple[Place, ...]:
        return tuple(each for each in self._sent.get(person.id, ()) if each.at > since)


@cache
def _subjects(flow: str, of_list: str) -> frozenset[str]:
    return frozenset(subjects_of(Kind.FLOW, flow, of_list))
