"""The janitor: takes over from dead carriers, settles doubts, tells of what is late, ends what waited
too long, clears old octets.

It runs in the front office, in small chunks with a pause between them, so that it never holds the writers up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from deliverability.settings import RetrySettings
from engine.bell import Bell
from mta import maillog
from mta.outbound import tls_ledger
from mta.ports import Clock, Store, StoreTrouble, Tx, to_ms
from mta.queue import doubting, expiring, keeping, leasing
from mta.queue.expiring import Late
from mta.queue.queue import Follow, Settled
from mta.queue.settings import QueueSettings

EVERY_SECONDS: Final = 2.0
CHUNK: Final = 200
AWAY_SECONDS: Final = 5.0  # a look that takes so long found no database at first
SWEEP_SECONDS: Final = 3600.0  # between two looks for what is only kept for a time
SPAN: Final = 2000  # deliveries in one look for late ones


@dataclass(frozen=True, slots=True)
class Chore:
    """Something else to do whenever `is_due` (a cheap look) says so."""

    is_due: Callable[[Tx, datetime], bool]
    do: Callable[[Tx, datetime], object]


class Janitor:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: QueueSettings,
        retry: RetrySettings,
        follow: Follow,
        wake: Callable[[], None],
        late: Callable[[Tx, Late], None],
        is_gone: Callable[[str], bool],
        chores: Sequence[Chore] = (),
    ) -> None:
        """`is_gone`: whether the process of an owner is known to have ended."""
        self._chores = chores
        self._is_gone = is_gone
        self._store, self._clock, self.settings, self.retry = store, clock, settings, retry
        self._follow, self._wake, self._late = follow, wake, late
        self._cursor = 0
        self._next_sweep = 0.0
        self._patient_until = 0.0  # monotonic: as long, a lease that ran out may still be renewed
        self._seen = 0  # the youngest delivery that was looked at for being late
        self._bell = Bell()

    def ring(self) -> None:
        """Work now: a carrier died, or the clock was moved."""
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.round()
            except StoreTrouble as err:
                maillog.store_trouble("janitor", err)
                self._be_patient()
            await self._bell.rest(EVERY_SECONDS)

    async def round(self) -> None:
        """Everything once. Writes only where a cheap look found something to do."""
        now, asked = self._clock.now(), self._clock.monotonic()
        lapsed, processes, doubts, expired = await self._store.read(
            lambda tx: (
                self._lapsed(tx, asked),
                leasing.processes(tx),
                doubting.has_doubts(tx),
                expiring.has_expired(tx, now),
            )
        )
        gone = [owner for owner, process in processes.items() if self._is_gone(process)]
        for owner in gone:
            await self._take_over(
                partial(leasing.sweep, owner=owner, now=now, limit=CHUNK), owner, "its process is gone"
            )
        for owner in [each for each in lapsed if each not in gone]:
            await self._take_over(partial(self._sweep_lapsed, owner, now, asked), owner, "its lease is over")
        if doubts or lapsed or gone:
            await self._settle_doubts(now)
        if expired:
            await self._expire()
        await self._tell_late()
        if await self._store.read(lambda tx: expiring.has_late_by(tx, now)):
            await self._store.write(lambda tx: self._late(tx, expiring.late_by(tx, now)))
        for chore in self._chores:
            while await self._store.read(lambda tx, chore=chore: chore.is_due(tx, now)):  # type: ignore[misc]
                await self._store.write(lambda tx, chore=chore: chore.do(tx, now))  # type: ignore[misc]
        await self._clear_bodies()
        await self._clear_dialogues()
        if self._clock.monotonic() >= self._next_sweep:
            self._next_sweep = self._clock.monotonic() + SWEEP_SECONDS
            if await self._store.read(lambda tx: tls_ledger.has_over(tx, now)):
                await self._store.write(lambda tx: tls_ledger.drop_over(tx, now))

    # -- leases that ran out

    def _be_patient(self) -> None:
        """The database was away: until a lease's time from now, those whose carriers could not renew them are left alone."""
        self._patient_until = self._clock.monotonic() + leasing.LEASE.total_seconds()

    def _lapsed(self, tx: Tx, asked: float) -> list[int]:
        """Whose deliveries are to be swept. `asked`: when the database was asked, on the monotonic clock."""
        if self._clock.monotonic() - asked > AWAY_SECONDS:
            self._be_patient()
        is_patient = self._clock.monotonic() < self._patient_until
        return leasing.lapsed(tx, leasing.Host(*tx.lease_time()), only_ended=is_patient)

    def _sweep_lapsed(self, owner: int, now: datetime, asked: float, tx: Tx) -> bool:
        """A chunk of a dead carrier's deliveries; True when none is left. It may have renewed its lease since we looked."""
        return owner not in self._lapsed(tx, asked) or leasing.sweep(tx, owner, now, CHUNK)

    async def _tell_late(self) -> None:
        """Tell of deliveries that are late, each once: how far we came is written with what was told."""
        before_ms = to_ms(self._clock.now() - self.settings.delay_notice)
        while self.settings.delay_notice:
            start = max(self._seen, await self._store.read(_seen))
            found = await self._store.read(partial(_late, start, before_ms))
            if found.deliveries:
                await self._store.write(partial(self._tell_of, start, before_ms))
            self._seen = found.seen
            if found.seen == start:
                return

    def _tell_of(self, start: int, before_ms: int, tx: Tx) -> None:
        if lock := tx.for_update():  # a row must be there to be locked
            tx.execute("INSERT INTO meta (key, value) VALUES ('late_seen', '0') ON CONFLICT (key) DO NOTHING")
            tx.one("SELECT value FROM meta WHERE key = 'late_seen'" + lock)
        if _seen(tx) > start:
            return  # another front office of this database was quicker
        found = _late(start, before_ms, tx)  # some may have ended since we looked
        self._late(tx, found)
        tx.execute(_KEEP_SEEN, (str(found.seen),))

    async def _take_over(self, sweep: Callable[[Tx], bool], owner: int, why: str) -> None:
        maillog.swept(owner, why=why)
        while not await self._store.write(sweep):
            pass

    async def _settle_doubts(self, now: datetime) -> None:
        settled = CHUNK
        while settled == CHUNK:
            found = await self._store.write(
                lambda tx: doubting.resolve_doubts(tx, now, self.settings, self.retry, limit=CHUNK)
            )
            for each in found:
                maillog.doubt_settled(each.delivery_id, each.forward_path, why=each.why, how=str(each.event))
            settled = len(found)
        self._wake()

    async def _expire(self) -> None:
        now = self._clock.now()

        def work(tx: Tx) -> list[Settled]:
            ended = expiring.expire(tx, now, CHUNK)
            self._follow(tx, ended)
            return ended

        while ended := await self._store.write(work):
            for each in ended:
                maillog.failed(
                    each.delivery_id, each.forward_path, state=each.state.word, stage=each.stage, reply=each.reply
                )
        self._wake()

    async def _clear_dialogues(self) -> None:
        before_ms = to_ms(self._clock.now() - self.settings.keep_dialogues)
        if await self._store.read(lambda tx: keeping.has_dialogues(tx, before_ms)):
            await self._store.write(lambda tx: keeping.drop_dialogues(tx, before_ms, CHUNK))

    async def _clear_bodies(self) -> None:
        """Walk over the kept octets, a chunk a round; drop those whose message ended long ago."""
        before_ms = to_ms(self._clock.now() - self.settings.keep_bodies)
        cursor, stale = await self._store.read(lambda tx: keeping.stale_bodies(tx, self._cursor, before_ms, CHUNK))
        self._cursor = cursor
        if stale:
            await self._store.write(lambda tx: keeping.drop_bodies(tx, stale))


_KEEP_SEEN: Final = (
    "INSERT INTO meta (key, value) VALUES ('late_seen', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)


def _late(start: int, before_ms: int, tx: Tx) -> Late:
    return expiring.late(tx, start, before_ms, SPAN)


def _seen(tx: Tx) -> int:
    row = tx.one("SELECT value FROM meta WHERE key = 'late_seen'")
    return int(row[0]) if row else 0
