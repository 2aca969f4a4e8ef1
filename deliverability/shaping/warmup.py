"""Warm-up: a new source begins with little mail to each provider, and with more from day to day. Pure.

The schedule is a number of attempts for each day. A day counts only when most of its allowance was used; then the next
one begins with the next number, unless more was put off or refused, or more complained about, than the settings bear:
then the number stays, or goes a step back where it was twice that. After the last number the source is warm.
"""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

from pydantic import Field, field_validator

from deliverability.settings import Settings

USED: Final = 0.5  # of a day's allowance must have been tried, or the day proves nothing
WORSE: Final = 2.0  # times what is borne: a step back


class WarmUpSettings(Settings):
    """`[warm_up]`: for sources that say `warm_up = true`, by provider."""

    schedule: tuple[int, ...] = Field(
        default=(50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200),
        description="Attempts a day, from the first day on. Behind the last the source is warm.",
    )
    refused: float = Field(
        default=0.1, ge=0, le=1, description="The share of a day's attempts that may be put off or refused."
    )
    complained: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="The share of a day's attempts that may be answered by a word against us: too much, blocked, spam.",
    )

    @field_validator("schedule")
    @classmethod
    def _rises(cls, schedule: tuple[int, ...]) -> tuple[int, ...]:
        if not schedule:
            raise ValueError("needs the attempts of at least one day (try [50, 100, 200])")
        if min(schedule) < 1:
            raise ValueError(f"{min(schedule)} attempts a day would never grow: at least 1 (try [50, 100, 200])")
        for before, after in pairwise(schedule):
            if after < before:
                raise ValueError(f"{after} after {before} falls: each day has at least as many as the one before")
        return schedule


@dataclass(slots=True)
class Warming:
    """One (source, provider). `day`: a number that grows by one each civil day (UTC)."""

    stage: int = 0
    day: int = 0
    attempts: int = 0
    refused: int = 0
    complaints: int = 0
    total: int = 0  # attempts of all days
    verdict: str = "begins"  # what the last day came to: begins, goes on, holds: ..., steps back: ..., warm

    def note(self, attempts: int, refused: int, complaints: int) -> None:
        """So much was tried, and so much of it was not taken, today."""
        self.attempts += attempts
        self.total += attempts
        self.refused += refused
        self.complaints += complaints

    def turn(self, day: int, settings: WarmUpSettings) -> bool:
        """It is this day. True when that changed something."""
        if day <= self.day:
            self.day = day  # the clock was set back: this day goes on with what was counted
            return False
        if self.day:
            self._judge(settings)
            self.attempts, self.refused, self.complaints = 0, 0, 0
        self.day = day
        return True

    def allowance(self, settings: WarmUpSettings) -> int | None:
        """Attempts in 24 hours; None where the source is warm."""
        return settings.schedule[self.stage] if self.stage < len(settings.schedule) else None

    def _judge(self, settings: WarmUpSettings) -> None:
        allowance = self.allowance(settings)
        if allowance is None:
            self.verdict = "warm"
            return
        why, times = self._worst(settings)
        if times > WORSE:
            self.stage, self.verdict = max(0, self.stage - 1), f"steps back: {why}"
        elif times > 1:
            self.verdict = f"holds: {why}"
        elif self.attempts < USED * allowance:
            self.verdict = f"holds: {self.attempts} of {allowance} were used"
        else:
            self.stage += 1
            self.verdict = "goes on" if self.stage < len(settings.schedule) else "warm"

    def _worst(self, settings: WarmUpSettings) -> tuple[str, float]:
        """What was borne least, in words, and how many times over."""
        tried = max(1, self.attempts)
        found = [
            (f"{count} of {self.attempts} {word}", count / tried / bound if bound else float(count > 0) * 10)
            for word, count, bound in (
                ("were put off or refused", self.refused, settings.refused),
                ("met a word against us", self.complaints, settings.complained),
            )
        ]
        return max(found, key=lambda each: each[1])

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> "Warming":
        """Go on from what `to_dict` gave; keys of another version are left out."""
        return cls(**{key: value for key, value in kept.items() if key in cls.__dataclass_fields__})
