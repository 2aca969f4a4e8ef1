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
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine import carrier, config, fence, fixed, notify
from engine.campaigns.keeper import CampaignKeeper
from engine.chores import chores
from engine.conductor import Conductor
from engine.config import Config
from engine.control import metrics
from engine.control.doctoring import speaks_against
from engine.control.server import ControlServer
from engine.crew import Crew, Hand
from engine.doctor.rounds import Doctor
from engine.domains.keeper import KeyKeeper
from engine.faults import ConfigFaults
from engine.forkserver import ForkServer
from engine.hooks import signing
from engine.hooks.deliverer import Deliverer
from engine.hooks.poster import Poster
from engine.house import House, ensure_state
from engine.janitor import Janitor
from engine.listening import Listening
from engine.lock import Lock
from engine.own_rules import adopt_own_rules
from engine.reputation.alarms import Watcher
from engine.reputation.beside import sending_addresses
from engine.running.answers import webhook_answered
from engine.running.sweeping import Sweeper
from engine.segments.keeper import SegmentKeeper
from engine.store.lab_time import read_offset
from engine.store.lines import Bells
from engine.store.opening import store_at
from engine.system import SystemChance, SystemClock, SystemNet, is_gone, own_addresses, zone_rules
from engine.web.desk import Counted
from engine.web.routes import build_app
from engine.web.server import WebServer
from mta import maillog
from mta.inbound.crowd import shared_table
from mta.outbound.security import verifying_context
from mta.ports import StoreTrouble, Tx
from mta.queue import leasing
from mta.queue.queue import Settled
from mta.routing.resolver import DnsResolver

log: Final = logging.getLogger("posthouse.daemon")
WATCH_SECONDS: Final = 5.0
TIDY_SECONDS: Final = 2.0  # between two looks at what carriers would have to do themselves
BUSY_TIDY_SECONDS: Final = 0.1  # the same while there is much of it: a writer that does it holds everybody up meanwhile


class Broken(Exception):
    """A part of the front office that can't be replaced is gone: it has stopped, and must be started anew."""


