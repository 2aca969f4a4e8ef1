"""Winning: whether one variant is better than the others, or only luckier.

Fisher's exact test on the two-by-two table of two variants (who did and who did not), two-sided: it is right for small
figures and large ones, and knows nothing but counts. With more than two variants the best is tried against each other,
and its p-value is multiplied by the number of pairs there are (Bonferroni), since the best of many is likely lucky. A
test is judged once, at a time that was said before it began: looking again and again until the difference is large
enough finds a winner among equals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, lgamma
from typing import Final

_NEAR: Final = 1e-7  # relative: tables as unlikely as the one seen are not lost to rounding


@dataclass(frozen=True, slots=True)
class Count:
    """How many people got a variant, and how many of them did what is counted."""

    people: int
    did: int

    @property
    def rate(self) -> float:
        return self.did / self.people if self.people else 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """`winner` is "" where the difference may be chance; `p` is how often chance alone makes one as large."""

    winner: str
    p: float
    words: str


def judge(counts: Mapping[str, Count], significance: float) -> Judged:
    """Whether the best of these variants is better than each other one."""
    ranked = sorted(counts, key=lambda name: (-counts[name].rate, name))
    told = ", ".join(f"{name} {counts[name].did} of {counts[name].people}" for name in counts)
    if len(ranked) < 2 or not all(each.people for each in counts.values()):
        return Judged("", 1.0, f"{told}: a variant went to nobody, so nothing can be said")
    pairs = len(ranked) * (len(ranked) - 1) // 2
    best = counts[ranked[0]]
    p = min(1.0, pairs * max(fisher(best, counts[name]) for name in ranked[1:]))
    is_won = p <= 1 - significance
    says = f"Fisher's exact test, two-sided{f', times {pairs} pairs' if pairs > 1 else ''}: p = {p:.3g}"
    verdict = f"{ranked[0]} wins" if is_won else f"no winner at {significance:.1%}"
    return Judged(ranked[0] if is_won else "", p, f"{verdict} ({told}; {says})")


def fisher(one: Count, other: Count) -> float:
    """The two-sided p-value of Fisher's exact test: the chance of all tables with these sums that are no likelier."""
    people, did = one.people + other.people, one.did + other.did
    low, high = max(0, did - other.people), min(one.people, did)
    whole = _log_choose(people, did)

    def chance(of_one: int) -> float:
        return exp(_log_choose(one.people, of_one) + _log_choose(other.people, did - of_one) - whole)

    seen = chance(one.did) * (1 + _NEAR)
    return min(1.0, sum(each for k in range(low, high + 1) if (each := chance(k)) <= seen))


def _log_choose(of: int, those: int) -> float:
    return lgamma(of + 1) - lgamma(those + 1) - lgamma(of - those + 1)
