"""Whether somebody set the clock: the civil one moves as the boot-time clock does, or it was set.

Leases and time limits go by clocks that nobody sets. What is due at a date, and when mail expires, goes by the civil one: set
forward, it happens now; set back, mail that waits is due now (mta.queue.stepped), and what flows and campaigns do at a date
waits. So it is said, with the remedy.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from deliverability.settings import RetrySettings
from mta.ports import Clock, Store, Tx, from_ms
from mta.queue import stepped

T = TypeVar("T")

SLACK: Final = timedelta(minutes=5)  # what NTP may step, or a machine be paused, without a word


class AtOnce(Protocol):
    """A store for who has no loop yet."""

    def read_now(self, work: Callable[[Tx], T], /) -> T: ...
    def write_now(self, work: Callable[[Tx], T], /) -> T: ...


class ClockWatch:
    """`moved`: by how much a lab has moved the clock on purpose."""

    def __init__(self, clock: Clock, moved: Callable[[], timedelta]) -> None:
        self._clock, self._moved = clock, moved
        self._began = self._apart()

    def look(self) -> timedelta:
        """By how much it was set since the last look that said so; zero where it was not."""
        by = self._apart() - self._began
        if abs(by) < SLACK:
            return timedelta(0)
        self._began += by
        return by

    def _apart(self) -> datetime:
        """The civil time at which the machine began, by both clocks."""
        return self._clock.now() - self._moved() - timedelta(milliseconds=self._clock.boottime_ms())


def behind(tx: Tx, now: datetime) -> timedelta:
    """By how much the clock stands before the newest mail that was accepted; zero where it does not."""
    row = tx.one("SELECT received_ms FROM message ORDER BY id DESC LIMIT 1")
    by = from_ms(row[0]) - now if row is not None else timedelta(0)
    return by if by >= SLACK else timedelta(0)


async def pull_back(store: Store, now: datetime, retry: RetrySettings) -> None:
    """Let no mail wait for a time that was set back. StoreTrouble."""
    upto = await store.read(stepped.newest)
    while await store.write(lambda tx: stepped.pull_back(tx, upto, now, retry)):
        pass


def pull_back_now(store: AtOnce, now: datetime, retry: RetrySettings) -> None:
    """The same, in the calling thread."""
    upto = store.read_now(stepped.newest)
    while store.write_now(lambda tx: stepped.pull_back(tx, upto, now, retry)):
        pass
