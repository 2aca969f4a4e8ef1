"""Trouble that concerns more than one delivery: a site that can't be had, a domain whose mail has nowhere to go."""

from collections.abc import Iterable

from deliverability.reply import Reply
from deliverability.settings import RetrySettings
from deliverability.shaping.retry import site_retry
from mta import maillog
from mta.outbound.claims import Hands, refuse_due
from mta.outbound.due import write_site
from mta.outbound.lane import Lane
from mta.outbound.lanes import Lanes
from mta.outbound.releases import Releases
from mta.ports import Chance, Clock, Store, StoreTrouble, to_ms
from mta.queue import hints
from mta.queue.places import site_and_source
from mta.queue.queue import Settled


class Trouble:
    """What one source does about it. `retry` says when a site is tried again."""

    def __init__(
        self, store: Store, clock: Clock, chance: Chance, retry: RetrySettings, hands: Hands, releases: Releases
    ) -> None:
        self._store, self._clock, self._chance = store, clock, chance
        self._retry, self._hands, self._releases = retry, hands, releases

    async def of_domain(self, lanes: Lanes, domain: str, reply: Reply) -> None:
        """Nowhere to go: permanent (null MX, no such domain) bounces what is queued; else the domain waits as a site
        would."""
        if not reply.is_permanent:
            lane = lanes.nowhere(domain)
            await self.of_site(lane, reply)
            await self._store.write(lambda tx: hints.note_site(tx, domain, site_and_source(lane.site)[0]))
            return
        now = self._clock.now()

        is_drained = False
        while not is_drained:
            ended, is_drained = await self._store.write(lambda tx: refuse_due(tx, domain, reply, self._hands, now))
            log_ended(ended)

    async def of_site(self, lane: Lane, reply: Reply) -> None:
        """The whole site waits; what was claimed for it and not begun goes back, untouched."""
        now = self._clock.now()
        if lane.retry_ms > to_ms(now):  # another connection of the same moment said it already
            await self._releases.empty(lane)
            return
        lane.failures += 1
        lane.is_proven = False
        until = site_retry(lane.failures, self._retry, now=now, jitter=self._chance.uniform(-1, 1))
        lane.retry_ms = to_ms(until)
        maillog.site_backed_off(lane.site, seconds=(until - now).total_seconds(), reply=str(reply))
        row = (lane.site, lane.retry_ms, lane.failures, str(reply), to_ms(now))
        try:
            await self._store.write(lambda tx: write_site(tx, row))
        except StoreTrouble as err:
            maillog.store_trouble("back-off", err)  # this carrier knows it, the others will find out
        await self._releases.empty(lane)


def log_ended(ended: Iterable[Settled]) -> None:
    """Say of deliveries that they failed for good."""
    for each in ended:
        maillog.failed(each.delivery_id, each.forward_path, state=each.state.word, stage=each.stage, reply=each.reply)
