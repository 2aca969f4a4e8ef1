"""The runner: looks at new events and moves due runs, in each carrier, all alike.

It owns nothing. Two runners that plan the same run commit it once (engine.running.committing); an event is looked at by
whoever comes first. What can't be done is said through `alarm`, and put off or set aside: it never stops another's run.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from engine.audience.ledger import SALT_OCTETS
from engine.bell import Bell
from engine.running import flowlog
from engine.running.beginning import Hand
from engine.running.book import FlowBook
from engine.running.committing import Committer, Done, hold
from engine.running.due import DueRun, next_due, read_due
from engine.running.effects import Effects
from engine.running.incoming import in_turns, new_events, set_aside, versions_of
from engine.running.matching import Matcher
from engine.running.planning import Letter, Memo, Plan, Planner
from engine.segments.book import SegmentBook, how_many
from engine.sending.arbiter import Arbiter
from engine.sending.compose import Composer
from engine.sending.confirmations import Confirmations
from mta.ports import Chance, Clock, Store, StoreTrouble, Tx, from_ms
from mta.queue.settings import QueueSettings

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = 25  # events, or runs, that are looked at together
AT_ONCE_AMONG_MANY: Final = 3  # ... events, where each may be asked about by many segments
FEW: Final = 10  # segments
EVENTS: Final = 200  # read at once
RUNS: Final = 200  # read, decided and rendered at once
TURN_SECONDS: Final = 0.012  # after which a transaction takes on no more
BREATH_SECONDS: Final = 0.005  # of deciding and rendering, after which others of this process have a turn
POLL_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.25  # when something is due and nothing could be moved
UTC_ZONE: Final = ZoneInfo("UTC")


class Runner:
    """One process's flows. `zone` is the installation's; `share` (which, of how many) says whose runs come first; `give_up`:
    how long webhooks are tried."""

    def __init__(
        self, store: Store, composer: Composer, clock: Clock, chance: Chance, queue: QueueSettings, *,
        zone: ZoneInfo = UTC_ZONE, share: tuple[int, int] = (0, 1), arbiter: Arbiter | None = None,
        give_up: timedelta = timedelta(days=1),
        wake: Callable[[Iterable[str]], None] = lambda domains: None, alarm: Callable[[str], None] = flowlog.alarm,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._share = store, clock, share
        self._wake_relay, self._alarm = wake, alarm
        self._book = FlowBook(alarm)
        self._matcher = Matcher(self._book, SegmentBook(zone), zone)
        self._asks = composer.offers
        self._planner = Planner(composer, partial(chance.octets, 16), zone, composer.settings.staff)
        effects = Effects(
            Hand(self._book, zone), lambda now: Confirmations(composer, queue, chance.octets(16), now),
            partial(chance.octets, SALT_OCTETS), give_up,
        )  # fmt: skip
        self._committer = Committer(arbiter or Arbiter(zone=zone), queue, str(composer.address), effects)
        self._bell = Bell()

    def wake(self) -> None:
        """Something new may be there: an event, a clock that moved. A hint: losing it costs one poll."""
        self._bell.ring()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                patience = 0.0 if await self.turn() else await self._patience()
            except StoreTrouble as err:
                flowlog.store_trouble(err)
                patience = POLL_SECONDS
            if patience > 0:
                await self._bell.rest(patience)

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
        ids, segments = await self._store.read(self._look_ahead)
        now, at_once = self._clock.now(), AT_ONCE if segments <= FEW else AT_ONCE_AMONG_MANY
        parts = _parts(ids, at_once)
        for taken in await self._together(parts, lambda tx, part: self._matcher.take(tx, part, now), self._set_aside):
            for run in taken.entered:
                flowlog.entered(run.flow, run.enrolment_id)
            for run in taken.renewed:
                flowlog.renewed(run.flow, run.enrolment_id)
            for run in taken.ended:
                flowlog.ended(run.flow, run.enrolment_id, how="goal")
            for alarm in taken.chained:
                self._alarm(alarm)
        return len(ids)

    def _look_ahead(self, tx: Tx) -> tuple[list[int], int]:
        """New events, and how many segments there are. Flows that these may concern are read here, outside the transaction
        that writes."""
        ids = new_events(tx, EVENTS)
        if ids:
            self._book.flows(tx)
            for version_id in versions_of(tx, ids):
                self._book.definition(tx, version_id)
        return ids, how_many(tx)

    async def _set_aside(self, event_id: int, err: Exception) -> None:
        self._alarm(f"the event {event_id} can't be looked at and was set aside: {err}")
        await self._store.write(lambda tx: set_aside(tx, event_id))

    # -- runs

    async def move(self) -> int:
        """Move a batch of due runs; how many were moved."""
        now = self._clock.now()
        runs = await self._store.read(lambda tx: read_due(tx, self._book, now, self._share, RUNS, asks=self._asks))
        plans = await self._planned(runs, now)
        parts = [part for turn in in_turns(plans, _contact) for part in _parts(turn, AT_ONCE)]
        done = await self._together(parts, lambda tx, part: self._committer.commit(tx, part, now), self._put_off)
        moved = [each for part in done for each in part]
        for each in moved:
            self._tell(each)
        return len(moved)

    async def _planned(self, runs: Sequence[DueRun], now: datetime) -> list[Plan]:
        plans, breath = [], self._clock.monotonic()
        for run in runs:
            plans.append(self._planner.plan(run, now))
            if self._clock.monotonic() - breath > BREATH_SECONDS:  # rendering takes a while
                await asyncio.sleep(0)
                breath = self._clock.monotonic()
        return plans

    async def _put_off(self, plan: Plan, err: Exception) -> None:
        why = str(err) or type(err).__name__
        self._alarm(f"the {_named(plan.run)} can't be moved and is held: {why}")
        now = self._clock.now()
        await self._store.write(lambda tx: hold(tx, plan.run, why, now))

    def _tell(self, done: Done) -> None:
        plan, run = done.plan, done.plan.run
        name = run.definition.name if run.definition else ""
        if trouble := done.trouble or plan.trouble:
            self._alarm(f"the {_named(run)} is held or failed: {trouble}")
        for alarm in done.chained:
            self._alarm(alarm)
        for step, message_id in done.messages.items():
            flowlog.asked(name, run.enrolment_id, step=step, message_id=message_id)
        for step, reason in done.refusals.items():
            flowlog.refused(name, run.enrolment_id, step=step, reason=reason)
        if done.held is not None:
            flowlog.held(name, run.enrolment_id, step=done.held.step, reason=done.held.reason, until=done.held.until)
        elif done.ended_how:
            flowlog.ended(name, run.enrolment_id, how=done.ended_how)
        if done.messages:
            self._wake_relay(
                {each.doing.to.domain for each in plan.happenings if isinstance(each.doing, Letter | Memo)}
            )

    # -- one commit for many, and singly where one of them fails

    async def _together(
        self, parts: Sequence[Sequence[T]], work: Callable[[Tx, Sequence[T]], R],
        failed: Callable[[T, Exception], Awaitable[None]],
    ) -> list[R]:  # fmt: skip
        """Do `work` for all parts, in transactions that are short; where it raises, singly, and `failed` for what raises
        again."""
        found: list[R] = []
        while parts:
            try:
                results = await self._store.write(partial(self._turn, parts, work))
                count = len(results)
            except StoreTrouble:
                raise
            except Exception:
                count, results = 1, [each for item in parts[0] for each in await self._alone(item, work, failed)]
            found += results
            parts = parts[count:]
        return found

    def _turn(self, parts: Sequence[Sequence[T]], work: Callable[[Tx, Sequence[T]], R], tx: Tx) -> list[R]:
        """Do `work` for as many parts as there is time for."""
        began, results = self._clock.monotonic(), list[R]()
        for part in parts:
            results.append(work(tx, part))
            if self._clock.monotonic() - began > TURN_SECONDS:
                break
        return results

    async def _alone(
        self, item: T, work: Callable[[Tx, Sequence[T]], R], failed: Callable[[T, Exception], Awaitable[None]]
    ) -> list[R]:
        try:
            return [await self._store.write(lambda tx: work(tx, [item]))]
        except StoreTrouble:
            raise
        except Exception as err:
            await failed(item, err)
            return []


def _parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _named(run: DueRun) -> str:
    """An enrolment and whose it is, for whoever reads the alarm."""
    address = f" {run.contact['address']}" if run.contact else ""
    return f"enrolment {run.enrolment_id} of contact {run.contact_id}{address}"


def _contact(plan: Plan) -> int:
    return plan.run.contact_id
