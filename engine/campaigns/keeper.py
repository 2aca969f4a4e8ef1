"""The keeper: begins runs whose time has come, finds their audience, judges tests, takes recipients from dead carriers,
makes the runs of campaigns that come again, and ends what is over.

It runs in the front office, a small piece at a time; carriers write the mails (engine.campaigns.sender). Several front
offices of one database may do the same: every piece asks in its transaction whether it is still to do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from engine import houselog
from engine.audience.anniversaries import Anniversaries
from engine.audience.birthdays import Birthdays
from engine.bell import Bell
from engine.campaigns import claiming, figures, following, resolving, runs, testing
from engine.campaigns.audience import NoSuchGroup
from engine.campaigns.book import CampaignBook
from engine.campaigns.heads import HeadCounts
from engine.campaigns.model import Late
from engine.campaigns.moments import begins, newest_occasion, next_occasion
from engine.campaigns.runs import ALL_SEEN, NewRun, Run
from engine.campaigns.states import Fate, RunState
from mta.ports import Clock, Store, StoreTrouble, Tx, to_ms
from mta.queue import leasing

POLL_SECONDS: Final = 1.0
RELEASED: Final = 200  # of those who waited for the winner, in one transaction
STAMP: Final = timedelta(minutes=1)  # between two notes that somebody was there
JUMP: Final = timedelta(minutes=2)  # a clock that went further than we did: the machine slept, or was rolled back
RECONCILE_SECONDS: Final = 1.0
PLANNED: Final = timedelta(minutes=10)  # a run that begins so long after it was made was planned
CALENDAR: Final = "its calendar"  # who makes the runs of a campaign that comes again
AGAINST: Final = "(against "  # stands with who began a run although something spoke against it
_OPEN: Final = (Fate.WAITING, Fate.CLAIMED, Fate.QUEUED)


class CampaignKeeper:
    """`wake` tells the carriers; `moved` is how far the lab's clock was moved, which nobody slept
    through."""

    def __init__(
        self, store: Store, clock: Clock, zone: ZoneInfo, wake: Callable[[], None] = lambda: None,
        moved: Callable[[], timedelta] = timedelta, is_fenced: Callable[[], bool] = lambda: False,
        speaks_against: Callable[[], Awaitable[str]] | None = None,
    ) -> None:  # fmt: skip
        """`speaks_against`: what keeps back a run whose time comes long after it was planned; "" for nothing."""
        self._store, self._clock, self._zone, self._wake, self._moved = store, clock, zone, wake, moved
        self._is_fenced, self._speaks_against = is_fenced, speaks_against
        self.book, self.heads = CampaignBook(), HeadCounts()
        self.birthdays, self.anniversaries = Birthdays(), Anniversaries()
        self._bell = Bell()
        self._awake_since: datetime | None = None
        self._seen = (0.0, clock.now())  # monotonic, and civil time without what the lab moved it by
        self._reconciled = 0.0
        self._after: dict[int, int] = {}

    def use(self, zone: ZoneInfo) -> None:
        """The configuration was read again."""
        self._zone = zone

    def ring(self) -> None:
        """Work now: a campaign was started, or the clock was moved."""
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        await self._bell.work(self.turn, POLL_SECONDS, _wait)

    async def turn(self) -> bool:
        """A small piece of whatever is to do; False when nothing is, or a fence stands (engine.fence)."""
        if self._is_fenced():
            return False
        now = self._clock.now()
        self._note_awake(now)
        is_busy = await self._recur(now)
        await self._sweep()
        found = await self._store.read(lambda tx: runs.open_runs(tx, self.book))
        self._after = {each.id: self._after[each.id] for each in found if each.id in self._after}
        for each in found:
            is_busy |= await self._keep(each, now)
        return await self.heads.turn(self._store, now) or is_busy

    async def _keep(self, run: Run, now: datetime) -> bool:
        if run.campaign is None:
            return False
        if run.state is RunState.SCHEDULED:
            return run.due <= now and await self._begin(run, now)
        if run.state is not RunState.RUNNING or await self._missed(run, run.awake, now):
            return False
        await self._stamp(run, now)
        if run.cursor != ALL_SEEN:
            return await self._resolve(run, now)
        return await self._test(run, now) or await self._end(run, now)

    # -- being there

    def _note_awake(self, now: datetime) -> None:
        """Since when we have been there without a gap. Time that a lab's clock was moved by is no gap."""
        monotonic, real = self._clock.monotonic(), now - self._moved()
        passed = timedelta(seconds=monotonic - self._seen[0])
        if self._awake_since is None or real - self._seen[1] > passed + JUMP:
            self._awake_since = now
        self._seen = (monotonic, real)

    async def _missed(self, run: Run, since: datetime, now: datetime) -> bool:
        """Whether nobody was there for too long while this run was due, so that it does not go on by itself."""
        assert run.campaign is not None and self._awake_since is not None
        late = run.campaign.misfire
        if self._awake_since - since <= late.after or late.do is Late.SEND:
            return False
        hours = (now - since) / timedelta(hours=1)
        why = f"nobody was there to send it: late by {hours:.1f} h"
        to = RunState.STOPPED if late.do is Late.SKIP else RunState.PAUSED
        come_from = (RunState.SCHEDULED, RunState.RUNNING)
        if await self._store.write(lambda tx: runs.set_state(tx, run.id, come_from, to, why, now)):
            houselog.campaign_missed(run.name, state=str(to), why=why)
        return True

    async def _stamp(self, run: Run, now: datetime) -> None:
        if now - run.awake >= STAMP:
            sql = "UPDATE campaign_run SET awake_ms = ? WHERE id = ?"
            await self._store.write(lambda tx: tx.execute(sql, (to_ms(now), run.id)))

    # -- beginning

    async def _begin(self, run: Run, now: datetime) -> bool:
        if await self._missed(run, max(run.due, run.awake), now):
            return True
        if await self._is_kept_back(run, now):
            return True
        if await self._store.write(lambda tx: runs.begin(tx, run.id, now)):
            houselog.campaign_begins(run.name, run=run.id)
        return True

    async def _is_kept_back(self, run: Run, now: datetime) -> bool:
        """Whether something speaks against a run that nobody looked at lately, and overrode. It is paused then."""
        was_planned = run.by == CALENDAR or run.due - run.awake >= PLANNED
        if self._speaks_against is None or not was_planned or AGAINST in run.by:
            return False
        if not (why := await self._speaks_against()):
            return False
        come_from = (RunState.SCHEDULED,)
        if await self._store.write(lambda tx: runs.set_state(tx, run.id, come_from, RunState.PAUSED, why, now)):
            houselog.campaign_kept_back(run.name, why=why)
        return True

    async def _recur(self, now: datetime) -> bool:
        due = await self._store.read(
            lambda tx: tx.query(
                "SELECT id, version_id, next_occasion FROM campaign WHERE next_ms IS NOT NULL AND next_ms <= ?",
                (to_ms(now),),
            )
        )
        for campaign_id, version_id, occasion in due:
            await self._store.write(partial(self._next, campaign_id, version_id, occasion, now))
        return bool(due)

    def _next(self, campaign_id: int, version_id: int, occasion: str, now: datetime, tx: Tx) -> None:
        """Make the run of an occasion, of several that were missed the newest, and note when the one after it is."""
        campaign = self.book.version(tx, version_id)
        if campaign is None:
            return
        civil = newest_occasion(campaign.when, datetime.fromisoformat(occasion), now, self._zone)
        due = begins(replace(campaign.when, at=civil), now, self._zone)
        row = tx.one("SELECT against FROM campaign WHERE id = ?", (campaign_id,))
        by = f"{CALENDAR} {AGAINST}{row[0]})" if row and row[0] else CALENDAR
        runs.create(tx, campaign_id, version_id, campaign, NewRun(civil.isoformat(), due, civil, by), due)
        plan_next(tx, campaign_id, version_id, self.book, now, self._zone)

    # -- the audience

    async def _resolve(self, run: Run, now: datetime) -> bool:
        try:
            part = await self._store.read(lambda tx: resolving.read(tx, run))
        except NoSuchGroup as err:
            why = str(err)
            come_from = (RunState.RUNNING,)
            await self._store.write(lambda tx: runs.set_state(tx, run.id, come_from, RunState.PAUSED, why, now))
            houselog.campaign_without_audience(run.name, why=why)
            return False
        await self._store.write(lambda tx: resolving.write(tx, run, part, self._zone, now))
        if run.cursor == 0 or part is None:
            self._wake()
        return True

    # -- tests, and the end

    async def _test(self, run: Run, now: datetime) -> bool:
        assert run.campaign is not None
        if run.campaign.test is None or run.parent_id is not None:
            return False
        if run.winner is not None:
            released = await self._store.write(lambda tx: resolving.release(tx, run, self._zone, now, RELEASED))
            return released > 0
        if run.judge is None:
            return await self._store.write(lambda tx: testing.set_time(tx, run, self._zone, now))
        if run.judge > now:
            return False
        counted = await self._store.read(lambda tx: testing.counts(tx, run))
        found = await asyncio.to_thread(testing.verdict, run, counted)
        if (judged := await self._store.write(lambda tx: testing.conclude(tx, run, found))) is not None:
            houselog.variants_judged(run.name, verdict=judged.words)
            await self._store.write(
                lambda tx: resolving.release(tx, replace(run, winner=judged.winner), self._zone, now, 1)
            )
            self._wake()
        return True

    async def _end(self, run: Run, now: datetime) -> bool:
        if not await self._store.read(lambda tx: _has_more(tx, run)):
            over = RunState.DONE
            if await self._store.write(lambda tx: _finish(tx, run, over, now)):
                houselog.campaign_done(run.name, run=run.id)
            return False
        if self._clock.monotonic() - self._reconciled >= RECONCILE_SECONDS:
            self._reconciled = self._clock.monotonic()
            after = self._after.get(run.id, 0)
            self._after[run.id], _ = await self._store.write(lambda tx: following.reconcile(tx, run, after, now))
        return False

    # -- dead carriers

    async def _sweep(self) -> None:
        owners, living = await self._store.read(lambda tx: (claiming.owners(tx), leasing.living(tx)))
        for owner in owners:
            if owner not in living:
                await self._store.write(partial(claiming.sweep, owner=owner))


