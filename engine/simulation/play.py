"""A flow played over a history, by a clock of its own, in memory: it sends nothing and writes nothing.

Who enters, what is decided, and whether a mail goes are said by the functions that say it when the flow runs:
engine.flow.entering.enter, engine.flow.machine.decide, engine.sending.judging.judge. Here is only what stands between them:
people, runs, and what comes next.
"""

import heapq
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.flow.decisions import Act, Ask, Await, Ended, Standing, WaitUntil
from engine.flow.entering import Came, Entered, NotEntered, Occasion, Renewed, Told, enter
from engine.flow.events import natural_key
from engine.flow.machine import HELD_OUT, decide, standing_after
from engine.flow.model import Definition, WaitFor
from engine.flow.telling import word_of_action
from engine.flow.triggers import EventTrigger, ManualTrigger
from engine.running import facts
from engine.running.occasions import data_of
from engine.sending.judging import Held, Hold, Policy, Refuse
from engine.simulation import effects, people
from engine.simulation.clockwork import Clockwork, Tick
from engine.simulation.court import Court
from engine.simulation.people import Person
from engine.simulation.tally import Mail, Tally
from mta.ports import from_ms, to_ms

NO_POLICY: Final = Policy()


def _never(contact_id: int, key: str) -> datetime | None:
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds beside the flow. `zone` is the installation's; `salt` "" draws splits and holdouts as the living flow
    does, another one anew; `winners`: the way that everybody goes at a split; `entered_before` says when a run with a key
    was entered before the history begins."""

    policy: Policy = NO_POLICY
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    salt: str = ""
    winners: Mapping[str, str] = field(default_factory=dict)
    entered_before: Callable[[int, str], datetime | None] = _never


@dataclass(slots=True)
class Run:
    """Somebody's passage."""

    id: int
    person: Person
    key: str
    data: Mapping[str, Any]
    entered_ms: int
    standing: Standing
    revision: int = 0
    awaits: Await | None = None
    held: Held | None = None
    given: dict[str, Any] = field(default_factory=dict)  # what steps gave: coupons, answers
    recent: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)  # what came since its last turn
    is_over: bool = False


