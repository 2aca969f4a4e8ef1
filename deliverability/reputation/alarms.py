"""When a figure is an alarm: at a threshold, once for each change, and over only when it is well below again.

A level is left when the figure is under CALM times its threshold, so that what swings about a threshold is told of once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

CALM: Final = 0.8
LEAST_COUNT: Final = 2  # one complaint of two hundred mails is half a percent, and says nothing
ALL: Final = "*"


class Level(IntEnum):
    """How bad it is."""

    CALM = 0
    WARN = 1
    ALARM = 2

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What an alarm is about: its rule, and whose mail; ALL where it is about all of them."""

    rule: str
    provider: str = ALL
    source: str = ALL
    domain: str = ALL
    stream: str = ALL

    @property
    def words(self) -> str:
        """Such as "shop.example at gmail"."""
        names = [each for each in (self.domain, self.stream) if each != ALL]
        whose = " ".join(names) or "mail"
        at = f" at {self.provider}" if self.provider != ALL else ""
        by = f" from {self.source}" if self.source != ALL else ""
        return f"{whose}{by}{at}"


@dataclass(frozen=True, slots=True)
class Figure:
    """What was found about a subject. `value`: a share, or how far one fell; None where there is too little to say.

    reply, judged_by, message_id: the last that tells of it.
    """

    count: int
    of: int
    value: float | None
    warn: float
    alarm: float
    reply: str = ""
    judged_by: str = ""
    message_id: int = 0


def level(figure: Figure, standing: Level) -> Level:
    """The level of a figure whose alarm stood at `standing`."""
    if figure.value is None:
        return Level.CALM  # whatever it was is over: too little was sent since
    value = figure.value if figure.count >= LEAST_COUNT or figure.warn == 0 else 0.0
    if _holds(value, figure.alarm, standing is Level.ALARM):
        return Level.ALARM
    return Level.WARN if _holds(value, figure.warn, standing >= Level.WARN) else Level.CALM


def _holds(value: float, threshold: float, stands: bool) -> bool:
    if threshold == 0:  # any at all
        return value > 0
    return value >= (CALM * threshold if stands else threshold)


def changes(standing: Mapping[Subject, Level], found: Mapping[Subject, Figure]) -> dict[Subject, Level]:
    """The subjects whose level is another now, in order; CALM ends an alarm."""
    moved = {}
    for subject in sorted({*standing, *found}):
        before = standing.get(subject, Level.CALM)
        now = level(found[subject], before) if subject in found else Level.CALM
        if now is not before:
            moved[subject] = now
    return moved
