"""A flow as values: what a checked flow file says.

Steps stay a tree, as they were written, for drawing; `Definition.program` is the same flattened, for the machine: each
step by its id, with the id of what follows. END ("") follows the last.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from engine.flow.actions import Action
from engine.flow.civil import Span
from engine.flow.conditions import Condition
from engine.flow.triggers import Trigger
from engine.flow.waits import Clock, Late, OnDate, Window
from mta.queue.delivery import Stream

END: Final = ""
THEN: Final = "then"
ELSE: Final = "else"


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


class Writes(StrEnum):
    """Whether a flow's mails come instead of those that the shop would write about the same, or beside them."""

    INSTEAD = "instead"
    BESIDE = "beside"


@dataclass(frozen=True, slots=True)
class Tracking:
    """What a flow or a step says of being counted: True, False, or None where it says nothing."""

    clicks: bool | None = None
    opens: bool | None = None
    view: bool | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One way on from a step: its label, and its steps. Without steps it leads to what follows."""

    label: str
    steps: tuple["Step", ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """`late` is for the mails of the turn that follows. Only an OnDate has a way: "else", where the day is over or none."""

    id: str
    until: Span | Clock | Window | OnDate
    late: Late | None = None
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Wait for an event whose data holds all of `match`, that came since the step before; ways "then" and "else" (the
    time is over). In `where`, `event` is what came and `trigger` the run's own."""

    id: str
    event: str
    match: Mapping[str, str]
    timeout: Span
    where: Condition | None = None
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, slots=True)
class Send:
    id: str
    template: str
    tracking: Tracking = Tracking()
    late: Late | None = None


@dataclass(frozen=True, slots=True)
class If:
    id: str
    condition: Condition
    ways: tuple[Way, ...]  # then, else


@dataclass(frozen=True, slots=True)
class Switch:
    """The first case that holds: ways "case-1", "case-2", ... beside `cases`, then "else"."""

    id: str
    cases: tuple[Condition, ...]
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class Winner:
    """When a split ends: one way is ahead in `metric` (clicks, orders, opens) at this significance (0.95), each way having
    been taken at least `least` times."""

    metric: str
    significance: float
    least: int


@dataclass(frozen=True, slots=True)
class Split:
    """Ways by chance, one for each weight; the same contact always goes the same way."""

    id: str
    weights: tuple[int, ...]
    ways: tuple[Way, ...]
    winner: Winner | None = None


@dataclass(frozen=True, slots=True)
class Do:
    """An action. Only a webhook that is waited for has ways: "then" (it answered 2xx) and "else"."""

    id: str
    action: Action
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on at the step `to`, at most `times` in one run; then with what follows."""

    id: str
    to: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Exit:
    id: str
    reason: str = ""


Step: TypeAlias = Wait | WaitFor | Send | If | Switch | Split | Do | Jump | Exit


def ways_of(step: Step) -> tuple[Way, ...]:
    """The ways on from a step; none for one that only goes on."""
    match step:
        case Send() | Jump() | Exit():
            return ()
        case _:
            return step.ways


@dataclass(frozen=True, slots=True)
class Instruction:
    """A step, the id of what follows it, and the first step of each of its ways by label."""

    step: Step
    next: str
    ways: Mapping[str, str] = field(default_factory=dict)

    def way(self, label: str) -> str:
        """Where that way leads; to what follows, when the step has none of that label."""
        return self.ways.get(label, self.next)

    @property
    def targets(self) -> frozenset[str]:
        """Every step that may come next, END among them."""
        match self.step:
            case Exit():
                return frozenset()
            case Jump(to=to):
                return frozenset({to, self.next})
            case If() | Switch() | Split() | WaitFor():
                return frozenset(self.ways.values())
        return frozenset({self.next, *self.ways.values()})


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
    holdout: float = 0.0  # the share of people, from 0 to 1, who get nothing (engine.flow.shares)
    writes: Writes | None = None
    priority: int | None = None  # of its marketing mail, the highest first; None: as the installation says
    best_before: Span | None = None  # how long the arbiter may hold a mail of it; None: as the installation says

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
        ways = ways_of(step)
        first = {way.label: way.steps[0].id if way.steps else following for way in ways}
        program[step.id] = Instruction(step, following, first)
        for way in ways:
            program |= flatten(way.steps, following)
    return program


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """All steps in the order they are written."""
    for step in steps:
        yield step
        for way in ways_of(step):
            yield from walk(way.steps)