class Play:
    """One version of a flow. Feed it events in the order of time (`happen`), then `finish` it."""

    def __init__(self, definition: Definition, everybody: Mapping[int, Person], rules: Rules, tally: Tally) -> None:
        self.flow, self.people, self.rules, self.tally = definition, everybody, rules, tally
        self._drawn = replace(definition, name=f"{definition.name}#{rules.salt}") if rules.salt else definition
        self.court = Court(definition, rules.policy)
        self.clockwork = Clockwork(definition.trigger, everybody, lambda at, tick: self._put(to_ms(at), 0, tick))
        self.runs: dict[int, list[Run]] = {}
        self._entered: dict[tuple[int, str], int] = {}
        self._queue: list[tuple[int, int, int, Any]] = []
        self._count = self._last_id = 0
        trigger, goal = definition.trigger, definition.goal
        self._trigger = trigger.event if isinstance(trigger, EventTrigger) else ""
        self._remembers = definition.reentry.rule != "always" or not isinstance(trigger, EventTrigger | ManualTrigger)
        self._goal = goal.event if goal is not None else ""
        steps = [each.step for each in definition.program.values()]
        self._awaited = frozenset(each.event for each in steps if isinstance(each, WaitFor))
        self._read = frozenset({self._trigger, self._goal, "mail.delivered"}) | self._awaited | people.CHANGES.keys()

    # -- what comes

    def begin(self, at_ms: int) -> None:
        """Time begins."""
        self.clockwork.begin(from_ms(at_ms))

    def happen(self, at_ms: int, name: str, contact_id: int | None, key: str, text: str) -> None:
        """An event of the history; `text` is its data as JSON."""
        self.tally.events += 1
        self._until(at_ms)
        person = self.people.get(contact_id or 0)
        if person is not None:
            data = _record(text) if name in self._read else {}
            self.come(person, at_ms, name, key, data)

    def come(self, person: Person, at_ms: int, name: str, key: str, data: Mapping[str, Any]) -> None:
        """Something happens to somebody now."""
        people.note(person, name, data, at_ms)
        if name == self.clockwork.event:
            self.clockwork.heard(person, from_ms(at_ms))
        if name == "mail.delivered" and data.get("flow") != self.flow.name:
            self._note_other(person, at_ms, data)
        mine = self.runs.get(person.id)
        if name != self._trigger and not (mine and (name == self._goal or name in self._awaited)):
            return
        now = from_ms(at_ms)
        event = {"name": name, "key": key, "at": now.isoformat(), **data}
        scope = facts.scope(person.facts(), event, now, person.zone)
        for run in list(mine or ()):
            if name == self._goal and self._is_reached(run, scope, now):
                self._end(run, "goal")
            elif name in self._awaited:
                self._hear(run, name, event, scope, now)
        if name == self._trigger:
            self.enter(person, Told(name, data), event, scope, now)

    def enter(
        self,
        person: Person,
        came: Came,
        event: Mapping[str, Any],
        scope: Mapping[str, object],
        now: datetime,
    ) -> None:
        """Somebody comes to the door."""
        waiting = {run.key: run for run in self.runs.get(person.id, ())}
        entry = enter(
            self._drawn, came, scope, contact_id=person.id, waiting=waiting,
            entered_at=lambda key: self._entered_at(person.id, key), now=now, zone=person.zone,
        )  # fmt: skip
        match entry:
            case Entered(key=key, is_held_out=is_held_out):
                self._begin(person, key, event, now, is_held_out)
            case Renewed(key=key, restarts=restarts):
                self._renew(waiting[key], event, now, restarts)
            case NotEntered(reason=reason):
                self.tally.barred[reason] += 1

    def finish(self, until_ms: int) -> None:
        """The history is over: what is due until then happens, nothing after it."""
        self.settle(until_ms)
        self.tally.under_way = sum(len(each) for each in self.runs.values())

    def _note_other(self, person: Person, at_ms: int, data: Mapping[str, Any]) -> None:
        """A mail that somebody else wrote: it takes a place under the caps."""
        now = from_ms(at_ms)
        self.court.note(person, now, str(data.get("flow", "")), str(data.get("list", "")))
        self.tally.one_more(person.id, now.astimezone(person.zone).date())

    # -- runs

    def _begin(self, person: Person, key: str, event: Mapping[str, Any], now: datetime, is_held_out: bool) -> None:
        self.tally.entered += 1
        self.tally.people.add(person.id)
        if self._remembers:
            self._entered[person.id, key] = to_ms(now)
        if is_held_out:
            self.note_end(person, key, HELD_OUT)
            return
        self._last_id += 1
        run = Run(self._last_id, person, key, event, to_ms(now), Standing(self.flow.first))
        self.runs.setdefault(person.id, []).append(run)
        self._due(run, to_ms(now))

    def _renew(self, run: Run, event: Mapping[str, Any], now: datetime, restarts: bool) -> None:
        self.tally.renewed += 1
        run.data = {**event, **run.given}
        if restarts:
            run.standing = Standing(self.flow.first, run.standing.occurrence + 1)
            run.awaits = run.held = None
            self._due(run, to_ms(now))

    def _entered_at(self, contact_id: int, key: str) -> datetime | None:
        ms = self._entered.get((contact_id, key))
        return self.rules.entered_before(contact_id, key) if ms is None else from_ms(ms)

    def _is_reached(self, run: Run, scope: Mapping[str, object], now: datetime) -> bool:
        goal = self.flow.goal
        if goal is None or (
            goal.within is not None and now > goal.within.after(from_ms(run.entered_ms), run.person.zone)
        ):
            return False
        return goal.where is None or goal.where.evaluate({**scope, "trigger": run.data})

    def _hear(self, run: Run, name: str, event: Mapping[str, Any], scope: Mapping[str, object], now: datetime) -> None:
        if run.awaits is None:
            run.recent.append((name, event))
        elif self._is_awaited(run, run.awaits, name, event, scope):
            run.standing = replace(run.standing, heard=True)
            self._due(run, to_ms(now))

    def _is_awaited(
        self, run: Run, wait: Await, name: str, event: Mapping[str, Any], scope: Mapping[str, object]
    ) -> bool:
        if name != wait.event or any(event.get(key) != value for key, value in wait.match.items()):
            return False
        if "step" in wait.match and event.get("flow") != self.flow.name:
            return False
        return wait.where is None or wait.where.evaluate({**scope, "event": event, "trigger": run.data})

    def _end(self, run: Run, how: str) -> None:
        run.is_over = True
        self.note_end(run.person, run.key, how)
        mine = self.runs[run.person.id]
        mine.remove(run)
        if not mine:
            del self.runs[run.person.id]

    def note_end(self, person: Person, key: str, how: str) -> None:
        """A run is over."""
        self.tally.ended[how] += 1

    # -- time

    def settle(self, at_ms: int) -> None:
        """All that is due until then happens, that moment too."""
        self._until(at_ms + 1)

    def _due(self, run: Run, at_ms: int) -> None:
        run.revision += 1
        self._put(at_ms, run.revision, run)

    def _put(self, at_ms: int, revision: int, what: Any) -> None:
        self._count += 1
        heapq.heappush(self._queue, (at_ms, self._count, revision, what))

    def _until(self, at_ms: int) -> None:
        """All that is due before that: what happens in the very moment of an event comes after the event."""
        queue = self._queue
        while queue and queue[0][0] < at_ms:
            now_ms, _, revision, what = heapq.heappop(queue)
            if isinstance(what, Run):
                if what.revision == revision and not what.is_over:
                    self._turn(what, from_ms(now_ms))
            elif isinstance(what, effects.Echo):
                self.come(what.person, now_ms, what.name, what.key, what.data)
            else:
                self._tick(what, from_ms(now_ms))

    def _tick(self, tick: Tick, now: datetime) -> None:
        """An occasion of a flow that begins by time: it lets in once."""
        for person, key in self.clockwork.come(tick, now):
            if self._entered_at(person.id, key) is None:
                event = data_of(key, now)
                scope = facts.scope(person.facts(), dict(event), now, person.zone)
                self.enter(person, Occasion(key), event, scope, now)

    def _turn(self, run: Run, now: datetime) -> None:
        person = run.person
        scope = facts.scope(person.facts(), dict(run.data), now, person.zone)
        if self.rules.winners:
            scope["winners"] = self.rules.winners
        decisions = decide(self._drawn, run.standing, scope, now=now, zone=person.zone)
        run.awaits = None
        for place, each in enumerate(decisions):
            if isinstance(each, Ask):
                if (until := self._ask(run, each, now)) is not None:
                    put_off = WaitUntil(each.step, now, each.step)
                    after = standing_after(run.standing, (*decisions[:place], put_off))
                    assert after is not None
                    run.standing = after
                    self._due(run, to_ms(until))
                    return
            elif isinstance(each, Act):
                self._act(run, each, now)
        after = standing_after(run.standing, decisions)
        last = decisions[-1]
        if after is None:
            assert isinstance(last, Ended)
            if last.how == "failed":
                self.tally.failures[last.reason] += 1
            self._end(run, last.how)
            return
        run.standing = after
        if isinstance(last, Await):
            run.awaits = last
            # What came since the step before: none did, where that was in this very turn.
            recent = run.recent if len(decisions) == 1 else ()
            if any(self._is_awaited(run, last, name, event, scope) for name, event in recent):
                run.standing, after = replace(after, heard=True), replace(after, due=now)
        elif isinstance(last, Act) and after.waiting_for:  # a webhook: it is taken to have answered well
            run.standing, after = replace(after, heard=True), replace(after, due=now)
        run.recent.clear()
        if after.due is not None:
            self._due(run, to_ms(after.due))

    def _ask(self, run: Run, ask: Ask, now: datetime) -> datetime | None:
        """Until when the mail of a step is held; None where it is written or refused."""
        waiting = [other.held for other in self.runs.get(run.person.id, ()) if other.held and other is not run]
        asked = self.court.hear(run.person, ask.step, run.id, run.held, waiting, now)
        if isinstance(asked.verdict, Hold):
            if run.held is None:
                self.tally.held[ask.step, asked.verdict.reason] += 1
            run.held = asked.held
            return asked.verdict.until
        run.held = None
        if isinstance(asked.verdict, Refuse):
            self.tally.refused[ask.step, asked.verdict.reason] += 1
            return None
        person = run.person
        mail = Mail(person.id, to_ms(now), ask.step, ask.template)
        bought = person.last_order_ms is not None and person.last_order_ms > run.entered_ms
        self.tally.mail(mail, now.astimezone(person.zone).date(), is_after_purchase=bought)
        return None

    def _act(self, run: Run, act: Act, now: datetime) -> None:
        """What an action changes, as far as it is ours to know; what goes out of the house is counted and not done."""
        self.tally.actions[act.step, word_of_action(act.action)] += 1
        if given := effects.given_by(act.action, now, run.person.zone):
            run.given |= given
            run.data = {**run.data, **given}
        for name, data in effects.enact(run.person, act, self.flow.name):
            self._put(to_ms(now), 0, effects.Echo(run.person, name, natural_key(name, data), data))


def _record(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
