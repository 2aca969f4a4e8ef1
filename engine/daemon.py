"""The front office: the supervisor of carriers, the control socket, the public pages, the janitor.

Start, in this order: configuration read; sockets opened (or taken from systemd); fork server forked while nothing
else runs; lock taken; schema brought up to date; carriers spawned; then READY. Stop in reverse: carriers drain (they
finish open transactions), then the rest. The front office may be killed at any time: carriers notice their link
close, finish their dots and exit, and what they left is found by lease.

A reload makes new carriers with the new configuration and lets the old ones drain: the sockets stay, nobody is
refused. A configuration with faults changes nothing.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine import carrier, common_secret, config, fence, fixed, houselog, notify
from engine.before_fork import make_common
from engine.calling import poster
from engine.campaigns.keeper import CampaignKeeper
from engine.chores import chores
from engine.clock_watch import behind, pull_back, pull_back_now
from engine.conductor import Conductor
from engine.config import Config
from engine.control.doctoring import speaks_against
from engine.control.flow_room import FlowRoom
from engine.control.lookout import Lookout
from engine.control.mail_room import MailRoom
from engine.control.registry import ChainWalk, Headcount
from engine.control.server import ControlServer
from engine.crew import Crew, Hand
from engine.doctor.gathering import doubt_certificates
from engine.doctor.rounds import Doctor
from engine.domains.keeper import KeyKeeper
from engine.exchange.desk import ImportDesk
from engine.faults import ConfigFaults
from engine.fence_watch import FenceWatch
from engine.forkserver import ForkServer
from engine.hooks import signing
from engine.hooks.deliverer import Deliverer
from engine.house import House, composer_of, ensure_state
from engine.janitor import Janitor
from engine.listening import Listening
from engine.lock import Lock
from engine.moving import marks
from engine.neighbours import Neighbours
from engine.own_rules import adopt_own_rules
from engine.pages import Pages
from engine.reputation.alarms import Watcher
from engine.reputation.beside import sending_addresses
from engine.reputation.gathering import Gatherer
from engine.running.answers import webhook_answered
from engine.running.sweeping import Sweeper
from engine.segments.keeper import SegmentKeeper
from engine.sending.brand import BrandError
from engine.sending.checking import own_faults
from engine.sending.texts import TextError
from engine.store.lab_time import read_offset
from engine.store.opening import store_at
from engine.system import SystemChance, SystemClock, SystemNet, hold_memory_together, is_gone, zone_rules
from engine.upgrading import upgrade
from engine.upkeep import Upkeep
from mta import maillog
from mta.inbound.crowd import shared_table
from mta.ports import StoreTrouble, Tx
from mta.queue import leasing
from mta.queue.queue import Settled

REST_SECONDS: Final = (
    30  # that a stop may take beyond `daemon.drain`: carriers that hang are ended, and the rest closed
)


class Broken(Exception):
    """A part of the front office that can't be replaced is gone: it has stopped, and must be started anew."""


