"""Opens a lane's connections: host after host, as its next delivery demands, with what is known of the site's TLS.

What it finds out of TLS it keeps: for the reports that domains ask for, and so that a site whose TLS does not work is
spoken to in clear for some days, where nobody demands TLS.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from deliverability.bounces.classify import Verdict
from deliverability.reply import Reply
from mta import maillog
from mta.outbound import tls_ledger
from mta.outbound.connection import ConnectFailed, Connection, ConnectionSettings
from mta.outbound.lane import Lane
from mta.outbound.outcome import Failure, Scope, Stage, Try
from mta.outbound.security import TlsResult
from mta.outbound.settings import OutboundSettings
from mta.outbound.sources import Source
from mta.outbound.tls_ledger import TlsLedger
from mta.ports import Clock, Net, Store, StoreTrouble, Tx, to_ms
from mta.routing.hops import Demand
from mta.routing.routes import Host

_STAGES: Final = tuple(Stage)  # in the order in which a connection comes to them
HASTE_SECONDS: Final = 5.0  # for a host to answer a connection, where many others try
_UNNAMED: Final = "the domain's policy does not name this host"


@dataclass(frozen=True, slots=True)
class Insecure:
    """No host of the site is as a demand wants it; the site itself is not to blame."""

    demand: Demand
    why: str
    where: tuple[str, str, str] = ("", "", "")  # host, address, TLS


class Opener:
    """Of one carrier. `judge` says what a refusal means."""

    def __init__(
        self, *, store: Store, clock: Clock, net: Net, how: ConnectionSettings, source: Source, settings: OutboundSettings,
        judge: Callable[[Failure, str], Verdict],
    ) -> None:  # fmt: skip
        self._store, self._clock, self._net, self._how, self._settings = store, clock, net, how, settings
        self._source = source
        self._judge = judge
        self._hasty = replace(how.timeouts, connect=min(how.timeouts.connect, HASTE_SECONDS))
        self._writes: set[asyncio.Task[None]] = set()
        self.ledger = TlsLedger()

    async def open(self, lane: Lane, *, in_haste: bool = False) -> Connection | ConnectFailed | Insecure:
        """A session with the first host that grants one; else what the host said where we came furthest. `in_haste`: a
        host that does not answer must not keep others waiting."""
        domain = lane.next_domain
        demand = lane.demand(domain)
        how = self._how_to(lane, demand)
        if in_haste:
            how = replace(how, timeouts=self._hasty)
        insecure: ConnectFailed | None = None
        told: ConnectFailed | None = None
        for host in lane.route.hosts:
            if not demand.allows(host.name):
                self._note(lane, domain, host, TlsResult.FAILED, _UNNAMED)
                continue
            opened = await self._dial(host, how)
            if isinstance(opened, Connection):
                self._learn(lane, opened)
                return opened
            if opened.tls_trouble:
                insecure = opened
                self._note(lane, domain, host, opened.tls_result, opened.tls_trouble)
            if self._is_too_much(lane, opened.failure):  # a site is all of its hosts: the next one would say the same
                return opened
            if told is None or _STAGES.index(opened.failure.stage) >= _STAGES.index(told.failure.stage):
                told = opened
        if told is not None and not (insecure and demand.is_strict):
            return told
        return _insecure(demand, insecure)

    async def _dial(self, host: Host, how: ConnectionSettings) -> Connection | ConnectFailed:
        local = self._source.address_for(host.address)
        if local is None:
            why = f"the source {self._source.name} has no address of the family of {host.name} [{host.address}]"
            failure = Failure(Scope.ROUTE, Reply.of(451, "4.4.4", why), Stage.CONNECT, is_ours=True)
            return ConnectFailed(failure, Try(host.name, host.address, ""))
        return await Connection.open(self._net, self._clock, host, replace(how, source=local) if local else how)

    def note_session(self, lane: Lane, domain: str, connection: Connection) -> None:
        """Mail of a domain goes over a connection: the first counts as a session, where the domain is told of them."""
        if domain not in lane.reported or domain in connection.domains:
            return
        connection.domains.add(domain)
        _, no_policy = lane.reported[domain]
        result, trouble = str(connection.tls_result), connection.tls_trouble
        if no_policy is not None:
            result, trouble = no_policy.result, no_policy.words
        elif not lane.demand(domain).names(connection.host.name):
            result, trouble = TlsResult.FAILED, _UNNAMED
        self._note(lane, domain, connection.host, result, trouble)

    async def keep(self) -> None:
        """Write how sessions came out since the last time."""
        if rows := self.ledger.take():
            await self._write(lambda tx: tls_ledger.write(tx, rows))

    def _how_to(self, lane: Lane, demand: Demand) -> ConnectionSettings:
        is_broken = bool(lane.tls_broken_ms) and lane.tls_broken_ms > to_ms(self._clock.now())
        route = lane.route
        return replace(self._how, demand=demand, protocol=route.protocol, login=route.login, is_tls_broken=is_broken)

    def _is_too_much(self, lane: Lane, failure: Failure) -> bool:
        return not failure.is_ours and self._judge(failure, lane.provider).is_too_much

    def _learn(self, lane: Lane, opened: Connection) -> None:
        if opened.tls or not opened.tls_trouble:
            return
        lane.tls_broken_ms = to_ms(self._clock.now() + self._settings.tls_memory)
        maillog.tls_broken(lane.site, host=opened.host.name, why=opened.tls_trouble)
        facts = (lane.site, lane.tls_broken_ms, opened.tls_trouble[:500])
        task = asyncio.create_task(self._write(lambda tx: tls_ledger.remember_broken(tx, *facts)))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    def _note(self, lane: Lane, domain: str, host: Host, result: str, trouble: str) -> None:
        if domain in lane.reported:
            reported, _ = lane.reported[domain]
            self.ledger.note(
                reported, result, host=host.name, address=host.address,
                source=self._source.address_for(host.address) or "", detail=trouble,
                now=self._clock.now(),
            )  # fmt: skip

    async def _write(self, work: Callable[[Tx], None]) -> None:
        try:
            await self._store.write(work, can_wait=True)
        except StoreTrouble as err:  # this carrier knows it, the others will find out
            maillog.store_trouble("TLS results", err)


def _insecure(demand: Demand, failed: ConnectFailed | None) -> Insecure:
    if failed is None:
        named = ", ".join(demand.exchangers[:5])
        return Insecure(demand, f"{demand.origin} names {named}, and no exchanger of the domain is among them")
    tried = failed.tried
    why = f"{demand.origin} demands {demand.level}, and {tried.host} is not so: {failed.tls_trouble}"
    return Insecure(demand, why, (tried.host, tried.address, tried.tls))
