"""The flow machine: what one enrolment does next. Clock, facts and flow come in, decisions come out.

`decide` walks from the step an enrolment stands before to the next wait or the end. It asks for mail and for effects, it
makes none: whether a send may happen, and what the template says, is for the runner to find out. `standing_after` is where
the enrolment stands when all that was decided is done.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.flow.actions import CallWebhook, ends_turn
from engine.flow.civil import Span
from engine.flow.decisions import (
    Act,
    Ask,
    Await,
    Branch,
    Decision,
    Ended,
    Facts,
    Jumped,
    Question,
    Skipped,
    Standing,
    WaitUntil,
)  # fmt: skip
from engine.flow.effects import overlay, values_of
from engine.flow.model import (
    ELSE,
    END,
    THEN,
    Definition,
    Do,
    Exit,
    If,
    Instruction,
    Jump,
    Send,
    Split,
    Switch,
    Wait,
    WaitFor,
)  # fmt: skip
from engine.flow.shares import way_of
from engine.flow.waits import Late, OnDate, intent_of, resolve_intent

COMPLETED: Final = "completed"
EXITED: Final = "exit"
FAILED: Final = "failed"
HELD_OUT: Final = "holdout"

ANSWER_WITHIN: Final = Span(0, timedelta(seconds=30))  # a webhook, where the flow does not say


def decide(
    definition: Definition, standing: Standing, facts: Facts, *, now: datetime, zone: ZoneInfo
) -> tuple[Decision, ...]:
    """What happens now, in order; the last decision ends the turn (`ends_turn`), and only the last.

    `facts` are the names that conditions speak of, plain data, and may hold `winners`: {split: way} of those that are
    decided; `zone` is the contact's own. The exit condition is seen first. No step comes twice in one answer, whatever
    the program says: that ends the run as failed.
    """
    if definition.exit is not None and definition.exit.evaluate(facts):
        return (Ended(EXITED, "exit", f"{definition.exit.text.strip()} holds", definition.exit.explain(facts)),)
    return _Turn(definition, standing, facts, now, zone).walk()


def standing_after(standing: Standing, decisions: tuple[Decision, ...]) -> Standing | None:
    """Where the enrolment stands when these decisions, made from `standing`, are done; None when it is over."""
    jumps, occurrence = dict(standing.jumps), standing.occurrence
    for each in decisions:
        if isinstance(each, Jumped):
            jumps[each.step] = jumps.get(each.step, 0) + 1
            occurrence = each.occurrence
    match decisions[-1]:
        case WaitUntil(step=step, due=due, then=then, intent=intent):
            return Standing(then, occurrence, due, jumps=jumps, waited=step, intent=intent)
        case Await(step=step, until=until, intent=intent):
            return Standing(step, occurrence, until, waiting_for=step, jumps=jumps, intent=intent)
        case Act(step=step, then=then, due=due):
            return Standing(then, occurrence, due, waiting_for=step if then == step else "", jumps=jumps)
        case Question(step=step):
            return Standing(step, occurrence, None, jumps=jumps, waited=standing.waited)
    return None


class _Turn:
    """One walk through the program. Its facts change with the effects it asks for."""

    def __init__(self, definition: Definition, standing: Standing, facts: Facts, now: datetime, zone: ZoneInfo) -> None:
        self._definition, self._standing, self._facts, self._now, self._zone = definition, standing, facts, now, zone
        self._occurrence = standing.occurrence

    def walk(self) -> tuple[Decision, ...]:
        decisions: list[Decision] = []
        step, passed = self._standing.step, set[str]()
        while step != END:
            instruction = self._definition.program.get(step)
            if instruction is None or step in passed:
                what = "comes round again without a wait" if instruction else "is not in this version"
                return (*decisions, Ended(FAILED, reason=f"the step {step} {what}"))
            passed.add(step)
            decision = self._take(instruction)
            decisions.append(decision)
            if isinstance(decision, WaitUntil | Await | Question | Ended) or (
                isinstance(decision, Act) and decision.due is not None
            ):
                return tuple(decisions)
            step = decision.then
        return (*decisions, Ended(COMPLETED))

    def _take(self, instruction: Instruction) -> Decision:
        match instruction.step:
            case Wait() as wait:
                return self._wait(wait, instruction)
            case WaitFor() as wait:
                return self._await(wait, instruction)
            case Send() as send:
                return self._send(send, instruction.next)
            case If(id=step, condition=condition):
                taken = THEN if condition.evaluate(self._facts) else ELSE
                return Branch(step, taken, instruction.way(taken), condition.explain(self._facts))
            case Switch() as switch:
                return self._switch(switch, instruction)
            case Split() as split:
                taken = self._chosen(split)
                return Branch(split.id, taken, instruction.way(taken))
            case Do() as do:
                return self._act(do, instruction)
            case Jump() as jump:
                return self._jump(jump, instruction.next)
            case Exit(id=step, reason=reason):
                return Ended(EXITED, step, reason)

    # -- waits

    def _wait(self, wait: Wait, instruction: Instruction) -> Decision:
        if isinstance(wait.until, OnDate):
            return self._wait_for_date(wait, wait.until, instruction)
        due = wait.until.after(self._now, self._zone)
        return WaitUntil(wait.id, due, instruction.next, intent_of(wait.until, self._now, self._zone))

    def _wait_for_date(self, wait: Wait, until: OnDate, instruction: Instruction) -> Decision:
        """The way "else" where there is no such date or it is over; without that way, on at once."""
        intent = until.intent(until.day.value(self._facts), self._now, self._zone)
        due = self._now if intent is None else resolve_intent(intent, self._zone, self._now)
        if due <= self._now and wait.ways:
            return Branch(wait.id, ELSE, instruction.way(ELSE), until.day.explain(self._facts))
        return WaitUntil(wait.id, due, instruction.next, intent)

    def _await(self, wait: WaitFor, instruction: Instruction) -> Decision:
        ways, standing = (instruction.way(THEN), instruction.way(ELSE)), self._standing
        if standing.waiting_for == wait.id == standing.step:
            if (answered := self._answered(wait.id, *ways)) is not None:
                return answered
            until, intent = standing.due or self._now, standing.intent
        elif self._is_in_segment(wait):
            return Branch(wait.id, THEN, ways[0])
        else:
            until = wait.timeout.after(self._now, self._zone)
            intent = intent_of(wait.timeout, self._now, self._zone)
        return Await(wait.id, wait.event, wait.match, wait.where, until, *ways, intent)

    def _is_in_segment(self, wait: WaitFor) -> bool:
        contact = self._facts.get("contact")
        segments = contact.get("segments") if isinstance(contact, Mapping) else ()
        return wait.event == "segment.entered" and wait.match.get("segment") in (segments or ())

    def _answered(self, step: str, then: str, otherwise: str) -> Branch | None:
        """The way on from a step that was waited at; None while nothing came and its time is not over."""
        heard, due = self._standing.heard, self._standing.due
        if heard is None and due is not None and self._now < due:
            return None
        return Branch(step, THEN, then) if heard else Branch(step, ELSE, otherwise)

    # -- mail

    def _send(self, send: Send, then: str) -> Decision:
        late = send.late or self._late_of_wait()
        if late is None or not self._is_late(late) or late.do == "send":
            return Ask(send.id, send.template, self._occurrence, then)
        answer = self._standing.answer if send.id == self._standing.step else ""
        if late.do == "ask" and not answer:
            return Question(send.id, f"more than {late.after} late")
        if answer == "send":
            return Ask(send.id, send.template, self._occurrence, then)
        return Skipped(send.id, f"more than {late.after} late", then)

    def _late_of_wait(self) -> Late | None:
        waited = self._definition.program.get(self._standing.waited)
        return waited.step.late if waited is not None and isinstance(waited.step, Wait) else None

    def _is_late(self, late: Late) -> bool:
        due = self._standing.due
        return due is not None and late.after.after(due, self._zone) < self._now

    # -- branches

    def _switch(self, switch: Switch, instruction: Instruction) -> Branch:
        values: dict[str, object] = {}
        for condition, way in zip(switch.cases, switch.ways, strict=False):  # the last way is "else"
            values |= condition.explain(self._facts)
            if condition.evaluate(self._facts):
                return Branch(switch.id, way.label, instruction.way(way.label), values)
        return Branch(switch.id, ELSE, instruction.way(ELSE), values)

    def _chosen(self, split: Split) -> str:
        labels = [way.label for way in split.ways]
        winners = self._facts.get("winners")
        if isinstance(winners, Mapping) and (won := winners.get(split.id)) in labels:
            return str(won)
        contact = self._facts.get("contact")
        contact_id = contact.get("id") if isinstance(contact, Mapping) else 0
        return labels[way_of(self._definition.name, split.id, contact_id or 0, split.weights)]

    # -- effects

    def _act(self, do: Do, instruction: Instruction) -> Decision:
        action = do.action
        waits = isinstance(action, CallWebhook) and action.wait
        if waits and self._standing.waiting_for == do.id == self._standing.step:
            answered = self._answered(do.id, instruction.way(THEN), instruction.way(ELSE))
            if answered is not None:
                return answered
            return WaitUntil(do.id, self._standing.due or self._now, do.id)
        values = values_of(action, self._facts)
        self._facts = overlay(self._facts, action, values)
        due = self._now if ends_turn(action) else None
        if isinstance(action, CallWebhook) and action.wait:
            due = (action.timeout or ANSWER_WITHIN).after(self._now, self._zone)
        return Act(do.id, action, values, self._occurrence, do.id if waits else instruction.next, due)

    def _jump(self, jump: Jump, following: str) -> Decision:
        times = self._standing.jumps.get(jump.id, 0)
        if times >= jump.times:
            return Branch(jump.id, ELSE, following, {"times": times})
        self._occurrence += 1
        return Jumped(jump.id, jump.to, self._occurrence)
