"""The runner: looks at new events and moves due runs, in each carrier, all alike.

It owns nothing. Two runners that plan the same run commit it once (engine.running.committing); an event is looked at by
whoever comes first. What can't be done is said through `alarm`, and put off or set aside: it never stops another's run.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from engine.running import flowlog
from engine.running.book import FlowBook
from engine.running.committing import Committer, Done, Gate, hold
from engine.running.due import next_due, read_due
from engine.running.matching import Taken, new_events, set_aside, take_event
from engine.running.planning import Composer, Plan, Planner
from engine.segments.book import SegmentBook, how_many
from engine.sending.arbiter import may_send
from mta.ports import Chance, Clock, Store, StoreTrouble, Tx, from_ms
from mta.queue.settings import QueueSettings

T = TypeVar("T")
R = TypeVar("R")

EVENTS: Final = 25  # looked at in one transaction
FEW: Final = 10  # segments; with more, each event may be asked about by that many
EVENTS_AMONG_MANY: Final = 3
RUNS: Final = 20  # moved in one transaction
POLL_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.25  # when something is due and nothing could be moved
UTC_ZONE: Final = ZoneInfo("UTC")


class Runner:
    """One process's flows. `zone` is the installation's; `share` (which, of how many) says whose runs come first."""

    def __init__(
        self, store: Store, composer: Composer, clock: Clock, chance: Chance, queue: QueueSettings, *,
        zone: ZoneInfo = UTC_ZONE, share: tuple[int, int] = (0, 1), gate: Gate = may_send,
        wake: Callable[[Iterable[str]], None] = lambda domains: None, alarm: Callable[[str], None] = flowlog.alarm,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._zone, self._share = store, clock, zone, share
        self._wake_relay, self._alarm = wake, alarm
        self._book, self._segments = FlowBook(alarm), SegmentBook(zone)
        self._planner = Planner(composer, lambda: chance.octets(16), zone)
        self._committer = Committer(gate, queue, str(composer.address))
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something new may be there: an event, a clock that moved. A hint: losing it costs one poll."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._woken.clear()
            try:
                patience = 0.0 if await self.turn() else await self._patience()
            except StoreTrouble as err:
                flowlog.store_trouble(err)
                patience = POLL_SECONDS
            if patience > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        await self._woken.wait()

    async def turn(self) -> bool:
        """One round: new events, then due runs. Whether anything was done, so that there may be more."""
        matched = await self.match()
        moved = await self.move()
        return matched + moved > 0

    async def next_due(self) -> datetime | None:
        """When the next run is due; None when none waits."""
        ms = await self._store.read(next_due)
        return None if ms is None else from_ms(ms)

    async def _patience(self) -> float:
        due = await self.next_due()
        if due is None:
            return POLL_SECONDS
        left = (due - self._clock.now()).total_seconds()
        return min(left, POLL_SECONDS) if left > 0 else RETRY_SECONDS

    # -- events

    async def match(self) -> int:
        """Look at a batch of new events; how many were there."""
        ids = await self._store.read(lambda tx: new_events(tx, EVENTS if how_many(tx) <= FEW else EVENTS_AMONG_MANY))
        now = self._clock.now()
        for taken in await self._together(ids, lambda tx, event_id: self._take(tx, event_id, now), self._set_aside):
            for run in taken.entered:
                flowlog.entered(run.flow, run.enrolment_id)
            for run in taken.renewed:
                flowlog.renewed(run.flow, run.enrolment_id)
            for run in taken.ended:
                flowlog.ended(run.flow, run.enrolment_id, how="goal")
        return len(ids)

    def _take(self, tx: Tx, event_id: int, now: datetime) -> Taken:
        return take_event(tx, event_id, self._book, self._segments, now, self._zone)

    async def _set_aside(self, event_id: int, err: Exception) -> None:
        self._alarm(f"the event {event_id} can't be looked at and was set aside: {err}")
        await self._store.write(lambda tx: set_aside(tx, event_id))

    # -- runs

    async def move(self) -> int:
        """Move a batch of due runs; how many were moved."""
        now = self._clock.now()
        plans = []
        for run in await self._store.read(lambda tx: read_due(tx, self._book, now, self._share, RUNS)):
            plans.append(self._planner.plan(run, now))
            await asyncio.sleep(0)  # rendering takes a while: let others in between
        done = await self._together(plans, lambda tx, plan: self._committer.commit(tx, plan, now), self._put_off)
        for each in done:
            self._tell(each)
        return len(done)

    async def _put_off(self, plan: Plan, err: Exception) -> None:
        self._alarm(f"the enrolment {plan.run.enrolment_id} can't be moved and is held: {err}")
        now = self._clock.now()
        await self._store.write(lambda tx: hold(tx, plan.run, now))

    def _tell(self, done: Done) -> None:
        plan, run = done.plan, done.plan.run
        name = run.definition.name if run.definition else ""
        if plan.trouble:
            self._alarm(f"the enrolment {run.enrolment_id} is held or failed: {plan.trouble}")
        for step, message_id in done.messages.items():
            flowlog.asked(name, run.enrolment_id, step=step, message_id=message_id)
        for step, reason in done.refusals.items():
            flowlog.refused(name, run.enrolment_id, step=step, reason=reason)
        if plan.ended_how:
            flowlog.ended(name, run.enrolment_id, how=plan.ended_how)
        if done.messages and run.contact is not None:
            self._wake_relay([str(run.contact["address"]).rpartition("@")[2]])

    # -- one commit for many, and singly where one of them fails

    async def _together(
        self, items: Sequence[T], work: Callable[[Tx, T], R | None], failed: Callable[[T, Exception], Awaitable[None]]
    ) -> list[R]:
        """Do `work` for all items in one transaction; when it raises, singly, and `failed` for what raises again."""
        if not items:
            return []
        try:
            found = await self._store.write(lambda tx: [work(tx, item) for item in items])
        except StoreTrouble:
            raise
        except Exception:
            found = [await self._alone(item, work, failed) for item in items]
        return [each for each in found if each is not None]

    async def _alone(
        self, item: T, work: Callable[[Tx, T], R | None], failed: Callable[[T, Exception], Awaitable[None]]
    ) -> R | None:
        try:
            return await self._store.write(lambda tx: work(tx, item))
        except StoreTrouble:
            raise
        except Exception as err:
            await failed(item, err)
            return None
