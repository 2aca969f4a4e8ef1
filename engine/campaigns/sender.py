"""The sender: writes the mails of running campaigns, in each carrier, all alike.

A turn claims a handful of recipients, renders their mails, and commits them. What it holds in memory is that handful,
whatever the audience's size. Recipients of a carrier that died are taken from it by the front office's keeper.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from engine import houselog
from engine.bell import Bell
from engine.campaigns import crowding, runs
from engine.campaigns.book import CampaignBook
from engine.campaigns.claiming import backlog_of, claim, put_off
from engine.campaigns.crowding import Crowds
from engine.campaigns.runs import Run
from engine.campaigns.states import RunState
from engine.campaigns.writing import Letter, Writer, asks_for_products, read_known, write_letter
from engine.sending.arbiter import Arbiter
from engine.sending.compose import Composer
from mta.ports import Chance, Clock, Store, StoreTrouble
from mta.queue.settings import QueueSettings

HANDFUL: Final = 16  # recipients in one turn: some milliseconds to commit
POLL_SECONDS: Final = 1.0


class Sender:
    """One process's campaigns. `owner` is its fence; `wake` tells the relay of new mail."""

    def __init__(
        self, store: Store, composer: Composer, clock: Clock, chance: Chance, queue: QueueSettings, owner: int, *,
        arbiter: Arbiter, wake: Callable[[Iterable[str]], None] = lambda domains: None,
    ) -> None:  # fmt: skip
        self._store, self._composer, self._clock, self._chance = store, composer, clock, chance
        self._owner, self._wake_relay = owner, wake
        self._book = CampaignBook()
        self._writer = Writer(arbiter, queue, str(composer.address))
        self._crowds = Crowds(clock.monotonic)
        self._bell = Bell()

    def wake(self) -> None:
        """Something may be due: a campaign began, a clock moved. A hint: losing it costs one poll."""
        self._bell.ring()

    async def run(self) -> None:
        """Work until cancelled."""
        await self._bell.work(self.turn, POLL_SECONDS, _wait)

    async def turn(self) -> bool:
        """A handful of each running campaign. Whether any was written, so that there may be more."""
        running = await self._store.read(
            lambda tx: [each for each in runs.open_runs(tx, self._book) if each.state is RunState.RUNNING]
        )
        self._crowds.forget({each.id for each in running})
        done = [await self._handful(each) for each in running]
        return any(done)

    async def _handful(self, run: Run) -> bool:
        now, zone = self._clock.now(), self._writer.arbiter.zone
        put = 0
        if run.campaign is not None and run.campaign.hours is not None:
            put = await self._store.write(lambda tx: put_off(tx, run, now, zone))
        crowds = await self._look_for_crowds(run)
        passed = bool(crowds) and await self._store.write(lambda tx: crowding.pass_over(tx, run, crowds, now))
        mine = await self._store.write(lambda tx: claim(tx, run, self._owner, now, HANDFUL, zone, crowds))
        if not mine:
            return put > 0 or passed
        letters: list[Letter] = []
        asks = run.campaign is not None and asks_for_products(self._composer, run.campaign)
        for each in await self._store.read(lambda tx: read_known(tx, mine, with_products=asks)):
            letters.append(write_letter(self._composer, run, each, self._chance.octets(16), self._clock.now()))
            await asyncio.sleep(0)  # rendering takes a while: let others in between
        await self._commit(run, letters)
        return True

    async def _look_for_crowds(self, run: Run) -> frozenset[str]:
        """The domains that have their share of the queue."""
        asked = self._crowds.to_look_at(run.id)
        if asked and run.campaign is not None:
            most = backlog_of(run.campaign)
            self._crowds.found(run.id, await self._store.read(lambda tx: crowding.crowded(tx, run, asked, most)))
        return self._crowds.of(run.id)

    async def _commit(self, run: Run, letters: list[Letter]) -> None:
        now = self._clock.now()
        written = await self._store.write(lambda tx: self._writer.commit(tx, run, self._owner, letters, now))
        self._wake_relay(written.domains)
        self._crowds.met(run.id, written.domains)
        told = {str(fate): count for fate, count in Counter(written.fates).items()}
        for letter in letters:
            if letter.mail is None and letter.reason:
                houselog.campaign_mail_faulty(run.name, contact=letter.to.contact_id, why=letter.reason)
        houselog.campaign_mails_written(run.name, told)


def _wait(trouble: StoreTrouble) -> None:
    houselog.campaigns_wait(trouble)
