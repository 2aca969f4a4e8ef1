"""MTA-STS policies: when they are fetched, how long they hold, and what they make of a route."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from clock import FakeChance, FakeClock
from mail_shop import Place, open_store

from mta.ports import Store
from mta.routing.hops import Demand, Level
from mta.routing.https import FetchTrouble
from mta.routing.policy import Policies
from mta.routing.resolver import Addresses, Mx, MxAnswer, NoSuchDomain, NullMx, TemporaryFailure, Texts
from mta.routing.routes import Route, Router, RoutingSettings

GOOD = "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 604800\n"
ENFORCED = Demand(Level.VERIFY, "MTA-STS", ("mx.example.org",))


class World:
    """example.org's DNS and web server."""

    def __init__(self, store: Store) -> None:
        self.records: Any = Texts(("v=STSv1; id=1",))
        self.reports: Any = NoSuchDomain()
        self.document: str | Exception = GOOD
        self.fetched = 0
        self.store, self.clock = store, FakeClock()
        self._news: asyncio.Queue[None] = asyncio.Queue()

    def policies(self) -> Policies:
        """Those of a carrier that begins now."""
        return Policies(self.store, self.clock, self, self.fetch)

    async def fetch(self, host: str, path: str) -> str:
        assert (host, path) == ("mta-sts.example.org", "/.well-known/mta-sts.txt")
        self.fetched += 1
        self._news.put_nowait(None)
        await asyncio.sleep(0)
        if isinstance(self.document, Exception):
            raise self.document
        return self.document

    async def until_fetched(self, times: int, policies: Policies) -> None:
        """Until so many fetches were made, and what they brought is kept."""
        async with asyncio.timeout(60):
            while self.fetched < times:
                await self._news.get()
            await asyncio.gather(*policies._fetching.values())

    async def mx(self, domain: str) -> MxAnswer | NullMx | NoSuchDomain | TemporaryFailure:
        return MxAnswer((Mx(10, "mx.example.org"),))

    async def addresses(self, host: str) -> Addresses | NoSuchDomain | TemporaryFailure:
        return Addresses(("8.8.1.1",))

    async def txt(self, name: str) -> Texts | NoSuchDomain | TemporaryFailure:
        found = {"_mta-sts.example.org": self.records, "_smtp._tls.example.org": self.reports}
        return found.get(name, NoSuchDomain())  # type: ignore[no-any-return]


@pytest.fixture
async def world(place: Place) -> Any:
    store = open_store(place)
    yield World(store)
    await asyncio.to_thread(store.close)


async def demanded(policies: Policies) -> Demand:
    return (await policies.of("example.org")).demand


async def test_an_announced_policy_is_fetched_once_and_enforced(world: World) -> None:
    policies = world.policies()
    assert await asyncio.gather(*(demanded(policies) for _ in range(5))) == [ENFORCED] * 5
    assert await demanded(policies) == ENFORCED
    assert world.fetched == 1


async def test_a_policy_survives_a_restart_and_dns_that_denies_it(world: World) -> None:
    await demanded(world.policies())
    for world.records in (NoSuchDomain(), Texts(()), TemporaryFailure("no answer in time")):
        assert await demanded(world.policies()) == ENFORCED
    assert world.fetched == 1


async def test_a_policy_ends_with_its_age(world: World) -> None:
    await demanded(world.policies())
    world.records = NoSuchDomain()
    world.clock.advance(timedelta(days=6))
    assert await demanded(world.policies()) == ENFORCED
    world.clock.advance(timedelta(days=1, seconds=1))
    assert await demanded(world.policies()) == Demand()


async def test_a_new_id_is_fetched_at_once_and_one_that_is_removed_says_so(world: World) -> None:
    policies = world.policies()
    await demanded(policies)
    world.records, world.document = Texts(("v=STSv1; id=2",)), "version: STSv1\nmode: none\nmax_age: 86400\n"
    assert await demanded(policies) == Demand()
    assert world.fetched == 2


@pytest.mark.parametrize(
    ("document", "result"),
    [
        (FetchTrouble("HTTP status 404"), "sts-policy-fetch-error"),
        (FetchTrouble("another name", is_certificate=True), "sts-webpki-invalid"),
        ("<html>", "sts-policy-invalid"),
    ],
)
async def test_what_cannot_be_had_is_named_and_not_asked_for_again_at_once(
    world: World, document: Any, result: str
) -> None:
    world.document = document
    policies = world.policies()
    for _ in range(3):
        found = await policies.of("example.org")
        assert found.demand == Demand()
        assert found.failure is not None and found.failure.result == result
    assert world.fetched == 1
    world.clock.advance(timedelta(minutes=6))
    world.document = GOOD
    assert await demanded(policies) == ENFORCED


async def test_a_new_policy_that_cannot_be_had_leaves_the_old_one_standing(world: World) -> None:
    policies = world.policies()
    await demanded(policies)
    world.records, world.document = Texts(("v=STSv1; id=2",)), FetchTrouble("HTTP status 500")
    found = await policies.of("example.org")
    assert found.demand == ENFORCED
    assert found.failure is not None


async def test_a_policy_that_grows_old_is_fetched_again_behind_the_mail(world: World) -> None:
    policies = world.policies()
    await demanded(policies)
    world.clock.advance(timedelta(days=1, seconds=1))
    assert await demanded(policies) == ENFORCED
    await world.until_fetched(2, policies)
    world.records = NoSuchDomain()
    world.clock.advance(timedelta(days=6, hours=12))
    assert await demanded(policies) == ENFORCED


async def test_policies_are_looked_after_without_any_mail(world: World) -> None:
    policies = world.policies()
    await demanded(policies)
    world.clock.advance(timedelta(days=2))
    keeping = asyncio.create_task(policies.keep())
    await world.until_fetched(2, policies)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_policy_that_is_tried_out_demands_nothing_and_is_reported(world: World) -> None:
    world.document = GOOD.replace("enforce", "testing")
    found = await world.policies().of("example.org")
    assert not found.demand.is_strict and found.demand.is_trial
    assert found.reported is not None
    assert (found.reported.kind, found.reported.policy_id) == ("sts", "1")


async def test_a_domain_that_asks_for_reports_without_a_policy_gets_them(world: World) -> None:
    world.records, world.reports = NoSuchDomain(), Texts(("v=TLSRPTv1; rua=mailto:tls@example.org",))
    found = await world.policies().of("example.org")
    assert found.reported is not None and found.reported.kind == "no-policy-found"
    world.reports = NoSuchDomain()
    assert (await world.policies().of("example.org")).reported is None


async def test_a_route_says_what_the_policy_demands_and_our_own_word_comes_first(world: World) -> None:
    async def route(**settings: Any) -> Route:
        made = Router(RoutingSettings(**settings), world, FakeChance(), policies=world.policies())
        found = await made.route("example.org")
        assert isinstance(found, Route)
        return found

    assert (await route()).demand == ENFORCED
    assert (await route(tls={"example.org": "none"})).demand == Demand(Level.NONE, "routing.tls")
    assert (await route(smart_host="8.8.2.2")).demand == Demand()


async def test_a_kept_policy_that_cannot_be_read_any_more_is_fetched_anew(world: World) -> None:
    await demanded(world.policies())
    await world.store.write(lambda tx: tx.execute("UPDATE sts_policy SET policy = 'version: STSv0'"))
    assert await demanded(world.policies()) == ENFORCED
    assert world.fetched == 2
