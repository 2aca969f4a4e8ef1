"""A carrier: one worker process. It takes mail on, signs, delivers, and runs due enrolments; all carriers are alike.

Its life: forked by the fork server; opens the database; takes a lease; serves the doors; says that it is ready. Told
to stop, or when the front office is gone, it closes the doors, finishes open transactions, gives back its lease and
exits. A lease it finds taken away (it was stopped for too long) ends it at once: others have its deliveries.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import uvloop

from deliverability.address import Address
from engine import houselog
from engine import log as logs
from engine.accept import Submission
from engine.config import Config, certificate
from engine.credentials import Credentials
from engine.house import House
from engine.intake.extractors.book import read_folder
from engine.intake.mail import Intake
from engine.intake.returns import read_return
from engine.intake.wants import read_mail
from engine.link import Link
from engine.own_rules import adopt_own_rules
from engine.parser import Parser, keep
from engine.pickup import Pickup
from engine.returning import Returns
from engine.sending.compose import Composer
from engine.store.lab_time import read_offset
from engine.store.opening import store_at
from engine.system import SystemChance, SystemClock, SystemNet, allowed_uids, own_addresses, own_process
from mta import maillog
from mta.inbound.access import OPEN, Access, Passwords
from mta.inbound.crowd import Crowd
from mta.inbound.guard import Guard
from mta.inbound.listener import Listener
from mta.inbound.lmtp import LmtpSession, LocalPolicy, LocalSession
from mta.inbound.returns import ReturnsPolicy
from mta.inbound.submission import SubmissionPolicy
from mta.outbound.security import verifying_context
from mta.ports import StoreTrouble
from mta.queue import leasing
from mta.relay import Ports, Relay
from mta.routing.hops import Hop
from mta.routing.https import Fetcher
from mta.routing.policy import Policies
from mta.routing.resolver import DnsResolver
from mta.routing.routes import Router

SWITCH_SECONDS: Final = (
    0.0003  # how long a thread may keep the interpreter from the others, not the 5 ms of its default
)
BEAT_SECONDS: Final = 1.0
SLIM_BEATS: Final = 60  # memory is given back every so many
MEMORY_BEATS: Final = 10  # memory is counted every so many
RENEW_SECONDS: Final = 10.0  # between two renewals of the lease, which lasts 30 s
AGAIN_SECONDS: Final = 3.0  # ... where the first could not be written


def keep_parser(from_carrier: socket.socket) -> None:
    """The life of a parser's keeper (engine.parser)."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends when its carrier does
    keep(from_carrier, {"mail": read_mail, "report": read_return})


def run(
    crowds: memoryview, first: tuple[Config, Composer], order: dict[str, Any], link: socket.socket,
    to_keeper: socket.socket,
) -> int:  # fmt: skip
    """The life of a carrier; its exit code. `crowds`: the table that all carriers share (mta.inbound.crowd). `first`: the
    configuration at the fork and what writes mail by it, whose memory is everybody's; an order brings another configuration
    when it was read again since."""
    sys.setswitchinterval(SWITCH_SECONDS)
    config, composer = (Config.model_validate(order["config"]), None) if order["config"] else first
    if config.daemon.pinned:
        _stay(order["number"], order["carriers"])
    gc.freeze()  # what was loaded before the fork is never garbage: do not touch its pages
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return uvloop.run(Carrier(crowds, config, composer, order, link, to_keeper).live())


def _stay(number: int, carriers: int) -> None:
    """Keep to one processor, where the machine lets us (a container may not). The threads of a carrier hand one lock around;
    what they touch stays near that way."""
    processors = sorted(os.sched_getaffinity(0))
    if carriers >= len(processors):
        with contextlib.suppress(PermissionError):
            os.sched_setaffinity(0, {processors[number % len(processors)]})


