"""A source that warms up: what it has no room for leaves by one that is warm, and nothing else does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeVar

from house_carrier import PATIENCE, Carrier, running
from mail_shop import Place

from deliverability.shaping.limits import Said
from deliverability.shaping.scopes import ScopeBook, Use, warming
from mta.outbound.gauges import Gauges
from mta.outbound.sources import SourceSettings, StreamSettings, ways
from mta.ports import Tx
from mta.queue.delivery import State, Stream
from mta.routing.routes import Route

T = TypeVar("T")
DOMAIN = "gmail.example"
GMAIL = "gmail-smtp-in.l.google.com"
SOURCES = {
    "old": SourceSettings(address=("127.0.0.2",)), "new": SourceSettings(address=("127.0.0.3",), warm_up=True),
}  # fmt: skip
NEW = warming("new", "gmail")


class Desk:
    """A conductor who grants as much as a book has, a moment after being asked."""

    def __init__(self, allowance: int) -> None:
        self.book = ScopeBook(NEW, {"per_day": Said(allowance, "a test")})
        self.gauges = Gauges([NEW], self._asked)
        self.carrier: Carrier | None = None
        self.is_open = True
        self._answer: asyncio.TimerHandle | None = None

    def _asked(self) -> None:
        if self._answer is None and self.is_open:
            self._answer = asyncio.get_running_loop().call_later(0.001, self.answer)

    def answer(self) -> None:
        self._answer = None
        assert self.carrier is not None
        now = self.carrier.clock.now().timestamp()
        self.book.hear(1, Use(*self.gauges.report()[NEW]), now)
        for grant in self.book.grants(now).values():
            self.gauges.use({NEW: grant})
            self.carrier.scheduler.use_grants()


@contextlib.asynccontextmanager
async def warming_up(
    place: Place, allowance: int, pools: Mapping[str, Mapping[str, int]] | None = None, **streams: str
) -> AsyncIterator[tuple[Carrier, Desk]]:
    desk = Desk(allowance)
    made = ways(SOURCES, pools or {}, StreamSettings(**streams), "mail.shop.example")
    async with running(place, ways=made, gauges=desk.gauges) as carrier:
        desk.carrier = carrier
        carrier.roads.by_domain[DOMAIN] = Route(GMAIL, carrier.hop.route().hosts)
        yield carrier, desk


async def poll(carrier: Carrier) -> None:
    """Until nothing waits; the clock stands still, so this does what the poll does each second."""
    async with asyncio.timeout(PATIENCE):
        while await carrier.rows("SELECT 1 FROM delivery WHERE state < 10"):
            carrier.scheduler.wake((DOMAIN,))
            await asyncio.sleep(0)


async def by_source(carrier: Carrier) -> dict[str, int]:
    return dict(await carrier.rows("SELECT source, count(*) FROM attempt GROUP BY source"))


async def test_what_a_new_source_has_no_room_for_leaves_by_a_warm_one(place: Place) -> None:
    async with warming_up(place, 3) as (carrier, desk):
        count = 30
        await carrier.hand_over(*(f"n{number}@{DOMAIN}" for number in range(count)))
        await poll(carrier)
        await carrier.until_states(*[State.DELIVERED] * count)
        assert await by_source(carrier) == {"new": 3, "old": count - 3}
        assert desk.gauges.report()[NEW][0] == 3, "no more than it was granted"


async def test_what_is_lent_while_a_claim_is_being_written_is_not_forgotten(place: Place) -> None:
    async with warming_up(place, 1) as (carrier, _):
        write = carrier.store.write

        async def slowly(work: Callable[[Tx], T], *, can_wait: bool = False) -> T:
            done = await write(work, can_wait=can_wait)
            for _ in range(20):  # so that a source lends again before the other knows what its claim found
                carrier.scheduler.wake((DOMAIN,))
                await asyncio.sleep(0)
            return done

        carrier.store.write = slowly  # type: ignore[method-assign]
        await carrier.hand_over(*(f"n{number}@{DOMAIN}" for number in range(12)))
        await poll(carrier)
        assert (await by_source(carrier))["new"] == 1


async def test_what_a_new_source_claimed_and_may_not_send_any_more_leaves_by_a_warm_one_without_a_poll(
    place: Place,
) -> None:
    async with warming_up(place, 1) as (carrier, _):
        await carrier.hand_over(*(f"n{number}@{DOMAIN}" for number in range(12)))
        async with asyncio.timeout(PATIENCE):
            while (await carrier.rows("SELECT count(*) FROM delivery WHERE state < 10")) != [(0,)]:
                carrier.scheduler.tell()  # as each beat does
                await asyncio.sleep(0.001)
        assert (await by_source(carrier))["new"] == 1


async def test_nothing_overflows_before_the_conductor_said_that_there_is_no_room(place: Place) -> None:
    async with warming_up(place, 100) as (carrier, desk):
        desk.is_open = False
        numbers = await carrier.hand_over(*(f"n{number}@{DOMAIN}" for number in range(12)))
        for _ in range(50):
            carrier.scheduler.wake((DOMAIN,))
            await carrier.rows("SELECT 1")
        assert "new" not in await by_source(carrier)
        desk.is_open = True
        await poll(carrier)
        [new] = [way for way in ways(SOURCES, {}, StreamSettings(), "x") if way.source.name == "new"]
        own = sum(new.has(number, Stream.TRANSACTIONAL) for number in numbers)
        assert (await by_source(carrier))["new"] == own > 0, "all that is its own"


async def test_a_warm_source_of_another_stream_s_pool_takes_nothing(place: Place) -> None:
    pools = {"fresh": {"new": 1}, "known": {"old": 1}}
    async with warming_up(place, 2, pools, transactional="known", marketing="fresh") as (carrier, _):
        await carrier.hand_over(*(f"n{number}@{DOMAIN}" for number in range(6)), stream=Stream.MARKETING)
        await carrier.hand_over(*(f"t{number}@{DOMAIN}" for number in range(6)))
        delivered = "SELECT count(*) FROM delivery WHERE state = 10"
        async with asyncio.timeout(PATIENCE):
            while (await carrier.rows(delivered)) != [(8,)]:
                carrier.scheduler.wake((DOMAIN,))
                await asyncio.sleep(0)
        for _ in range(50):
            carrier.scheduler.wake((DOMAIN,))
            await carrier.rows("SELECT 1")
        assert await by_source(carrier) == {"new": 2, "old": 6}
