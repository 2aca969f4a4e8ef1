"""Where an enrolment stands, and what the machine decides about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from engine.flow.actions import Action
from engine.flow.conditions import Condition
from engine.flow.waits import Intent

Evidence: TypeAlias = Mapping[str, Any]
Facts: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an enrolment stands: before `step`, or at it, when that is `waiting_for` (its own event, a webhook's answer).

    `due` is when this turn should have come (None: now), for mails that may be late, and when a step at which it waits is
    given up; `intent` is what was meant by that (`engine.flow.waits`). `heard`: True the event came, or the webhook
    answered well; False it answered ill; None nothing came. `jumps`: how often each jump was taken. `waited`: the wait
    that ended with this turn. `answer`: what an operator said of a late mail, "send" or "skip". `occurrence` counts the
    rounds: with enrolment and step it is unique.
    """

    step: str
    occurrence: int = 1
    due: datetime | None = None
    waiting_for: str = ""
    heard: bool | None = None
    jumps: Mapping[str, int] = field(default_factory=dict)
    waited: str = ""
    answer: str = ""
    intent: Intent | None = None

    def kept(self) -> dict[str, Any]:
        """What must be kept between turns beside step, occurrence, due and intent, as JSON."""
        parts = {"waiting_for": self.waiting_for, "waited": self.waited, "jumps": dict(self.jumps)}
        return {name: each for name, each in parts.items() if each}


@dataclass(frozen=True, slots=True)
class Branch:
    """A way was taken: `taken` is its label (then, else, case-1, the name in a split), `values` what each part of the
    conditions was worth."""

    step: str
    taken: str
    then: str  # the id of the step that follows
    values: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Jumped:
    """The run goes back, or on, to `then`; from there on its steps are of this occurrence."""

    step: str
    then: str
    occurrence: int


@dataclass(frozen=True, slots=True)
class Ask:
    """A send: ask the arbiter, then write the mail."""

    step: str
    template: str
    occurrence: int
    then: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A send that came too late to be made."""

    step: str
    reason: str
    then: str


@dataclass(frozen=True, slots=True)
class Act:
    """An effect. `values` are what the action's own come to (`engine.flow.effects.values_of`).

    With `due` it ends the turn: of a coupon that is now, and the run stands before `then`; of a webhook that is waited for,
    it is when the answer is given up, and the run stands at its own step.
    """

    step: str
    action: Action
    values: Evidence
    occurrence: int
    then: str
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Stand before `then` until `due`. `intent` is what was meant by it, by the contact's clock; None for exact hours."""

    step: str
    due: datetime
    then: str
    intent: Intent | None = None


@dataclass(frozen=True, slots=True)
class Await:
    """Stand at `step` until an event of this name holds all of `match` and `where`, or until `until`.

    It may have come already, since the step before. A mail event with a `step` in its match is one about a mail of this very
    run. In `where`, `event` is what came and `trigger` the run's own.
    """

    step: str
    event: str
    match: Mapping[str, str]
    where: Condition | None
    until: datetime
    then: str
    otherwise: str
    intent: Intent | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A mail is late, and an operator shall say whether it goes: stand before it, not due, until they do."""

    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over: completed, exit or failed. `step` is the exit step, or "exit" for the exit condition."""

    how: str
    step: str = ""
    reason: str = ""
    values: Evidence = field(default_factory=dict)


Decision: TypeAlias = Branch | Jumped | Ask | Skipped | Act | WaitUntil | Await | Question | Ended
