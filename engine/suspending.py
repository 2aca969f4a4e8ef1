"""What must not leave at all, for a while: sites, domains, sources, providers, streams, campaigns. An operator says so, or the
bounce guard. Kept in the database."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from mta import maillog
from mta.ports import Clock, Store, to_ms
from mta.queue import shaping
from mta.queue.shaping import Suspension


class Obeying(Protocol):
    """Who does what is said here."""

    def obey(self, each: Suspension) -> None: ...
    def relent(self, each: Suspension) -> None: ...
    def tell_suspended(self) -> None:
        """All who carry are told what is suspended."""


class Suspensions:
    """Those that hold, as the conductor knows them."""

    def __init__(self, store: Store, clock: Clock, obeying: Obeying, spread: Callable[[], None]) -> None:
        """`spread` lets the conductors of other machines know."""
        self._store, self._clock, self._obeying, self._spread = store, clock, obeying, spread
        self.held: dict[tuple[str, str], Suspension] = {}  # by scope and name
        self._changing = asyncio.Lock()  # so that what is known here and what is written down change together

    async def read(self) -> None:
        """Know what the database knows: another machine may have suspended or resumed something."""
        now = self._clock.now()
        async with self._changing:
            found = await self._store.read(lambda tx: shaping.suspensions(tx, now))
            known, self.held = self.held, {(each.scope, each.name): each for each in found}
        for key in known.keys() - self.held.keys():
            self._obeying.relent(known[key])
        for key, each in self.held.items():
            if known.get(key) != each:
                self._obeying.obey(each)
        self._obeying.tell_suspended()

    async def suspend(self, scope: str, name: str, until: datetime, *, by: str, why: str) -> None:
        """Let nothing go to a site or a domain, or leave of another scope, until then."""
        each = Suspension(scope, name, to_ms(until), by, why, to_ms(self._clock.now()))
        async with self._changing:
            await self._store.write(lambda tx: shaping.suspend(tx, each))
            self.held[scope, name] = each
        maillog.suspended(scope, name, until=until.isoformat(timespec="seconds"), by=by, why=why)
        self._obeying.obey(each)
        self._spread()

    async def resume(self, scope: str, name: str, *, by: str) -> bool:
        """Let it go on. False when it was not suspended."""
        async with self._changing:
            found = await self._store.write(lambda tx: shaping.resume(tx, scope, name))
            each = self.held.pop((scope, name), None)
        if each is not None:
            maillog.resumed(scope, name, by=by)
            self._obeying.relent(each)
            self._obeying.tell_suspended()
        self._spread()
        return found

    async def end_over(self) -> None:
        """End those whose time is over."""
        now = self._clock.now()
        over = [key for key, each in self.held.items() if each.until_ms <= to_ms(now)]
        for key in over:
            self._obeying.relent(self.held.pop(key))
        if over:
            await self._store.write(lambda tx: shaping.drop_ended(tx, now))
            self._obeying.tell_suspended()
