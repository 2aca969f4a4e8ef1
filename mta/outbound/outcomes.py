"""What came of deliveries, written down: the attempt, the delivery's new state, and what follows from it, in one commit.

It is written beside the next dialogue, and as often as it takes: the remote has answered, and that must not be forgotten
while we live. Whoever counts (the conductor, the log) is told at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from deliverability.bounces.classify import BounceClass, Then, Verdict
from deliverability.settings import RetrySettings
from mta import maillog
from mta.outbound.lane import Lane
from mta.outbound.outcome import Delivered, Failure, Outcome, Scope, Unanswered
from mta.outbound.tidings import Tidings
from mta.outbound.verdict import settlement
from mta.ports import Chance, Clock, Store, StoreTrouble, Tx
from mta.queue import settling
from mta.queue.delivery import Event, State
from mta.queue.queue import Claimed, Follow, Settlement


@dataclass(frozen=True, slots=True)
class Came:
    """What is to be written of one delivery. `recovered`: a site whose back-off is over."""

    each: Claimed
    settlement: Settlement
    now: datetime
    recovered: str | None


class Outcomes:
    """`has_stand_in`: whether another source would try at once what this one is refused with."""

    def __init__(
        self, *, store: Store, clock: Clock, chance: Chance, retry: RetrySettings, follow: Follow, owner: int,
        source: str, tidings: Tidings, has_stand_in: Callable[[Lane, Claimed], bool],
    ) -> None:  # fmt: skip
        self._store, self._clock, self._chance, self._retry = store, clock, chance, retry
        self._follow, self._owner, self._source, self._tidings = follow, owner, source, tidings
        self._has_stand_in = has_stand_in
        self._writes: set[asyncio.Task[None]] = set()
        self.doubted: frozenset[str] = frozenset()  # domains whose refusals the bounce guard does not believe
        self.delivered = 0

    def write(
        self, lane: Lane, each: Claimed, outcome: Outcome, verdict: Verdict | None, state: State, began: datetime,
        host: str, address: str, tls: str, dialogue: str = "",
    ) -> None:  # fmt: skip
        """Write what came of one delivery."""
        self.keep([self.came(lane, each, outcome, verdict, state, began, host, address, tls, dialogue)])

    def came(
        self, lane: Lane, each: Claimed, outcome: Outcome, verdict: Verdict | None, state: State, began: datetime,
        host: str, address: str, tls: str, dialogue: str = "",
    ) -> Came:  # fmt: skip
        """What is to be written of one delivery; whoever counts is told."""
        now = self._clock.now()
        is_refused = verdict is not None and verdict.then is Then.OTHER_SOURCE
        came = settlement(
            each, outcome, state=state, began=began, now=now, retry=self._retry,
            jitter=0.0 if isinstance(outcome, Delivered) else self._chance.uniform(-1, 1), host=host, address=address, tls=tls,
            verdict=verdict, is_believed=each.domain not in self.doubted and not _is_ours_to_mend(lane, verdict),
            dialogue=dialogue, source=self._source, has_stand_in=is_refused and self._has_stand_in(lane, each),
        )  # fmt: skip
        if isinstance(outcome, Delivered):
            self.delivered += 1
            self._tidings.delivered(lane, each.domain)
        elif isinstance(outcome, Failure) and not outcome.is_ours:
            self._tidings.refused(lane)
        if isinstance(outcome, Failure) and outcome.scope is not Scope.ROUTE:
            self._tidings.failed(lane, each.domain, is_hard=came.event is Event.REJECTED)
        _log(each, outcome, came, host)
        recovered = lane.site if isinstance(outcome, Delivered) and lane.failures else None
        return Came(each, came, now, recovered)

    def keep(self, came: Sequence[Came]) -> None:
        """Write what came of the recipients of one transaction, beside everything else."""
        if came:
            task = asyncio.create_task(self._keep(came))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)

    async def drain(self, seconds: float) -> None:
        """Until all is written, or so long."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=seconds)

    async def _keep(self, came: Sequence[Came]) -> None:
        def work(tx: Tx) -> None:
            found = [settling.settle(tx, one.each, one.settlement, self._owner, one.now) for one in came]
            if settled := [each for each in found if each is not None]:
                self._follow(tx, settled)
            for site in {one.recovered for one in came if one.recovered is not None}:
                tx.execute("UPDATE site SET retry_ms = 0, failures = 0 WHERE name = ?", (site,))

        while True:
            try:
                await self._store.write(work, can_wait=True)
                return
            except StoreTrouble as err:
                maillog.store_trouble("settle", err)
                await asyncio.sleep(1)


def _is_ours_to_mend(lane: Lane, verdict: Verdict | None) -> bool:
    """Whether a next hop that our administrator named does not know us, or the domain: that is no fate of the mail's."""
    return verdict is not None and verdict.klass is BounceClass.RELAY_DENIED and not lane.exchangers


def _log(each: Claimed, outcome: Outcome, came: Settlement, host: str) -> None:
    match outcome:
        case Delivered():
            maillog.delivered(each.delivery_id, each.forward_path, host=host, reply=came.reply, took_ms=came.took_ms)
        case Unanswered():
            maillog.in_doubt(each.delivery_id, each.forward_path, host=host, why=came.reply)
        case Failure() if came.event is Event.REJECTED:
            maillog.failed(each.delivery_id, each.forward_path, state="bounced", stage=came.stage, reply=came.reply)
        case Failure():
            maillog.deferred(each.delivery_id, each.forward_path, host=host, stage=came.stage, reply=came.reply)
