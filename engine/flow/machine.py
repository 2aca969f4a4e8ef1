"""The flow machine: what one enrolment does next. Clock, facts and flow come in, decisions come out.

`decide` walks from the step an enrolment stands before to the next wait or the end. It asks for mail, it makes none:
whether a send may happen, and what the template says, is for the runner to find out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from engine.flow.model import END, Definition, Exit, If, Instruction, Send, Wait

Evidence: TypeAlias = Mapping[str, Any]

COMPLETED: Final = "completed"
EXITED: Final = "exit"
FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an enrolment stands: before `step`."""

    step: str
    occurrence: int = 1


@dataclass(frozen=True, slots=True)
class Branch:
    """An if was answered: `taken` is then or else, `values` what each part of its condition was worth."""

    step: str
    taken: str
    then: str  # the id of the step that follows
    values: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """A send: ask the arbiter, then write the mail."""

    step: str
    template: str
    occurrence: int
    then: str


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Stand before `then` until `due`."""

    step: str
    due: datetime
    then: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over: completed, exit or failed. `step` is the exit step, or "exit" for the exit condition."""

    how: str
    step: str = ""
    reason: str = ""
    values: Evidence = field(default_factory=dict)


Decision: TypeAlias = Branch | Ask | WaitUntil | Ended


def decide(
    definition: Definition, standing: Standing, facts: Mapping[str, object], *, now: datetime, zone: ZoneInfo
) -> tuple[Decision, ...]:
    """What happens now, in order; the last decision is a WaitUntil or an Ended, and only the last.

    `facts` are the names that conditions speak of, plain data; `zone` is the contact's own. The exit condition is seen
    first. No step comes twice in one answer, whatever the program says: that ends the run as failed.
    """
    if definition.exit is not None and definition.exit.evaluate(facts):
        return (Ended(EXITED, "exit", f"{definition.exit.text.strip()} holds", definition.exit.explain(facts)),)
    decisions: list[Decision] = []
    step = standing.step
    passed: set[str] = set()
    while step != END:
        instruction = definition.program.get(step)
        if instruction is None or step in passed:
            what = "comes round again without a wait" if instruction else "is not in this version"
            return (*decisions, Ended(FAILED, reason=f"the step {step} {what}"))
        passed.add(step)
        decision = _take(instruction, standing.occurrence, facts, now, zone)
        decisions.append(decision)
        if isinstance(decision, WaitUntil | Ended):
            return tuple(decisions)
        step = decision.then
    return (*decisions, Ended(COMPLETED))


def _take(
    instruction: Instruction, occurrence: int, facts: Mapping[str, object], now: datetime, zone: ZoneInfo
) -> Decision:
    match instruction.step:
        case Wait(id=step, span=span):
            return WaitUntil(step, span.after(now, zone), instruction.next)
        case Send(id=step, template=template):
            return Ask(step, template, occurrence, instruction.next)
        case If(id=step, condition=condition):
            holds = condition.evaluate(facts)
            then = instruction.then if holds else instruction.otherwise
            return Branch(step, "then" if holds else "else", then, condition.explain(facts))
        case Exit(id=step, reason=reason):
            return Ended(EXITED, step, reason)
