"""The keeper of keys: looks what DNS shows, makes new keys when the old ones have signed for long, switches, retires, ends.

A task of the front office. What it knows is in the table of keys, each step of it one commit, so it goes on after a restart
wherever it stood; between two steps the keys that signed go on signing. What a person has to do stands in `alerts`.

On a database that several machines share, files of keys are the operator's to copy: there nothing is made or switched by
itself, and it is said when it is time.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

from engine import houselog, keys
from engine.bell import Bell
from engine.config import Config
from engine.domains import making
from engine.domains.looking import Seen, is_withdrawn, look_all, ready_at
from engine.domains.notes import Note, is_old, notes
from engine.keys import KeptKey, KeyState
from engine.store.groups import GroupStore
from mta import maillog
from mta.ports import Clock, StoreTrouble, Tx

EVERY_SECONDS: Final = 30.0
SOONEST: Final = timedelta(minutes=1)  # between two looks for new keys, which somebody is publishing ...
LATEST: Final = timedelta(hours=1)  # ... that nobody published for long
CALM: Final = timedelta(hours=6)  # where nothing is to change


@dataclass(frozen=True, slots=True)
class _Looked:
    """A look at a domain: when it was, when the next is due, and where its keys stood after it."""

    at: datetime
    again: datetime
    states: tuple[tuple[str, str], ...]


class KeyKeeper:
    """`tell`: lets the carriers read the keys again."""

    def __init__(self, store: GroupStore, clock: Clock, config: Config, tell: Callable[[], None]) -> None:
        self._store, self._clock, self._tell = store, clock, tell
        self._config = config
        self._bell = Bell()
        self._looked: dict[str, _Looked] = {}
        self._seen: dict[str, tuple[datetime, tuple[Seen, ...]]] = {}
        self._looking = asyncio.Lock()
        self._rung = 0  # how often: a look that began before the last time is out of date
        self._notes: dict[str, tuple[Note, ...]] = {}
        self._signing: tuple[tuple[str, str], ...] = ()

    @property
    def alerts(self) -> tuple[Note, ...]:
        """What stands in the way, and what somebody has to publish."""
        return tuple(note for domain in sorted(self._notes) for note in self._notes[domain])

    def seen(self, domain: str) -> tuple[datetime | None, tuple[Seen, ...]]:
        """When the name servers of a domain were asked last, and what they showed."""
        return self._seen.get(domain, (None, ()))

    async def look_now(self, domain: str) -> None:
        """Ask the name servers of a domain, and do what follows. StoreTrouble."""
        async with self._looking:
            if rows := await self._store.read(lambda tx: keys.kept(tx, domain)):
                await self._look(domain, rows)

    def use(self, config: Config) -> None:
        """With this configuration from now on."""
        self._config = config
        self.ring()

    def ring(self) -> None:
        """Look at all of them now: keys were changed, or the clock was moved."""
        self._rung += 1
        self._looked.clear()
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.round()
            except StoreTrouble as err:
                maillog.store_trouble("keys", err)
            except OSError as err:
                _cannot(err)
            await self._bell.rest(EVERY_SECONDS)

    async def round(self) -> None:
        """Look at the domains whose turn it is, and do what follows."""
        async with self._looking:
            await self._round()

    async def _round(self) -> None:
        rows = await self._store.read(keys.kept)
        domains = {name: list(its) for name, its in groupby(rows, key=lambda each: each.domain)}
        self._notes = {name: notes for name, notes in self._notes.items() if name in domains}
        self._seen = {name: seen for name, seen in self._seen.items() if name in domains}
        self._looked = {name: looked for name, looked in self._looked.items() if name in domains}
        self._hear(rows)
        for domain, its in domains.items():
            if self._is_due(domain, its):
                await self._look(domain, its)

    def _is_due(self, domain: str, its: list[KeptKey]) -> bool:
        last = self._looked.get(domain)
        if last is None or last.states != _states(its):  # somebody changed them
            return True
        return not last.at <= self._clock.now() < last.again

    def _hear(self, rows: list[KeptKey]) -> None:
        """A command that could not reach us may have changed which keys sign."""
        signing = tuple((each.domain, each.selector) for each in rows if each.state is KeyState.ACTIVE)
        if signing != self._signing:
            self._tell()
        self._signing = signing

    async def _look(self, domain: str, its: list[KeptKey]) -> None:
        config, rung = self._config, self._rung
        making.delete(config, [each.file for each in its if each.state is KeyState.GONE])
        seen = await look_all(config, [each for each in its if each.state is not KeyState.GONE])
        ended = [each for each in its if each.state is KeyState.GONE and await is_withdrawn(config, each)]
        await self._store.write(partial(self._write, domain, seen, ended))
        seen = await self._renewed(domain, seen)
        if await self._switch(domain, seen) or await self._end(domain, seen):
            seen = await self._renewed(domain, seen)
        has_more = await self._propose(domain, seen)
        now, rows = self._clock.now(), await self._store.read(lambda tx: keys.kept(tx, domain))
        if has_more:
            await self._look(domain, rows)
            return
        self._seen[domain] = (now, tuple(seen))
        if rung == self._rung:
            self._looked[domain] = _Looked(now, _again(rows, ready_at(seen), now), _states(rows))
        self._notes[domain] = tuple(notes(config, domain, seen, rows, now, self._is_alone))
        self._hear(await self._store.read(keys.kept))

    def _write(self, domain: str, seen: list[Seen], ended: list[KeptKey], tx: Tx) -> None:
        """What was seen; keys whose records are withdrawn are forgotten."""
        rows = {each.selector: each for each in keys.kept(tx, domain, lock=True)}
        for each in seen:
            if each.key.selector in rows:
                keys.see(tx, rows[each.key.selector], each.shown, each.ttl, self._clock.now())
        for gone in ended:
            keys.drop(tx, gone)

    async def _renewed(self, domain: str, seen: list[Seen]) -> list[Seen]:
        """What was seen, with the keys as they are now; what changed is logged."""
        rows = {each.selector: each for each in await self._store.read(lambda tx: keys.kept(tx, domain))}
        found = []
        for each in seen:
            row = rows.get(each.key.selector)
            if row is not None:
                if row.state is not each.key.state:
                    houselog.key_changed(domain, selector=row.selector, state=str(row.state))
                found.append(each.of(row))
        return found

    async def _switch(self, domain: str, seen: list[Seen]) -> bool:
        """Sign with the new keys, once all are shown for their time to live."""
        at, now = ready_at(seen), self._clock.now()
        if at is None or now < at or not self._config.dkim.switch or not self._is_alone:
            return False
        fresh = [each.key.selector for each in seen if each.key.is_fresh]
        try:
            await self._store.write(lambda tx: keys.switch(tx, domain, fresh, now))
        except keys.CannotSwitch:  # somebody dropped one meanwhile: the next look knows
            return False
        return True

    async def _end(self, domain: str, seen: list[Seen]) -> bool:
        """Let go of keys that rested long enough, unless what signs instead is not to be seen."""
        now, rest = self._clock.now(), making.rest_of(self._config)
        if not any(keys.may_end(each.key, rest, now) for each in seen):
            return False
        if any(each.shown is False for each in seen if each.key.state is KeyState.ACTIVE):
            return False
        over = await self._store.write(lambda tx: keys.end_retired(tx, rest, now, domain))
        making.delete(self._config, [each.file for each in over])
        for each in over:
            houselog.key_changed(each.domain, selector=each.selector, state=str(KeyState.GONE))
        return bool(over)

    async def _propose(self, domain: str, seen: list[Seen]) -> bool:
        """Make new keys, where the old ones have signed for long and no others are under way."""
        now = self._clock.now()
        if not self._is_alone or not is_old(self._config, [each.key for each in seen], now):
            return False
        rows = await self._store.read(lambda tx: keys.kept(tx, domain))
        made = await asyncio.to_thread(making.pair, self._config, domain, now, "", rows)
        try:
            files = making.write_files(self._config, made)
        except (OSError, making.Taken) as err:
            _cannot(err)
            return False
        with_files = list(zip(made, files, strict=True))

        def work(tx: Tx) -> bool:
            if any(each.is_fresh for each in keys.kept(tx, domain, lock=True)):
                return False  # somebody else was quicker
            keys.add(tx, with_files, now)
            return True

        if not await self._store.write(work):
            making.delete(self._config, files)
            return False
        houselog.keys_proposed(domain, [each.selector for each in made])
        return True

    @property
    def _is_alone(self) -> bool:
        return isinstance(self._config.database_place, Path)


def _cannot(err: Exception) -> None:
    houselog.key_file_trouble(err)


def _states(its: Sequence[KeptKey]) -> tuple[tuple[str, str], ...]:
    return tuple((each.selector, str(each.state)) for each in its)


def _again(its: Sequence[KeptKey], ready: datetime | None, now: datetime) -> datetime:
    """When to look next: when new keys may sign, else more and more seldom while somebody is to publish them."""
    fresh = [now - each.created for each in its if each.is_fresh]
    again = now + (min(LATEST, max(SOONEST, min(fresh) / 10)) if fresh else CALM)
    return min(again, ready) if ready is not None and ready > now else again
