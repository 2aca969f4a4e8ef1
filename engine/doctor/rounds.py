"""The doctor of a running daemon: looks at everything again and again, keeps what was found, and raises an alarm when a rule
turns red.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from deliverability.doctor.facts import Certificate, House
from deliverability.doctor.model import Finding, Verdict
from engine import houselog
from engine.bell import Bell
from engine.config import Config
from engine.doctor import gathering
from engine.doctor.keeping import keep, kept
from engine.doctor.practice import web_certificate, world_of
from engine.doctor.visit import DEMANDED, Report, filled, visit
from engine.sending.compose import Composer
from engine.store.groups import GroupStore
from mta.ports import Chance, Clock, Net, StoreTrouble

FIRST_SECONDS: Final = 60.0  # after the start: until then there is more urgent work
POLL_SECONDS: Final = 60.0
GLANCE_SECONDS: Final = 1.0  # that whoever starts a campaign waits


class Doctor:
    """`last`: what was found last of everything; None before the first look."""

    def __init__(
        self, store: GroupStore, clock: Clock, chance: Chance, net: Net, config: Config, composer: Composer
    ) -> None:  # fmt: skip
        self._store, self._clock, self._chance, self._net = store, clock, chance, net
        self._config, self._composer = config, composer
        self._busy = asyncio.Lock()
        self._bell = Bell()
        self.last: Report | None = None
        self._web: Certificate | None = None

    def use(self, config: Config, composer: Composer) -> None:
        """The configuration was read again."""
        self._config, self._composer = config, composer
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            self.last = await self._store.read(kept)
        except StoreTrouble as err:
            houselog.doctor_waits(err)
        await self._bell.rest(FIRST_SECONDS)
        await self._look_at_web()
        while True:
            try:
                if self.is_due():
                    await self.examine()
            except StoreTrouble as err:
                houselog.doctor_waits(err)
            await self._bell.rest(POLL_SECONDS)

    def is_due(self) -> bool:
        """Whether it is time to look at everything again."""
        every = self._config.doctor.every
        return bool(every) and (self.last is None or self._clock.now() - self.last.at >= every)

    async def examine(self, domains: Sequence[str] = ()) -> Report:
        """Look now; at everything, which is kept, or at these domains. NotKnown where no domain is known. StoreTrouble."""
        async with self._busy:
            house = await asyncio.to_thread(self._gathered, self._clock.now())
            await self._look_at_web()
            house = replace(house, certificates=(*(house.certificates or ()), *([self._web] if self._web else ())))
            house = replace(house, listeners=await gathering.listeners(self._config, self._net))
            wanted = gathering.domains_of(house, domains)
            world = world_of(self._config, self._net, self._clock)
            report = await visit(house, wanted, world.ask, self._config.doctor.patience.total_seconds())
            if not domains:
                await self._store.write(lambda tx: keep(tx, report))
                self._raise_alarms(report)
                self.last = report
            return report

    async def _look_at_web(self) -> None:
        self._web = await web_certificate(self._config, self._net, self._clock)

    @property
    def web_ends(self) -> dict[str, datetime]:
        """When the certificate ends that readers' browsers are shown; empty where none was seen."""
        return {"web": self._web.not_after} if self._web and self._web.not_after else {}

    async def glance(self, domain: str) -> Report:
        """What bulk senders are asked for, of one domain, as far as a second tells; the rest as it was found last."""
        house = await asyncio.to_thread(self._gathered, self._clock.now())
        world = world_of(self._config, self._net, self._clock)
        return filled(await visit(house, [domain], world.ask, GLANCE_SECONDS, DEMANDED), self.last)

    def _gathered(self, now: datetime) -> House:
        """All that is here; in a thread, since it reads files."""
        house = gathering.with_sample(gathering.of_config(self._config, now), self._composer, self._chance.octets(16))
        with self._store.apart() as line:
            return line.read(lambda tx: gathering.of_store(house, self._config, tx))

    def _raise_alarms(self, report: Report) -> None:
        before = _red(self.last)
        for each in report.red():
            if (each.rule, each.about) not in before:
                houselog.rule_red(each.rule, about=each.about, why=each.says)
        now = _red(report)
        for rule, about in sorted(before.keys() - now.keys()):
            houselog.rule_mended(rule, about=about)


def _red(report: Report | None) -> dict[tuple[str, str], Finding]:
    return {(each.rule, each.about): each for each in report.red(Verdict.FAIL)} if report else {}
