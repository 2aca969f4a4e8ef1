"""Which steps a run can come to, and which it can come to again without a wait. Over the flattened program."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from engine.flow.civil import Span
from engine.flow.model import END, Instruction, Jump, Step, Wait, ways_of
from engine.flow.waits import Clock

Program = Mapping[str, Instruction]


def targets(instruction: Instruction) -> frozenset[str]:
    """What may come next."""
    return instruction.targets


def in_round(instruction: Instruction) -> frozenset[str]:
    """What may come next in the same round: where a jump leads is of another one, and may come again."""
    return frozenset({instruction.next}) if isinstance(instruction.step, Jump) else instruction.targets


def reached(
    program: Program, starts: Iterable[str], *, through: Callable[[Step], bool] = lambda step: True,
    follow: Callable[[Instruction], Iterable[str]] = targets,
) -> set[str]:  # fmt: skip
    """The steps that a run from one of `starts` can come to, those among them; it goes on only `through` some, and to
    what each lets `follow`."""
    found: set[str] = set()
    stack = list(starts)
    while stack:
        step = stack.pop()
        if step == END or step in found or step not in program:
            continue
        found.add(step)
        if through(program[step].step):
            stack.extend(follow(program[step]))
    return found


def takes_time(step: Step) -> bool:
    """Whether the step surely waits: a window may be open, a date over, an event already there."""
    return isinstance(step, Wait) and isinstance(step.until, Span | Clock)


def endless(program: Program) -> Iterator[Jump]:
    """The jumps that lead back to themselves with no time between."""
    for instruction in program.values():
        jump = instruction.step
        if isinstance(jump, Jump) and jump.id in reached(program, [jump.to], through=lambda step: not takes_time(step)):
            yield jump


def unreached(steps: tuple[Step, ...], found: set[str]) -> Iterator[Step]:
    """The first step of each row of steps that no run comes to."""
    for step in steps:
        if step.id not in found:
            yield step
            return
        for way in ways_of(step):
            yield from unreached(way.steps, found)
