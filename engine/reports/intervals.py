"""Intervals for shares and for the difference of two. Pure.

A single share has Wilson's score interval; the difference of two independent ones has Newcombe's hybrid of the two (R. G.
Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17, 1998,
method 10). Both hold for small numbers and for shares of nothing or of all, where the textbook's do not.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Final

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the bounds that hold it at the stated confidence."""

    value: float
    low: float
    high: float


def share(count: int, of: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's interval for `count` of so many (at least one). ValueError where there can't be such a share."""
    if not 0 <= count <= of or of == 0:
        raise ValueError(f"{count} of {of} is no share")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    value = count / of
    centre = value + z * z / (2 * of)
    spread = z * sqrt(value * (1 - value) / of + z * z / (4 * of * of))
    whole = 1 + z * z / of
    return Interval(value, max(0.0, (centre - spread) / whole), min(1.0, (centre + spread) / whole))


def difference(one: Interval, other: Interval) -> Interval:
    """Newcombe's interval for how much larger the first share is than the second."""
    value = one.value - other.value
    low = value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    high = value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Interval(value, low, high)
