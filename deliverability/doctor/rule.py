"""What a rule is. One cause turns one rule red: a rule that needs another waits until that one holds."""

from collections.abc import Callable
from dataclasses import dataclass

from deliverability.doctor.facts import Case
from deliverability.doctor.model import Said


@dataclass(frozen=True, slots=True)
class Rule:
    """`why`: what a receiver makes of it. `remedy`: how it is mended. `needs`: rules that have to hold first."""

    id: str
    title: str
    why: str
    remedy: str
    source: str
    judge: Callable[[Case], Said]
    needs: tuple[str, ...] = ()
    of_house: bool = False  # judged once, not for each domain

    @property
    def family(self) -> str:
        return self.id.partition(".")[0]
