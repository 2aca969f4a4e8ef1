"""A clock that tests move and dice that tests know: the ports `Clock` and `Chance` without the machine."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday


class FakeClock:
    """Stands still until `advance`; then all three readings move together, as they do outside a lab."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._elapsed = timedelta(0)

    def now(self) -> datetime:
        return self._now + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed.total_seconds()

    def boottime_ms(self) -> int:
        return self._elapsed // timedelta(milliseconds=1)

    def advance(self, by: timedelta) -> None:
        self._elapsed += by


class SettableClock(FakeClock):
    """One whose civil time somebody sets."""

    def set(self, by: timedelta) -> None:
        self._now += by


class FakeChance:
    """Dice drawn from a seed by SHA-256: the same seed, the same throws, on every machine."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._thrown = 0

    def octets(self, count: int) -> bytes:
        self._thrown += 1
        return hashlib.shake_256(f"{self._seed}/{self._thrown}".encode()).digest(count)

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * int.from_bytes(self.octets(6), "big") / (2**48 - 1)

    def shuffled(self, items: Sequence[T]) -> list[T]:
        keyed = sorted((self.octets(8), place) for place in range(len(items)))
        return [items[place] for _, place in keyed]
