"""An operator's brake: sites that get no more than so many attempts a minute, for a while. Kept in the database."""

from collections.abc import Callable, Iterable

from deliverability.shaping.limits import Said
from mta import maillog
from mta.ports import Clock, Store, from_ms, to_ms
from mta.queue import slowing
from mta.queue.slowing import Slowing


class Slowings:
    """Those that hold, as the conductor knows them."""

    def __init__(
        self, store: Store, clock: Clock, changed: Callable[[Iterable[str]], None], spread: Callable[[], None]
    ) -> None:
        """`changed` is told of sites for which something else holds now; `spread` lets other machines know."""
        self._store, self._clock, self._changed, self._spread = store, clock, changed, spread
        self.held: dict[str, Slowing] = {}

    async def read(self) -> None:
        """Know what the database knows."""
        now, before = self._clock.now(), self.held
        self.held = {each.site: each for each in await self._store.read(lambda tx: slowing.slowings(tx, now))}
        self._changed(site for site in sorted(before | self.held) if before.get(site) != self.held.get(site))

    async def slow(self, each: Slowing) -> None:
        """From now on, until its time."""
        await self._store.write(lambda tx: slowing.slow(tx, each))
        self.held[each.site] = each
        maillog.slowed_by_hand(each.site, per_minute=each.per_minute, by=each.by, why=each.why)
        self._changed([each.site])
        self._spread()

    async def free(self, site: str, *, by: str) -> bool:
        """No longer. False where nobody slowed it."""
        found = await self._store.write(lambda tx: slowing.free(tx, site))
        if self.held.pop(site, None) is not None:
            maillog.resumed("site", site, by=by)
            self._changed([site])
        self._spread()
        return found

    async def end_over(self) -> None:
        """End those whose time is over."""
        now = self._clock.now()
        over = [each.site for each in self.held.values() if each.until_ms <= to_ms(now)]
        for site in over:
            del self.held[site]
        if over:
            await self._store.write(lambda tx: slowing.drop_ended(tx, now))
            self._changed(over)

    def narrow(self, site: str, said: dict[str, Said]) -> dict[str, Said]:
        """The limits of a site with the brake, where that is narrower."""
        each = self.held.get(site)
        known = said.get("per_minute")
        if each is None or (known is not None and known.value <= each.per_minute):
            return said
        origin = f"{each.by}, until {from_ms(each.until_ms):%Y-%m-%d %H:%M} UTC: {each.why}"
        return {**said, "per_minute": Said(each.per_minute, origin)}
