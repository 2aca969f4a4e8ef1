"""Crowds: domains for which a run has mail enough in the queue. A slow one must not fill the queue before all the others.

At most a quarter of what a run may have queued is for one domain. Recipients there beyond that are passed over: they come
to be due again some seconds later, behind all whom nobody looked at yet, with a word in the ledger that says why. Whoever was
never passed over comes first, so everybody else is found however the audience is sorted.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

from engine.campaigns import figures
from engine.campaigns.runs import Run
from engine.campaigns.states import Fate
from mta.ports import Tx, to_ms
from mta.queue.census import waits_of_campaign
from mta.queue.delivery import Stream

SHARE: Final = 4  # a domain has at most one in so many of what may be queued
SCAN: Final = 100  # recipients looked at in one transaction
AGAIN: Final = timedelta(seconds=5)  # until they are looked at again
WHY: Final = "enough mail for its domain is queued"
LOOK_SECONDS: Final = 1.0  # between two looks at the same run's domains


def crowded(tx: Tx, run: Run, domains: Collection[str], backlog: int) -> frozenset[str]:
    """Those of these domains that have their share of what the run may have queued."""
    most = backlog // SHARE
    if figures.count(tx, run.id, [Fate.QUEUED]) < most:
        return frozenset()
    return frozenset(each for each in domains if waits_of_campaign(tx, each, Stream.MARKETING, run.name, most) >= most)


def pass_over(tx: Tx, run: Run, domains: Collection[str], now: datetime) -> bool:
    """Put recipients at these domains behind the others who are due; whether there was one that was not yet."""
    rows = tx.query(
        "SELECT r.contact_id, r.reason, c.key FROM campaign_recipient r JOIN contact c ON c.id = r.contact_id"
        " WHERE r.run_id = ? AND r.state = 'waiting' AND r.due_ms <= ? ORDER BY r.due_ms, r.contact_id LIMIT ?"
        + tx.for_update("r", skip_locked=True),
        (run.id, to_ms(now), SCAN),
    )
    found = [(contact_id, reason) for contact_id, reason, key in rows if domain_of(key) in domains]
    tx.executemany(
        "UPDATE campaign_recipient SET due_ms = ?, reason = ? WHERE run_id = ? AND contact_id = ?",
        [(to_ms(now + AGAIN), WHY, run.id, contact_id) for contact_id, _ in found],
    )
    return any(reason != WHY for _, reason in found)


def domain_of(key: str) -> str:
    """The domain of an Address.key."""
    return key.rpartition("@")[2]


class Crowds:
    """What one carrier knows of crowds: the domains that it wrote to lately are looked at, once a second."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._looked: dict[int, float] = {}
        self._known: dict[int, frozenset[str]] = {}
        self._met: dict[int, set[str]] = {}

    def met(self, run_id: int, domains: Collection[str]) -> None:
        """Mail to these was written."""
        self._met.setdefault(run_id, set()).update(domains)

    def of(self, run_id: int) -> frozenset[str]:
        """The run's crowded domains, as of the last look."""
        return self._known.get(run_id, frozenset())

    def to_look_at(self, run_id: int) -> frozenset[str]:
        """The domains that should be looked at now; none between two looks."""
        if self._monotonic() - self._looked.get(run_id, -LOOK_SECONDS) < LOOK_SECONDS:
            return frozenset()
        self._looked[run_id] = self._monotonic()
        return self.of(run_id) | self._met.pop(run_id, set())

    def found(self, run_id: int, domains: frozenset[str]) -> None:
        """What the look found."""
        self._known[run_id] = domains

    def forget(self, run_ids: Collection[int]) -> None:
        """Keep nothing of other runs than these."""
        for kept in (self._looked, self._known, self._met):
            for run_id in [each for each in kept if each not in run_ids]:
                del kept[run_id]
