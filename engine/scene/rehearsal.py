"""Every recipe, played in a lab by a real daemon, on the days that its tests are about.

The lab's clock begins before the first of them and is moved from one thing that is due to the next, so that nothing is later
than some minutes. The queue is run empty before each long leap: mail goes out in its time.
"""

import asyncio
import contextlib
import io
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from deliverability.settings import format_duration
from engine.audience import lists
from engine.catalogue import pairs, products
from engine.catalogue.pairs import Standing
from engine.config import load
from engine.control.client import Control
from engine.flow.triggers import CalendarTrigger, EventTrigger, ManualTrigger, ScheduleTrigger
from engine.history.shop import LIST
from engine.history.wares import wares
from engine.house import ensure_state
from engine.running.occasions import between
from engine.scene import past
from engine.scene.casting import Actor, Recipe
from engine.scene.doings import Doings
from engine.scene.stage import Stage
from engine.simulation.script import Happens
from engine.store.groups import GroupStore
from engine.store.lab_time import read_offset
from engine.store.opening import store_at
from engine.system import SystemClock
from mta.ports import Tx, from_ms, to_ms

SETTINGS: Final = '\n[dkim]\nrotate_every = "0s"    # nobody is there to publish new keys\n'
BEGINS: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)  # before the first test
PATIENCE: Final = 60.0  # seconds until something that should happen is said not to have happened
LOOK_EVERY: Final = 0.02
TOGETHER: Final = timedelta(minutes=10)  # what is due within this is done at once, and so that much late at the most
FAR: Final = timedelta(hours=3)  # before a longer leap the queue is run empty
_MINUTE: Final = timedelta(minutes=1)
_COMMANDS: Final = ("coupon pool add", "field add", "segment set", "survey add")  # what recipes ask for

Deed = Callable[[], None]


class NotPlayed(Exception):
    """The daemon did not do within patience what it should, or a recipe asks for what can't be had; the words say what."""


