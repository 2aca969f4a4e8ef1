"""The MTA-STS policies of recipient domains (RFC 8461): looked for, fetched, kept across restarts, fetched again.

A policy that was seen once holds until it ends, whatever DNS or the web server say meanwhile: that is what it is for.
A new id in DNS fetches it anew at once; without one it is fetched anew when it is a day old, or half its age. A fetch
that fails changes nothing and is tried again after some minutes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from deliverability.mtasts import Mode, Policy, PolicyTrouble, record_id, wants_reports
from mta import maillog
from mta.ports import Clock, Store, StoreTrouble, Tx, from_ms, to_ms
from mta.routing.hops import Demand, Level
from mta.routing.https import FetchTrouble
from mta.routing.resolver import Resolver, Texts

MAX_ENTRIES: Final = 20_000  # domains that are remembered without asking the store
AGAIN: Final = timedelta(minutes=5)  # after a fetch that failed (RFC 8461 section 3.3)
REFRESH: Final = timedelta(days=1)
UNUSED: Final = timedelta(days=30)  # a domain that had no mail for so long is not looked after any more
AT_ONCE: Final = 20  # fetches under way

PATH: Final = "/.well-known/mta-sts.txt"


@dataclass(frozen=True, slots=True)
class Reported:
    """What a TLS report would say of the policy that a session went by (RFC 8460 section 4.4)."""

    domain: str
    kind: str = "no-policy-found"  # or sts
    policy_id: str = ""
    policy: str = ""  # as it was fetched


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a policy could not be had."""

    result: str  # as RFC 8460 section 4.3 calls it
    words: str


@dataclass(frozen=True, slots=True)
class _Failed:
    policy_id: str
    until: datetime  # not tried again before
    why: Failure


@dataclass(frozen=True, slots=True)
class Found:
    """What a domain asks for. `failure`: where the policy that it announces could not be had."""

    demand: Demand = Demand()  # noqa: RUF009 - frozen
    reported: Reported | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A policy as the store has it."""

    policy_id: str
    text: str
    fetched: datetime
    expires: datetime
    policy: Policy

    @property
    def refresh_at(self) -> datetime:
        return self.fetched + min(REFRESH, (self.expires - self.fetched) / 2)


Fetch = Callable[[str, str], Awaitable[str]]
"""(host, path) -> the document's text. FetchTrouble."""