class Office:
    """One running Posthouse. Made before any loop runs; `serve` is its life."""

    def __init__(self, path: Path, settings: Config) -> None:
        self.path, self.config = path, settings
        ensure_state(settings)
        config.check_machine(settings, path)
        Lock(settings.daemon.state_dir).release()  # anybody there? It is held from the fork on, which must not share it
        self._listening = Listening(settings)
        self.clock = SystemClock()
        self.store = store_at(settings.database_place, self.clock)  # not opened, but its driver is loaded once for all
        life = partial(carrier.run, shared_table())
        self._forks = ForkServer(life, carrier.keep_parser, self._listening.not_carriers)
        # From here on nothing is shared with the fork server.
        self._lock = Lock(settings.daemon.state_dir)
        control = self._listening.control()
        self.store.open()
        for name in self.store.migrate():
            log.info("schema brought up to date", extra={"migration": name})
        self.store.make_ready()
        fence.enter(self.store.write_now, settings.daemon.state_dir, SystemChance().octets, SystemClock().now())
        self.fence = self.store.read_now(fence.standing)
        if self.fence is not None:
            log.error("nothing is sent until the fence is lifted", extra={"why": self.fence.why})
        self.clock.offset = self.store.read_now(read_offset)
        self.crew = Crew(
            self._forks, self.clock, self._order, heard=self._heard, gone=self._gone, start=self._start,
            failed=self._ask_stop,
        )  # fmt: skip
        self._stopping = asyncio.Event()
        adopt_own_rules(settings.daemon.state_dir)  # figures of replies; carriers say what is wrong with them
        self._broken = ""  # why it stops although nobody asked
        self._tasks: set[asyncio.Task[None]] = set()
        self.house = House.build(settings, self.store, self.clock, SystemChance())
        self.key_keeper = KeyKeeper(self.store, self.clock, settings, lambda: self.tell(keys=True))
        self.watcher = Watcher(settings.reputation, sending_addresses(settings))
        self._janitor = Janitor(
            self.store, self.clock, settings.queue, settings.retry, self._follow, self._wake_all,
            lambda *what: self.house.late(*what), is_gone,
            chores(lambda: self.config, lambda: self.house, self.watcher),
        )  # fmt: skip
        self.keeper = SegmentKeeper(self.store, self.clock, ZoneInfo(settings.mail.zone), lambda: self.tell(wake=[]))
        self.campaigns = CampaignKeeper(
            self.store, self.clock, ZoneInfo(settings.mail.zone), self._wake_all, lambda: self.clock.offset,
            lambda: self.fence is not None, lambda: speaks_against(self.house, self.doctor),
        )  # fmt: skip
        self.conductor = Conductor(
            self.store, self.clock, SystemChance(), settings, self.crew.say, lambda *what: self.house.disbelieve(*what),
            lambda: self._ring({"suspensions": True}),
        )  # fmt: skip
        self.deliverer = self._make_deliverer()
        self.sweeper = Sweeper(self.store, self.clock, ZoneInfo(settings.mail.zone), self._wake_all, zone_rules())
        self.doctor = Doctor(
            self.store, self.clock, SystemChance(), SystemNet(), settings, self.house.composer
        )  # fmt: skip
        self._bells = self.store.bells()
        self._control = ControlServer(self.house, control, self)
        self._counted: Counted = {}  # requests, since the start
        self._web = self._make_web()
        self._metrics = WebServer(metrics.build_app(self._control, self._counted), self._listening.figures)

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
        await self._control.start()
        await self._web.start()
        await self._metrics.start()
        self._start(self._janitor.run(), is_vital=True)
        self._start(self.keeper.run(), is_vital=True)
        self._start(self.campaigns.run(), is_vital=True)
        self._start(self.conductor.run(), is_vital=True)
        self._start(self.deliverer.run(), is_vital=True)
        self._start(self.sweeper.run(), is_vital=True)
        self._start(self.doctor.run(), is_vital=True)
        self._start(self.key_keeper.run(), is_vital=True)
        self._start(self._tidy(), is_vital=True)
        self._start(self._keep_fence(), is_vital=True)
        self._start(self._watch(), is_vital=True)
        if self._bells is not None:
            self._start(self._listen(self._bells), is_vital=True)
        notify.tell(READY=1, STATUS=f"{len(self.crew.hands)} carriers")
        log.info("ready", extra={"carriers": len(self.crew.hands), "pid": os.getpid(), "database": self.store.name})

    async def _tidy(self) -> None:
        """Spare the carriers what can be done beside them."""
        is_busy = False
        while True:
            await asyncio.sleep(BUSY_TIDY_SECONDS if is_busy else TIDY_SECONDS)
            try:
                is_busy = await self.store.tidy()
            except StoreTrouble as err:
                maillog.store_trouble("tidy", err)

    async def _keep_fence(self) -> None:
        """Let no backup pass for the database that it was made of."""
        while True:
            await asyncio.sleep(fence.RENEWED_SECONDS)
            await self._renew_fence()

    async def _renew_fence(self) -> None:
        try:
            await fence.renew(self.store.write, self.config.daemon.state_dir, SystemChance().octets)
        except (StoreTrouble, OSError) as err:
            maillog.store_trouble("fence", err)

    def _ask_stop(self, broken: str = "") -> None:
        """Stop; `broken` says why, when nobody asked."""
        self._broken = self._broken or broken
        self._stopping.set()
        self.crew.stop()

    async def _stop(self) -> None:
        notify.tell(STOPPING=1)
        log.info("stopping")
        await self._web.stop()
        await self._metrics.stop()
        await self.crew.drain(self.crew.hands.values(), self.config.daemon.drain)
        await self._control.stop()
        with contextlib.suppress(StoreTrouble):
            await self.conductor.save()
        for task in self._tasks:
            task.cancel()
        await self._renew_fence()
        self.store.close()
        self._forks.close()
        self._lock.release()
        self._listening.remove_own()
        log.info("stopped")

    def _start(self, work: Any, *, is_vital: bool = False) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(task, is_vital))

    def _ended(self, task: "asyncio.Task[None]", is_vital: bool) -> None:
        """What failed is said; what the daemon can't be without ends it, so that its supervisor starts a whole one."""
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.critical("a part of the front office failed", exc_info=error)
        if is_vital:
            self._ask_stop(f"a part of the front office failed: {error!r}")

    # -- carriers

    def _order(self, number: int) -> dict[str, Any]:
        return {
            "number": number,
            "config": self.config.model_dump(mode="json"),
            "carriers": self.config.carriers,
            "fenced": self.fence is not None,
            "doors": {door: [each.fileno() for each in sockets] for door, sockets in self._listening.doors.items()},
        }

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

    async def _watch(self) -> None:
        """Feed systemd's watchdog, and replace a carrier that is stuck."""
        every = notify.watchdog_interval()
        pause = min(every.total_seconds(), WATCH_SECONDS) if every else WATCH_SECONDS
        while True:
            asleep = self.clock.monotonic()
            await asyncio.sleep(pause)
            try:
                await self.store.read(lambda tx: tx.one("SELECT 1"))  # the store answers too, or the watchdog bites
            except StoreTrouble as err:  # a server elsewhere that is away is not mended by our restart
                maillog.store_trouble("watch", err)
            if every:
                notify.tell(WATCHDOG=1)
            if self.clock.monotonic() - asleep > pause + WATCH_SECONDS:
                continue  # we ourselves were held up (a machine that slept): what the carriers said waits to be read
            self.crew.kill_silent()

    # -- what the control server asks for

    @property
    def hands(self) -> Mapping[int, Hand]:
        """The carriers, by process id."""
        return self.crew.hands

    def tell(self, **message: Any) -> None:
        """Say something to every carrier, those of other machines too."""
        self.crew.tell(**message)
        self._ring(message)

    def lift(self) -> None:
        """The fence is lifted: let mail go, here and on other machines."""
        self.fence = None
        self.tell(lifted=True)
        self.campaigns.ring()

    # -- other front offices of this database

    def _ring(self, words: dict[str, Any]) -> None:
        if self._bells is not None:
            self._start(self._ring_out(self._bells, words))

    async def _ring_out(self, bells: Bells, words: dict[str, Any]) -> None:
        with contextlib.suppress(StoreTrouble):  # the others find it at their next look
            await bells.ring(words)

    async def _listen(self, bells: Bells) -> None:
        async for words in bells.heard():
            try:
                await self._obey(words)
            except StoreTrouble as err:
                maillog.store_trouble("bell", err)

    async def _obey(self, words: dict[str, Any]) -> None:
        """Do as another front office, which has written down what it is about."""
        if "clock" in words and self.config.lab.enabled:
            self.clock.offset = await self.store.read(read_offset)
            self._janitor.ring()
        if "suspensions" in words:
            await self.conductor.refresh()
        if "lifted" in words:
            self.fence = None
        own: dict[str, Any] = {name: words[name] for name in ("wake", "keys", "lifted") if name in words}
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
            self.store, self._poster(), self.clock, SystemChance(), self.config.hooks, signing.key_of(self.house.secret),
            lambda tx, call, status, well: webhook_answered(tx, call, status, well, self.clock.now()), self._wake_all,
        )  # fmt: skip

    def _poster(self) -> Poster:
        routing = self.config.routing
        return Poster(
            SystemNet(), DnsResolver(self.clock, routing.resolvers), partial(verifying_context, routing.authorities),
            self.config.hooks.permit, [ip_address(each) for each in own_addresses()],
        )  # fmt: skip

    def _make_web(self) -> WebServer:
        """The public pages as they are configured now. The sockets stay ours: each server gets its own handles of them."""
        app = build_app(
            self.store, self.clock, SystemChance(), self.house.composer, proxies=self.config.web.proxies,
            queue=self.config.queue, wake=lambda domains: self.tell(wake=list(domains)),
            counted=self._counted,
        )  # fmt: skip
        return WebServer(app, [each.dup() for each in self._listening.pages])

    def _wake_all(self) -> None:
        self.crew.tell(wake=[])

    async def move_clock(self, offset: timedelta) -> None:
        """Set the lab's offset for every process. The caller has checked that this is a lab."""
        self.clock.offset = offset
        self.tell(clock=offset // timedelta(milliseconds=1))
        self._janitor.ring()
        self.keeper.ring()
        self.campaigns.ring()
        self.deliverer.ring()
        self.sweeper.ring()
        self.key_keeper.ring()

    async def reload(self) -> None:
        """Read the configuration again; new carriers with it, then the old ones drain."""
        try:
            fresh = config.load(self.path)
            config.check_machine(fresh, self.path)
        except ConfigFaults as err:
            log.error("not reloaded, the old configuration stays", extra={"faults": [str(each) for each in err.faults]})
            return
        for what in fixed.changed(self.config, fresh):
            log.warning("needs a restart, keeps its old value until then", extra={"setting": what})
        notify.tell(RELOADING=1, MONOTONIC_USEC=int(self.clock.monotonic() * 1e6))
        self.config = fixed.keeping(self.config, fresh)
        adopt_own_rules(self.config.daemon.state_dir)
        self.house = House.build(self.config, self.store, self.clock, SystemChance())
        self._control.house = self.house
        old_web, self._web = self._web, self._make_web()
        await self._web.start()
        await old_web.stop()
        self.conductor.use(self.config)
        self.doctor.use(self.config, self.house.composer)
        self.keeper.use(ZoneInfo(self.config.mail.zone))
        self.campaigns.use(ZoneInfo(self.config.mail.zone))
        self.deliverer.use(self._poster(), self.config.hooks)
        self.sweeper.use(ZoneInfo(self.config.mail.zone))
        self.key_keeper.use(self.config)
        self.watcher.use(self.config.reputation, sending_addresses(self.config))
        self._janitor.settings, self._janitor.retry = self.config.queue, self.config.retry
        old = list(self.crew.hands.values())
        if not await self.crew.hire(self.config.carriers):
            return
        await self.crew.drain(old, self.config.daemon.drain)
        notify.tell(READY=1)
        log.info("reloaded", extra={"carriers": len(self.crew.hands)})


def serve(path: Path) -> None:
    """Run a Posthouse until it is told to stop. ConfigFaults, CannotListen, AlreadyRunning, SchemaMismatch before it
    began; Broken when it had to stop untold."""
    office = Office(path, config.load(path))
    asyncio.run(office.serve())
