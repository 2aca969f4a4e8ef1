"""From one version of a flow to another: what the new text changes, in words, and where each person under way goes.

A person stands before a step. They go to the step of the same id, or to the one that the operator maps it to; whoever
can't go anywhere stays on the version they entered, or leaves where the operator says so. Nobody is moved to where they
would come to a step again that they have passed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from engine.flow.model import END, Definition, Send, WaitFor
from engine.flow.reach import in_round, reached

Needs: TypeAlias = type[WaitFor | Send]


class Fate(StrEnum):
    """What becomes of somebody under way when a version is applied."""

    MOVES = "moves"
    STAYS = "stays"
    LEAVES = "leaves"


GONE: Final = "the new version has no such step"
TWICE: Final = "would come again to"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where somebody goes: `step` is of the new version where they move, `why` says why they don't. `keeps_wait`: they
    stand there until the same time as they did; else they go on at once."""

    fate: Fate
    step: str = END
    why: str = ""
    keeps_wait: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The way from older versions to `new`. `mapping`: steps of theirs to steps of it; `leaves`: whoever can't move leaves."""

    new: Definition
    mapping: Mapping[str, str]
    leaves: bool = False

    def of(self, step: str, passed: Collection[str] = (), needs: Needs | None = None) -> Destination:
        """Where somebody goes who stands before `step`; `passed` are the steps that are behind them, where any matters
        (`at_risk`). `needs`: the kind of step that they stand at, where they wait for more than a time."""
        to = self.mapping.get(step, step)
        if to != END and to not in self.new.program:
            return self._stuck(GONE)
        again = sorted(self.ahead(to) & set(passed))
        if again:
            return self._stuck(f"{TWICE} {', '.join(again)}")
        return Destination(Fate.MOVES, to, keeps_wait=to == step or needs is None or self._is(to, needs))

    def _is(self, step: str, needs: Needs) -> bool:
        return step in self.new.program and isinstance(self.new.program[step].step, needs)

    def at_risk(self, step: str, old: Definition | None) -> frozenset[str]:
        """The steps that somebody who stands before `step` of `old` would meet in the new version, and may have passed:
        those that still lay ahead of them can't be. `old` is None where it can't be read."""
        to = self.mapping.get(step, step)
        known = steps_ahead(old, step) if old is not None else frozenset()
        return self.ahead(to) - known

    def ahead(self, step: str) -> frozenset[str]:
        return steps_ahead(self.new, step)

    def _stuck(self, why: str) -> Destination:
        return Destination(Fate.LEAVES if self.leaves else Fate.STAYS, why=why)


def steps_ahead(definition: Definition, step: str) -> frozenset[str]:
    """The step and all that may follow it in the same round."""
    return frozenset(reached(definition.program, [step], follow=in_round))