class Policies:
    """One carrier's view; the store is shared by all."""

    def __init__(self, store: Store, clock: Clock, resolver: Resolver, fetch: Fetch) -> None:
        self._store, self._clock, self._resolver, self._fetch = store, clock, resolver, fetch
        self._failed: OrderedDict[str, _Failed] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[Failure | None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def of(self, domain: str) -> Found:
        """What `domain` asks for now."""
        announced, asking, kept = await asyncio.gather(
            self._resolver.txt(f"_mta-sts.{domain}"), self._resolver.txt(f"_smtp._tls.{domain}"), self._kept(domain)
        )
        policy_id = record_id(announced.values) if isinstance(announced, Texts) else None
        failure = None
        if policy_id is not None and (kept is None or kept.policy_id != policy_id):
            failure = await self._refreshed(domain, policy_id)
            kept = await self._kept(domain)
        elif policy_id is not None and kept is not None and kept.refresh_at <= self._clock.now():
            self._start(domain, policy_id)  # nobody waits for it
        is_reported = isinstance(asking, Texts) and wants_reports(asking.values)
        return _found(domain, kept, failure, is_reported=is_reported)

    async def keep(self) -> None:
        """Fetch again, until cancelled, what is in use and grows old, so that it never ends for want of mail."""
        while True:
            now = self._clock.now()
            try:
                for domain, policy_id in await self._store.read(partial(_old, now=now)):
                    await self._refreshed(domain, policy_id, is_used=False)
            except StoreTrouble as err:
                maillog.store_trouble("policies", err)
            await asyncio.sleep(AGAIN.total_seconds())

    async def _kept(self, domain: str) -> Kept | None:
        now = self._clock.now()
        return await self._store.look(lambda tx: read_policy(tx, domain, now))

    async def _refreshed(self, domain: str, policy_id: str, *, is_used: bool = True) -> Failure | None:
        """Have this policy; what kept us from it, if anything."""
        # Shielded: one that stops waiting must not take the policy from the others.
        return await asyncio.shield(self._start(domain, policy_id, is_used=is_used))

    def _start(self, domain: str, policy_id: str, *, is_used: bool = True) -> "asyncio.Task[Failure | None]":
        task = self._fetching.get(domain)
        if task is None:
            task = self._fetching[domain] = asyncio.create_task(self._get(domain, policy_id, is_used=is_used))
            task.add_done_callback(lambda _: self._fetching.pop(domain, None))
        return task

    async def _get(self, domain: str, policy_id: str, *, is_used: bool) -> Failure | None:
        failed = self._failed.get(domain)
        if failed is not None and failed.policy_id == policy_id and self._clock.now() < failed.until:
            return failed.why
        try:
            async with self._slots:
                kept = await self._kept(domain)  # another carrier may have been before us
                if kept is None or kept.policy_id != policy_id or kept.refresh_at <= self._clock.now():
                    text = await self._fetch(f"mta-sts.{domain}", PATH)
                    await self._keep(domain, policy_id, text, is_used=is_used)
        except FetchTrouble as trouble:
            why = Failure("sts-webpki-invalid" if trouble.is_certificate else "sts-policy-fetch-error", str(trouble))
        except PolicyTrouble as trouble:
            why = Failure("sts-policy-invalid", str(trouble))
        except StoreTrouble as trouble:
            maillog.store_trouble("policy", trouble)
            return None
        else:
            self._failed.pop(domain, None)
            return None
        maillog.no_policy(domain, result=why.result, why=why.words)
        self._failed[domain] = _Failed(policy_id, self._clock.now() + AGAIN, why)
        while len(self._failed) > MAX_ENTRIES:
            self._failed.popitem(last=False)
        return why

    async def _keep(self, domain: str, policy_id: str, text: str, *, is_used: bool) -> None:
        now, policy = self._clock.now(), Policy.parse(text)
        kept = Kept(policy_id, text, now, now + policy.max_age, policy)
        await self._store.write(lambda tx: _write(tx, domain, kept, now if is_used else None))


def _found(domain: str, kept: Kept | None, failure: Failure | None, *, is_reported: bool) -> Found:
    if kept is None or kept.policy.mode is Mode.NONE:
        if failure is not None:
            return Found(Demand(), Reported(domain, "sts"), failure)
        return Found(Demand(), Reported(domain) if is_reported else None)
    reported = Reported(domain, "sts", kept.policy_id, kept.text)
    if kept.policy.mode is Mode.TESTING:
        demand = Demand(Level.MAY, "MTA-STS testing", kept.policy.exchangers, is_trial=True)
    else:
        demand = Demand(Level.VERIFY, "MTA-STS", kept.policy.exchangers)
    return Found(demand, reported, failure)


def read_policy(tx: Tx, domain: str, now: datetime) -> Kept | None:
    """The policy that holds for a domain, if one is known."""
    kept = _read(tx, domain)
    return kept if kept is not None and kept.expires > now else None


def _read(tx: Tx, domain: str) -> Kept | None:
    row = tx.one("SELECT policy_id, policy, fetched_ms, expires_ms FROM sts_policy WHERE domain = ?", (domain,))
    if row is None:
        return None
    policy_id, text, fetched_ms, expires_ms = row
    try:
        policy = Policy.parse(text)
    except PolicyTrouble:  # an earlier version of ours may have read it otherwise
        return None
    return Kept(policy_id, text, from_ms(fetched_ms), from_ms(expires_ms), policy)


def _write(tx: Tx, domain: str, kept: Kept, used: datetime | None) -> None:
    """`used`: when mail asked for it; None leaves that as it is."""
    row = (domain, kept.policy_id, kept.text, to_ms(kept.fetched), to_ms(kept.expires), to_ms(used or kept.fetched))
    tx.execute(
        "INSERT INTO sts_policy (domain, policy_id, policy, fetched_ms, expires_ms, used_ms) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (domain) DO UPDATE SET policy_id = excluded.policy_id, policy = excluded.policy,"
        " fetched_ms = excluded.fetched_ms, expires_ms = excluded.expires_ms"
        + (", used_ms = excluded.used_ms" if used else ""),
        row,
    )


def _old(tx: Tx, now: datetime) -> list[tuple[str, str]]:
    """Policies that were fetched a day ago, of domains that had mail lately."""
    rows = tx.query(
        "SELECT p.domain, p.policy_id FROM sts_policy p WHERE p.fetched_ms <= ? AND p.expires_ms > ? AND p.used_ms > ?"
        " ORDER BY p.fetched_ms LIMIT 200",
        (to_ms(now - REFRESH), to_ms(now), to_ms(now - UNUSED)),
    )
    return [(row[0], row[1]) for row in rows]
