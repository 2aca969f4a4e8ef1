"""The bounce guard: a domain that suddenly refuses everybody is broken, not empty. Pure; seconds come as an argument.

Somebody's migration, a wrong rule at a gateway, a directory that is down: "no such user" is then said of people who are
there. The guard counts, for each recipient domain, what was tried and what bounced for good within a time.
"""

from dataclasses import dataclass, field
from typing import Final

from deliverability.shaping.ledger import Ledger
from deliverability.shaping.limits import ShapingSettings

DOMAINS_MAX: Final = 50_000  # that are watched at once; those that were looked at first are forgotten first


@dataclass(slots=True)
class Guard:
    """Watches all domains."""

    settings: ShapingSettings
    _watched: dict[str, tuple[Ledger, Ledger]] = field(default_factory=dict)  # attempts, bounces

    def saw(self, domain: str, attempts: int, hard: int, now: float) -> tuple[int, int] | None:
        """Count these. (attempts, bounces) within the window when that is more than can be believed, else None."""
        window = self.settings.guard_window.total_seconds()
        counts = self._watched.setdefault(domain, (Ledger(0, window), Ledger(0, window)))
        counts[0].spend(attempts, now)
        counts[1].spend(hard, now)
        if len(self._watched) > DOMAINS_MAX:
            self._watched.pop(next(iter(self._watched)))
        if not hard:
            return None
        tried, bounced = counts[0].used(now), counts[1].used(now)
        is_too_much = tried >= self.settings.guard_attempts and bounced > self.settings.guard_share * tried
        return (tried, bounced) if is_too_much else None

    def forget(self, domain: str) -> None:
        """Begin anew with a domain: an operator says that what it answers is true, or its pause is over."""
        self._watched.pop(domain, None)
