"""One index of how our mail is taken, 0 to 100, which anyone can reckon again from its parts.

Each part is a share (count of so many). It loses its weight in proportion, all of it where the share reaches its limit:
lost = weight x min(1, share / limit). A part of fewer than `least` mails, or that nobody measured, says nothing and counts
for nothing. index = 100 x (1 - points lost / weights of the parts that say something), and there is none where the
complaints or the bounces say nothing: silence is not a good name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from deliverability.reputation.figures import Figures
from deliverability.reputation.settings import ReputationSettings

COMPLAINTS: Final = "complaints"
HARD_BOUNCES: Final = "hard bounces"
BLOCKED: Final = "blocked"
DEFERRED: Final = "deferred"
IN_CLEAR: Final = "without TLS"
DMARC: Final = "DMARC fails"
LISTED: Final = "blocklists"

_WEIGHTS: Final = {COMPLAINTS: 30, HARD_BOUNCES: 20, BLOCKED: 20, DEFERRED: 10, DMARC: 10, IN_CLEAR: 5, LISTED: 5}
_NEEDED: Final = (COMPLAINTS, HARD_BOUNCES)
_CLEAR_LIMIT: Final = 0.5  # half of all mail in clear: none of the large providers takes mail without TLS


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many. `of` is None where nobody measured it."""

    count: int
    of: int | None

    @property
    def value(self) -> float | None:
        return self.count / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Beside:
    """What the relay does not count itself: DMARC by others' reports, and our addresses on blocklists (of those asked)."""

    dmarc: Share = Share(0, None)
    listed: Share = Share(0, None)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the index. lost: points of its weight; None where it says nothing, and `why` says why."""

    name: str
    count: int
    of: int | None
    limit: float
    weight: int
    lost: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """value: None is "too few to say"."""

    value: int | None
    parts: tuple[Part, ...]


def index(figures: Figures, beside: Beside, settings: ReputationSettings) -> Index:
    """The index of these figures."""
    limits = {
        COMPLAINTS: settings.complaints_alarm, HARD_BOUNCES: settings.hard_bounces_alarm, BLOCKED: settings.blocked_alarm,
        DEFERRED: settings.deferred_alarm, DMARC: settings.dmarc_fail_alarm, IN_CLEAR: _CLEAR_LIMIT, LISTED: 0.0,
    }  # fmt: skip
    shares = shares_of(figures, beside)
    parts = tuple(_part(name, shares[name], limits[name], settings.least) for name in _WEIGHTS)
    return Index(_value(parts), parts)


def shares_of(figures: Figures, beside: Beside) -> dict[str, Share]:
    """The share that each part is about."""
    return {
        COMPLAINTS: Share(figures.complaints, figures.accepted),
        HARD_BOUNCES: Share(figures.hard, figures.sent),
        BLOCKED: Share(figures.blocked, figures.tried),
        DEFERRED: Share(figures.pressed, figures.tried),
        DMARC: beside.dmarc,
        IN_CLEAR: Share(figures.in_clear, figures.accepted),
        LISTED: beside.listed,
    }


def _part(name: str, share: Share, limit: float, least: int) -> Part:
    weight = _WEIGHTS[name]
    if share.of is None or (name == LISTED and not share.of):
        return Part(name, share.count, None, limit, weight, None, "not known")
    if name == LISTED:  # one listing is one too many
        return Part(name, share.count, share.of, limit, weight, float(weight if share.count else 0))
    if share.of < least:
        return Part(name, share.count, share.of, limit, weight, None, f"too few to say (under {least})")
    return Part(name, share.count, share.of, limit, weight, round(weight * min(1, share.count / share.of / limit), 1))


def _value(parts: Sequence[Part]) -> int | None:
    if any(part.lost is None for part in parts if part.name in _NEEDED):
        return None
    told = [(part.weight, part.lost) for part in parts if part.lost is not None]
    return round(100 * (1 - sum(lost for _, lost in told) / sum(weight for weight, _ in told)))
