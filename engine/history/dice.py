"""Dice that can be thrown again: a number generator of our own (SplitMix64), so that a seed gives the same history on every
machine and with every version of Python.

Each person has dice of their own, so nobody's life changes because more people live.
"""

import hashlib
from collections.abc import Sequence
from math import log
from typing import Final, TypeVar

T = TypeVar("T")

_MASK: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15  # Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014)


class Dice:
    """Numbers that follow from the seed alone."""

    __slots__ = ("_state",)

    def __init__(self, *seed: str | int) -> None:
        digest = hashlib.sha256("\0".join(map(str, seed)).encode()).digest()
        self._state = int.from_bytes(digest[:8], "big")

    def number(self) -> float:
        """From 0 to below 1."""
        self._state = state = (self._state + _STEP) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((state ^ (state >> 31)) >> 11) / (1 << 53)

    def below(self, end: int) -> int:
        """A whole number from 0 to below `end`."""
        return int(self.number() * end)

    def happens(self, chance: float) -> bool:
        return self.number() < chance

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.number()

    def pick(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]

    def weighted(self, things: Sequence[T], weights: Sequence[float]) -> T:
        left = self.number() * sum(weights)
        for thing, weight in zip(things, weights, strict=True):
            left -= weight
            if left < 0:
                return thing
        return things[-1]

    def gap(self, mean: float) -> float:
        """The time until something that comes by chance, `mean` apart: many short ones, few long ones."""
        return -log(1.0 - self.number()) * mean
