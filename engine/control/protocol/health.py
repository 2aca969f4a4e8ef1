"""What the daemon answers of its health, and its figures."""

from dataclasses import dataclass
from typing import Final

STATES: Final = ("ok", "degraded", "failing")
"""From good to bad; the exit status of `posthouse health` is the place in here."""


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """One thing that is not well."""

    reason: str  # a word: disk, backup ...
    state: str  # degraded, failing
    says: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Health:
    """How it is as a whole: as bad as its worst reason."""

    now_ms: int
    state: str
    reasons: tuple[ReasonRow, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricsText:
    """All figures, as Prometheus reads them."""

    now_ms: int
    text: str
