"""A flow as values: what a checked flow file says.

Steps stay a tree, as they were written, for drawing; `Definition.program` is the same flattened, for the machine: each
step by its id, with the id of what follows. END ("") follows the last.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from engine.flow.civil import Span
from engine.flow.conditions import Condition
from mta.queue.delivery import Stream

END: Final = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What lets a contact in. `key` tells one run from another: its value is the enrolment's run key."""

    event: str
    where: Condition | None = None
    key: Condition | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What the flow is for: an event that ends its runs, those entered at most `within` before it."""

    event: str
    within: Span | None = None
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Reentry:
    """Whether a run may follow one with the same key: `never`, `always`, or so long `after` that one was entered."""

    rule: str  # never, always, after
    after: Span | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    id: str
    span: Span


@dataclass(frozen=True, slots=True)
class Tracking:
    """What a flow or a step says of being counted: True, False, or None where it says nothing."""

    clicks: bool | None = None
    opens: bool | None = None
    view: bool | None = None


@dataclass(frozen=True, slots=True)
class Send:
    id: str
    template: str
    tracking: Tracking = Tracking()


@dataclass(frozen=True, slots=True)
class If:
    id: str
    condition: Condition
    then: tuple["Step", ...]
    otherwise: tuple["Step", ...] = ()


@dataclass(frozen=True, slots=True)
class Exit:
    id: str
    reason: str = ""


Step: TypeAlias = Wait | Send | If | Exit


@dataclass(frozen=True, slots=True)
class Instruction:
    """A step and what follows it; for an If, `then` and `otherwise` are the first steps of its branches."""

    step: Step
    next: str
    then: str = END
    otherwise: str = END


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a flow. `version` is the SHA-256 of its text in hex."""

    name: str
    title: str
    about: str
    stream: Stream
    trigger: Trigger
    reentry: Reentry
    goal: Goal | None
    exit: Condition | None
    steps: tuple[Step, ...]
    version: str
    program: Mapping[str, Instruction] = field(repr=False)
    mailing_list: str = ""  # whose mail a marketing flow writes; "" is of no list
    tracking: Tracking = Tracking()

    def tracking_of(self, step: str) -> tuple[Tracking, ...]:
        """What the flow and this step of it say of being counted."""
        found = self.program[step].step
        return (self.tracking, found.tracking) if isinstance(found, Send) else (self.tracking,)

    @property
    def first(self) -> str:
        """The id of the first step."""
        return self.steps[0].id if self.steps else END

    @property
    def short_version(self) -> str:
        """As shown on screens."""
        return self.version[:12]

    @property
    def templates(self) -> frozenset[str]:
        """The mail templates that the flow sends."""
        return frozenset(each.step.template for each in self.program.values() if isinstance(each.step, Send))


def flatten(steps: tuple[Step, ...], after: str = END) -> dict[str, Instruction]:
    """The program of these steps, where `after` is the id of what follows the last of them."""
    program: dict[str, Instruction] = {}
    followers = [*(each.id for each in steps[1:]), after]
    for step, following in zip(steps, followers, strict=False):  # no steps: nothing follows
        if isinstance(step, If):
            then, otherwise = (branch[0].id if branch else following for branch in (step.then, step.otherwise))
            program[step.id] = Instruction(step, following, then, otherwise)
            program |= flatten(step.then, following) | flatten(step.otherwise, following)
        else:
            program[step.id] = Instruction(step, following)
    return program


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """All steps in the order they are written."""
    for step in steps:
        yield step
        if isinstance(step, If):
            yield from walk(step.then)
            yield from walk(step.otherwise)
