"""Everything that figures and health are made of, gathered at once: what is counted anyway, a few short looks at the
database, and the machine. A poll costs no scan, whoever polls how often."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.control import reputation
from engine.control.lookout import Looked
from engine.control.observing import alerts
from engine.control.observing.facts import facts
from engine.control.observing.health import Facts
from engine.control.observing.since import SinceStart
from engine.control.protocol.flows import FlowRow
from engine.control.sparing import Sparing
from engine.control.today import Today
from engine.control.work import Office
from engine.house import House
from mta.ports import to_ms
from mta.queue.census import Census

INDEX_SECONDS: Final = 60.0  # between two reckonings of the index: it adds up thirty days


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen at `now`."""

    now: datetime
    started: datetime
    census: Census
    day: Today
    flows: tuple[FlowRow, ...]
    looked: Looked
    since: Mapping[str, int]  # engine.control.observing.since
    indexes: Mapping[str, int]  # by From domain
    alerts: int


class Observer:
    """One for a front office. `house`: as it is when asked."""

    def __init__(
        self, house: Callable[[], House], office: Office, census: Sparing[Census], day: Sparing[Today]
    ) -> None:  # fmt: skip
        self._house, self.office = house, office
        self._census, self._day = census, day
        self._since = SinceStart()
        self._started = house().clock.now()
        self._indexes: tuple[float, Mapping[str, int]] | None = None

    @property
    def house(self) -> House:
        return self._house()

    async def begin(self) -> None:
        """Count from now on. StoreTrouble."""
        now_ms = to_ms(self.house.clock.now())
        await self.house.store.read(lambda tx: self._since.look(tx, now_ms))

    async def look(self) -> Seen:
        """StoreTrouble."""
        house, office = self.house, self.office
        now = house.clock.now()
        await office.fence_watch.look()
        census, day = await self._census.get(), await self._day.get()
        flows = (await office.flows.flows(now)).rows
        since = await house.store.read(lambda tx: self._since.look(tx, to_ms(now)))
        looked = await office.lookout.look(house, anew=True)
        return Seen(
            now, self._started, census, day, flows, looked, since, await self._domains(),
            len(alerts.standing(house, office)),
        )  # fmt: skip

    def facts(self, seen: Seen) -> Facts:
        """What health is judged by."""
        return facts(self.house, self.office, seen.looked)

    async def _domains(self) -> Mapping[str, int]:
        monotonic = self.house.clock.monotonic()
        if self._indexes is None or monotonic - self._indexes[0] >= INDEX_SECONDS:
            self._indexes = (monotonic, await reputation.indexes(self.house))
        return self._indexes[1]