@contextlib.contextmanager
def _surroundings(said: Mapping[str, str]) -> Iterator[None]:
    """These variables, for as long as a command runs."""
    before = {name: os.environ.get(name) for name in said}
    os.environ |= said
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def set_clock(stage: Stage) -> None:
    """Have the lab begin at BEGINS; before any daemon runs on this stage."""
    clock = SystemClock()
    row = ("clock_offset_ms", str((BEGINS - clock.now()) // timedelta(milliseconds=1)))
    config = load(stage.config)
    ensure_state(config)
    store = store_at(config.database_place, clock).open()
    store.migrate()
    store.write_now(lambda tx: tx.execute("INSERT INTO meta (key, value) VALUES (?,?)", row))
    store.close()


class Rehearsal:
    """One play of these recipes on a stage that runs. `command` does what a `posthouse` command does, and gives its exit
    code."""

    def __init__(self, stage: Stage, played: Sequence[Recipe], command: Callable[[list[str]], int]) -> None:
        self._stage, self._played, self._run_command = stage, played, command
        self._control = Control(stage.control)
        self._store: GroupStore = store_at(stage.database, SystemClock()).open()
        self._clock = SystemClock(self._store.read_now(read_offset))
        self._actors = [actor for recipe in played for actor in recipe.actors]
        self._looks = sorted({at for actor in self._actors for at in actor.looks})
        self._timed = sum(not isinstance(each.flow.trigger, EventTrigger | ManualTrigger) for each in played)
        self._occasions = {zone: self._occasions_in(zone) for zone in {each.person.zone_name for each in self._actors}}
        self._alive: dict[int, Actor] = {}

    async def run(self) -> Doings:
        """Prepare the house, and play: what was done. NotPlayed; ControlError."""
        try:
            doings = await asyncio.to_thread(self._prepare)
            for at, deeds in self._timeline(doings):
                await self._until(at)
                await self._run_empty()  # whoever leaves now is written to no more
                await asyncio.to_thread(lambda deeds=deeds: [deed() for deed in deeds])  # type: ignore[misc]
                await self._advance(timedelta(seconds=1))  # which has every carrier look
                await self._settle()
            return doings
        finally:
            self._store.close()

    # -- before it begins

    def _prepare(self) -> Doings:
        self._control.post("/v1/lists", {"name": LIST, "title": past.TITLE, "purpose": past.PURPOSE})
        self._store.write_now(self._fill_shelves)
        for words in asked_for(self._played):
            self._command(words)
        for recipe in self._played:
            self._control.post("/v1/flows", {"source": recipe.source, "file": f"{recipe.name}.yaml"})
        mailing_list = self._store.read_now(lambda tx: lists.get(tx, LIST))
        assert mailing_list is not None
        return Doings(self._control, self._store, self._clock, mailing_list.id)

    def _fill_shelves(self, tx: Tx) -> None:
        now = self._clock.now()
        told = [products.read_product(each.as_product(self._stage.pictures)) for each in wares()]
        for at in range(0, len(told), products.PART):
            products.store(tx, told[at : at + products.PART], now)
        for ware in wares()[: products.PART]:
            pairs.set_standing(tx, ware.sku, ware.goes_with[0], Standing.PINNED)

    def _command(self, words: Sequence[str]) -> None:
        """What a recipe says is to be typed first."""
        said = io.StringIO()
        here = {"POSTHOUSE_SOCKET": str(self._stage.control), "POSTHOUSE_CONFIG": str(self._stage.config)}
        with _surroundings(here), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = self._run_command(list(words))
        if code:
            raise NotPlayed(f"posthouse {shlex.join(words)}: {said.getvalue().strip()}")

    def _timeline(self, doings: Doings) -> Iterator[tuple[datetime, list[Deed]]]:
        """What is done, by when: the actors come, things happen to them, and they leave."""
        told: dict[datetime, list[Deed]] = {}
        for actor in self._actors:
            told.setdefault(actor.begins - _MINUTE, []).append(lambda actor=actor: self._come(doings, actor))  # type: ignore[misc]
            for at, deed in actor.deeds:
                name, data = deed.name if isinstance(deed, Happens) else "", deed.data
                told.setdefault(at, []).append(
                    lambda actor=actor, name=name, data=data: doings.happen(actor, name, data)  # type: ignore[misc]
                )
            told.setdefault(actor.ends, []).append(lambda actor=actor: self._leave(doings, actor))  # type: ignore[misc]
        yield from sorted(told.items(), key=lambda each: each[0])

    def _come(self, doings: Doings, actor: Actor) -> None:
        doings.come(actor)
        self._alive[doings.ids[actor.address]] = actor

    def _leave(self, doings: Doings, actor: Actor) -> None:
        doings.leave(actor)
        del self._alive[doings.ids[actor.address]]

    # -- time

    async def _until(self, at: datetime) -> None:
        """Move the clock to then, with a stop at each thing that is due before."""
        while (due := self._next_due()) is not None and due + TOGETHER < at:
            await self._go(due + TOGETHER)
            await self._settle()
        await self._go(at)
        await self._settle()

    def _next_due(self) -> datetime | None:
        """When the next of the actors who are there has something to come: a step that is due, a day that a flow begins on, or
        a mail that is expected to the minute."""
        now = self._clock.now()
        zones = {each.person.zone_name for each in self._alive.values()}
        days = [at for zone in zones for at in self._occasions[zone] if at > now]
        rows = self._store.read_now(
            lambda tx: tx.query(
                "SELECT contact_id, due_ms FROM enrolment WHERE state = 'waiting' AND due_ms > ?", (to_ms(now),)
            )
        )
        dues = [from_ms(due_ms) for contact_id, due_ms in rows if contact_id in self._alive]
        return min([*dues, *days, *(at for at in self._looks if at > now)], default=None)

    def _occasions_in(self, zone: str) -> list[datetime]:
        """When the flows that begin on a day of all begin, by the clock of this zone."""
        triggers = [each.flow.trigger for each in self._played]
        last = max((each.ends for each in self._actors), default=BEGINS)
        return [
            at
            for trigger in triggers
            if isinstance(trigger, CalendarTrigger | ScheduleTrigger)
            for _, _, _, at in between(trigger, iter([zone]), BEGINS, last, ZoneInfo("UTC"))
        ]

    async def _go(self, at: datetime) -> None:
        left = at - self._clock.now()
        if left > FAR:
            await self._run_empty()
        if left > timedelta(0):
            await self._advance(left)

    async def _advance(self, by: timedelta) -> None:
        whole = timedelta(seconds=max(1, -(-by // timedelta(seconds=1))))
        await asyncio.to_thread(self._control.post, "/v1/lab/advance", {"by": format_duration(whole)})
        self._clock.offset = await asyncio.to_thread(self._store.read_now, read_offset)

    async def _settle(self) -> None:
        """Until everything is done that is due by now."""
        swept_ms = to_ms(self._clock.now() - _MINUTE)

        def is_done(tx: Tx) -> bool:
            waiting = "SELECT 1 FROM enrolment WHERE state = 'waiting' AND due_ms <= ? LIMIT 1"
            swept = "SELECT count(*) FROM flow_clock WHERE swept_ms > ?"
            counted = tx.one(swept, (swept_ms,))
            return (
                tx.one("SELECT 1 FROM event WHERE matched = 0 LIMIT 1") is None
                and tx.one(waiting, (to_ms(self._clock.now()),)) is None
                and tx.one("SELECT 1 FROM flow_sweep LIMIT 1") is None
                and counted is not None
                and counted[0] >= self._timed
            )

        await self._see(is_done, "what is due is not done")

    async def _run_empty(self) -> None:
        """Until every delivery has an end."""
        sql = "SELECT 1 FROM delivery WHERE state < 10 LIMIT 1"
        await self._see(lambda tx: tx.one(sql) is None, "the queue does not run empty")

    async def _see(self, look: Callable[[Tx], bool], otherwise: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not await asyncio.to_thread(self._store.read_now, look):  # noqa: ASYNC110 - another process's fact
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            raise NotPlayed(f"{otherwise}, at {self._clock.now():%Y-%m-%d %H:%M} UTC of the lab") from None


def asked_for(played: Sequence[Recipe]) -> list[list[str]]:
    """The commands that the recipes say are to be typed first, each once, in the order of the files."""
    found: dict[str, list[str]] = {}
    for line in (line for recipe in played for line in recipe.needs):
        _, mark, words = line.partition("posthouse ")
        if mark and words.startswith(_COMMANDS):
            found.setdefault(words.rstrip("`. "), shlex.split(words.rstrip("`. ")))
    return list(found.values())