class Office:
    """One running Posthouse. Made before any loop runs; `serve` is its life."""

    def __init__(self, path: Path, settings: Config) -> None:
        self.path, self.config, self._first = path, settings, settings  # carriers have the first from the fork
        ensure_state(settings)
        config.check_machine(settings, path)
        Lock(settings.daemon.state_dir).release()  # anybody there? It is held from the fork on, which must not share it
        self._listening = Listening(settings)
        self.clock = SystemClock()
        self.store = store_at(settings.database_place, self.clock)  # not opened, but its driver is loaded once for all
        composer = composer_of(settings)
        life = partial(carrier.run, shared_table(), (settings, composer))
        make_common(composer, self.clock.now())
        self._forks = ForkServer(life, carrier.keep_parser, self._listening.not_carriers)
        # From here on nothing is shared with the fork server.
        self._lock = Lock(settings.daemon.state_dir)
        control = self._listening.control()
        place = settings.database_place
        self._file_lock = Lock.of_file(place) if isinstance(place, Path) else None  # a server may be shared
        self.store.open()
        for name in upgrade(self.store, settings, SystemClock().now(), houselog.backed_up):
            houselog.migrated(name)
        marks.check(self.store)
        self.store.make_ready()
        common_secret.agree(self.store, settings.secret_path)
        fence.enter(self.store.write_now, settings.daemon.state_dir, SystemChance().octets, SystemClock().now())
        self.fence_watch = FenceWatch(self.store, self._hold_back, self._let_go)
        self.fence_watch.begin(self.store.read_now(fence.standing))
        self.clock.offset = self.store.read_now(read_offset)
        if by := self.store.read_now(lambda tx: behind(tx, self.clock.now())):
            maillog.clock_set(-by)
        pull_back_now(self.store, self.clock.now(), settings.retry)
        self.crew = Crew(
            self._forks, self.clock, self._order, heard=self._heard, gone=self._gone, start=self._start, failed=self._ask_stop,
        )  # fmt: skip
        self._upkeep = Upkeep(
            self.store, self.clock, self.crew.kill_silent, settings.daemon.state_dir, self.fence_watch.look,
            lambda: self.clock.offset, lambda: self._start(self._after_step_back()),
        )  # fmt: skip
        self._stopping = asyncio.Event()
        self._neighbours = Neighbours(self.store.bells(), self._obey, self._start)
        adopt_own_rules(settings.daemon.state_dir)  # figures of replies; carriers say what is wrong with them
        self._broken = ""  # why it stops although nobody asked
        self._tasks: set[asyncio.Task[None]] = set()
        self.house = House.build(settings, self.store, self.clock, SystemChance(), composer=composer)
        for fault in own_faults(self.house.resources):
            houselog.faulty_mail(str(fault))
        self.key_keeper = KeyKeeper(self.store, self.clock, settings, lambda: self.tell(keys=True))
        self.watcher, self.gatherer = Watcher(settings.reputation, sending_addresses(settings)), Gatherer()
        self._janitor = Janitor(
            self.store, self.clock, settings.queue, settings.retry, self._follow, self._wake_all,
            lambda *what: self.house.late(*what), is_gone,
            chores(lambda: self.config, lambda: self.house, self.watcher, self.gatherer),
        )  # fmt: skip
        self.keeper = SegmentKeeper(self.store, self.clock, ZoneInfo(settings.mail.zone), lambda: self.tell(wake=[]))
        self.campaigns = CampaignKeeper(
            self.store, self.clock, ZoneInfo(settings.mail.zone), self._wake_all, lambda: self.clock.offset,
            lambda: self.fence_watch.standing is not None, lambda: speaks_against(self.house, self.doctor),
        )  # fmt: skip
        self.conductor = Conductor(
            self.store, self.clock, SystemChance(), settings, self.crew.say, lambda *what: self.house.disbelieve(*what),
            lambda: self._neighbours.tell({"suspensions": True}),
        )  # fmt: skip
        self.deliverer = self._make_deliverer()
        self.sweeper = Sweeper(self.store, self.clock, ZoneInfo(settings.mail.zone), self._wake_all, zone_rules())
        self.doctor = Doctor(self.store, self.clock, SystemChance(), SystemNet(), settings, self.house.composer)
        self.flows = FlowRoom(self.store, self.clock)
        self.lookout = Lookout()
        self.imports = ImportDesk(self.store, self.clock, SystemChance(), settings.imports_path)
        self.headcount, self.chain = Headcount(self.store), ChainWalk(self.store)
        self.mails = MailRoom()
        self._control = ControlServer(self.house, control, self)
        self._pages = Pages(
            self.house, self._listening, self._control.observer, lambda domains: self.tell(wake=domains)
        )
        self.counted = self._pages.counted

    # -- its life

    async def serve(self) -> None:
        """Until told to stop. Broken when it had to stop untold."""
        loop = asyncio.get_running_loop()
        for stop in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(stop, self._ask_stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._start(self.reload()))
        await self.conductor.start()
        if await self.crew.hire(self.config.carriers):
            await self._open_house()
        await self._stopping.wait()
        await self._stop()
        if self._broken:
            raise Broken(self._broken)

    async def _open_house(self) -> None:
        doubt_certificates(self.config, self.clock.now())
        await self._control.start()
        await self._pages.start()
        self._start(self._janitor.run(), is_vital=True)
        self._start(self.headcount.get())  # so that whoever asks first need not wait for a million
        self._start(self.keeper.run(), is_vital=True)
        self._start(self.campaigns.run(), is_vital=True)
        self._start(self.conductor.run(), is_vital=True)
        self._start(self.deliverer.run(), is_vital=True)
        self._start(self.sweeper.run(), is_vital=True)
        self._start(self.doctor.run(), is_vital=True)
        self._start(self.key_keeper.run(), is_vital=True)
        self._start(self.imports.run(), is_vital=True)
        self._start(self._upkeep.tidy(), is_vital=True)
        self._start(self._upkeep.keep_fence(), is_vital=True)
        self._start(self._upkeep.watch(), is_vital=True)
        self._start(self._neighbours.listen(), is_vital=True)
        notify.tell(READY=1, STATUS=f"{len(self.crew.hands)} carriers")
        houselog.ready(carriers=len(self.crew.hands), pid=os.getpid(), database=self.store.name)

    def _ask_stop(self, broken: str = "") -> None:
        """Stop; `broken` says why, when nobody asked."""
        self._broken = self._broken or broken
        self._stopping.set()
        self.crew.stop()

    async def _stop(self) -> None:
        drain = self.config.daemon.drain
        notify.tell(STOPPING=1, EXTEND_TIMEOUT_USEC=(drain + REST_SECONDS) * 1_000_000)
        houselog.stopping()
        await asyncio.gather(self._pages.stop(), self.crew.drain(self.crew.hands.values(), drain))
        await self._control.stop()
        await self.imports.stop()
        with contextlib.suppress(StoreTrouble):
            await self.conductor.save()
        for task in self._tasks:
            task.cancel()
        await self._upkeep.renew_fence()
        self.store.close()
        self._forks.close()
        if self._file_lock is not None:
            self._file_lock.release()
        self._lock.release()
        self._listening.remove_own()
        houselog.stopped()

    def _start(self, work: Any, *, is_vital: bool = False) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(task, is_vital))

    def _ended(self, task: "asyncio.Task[None]", is_vital: bool) -> None:
        """What failed is said; what the daemon can't be without ends it, so that its supervisor starts a whole one."""
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        houselog.part_failed(error)
        if is_vital:
            self._ask_stop(f"a part of the front office failed: {error!r}")

    # -- carriers

    def _order(self, number: int) -> dict[str, Any]:
        return {
            "number": number,
            "config": None if self.config is self._first else self.config.model_dump(mode="json"),
            "carriers": self.config.carriers,
            "secret": self.house.secret.hex(),  # not the file's: whatever happens to that, all parts have the same
            "fenced": self.fence_watch.standing is not None,
            "doors": {door: [each.fileno() for each in sockets] for door, sockets in self._listening.doors.items()},
        }

    async def _after_step_back(self) -> None:
        """The civil clock was set back: nothing waits for the time that was, be it written down or in anybody's memory."""
        self.conductor.heed_clock()
        with contextlib.suppress(StoreTrouble):  # the next start does it
            await pull_back(self.store, self.clock.now(), self.config.retry)
            await self.conductor.refresh()
        await self.crew.change(self.config.carriers, self.config.daemon.drain)

    async def _heard(self, hand: Hand, message: dict[str, Any]) -> None:
        if "wake" in message:
            self.crew.tell(wake=message["wake"])
        if hand.pid in self.crew.hands:
            await self.conductor.hear(hand.pid, message)

    async def _gone(self, hand: Hand) -> None:
        """What it held is anybody's at once."""
        self.conductor.lost(hand.pid)
        if hand.owner:
            with contextlib.suppress(StoreTrouble):
                await self.store.write(lambda tx: leasing.take_away(tx, hand.owner))
            self._janitor.ring()

    # -- what the control server asks for

    @property
    def hands(self) -> Mapping[int, Hand]:
        """The carriers, by process id."""
        return self.crew.hands

    @property
    def deaths(self) -> int:
        """How many carriers died since the start."""
        return self.crew.deaths

    @property
    def store_trouble(self) -> str:
        """Why the database took nothing when it was last tried; "" while it does."""
        return self._upkeep.trouble

    def tell(self, **message: Any) -> None:
        """Say something to every carrier, those of other machines too."""
        self.crew.tell(**message)
        self._neighbours.tell(message)

    async def heeded(self) -> None:
        """Until the carriers here did what they were told."""
        await self.crew.heeded()

    def lift(self) -> None:
        """The fence is lifted: let mail go, here and on other machines."""
        self.fence_watch.lifted()
        self._neighbours.tell({"lifted": True})

    def _hold_back(self) -> None:
        self._start(self.crew.change(self.config.carriers, self.config.daemon.drain))

    def _let_go(self) -> None:
        self.crew.tell(lifted=True)
        self.campaigns.ring()
        self.deliverer.ring()

    # -- other front offices of this database

    async def _obey(self, words: dict[str, Any]) -> None:
        """Do as another front office, which has written down what it is about."""
        if "clock" in words and self.config.lab.enabled:
            self.clock.offset = await self.store.read(read_offset)
            self._janitor.ring()
        if "suspensions" in words:
            await self.conductor.refresh()
        await self.fence_watch.look()
        own: dict[str, Any] = {name: words[name] for name in ("wake", "keys") if name in words}
        if "clock" in words:
            own["clock"] = self.clock.offset // timedelta(milliseconds=1)
        self.crew.tell(**own)

    def _follow(self, tx: Tx, settled: Sequence[Settled]) -> None:
        """What follows when a delivery ends here and not in a carrier: the same as there."""
        self.house.follow(tx, settled)
        self.house.notices.write(tx, settled)

    def _make_deliverer(self) -> Deliverer:
        """What makes the calls that flows ask for."""
        return Deliverer(
            self.store, poster(self.config, self.clock), self.clock, SystemChance(), self.config.hooks,
            signing.key_of(self.house.secret),
            lambda tx, call, status, well: webhook_answered(tx, call, status, well, self.clock.now()), self._wake_all,
            lambda: self.fence_watch.standing is not None,
        )  # fmt: skip

    def _wake_all(self) -> None:
        self.crew.tell(wake=[])

    async def move_clock(self, offset: timedelta) -> None:
        """Set the lab's offset; every process here lives by it then. The caller has checked that this is a lab."""
        self.clock.offset = offset
        self.tell(clock=offset // timedelta(milliseconds=1))
        for each in (self._janitor, self.keeper, self.campaigns, self.deliverer, self.sweeper, self.key_keeper):
            each.ring()
        await self.heeded()

    async def reload(self) -> None:
        """Read the configuration again; new carriers with it, then the old ones drain."""
        try:
            fresh = config.load(self.path)
            config.check_machine(fresh, self.path)
            kept = fixed.keeping(self.config, fresh)
            config.check_machine(kept, self.path)
            house = House.build(kept, self.store, self.clock, SystemChance(), self.house.secret)
        except (ConfigFaults, BrandError, TextError) as err:
            houselog.not_reloaded(str(err).splitlines())
            return
        for what in fixed.changed(self.config, fresh):
            houselog.needs_restart(what)
        if not common_secret.is_in(self.config.secret_path, self.house.secret):
            houselog.needs_restart(str(self.config.secret_path))
        notify.tell(RELOADING=1, MONOTONIC_USEC=int(self.clock.monotonic() * 1e6))
        self.config, self.house, self._control.house = house.config, house, house
        adopt_own_rules(self.config.daemon.state_dir)
        doubt_certificates(self.config, self.clock.now())
        old_pages = await self._pages.change(house)
        self.conductor.use(self.config)
        self.doctor.use(self.config, self.house.composer)
        for each in (self.keeper, self.campaigns, self.sweeper):
            each.use(ZoneInfo(self.config.mail.zone))
        self.deliverer.use(poster(self.config, self.clock), self.config.hooks)
        self.key_keeper.use(self.config)
        self.watcher.use(self.config.reputation, sending_addresses(self.config))
        self._janitor.settings, self._janitor.retry = self.config.queue, self.config.retry
        changed, _ = await asyncio.gather(
            self.crew.change(self.config.carriers, self.config.daemon.drain), old_pages.stop()
        )
        if not changed:
            return
        notify.tell(READY=1)
        houselog.reloaded(len(self.crew.hands))


def serve(path: Path) -> None:
    """Run a Posthouse until it is told to stop. ConfigFaults, CannotListen, AlreadyRunning, SchemaMismatch before it
    began; Broken when it had to stop untold."""
    hold_memory_together()
    office = Office(path, config.load(path))
    asyncio.run(office.serve())