def _has_more(tx: Tx, run: Run) -> bool:
    return figures.count(tx, run.id, _OPEN) > 0


def _finish(tx: Tx, run: Run, to: RunState, now: datetime) -> bool:
    """End a run whose recipients all have an end; its goal is counted for as long as the file says."""
    if _has_more(tx, run) or not runs.set_state(tx, run.id, (RunState.RUNNING,), to, "", now):
        return False
    sql = "UPDATE campaign_run SET counts_until_ms = ? + goal_ms WHERE id = ?"
    return tx.execute(sql, (to_ms(now), run.id)) == 1


def plan_next(
    tx: Tx, campaign_id: int, version_id: int, book: CampaignBook, now: datetime, zone: ZoneInfo
) -> datetime | None:
    """Note when a recurring campaign's next run begins; None when there is none."""
    campaign = book.version(tx, version_id)
    civil = next_occasion(campaign.when, now, zone) if campaign and campaign.when.rrule else None
    at = begins(replace(campaign.when, at=civil), now, zone) if campaign and civil else None
    tx.execute(
        "UPDATE campaign SET next_ms = ?, next_occasion = ? WHERE id = ?",
        (to_ms(at) if at else None, civil.isoformat() if civil else "", campaign_id),
    )
    return at


def _wait(trouble: StoreTrouble) -> None:
    houselog.campaigns_wait(trouble)