class Carrier:
    def __init__(
        self, crowds: memoryview, config: Config, composer: Composer | None, order: dict[str, Any], link: socket.socket,
        to_keeper: socket.socket,
    ) -> None:  # fmt: skip
        self._config, self._composer, self._order, self._end = config, composer, order, link
        self._crowd = Crowd(crowds, order["number"], order["carriers"])
        if why := adopt_own_rules(self._config.daemon.state_dir):
            houselog.own_rules_left_out(why)
        self._parser = Parser(to_keeper)
        self._stop: asyncio.Future[float] | None = None
        self._keys_are_old = False
        self._way_is_free = asyncio.Event()
        if not order["fenced"]:
            self._way_is_free.set()

    async def live(self) -> int:
        loop = asyncio.get_running_loop()
        logs.gather()
        self._stop = loop.create_future()
        loop.add_signal_handler(signal.SIGTERM, self._ask_stop, float(self._config.daemon.drain))
        self._link = await Link.over(self._end)
        self._open()
        hearing = asyncio.create_task(self._hear())
        beating = asyncio.create_task(self._beat())
        keeping = asyncio.create_task(self._keep_lease())
        tasks = (self._relay.scheduler.run, self._runner.run, self._sender.run)
        work = [asyncio.create_task(self._beyond_fence(each)) for each in tasks]
        if self._order["number"] == 0:
            work.append(asyncio.create_task(self._pickup.run()))
            if self._config.routing.mta_sts:
                work.append(asyncio.create_task(self._policies.keep()))
        for door, listener in self._doors.items():
            listener.start(self._sockets(door))
        self._link.send(ready=True, owner=self._owner)
        waiting: set[asyncio.Future[Any]] = {self._stop, hearing, beating, keeping, *work}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in (beating, keeping, *work) if task.done()]
        if (
            hearing.done() and hearing.exception() is not None
        ):  # else the front office is gone, and we were asked to stop
            failed.append(hearing)
        for task in failed:  # none of them ends by itself: let another carrier begin anew
            houselog.loop_ended(task.exception())
        await self._leave(self._stop.result() if self._stop.done() else 5.0, work)
        beating.cancel()
        keeping.cancel()
        hearing.cancel()
        self._store.close()
        return 1 if failed else 0

    async def _beyond_fence(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """What sends, or leads to mail, begins once no fence stands (engine.fence)."""
        await self._way_is_free.wait()
        await work()

    # -- beginning and end

    def _open(self) -> None:
        config = self._config
        clock, chance, net = SystemClock(), SystemChance(), SystemNet()
        self._clock = clock
        self._store = store_at(config.database_place, clock).open()
        clock.offset = self._store.read_now(read_offset)
        name, now, process = f"carrier-{self._order['number'] + 1}", clock.now(), own_process()
        self._owner = self._store.write_now(
            lambda tx: leasing.register(tx, name, os.getpid(), leasing.Host(*tx.lease_time()), now, process)
        )
        secret = bytes.fromhex(self._order["secret"])
        self._house = House.build(config, self._store, clock, chance, secret, self._composer)
        keys = self._store.read_now(self._house.load_keys)
        resolver = DnsResolver(clock, config.routing.resolvers)
        own = [ip_address(each) for each in own_addresses()]
        fetcher = Fetcher(
            net, resolver, partial(verifying_context, config.routing.authorities), config.routing.permit, own
        )
        self._policies = Policies(self._store, clock, resolver, fetcher.get)
        doors = config.own_doors
        router = Router(
            config.routing, resolver, chance, own, self._policies if config.routing.mta_sts else None,
            is_own_door=lambda ip, port: bool(doors.at(Hop(ip, port))), ours=[config.bounces.domain],
        )  # fmt: skip
        self._relay = Relay(
            ports=Ports(self._store, clock, chance, net), router=router,
            hostname=config.hostname, owner=self._owner, carriers=self._order["carriers"], outbound=config.outbound,
            retry=config.retry, bounces=config.bounces, tokens=self._house.tokens, keys=keys,
            notices=self._house.notices, gate=self._house.gate, follow=self._house.follow,
            tell=self._link.send, authorities=config.routing.authorities, ways=config.ways,
            limited=config.limited, worn_after=config.worn_after,
        )  # fmt: skip
        self._relay.scheduler.use_fence(stands=not self._way_is_free.is_set())
        self._runner = self._house.runner((self._order["number"], self._order["carriers"]), self._relay.scheduler.wake)
        submission = Submission(self._house, self._parser, self._relay, self._runner.wake, self._read_intake())
        self._sender = self._house.sender(self._owner, self._relay.scheduler.wake)
        self._credentials = Credentials(self._store, chance)
        returns = Returns(self._house, self._parser, self._runner.wake)
        self._doors = self._make_doors(submission, returns)
        self._pickup = Pickup(
            config.spool_path, self._store, clock, config.hostname, config.lmtp, allowed_uids(config.lmtp.users),
            submission.accept,
        )  # fmt: skip

    def _read_intake(self) -> Intake:
        """Where events come from; what is wrong with an extractor is said, and the others work."""
        book = read_folder(self._config.intake.extractors)
        for fault in book.faults:
            houselog.faulty_extractor(str(fault))
        address = self._config.intake.address
        return Intake(Address.parse(address).key if address else "", book)

    def _make_doors(self, submission: Submission, returns: Returns) -> dict[str, Listener]:
        config = self._config
        shown = certificate(config)
        passwords = Passwords(
            self._credentials.authenticate, Guard(config.submission), config.submission.auth_tries
        )  # fmt: skip
        access = Access(shown, tls_timeout=config.submission.tls_timeout.total_seconds(), passwords=passwords)
        for_apps = SubmissionPolicy(
            config.submission.networks, submission.accept, submission.check_recipient, knows_passwords=shown is not None
        )
        for_locals = LocalPolicy(allowed_uids(config.lmtp.users), submission.accept, submission.check_recipient)
        for_returns = ReturnsPolicy(config.bounces.domain, config.hostname, returns.is_ours, returns.accept)
        name, report = config.hostname, maillog.listener_trouble
        listener = partial(Listener, crowd=self._crowd)
        return {
            "submission": listener(for_apps, config.submission, name, report, access=access if shown else OPEN),
            "submissions": listener(
                for_apps, config.submission, name, report, access=replace(access, begins_with_tls=True)
            ),
            "lmtp": listener(for_locals, config.lmtp, name, report, session=LocalSession),
            "inbound": listener(for_returns, config.inbound_door, name, report),
            "inbound-lmtp": listener(for_returns, config.inbound_door, name, report, session=LmtpSession),
        }

    def _sockets(self, door: str) -> list[socket.socket]:
        return [socket.socket(fileno=fd) for fd in self._order["doors"][door]]

    async def _leave(self, seconds: float, work: list[asyncio.Task[None]]) -> None:
        """Close the doors, finish what is open, give the lease back."""
        self._crowd.withdraw()
        grace = timedelta(seconds=seconds)
        await asyncio.gather(*(listener.stop(grace) for listener in self._doors.values()))
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await self._relay.stop(seconds)
        self._credentials.close()
        try:
            now = self._clock.now()
            while not await self._store.write(lambda tx: leasing.sweep(tx, self._owner, now)):
                pass
        except StoreTrouble as err:
            maillog.store_trouble("leaving", err)  # the lease runs out by itself

    def _ask_stop(self, seconds: float) -> None:
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(seconds)

    # -- the link

    async def _hear(self) -> None:
        async for message in self._link.messages():
            if "wake" in message:
                self._relay.scheduler.wake(message["wake"])
                self._runner.wake()
                self._sender.wake()
            if "clock" in message:
                self._clock.offset = timedelta(milliseconds=message["clock"])
                self._relay.scheduler.rearm()
                self._runner.wake()
                self._sender.wake()
            if "grants" in message:
                self._relay.use_grants(message["grants"])
            if "shares" in message:
                self._relay.scheduler.use_shares(message["shares"])
            if "shut" in message:
                self._relay.use_shut(message["shut"])
            if "paused" in message:
                self._relay.scheduler.use_pauses(message["paused"], message["doubted"])
            if "lifted" in message:
                self._relay.scheduler.use_fence(stands=False)
                self._way_is_free.set()
            if "rules" in message:
                adopt_own_rules(self._config.daemon.state_dir, is_proven=True)
            if "keys" in message:
                await self._renew_keys()
            if "heeded" in message:
                self._link.send(heeded=message["heeded"])  # all that was said before is done
            if "stop" in message:
                self._ask_stop(message["stop"])
        self._ask_stop(float(self._config.daemon.drain))  # the front office is gone

    async def _beat(self) -> None:
        """Tell the front office how we are."""
        beats = memory_kib = 0
        while True:
            scheduler = self._relay.scheduler
            if beats % MEMORY_BEATS == 0:
                memory_kib = _own_memory_kib()  # the kernel looks at every page for it: 2 ms and more
            self._link.send(
                beat={
                    "delivered": scheduler.delivered, "connections": scheduler.connections, "memory_kib": memory_kib,
                }
            )  # fmt: skip
            self._relay.tell()
            if self._keys_are_old:
                await self._renew_keys()
            if beats % SLIM_BEATS == SLIM_BEATS - 1:
                await self._slim()
            if self._parser.is_gone:
                houselog.keeper_gone()
                self._ask_stop(float(self._config.daemon.drain))
            beats += 1
            await asyncio.sleep(BEAT_SECONDS)

    async def _slim(self) -> None:
        try:
            await self._store.slim()
        except StoreTrouble as err:
            maillog.store_trouble("slim", err)

    async def _renew_keys(self) -> None:
        """Sign with the keys as they are now; where they can't be read, another try is made at the next beat."""
        self._keys_are_old = True
        try:
            keys = await self._store.read(self._house.load_keys)
        except StoreTrouble as err:
            maillog.store_trouble("keys", err)
            return
        self._relay.signatures.use(keys)
        self._keys_are_old = False

    async def _keep_lease(self) -> None:
        """Renew it again and again. Beside the beats: a database that does not answer must not make us silent. Where it
        can't be renewed, another try is made soon: who looks for lapsed leases waits for it for a while only."""
        while True:
            is_kept = await self._renew()
            await asyncio.sleep(RENEW_SECONDS if is_kept else AGAIN_SECONDS)

    async def _renew(self) -> bool:
        """Whether it could be renewed now."""
        try:
            kept = await self._store.write(lambda tx: leasing.renew(tx, self._owner, leasing.Host(*tx.lease_time())))
        except StoreTrouble as err:
            maillog.store_trouble("renew", err)
            return False
        if not kept:
            maillog.lease_lost(self._owner)
            logging.shutdown()
            os._exit(70)  # nothing of ours may be finished: it is others' now
        return True


def _own_memory_kib() -> int:
    """Private memory: what carriers share since they were forked is not counted for each."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
