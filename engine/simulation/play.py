"""One flow of a simulation, by a clock of its own, in memory: it sends nothing and writes nothing.

Who enters, what is decided, and whether a mail goes are said by the functions that say it when the flow runs:
engine.flow.entering.enter, engine.flow.machine.decide, engine.sending.judging.judge. Here is only what stands between them:
people, runs, and what comes next. What several flows share is in engine.simulation.world.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.flow.actions import StartFlow, StopFlow
from engine.flow.decisions import Act, Ask, Await, Branch, Decision, Ended, Standing, WaitUntil
from engine.flow.entering import Came, Entered, NotEntered, Occasion, Renewed, Told, enter
from engine.flow.events import natural_key
from engine.flow.machine import HELD_OUT, decide, standing_after
from engine.flow.model import Definition, WaitFor
from engine.flow.telling import word_of_action
from engine.flow.triggers import EventTrigger, ManualTrigger
from engine.running import chains, facts
from engine.running.occasions import data_of
from engine.sending.judging import Held, Hold, Policy, Refuse
from engine.simulation import effects, people
from engine.simulation.clockwork import Clockwork, Tick
from engine.simulation.court import Court
from engine.simulation.deciding import Deciding
from engine.simulation.people import Person
from engine.simulation.tally import Mail, Tally
from engine.simulation.world import World
from mta.ports import from_ms, to_ms

NO_POLICY: Final = Policy()


def _never(contact_id: int, key: str) -> datetime | None:
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds beside the flow. `zone` is the installation's; `salt` "" draws splits and holdouts as the living flow
    does, another one anew; `winners`: the way that everybody goes at a split; `rates`: what share of a way's people do what
    its split counts, where that is stated; `entered_before` says when a run with a key was entered before the history
    begins."""

    policy: Policy = NO_POLICY
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    salt: str = ""
    winners: Mapping[str, str] = field(default_factory=dict)
    rates: Mapping[tuple[str, str], float] = field(default_factory=dict)
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
    aside: dict[str, datetime] = field(default_factory=dict)  # codes of those that nobody was told of, since when
    recent: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)  # what came since its last turn
    is_over: bool = False
    chain: int = 0  # how many runs led to it ...
    chained_ms: int = 0  # ... and when it was let in by that
    told_of_ms: int = 0  # when what its data tells of happened


def _happened(came: Came, now: datetime) -> int:
    """When what came happened."""
    return to_ms(came.at) if isinstance(came, Told) and came.at is not None else to_ms(now)


