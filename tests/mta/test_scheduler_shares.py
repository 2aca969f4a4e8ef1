"""A carrier whose sites are shared out by who has something to carry: it says what waits, or it never gets a slot."""

import asyncio
import contextlib
from typing import Any

from house_books import message
from house_carrier import PATIENCE, SETTINGS, Carrier, running
from mail_shop import Place

from deliverability.shaping.share import Report, Share
from mta.queue import queue
from mta.queue.delivery import State


class Conductor:
    """It gives slots to whom something waits for or who is connected, and takes them from everybody else."""

    def __init__(self) -> None:
        self.carrier: Carrier | None = None
        self._version = 0
        self._answered = asyncio.Event()

    def hear(self, **said: Any) -> None:
        for each in map(Report.from_dict, said.get("sites", ())):
            asyncio.get_running_loop().call_soon(self._answer, each)

    def _answer(self, said: Report) -> None:
        self._version += 1
        slots = 2 if said.waiting or said.open else 0
        share = Share(slots, per_connection=1, by_demand=True, version=self._version)
        assert self.carrier is not None
        self.carrier.scheduler.use_shares({said.site: share.to_dict()})
        self._answered.set()

    async def until_no_slot(self) -> None:
        """Until the site has nothing, and was told that it has no slot."""
        assert self.carrier is not None
        async with asyncio.timeout(PATIENCE):
            while any(lane.share.slots or not lane.share.version for lane in self.carrier.scheduler._lanes):
                self.carrier.scheduler.tell()
                await self._answered.wait()
                self._answered.clear()


async def test_mail_that_comes_due_at_a_site_without_a_slot_is_seen_by_the_poll_and_asked_for(place: Place) -> None:
    conductor = Conductor()
    async with running(place, tell=conductor.hear) as carrier:
        conductor.carrier = carrier
        await carrier.hand_over("ann@a.example")
        await carrier.until_states(State.DELIVERED)
        await conductor.until_no_slot()

        now = carrier.clock.now()
        await carrier.store.write(
            lambda tx: queue.enqueue(tx, message("bob@a.example"), now, SETTINGS)
        )  # no hint: a retry
        async with asyncio.timeout(PATIENCE):
            while not carrier.hop.kept[1:]:
                await carrier.poll()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.3):  # for what the poll has found
                        await carrier.hop.until(lambda: len(carrier.hop.kept) == 2)
        await carrier.until_states(State.DELIVERED, State.DELIVERED)