class Play:
    """One version of a flow in a world, which tells it what happens (`hear`) and what is due."""

    def __init__(self, definition: Definition, world: World, rules: Rules, tally: Tally) -> None:
        self.flow, self.world, self.rules, self.tally = definition, world, rules, tally
        self._drawn = replace(definition, name=f"{definition.name}#{rules.salt}") if rules.salt else definition
        self.court = Court(definition, rules.policy, world.places)
        self.clockwork = Clockwork(definition.trigger, world.people, self._put_tick)
        self.deciding = Deciding(definition, rules.winners, rules.rates)
        self.runs: dict[int, list[Run]] = {}
        self._entered: dict[tuple[int, str], int] = {}
        trigger, goal = definition.trigger, definition.goal
        self._trigger = trigger.event if isinstance(trigger, EventTrigger) else ""
        self._remembers = definition.reentry.rule != "always" or not isinstance(trigger, EventTrigger | ManualTrigger)
        self._goal = goal.event if goal is not None else ""
        steps = [each.step for each in definition.program.values()]
        self._awaited = frozenset(each.event for each in steps if isinstance(each, WaitFor))
        self.reads = (
            frozenset({self._trigger, self._goal, "mail.delivered"})
            | self._awaited
            | people.CHANGES.keys()
            | self.deciding.events
        )
        world.add(self)

    # -- what comes

    def hear(
        self, person: Person, at_ms: int, name: str, key: str, data: Mapping[str, Any], chain: int = 0,
        happened_ms: int | None = None,
    ) -> None:  # fmt: skip
        """Something is heard of somebody now. What happened before a run began is neither its goal nor what it waits for."""
        happened = from_ms(at_ms if happened_ms is None else happened_ms)
        if name == self.clockwork.event:
            self.clockwork.heard(person, happened, from_ms(at_ms))
        if name in self.deciding.events:
            self.deciding.heard(person.id, name, data, at_ms)
        mine = self.runs.get(person.id)
        if name != self._trigger and not (mine and (name == self._goal or name in self._awaited)):
            return
        now = from_ms(at_ms)
        event = {"name": name, "key": key, "at": happened.isoformat(), **data}
        scope = facts.scope(person.facts(), event, now, person.zone)
        for run in [each for each in mine or () if to_ms(happened) >= min(each.entered_ms, each.told_of_ms)]:
            if name == self._goal and self._is_reached(run, scope, now):
                self.end(run, "goal")
            elif name in self._awaited:
                self._hear(run, name, event, scope, now)
        if name == self._trigger:
            self.enter(person, Told(name, data, happened), event, scope, now, chain)

    def enter(
        self,
        person: Person,
        came: Came,
        event: Mapping[str, Any],
        scope: Mapping[str, object],
        now: datetime,
        chain: int = 0,
    ) -> None:
        """Somebody comes to the door; `chain` is how many runs led them there."""
        waiting = {run.key: run for run in self.runs.get(person.id, ())}
        entry = enter(
            self._drawn, came, scope, contact_id=person.id, waiting=waiting,
            entered_at=lambda key: self._entered_at(person.id, key), now=now, zone=person.zone,
            chain=chain,
        )  # fmt: skip
        match entry:
            case Entered(key=key, is_held_out=is_held_out):
                self._begin(person, key, event, now, chain, _happened(came, now), is_held_out=is_held_out)
            case Renewed(key=key, restarts=restarts):
                if _happened(came, now) >= waiting[key].told_of_ms:  # what is older replaces nothing
                    waiting[key].told_of_ms = _happened(came, now)
                    self._renew(waiting[key], event, now, chain, restarts=restarts)
            case NotEntered(reason=reason):
                self.tally.barred[reason] += 1

    def finish(self, until_ms: int) -> None:
        """The history is over."""
        self.tally.under_way = sum(len(each) for each in self.runs.values())
        self.deciding.settle(until_ms)
        self.tally.verdicts = list(self.deciding.report())

    # -- runs

    def _begin(
        self, person: Person, key: str, event: Mapping[str, Any], now: datetime, chain: int, told_of_ms: int, *,
        is_held_out: bool,
    ) -> None:  # fmt: skip
        self.tally.entered += 1
        self.tally.people.add(person.id)
        if self._remembers:
            self._entered[person.id, key] = to_ms(now)
        if is_held_out:
            self.note_end(person, key, HELD_OUT)
            return
        run = Run(
            self.world.next_id(), person, key, event, to_ms(now), Standing(self.flow.first), chain=chain,
            chained_ms=to_ms(now), told_of_ms=told_of_ms,
        )  # fmt: skip
        self.runs.setdefault(person.id, []).append(run)
        self._due(run, to_ms(now))

    def _renew(self, run: Run, event: Mapping[str, Any], now: datetime, chain: int, *, restarts: bool) -> None:
        self.tally.renewed += 1
        run.data = {**event, **run.given}
        if restarts:
            run.standing = Standing(self.flow.first, run.standing.occurrence + 1)
            run.awaits = run.held = None
            run.chain, run.chained_ms = chain, to_ms(now)
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

    def end(self, run: Run, how: str) -> None:
        """A run is over."""
        run.is_over = True
        self.note_end(run.person, run.key, how)
        mine = self.runs[run.person.id]
        mine.remove(run)
        if not mine:
            del self.runs[run.person.id]

    def note_end(self, person: Person, key: str, how: str) -> None:
        """Count an end."""
        self.tally.ended[how] += 1

    # -- time

    def runs_of(self, contact_id: int) -> Sequence[Run]:
        """Those of somebody that are under way."""
        return self.runs.get(contact_id, ())

    def _due(self, run: Run, at_ms: int) -> None:
        """The run's next turn is then, and no other."""
        run.revision += 1
        revision = run.revision

        def turn(now: datetime) -> None:
            if run.revision == revision and not run.is_over:
                self._turn(run, now)

        self.world.put(at_ms, turn)

    def _put_tick(self, at: datetime, tick: Tick) -> None:
        self.world.put(to_ms(at), lambda now: self._tick(tick, now))

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
        if self.deciding.events or self.deciding.winners:
            self.deciding.settle(to_ms(now))
            scope["winners"] = self.deciding.winners
        decisions = decide(self._drawn, run.standing, scope, now=now, zone=person.zone)
        run.awaits = None
        for place, each in enumerate(decisions):
            if isinstance(each, Ask):
                known = run.data
                if (until := self._ask(run, each, now)) is not None:
                    self._pause(run, decisions[:place], WaitUntil(each.step, now, each.step), until)
                    return
                if run.data is not known:  # a code began anew: what comes behind the mail sees the day that is right
                    self._pause(run, decisions[:place], WaitUntil(each.step, now, each.then), now)
                    return
            elif isinstance(each, Act):
                self._act(run, each, now)
            elif isinstance(each, Branch):
                self.deciding.took(each.step, person.id, each.taken, to_ms(now))
        after = standing_after(run.standing, decisions)
        last = decisions[-1]
        if after is None:
            assert isinstance(last, Ended)
            if last.how == "failed":
                self.tally.failures[last.reason] += 1
            self.end(run, last.how)
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

    def _pause(self, run: Run, before: Sequence[Decision], wait: WaitUntil, until: datetime) -> None:
        """Go on then where the wait stands; what was decided before it is done."""
        after = standing_after(run.standing, (*before, wait))
        assert after is not None
        run.standing = after
        self._due(run, to_ms(until))

    def _ask(self, run: Run, ask: Ask, now: datetime) -> datetime | None:
        """Until when the mail of a step is held; None where it is written or refused."""
        waiting = list(self.world.held(run.person, run.id))
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
        if fresh := effects.anew(run.aside, run.given, now, person.zone):
            self._give(run, fresh)
        run.aside.clear()
        mail = Mail(person.id, to_ms(now), ask.step, ask.template)
        bought = person.last_order_ms is not None and person.last_order_ms > run.entered_ms
        self.tally.mail(mail, is_after_purchase=bought)
        self.world.crowds.one_more(person.id, now.astimezone(person.zone).date())
        return None

    def _act(self, run: Run, act: Act, now: datetime) -> None:
        """What an action changes, as far as it is ours to know; what goes out of the house is counted and not done."""
        self.tally.actions[act.step, word_of_action(act.action)] += 1
        if given := effects.given_by(act.action, now, run.person.zone):
            self._give(run, given)
        run.aside |= effects.set_aside(act.action, now)
        if effects.tells(act.action):
            run.aside.clear()
        chain = chains.following(run.chain, run.chained_ms, now)
        match act.action:
            case StartFlow(flow=other) if not self.world.start(other, run.person, run.data, now, chain):
                self.tally.unplayed[other] += 1
            case StopFlow(flow=other):
                self.world.stop(other, run.person, run.id)
        for name, data in effects.enact(run.person, act):
            self._echo(run.person, name, data, chain, now)

    def _give(self, run: Run, given: Mapping[str, Any]) -> None:
        """What a step gives is in the run's data from then on."""
        run.given |= given
        run.data = {**run.data, **given}

    def _echo(self, person: Person, name: str, data: Mapping[str, Any], chain: int, now: datetime) -> None:
        """An event that an action caused comes in this very moment."""
        key = natural_key(name, data)
        self.world.put(to_ms(now), lambda at: self.world.come(person, to_ms(at), name, key, data, chain))
