"""Mail that is accepted where it can be carried at once: claimed in the same commit, and given back when it can't be."""

import asyncio
from datetime import timedelta

import pytest
from clock import FakeClock
from house_books import message
from house_hop import Hop
from mail_shop import Place, open_store

from deliverability.settings import RetrySettings
from engine.system import SystemChance, SystemNet
from mta.outbound.outcome import Outgoing
from mta.outbound.scheduler import Scheduler
from mta.outbound.settings import OutboundSettings
from mta.ports import to_ms
from mta.queue import leasing, queue
from mta.queue.delivery import State
from mta.queue.leasing import Host
from mta.queue.queue import Claimed, Enqueued
from mta.queue.settings import QueueSettings
from mta.routing.routes import Route

LIMIT = 2  # connections
PATIENCE = 60.0


class House:
    """A scheduler that knows the way to a.example, over a real store."""

    def __init__(self, place: Place, hop: Hop) -> None:
        self.clock, self._route = FakeClock(), hop.route()
        self.store = open_store(place, self.clock)
        self.owner = self.store.write_now(lambda tx: leasing.register(tx, "carrier", 1, Host("boot"), self.clock.now()))
        self.scheduler = Scheduler(
            store=self.store, clock=self.clock, chance=SystemChance(), net=SystemNet(), router=self,  # type: ignore[arg-type]
            settings=OutboundSettings(site_connections=LIMIT), retry=RetrySettings(), prepare=self._prepare,
            gate=lambda tx, claimed: {}, follow=lambda tx, settled: None, hostname="mail.shop.example",
            owner=self.owner, carriers=1,
        )  # fmt: skip

    async def route(self, domain: str) -> Route:
        return self._route

    async def _prepare(self, each: Claimed, content: bytes) -> Outgoing:
        return Outgoing(
            each.delivery_id, each.message_id, each.reverse_path, each.forward_path, content, len(content), False, False,
            each.domain, each.stream,
        )  # fmt: skip

    async def know_the_way(self) -> None:
        """To a site that granted a connection before."""
        await self.scheduler._lanes.find("a.example")
        for lane in self.scheduler._lanes:
            lane.is_proven = True

    async def accept(self, *to: str) -> Enqueued:
        """As an accepting session does."""
        domains = [each.rpartition("@")[2] for each in to]
        mail, now = message(*to), self.clock.now()
        with self.scheduler.room_for(domains) as hand:
            done = await self.store.write(lambda tx: queue.enqueue(tx, mail, now, QueueSettings(), hand))
        self.scheduler.take_on(done, mail.content, domains)
        return done

    def states(self) -> list[State]:
        rows = self.store.read_now(lambda tx: tx.query("SELECT state FROM delivery ORDER BY id"))
        return [State(row[0]) for row in rows]

    async def close(self) -> None:
        await self.scheduler.drain(PATIENCE)
        await asyncio.to_thread(self.store.close)


async def test_where_the_way_is_known_it_leaves_without_anybody_looking_into_the_queue(place: Place) -> None:
    async with Hop() as hop:
        house = House(place, hop)
        await house.know_the_way()
        done = await house.accept("ann@a.example")
        assert [each.delivery_id for each in done.claimed] == list(done.deliveries)
        await hop.until(lambda: hop.kept == ["ann@a.example"])
        await house.close()
        assert house.states() == [State.DELIVERED]


async def test_where_the_way_is_not_known_it_is_queued(place: Place) -> None:
    async with Hop() as hop:
        house = House(place, hop)
        assert (await house.accept("ann@a.example")).claimed == ()
        assert house.states() == [State.QUEUED]
        await house.close()


async def test_while_a_fence_stands_nothing_leaves_and_all_does_once_it_is_lifted(place: Place) -> None:
    async with Hop() as hop:
        house = House(place, hop)
        await house.know_the_way()
        house.scheduler.use_fence(stands=True)
        for local in ("ann", "ben"):
            assert not (await house.accept(f"{local}@a.example")).claimed
        await house.scheduler._round()
        assert house.states() == [State.QUEUED] * 2
        house.scheduler.use_fence(stands=False)
        await house.scheduler._round()
        await hop.until(lambda: sorted(hop.kept) == ["ann@a.example", "ben@a.example"])
        await house.close()


async def test_no_more_is_claimed_than_the_lane_has_room_for_and_older_mail_goes_first(place: Place) -> None:
    async with Hop() as hop:
        hop.gate.clear()
        house = House(place, hop)
        await house.know_the_way()
        done = [await house.accept(f"n{number}@a.example") for number in range(20)]
        claimed = [bool(each.claimed) for each in done]
        assert 4 * LIMIT <= sum(claimed) < 20
        await house.scheduler._round()  # finds no room, so the domain has a backlog
        hop.gate.set()
        await hop.until(lambda: len(hop.kept) == sum(claimed))
        assert (await house.accept("younger@a.example")).claimed == ()
        await house.close()


async def test_room_that_was_held_for_a_message_that_failed_is_free_again(place: Place) -> None:
    async with Hop() as hop:
        house = House(place, hop)
        await house.know_the_way()
        for _ in range(50):
            with pytest.raises(ZeroDivisionError), house.scheduler.room_for(["a.example"] * 4 * LIMIT) as hand:
                assert hand is not None
                raise ZeroDivisionError
        with house.scheduler.room_for(["a.example"] * (4 * LIMIT + 1)) as hand:
            assert hand is None, "more recipients than the lane takes"
        await house.close()


async def test_two_messages_that_are_accepted_at_once_share_the_room(place: Place) -> None:
    async with Hop() as hop:
        house = House(place, hop)
        await house.know_the_way()
        with (
            house.scheduler.room_for(["a.example"] * 5) as first,
            house.scheduler.room_for(["a.example"] * 5) as second,
        ):
            assert (first is not None, second is None) == (True, True)
        await house.close()


async def test_a_site_that_backs_off_meanwhile_gets_nothing_and_the_delivery_is_queued_untried(place: Place) -> None:
    async with Hop() as hop:
        house = House(place, hop)
        await house.know_the_way()
        (lane,) = house.scheduler._lanes
        mail, now = message("ann@a.example"), house.clock.now()
        with house.scheduler.room_for(["a.example"]) as hand:
            done = await house.store.write(lambda tx: queue.enqueue(tx, mail, now, QueueSettings(), hand))
        lane.retry_ms = to_ms(now + timedelta(minutes=5))
        house.scheduler.take_on(done, mail.content, ["a.example"])
        await house.scheduler.releases.finish()
        assert house.states() == [State.QUEUED]
        assert (await house.accept("bob@a.example")).claimed == ()
        assert hop.connections == 0
        await house.close()


async def test_a_carrier_that_leaves_claims_nothing_more(place: Place) -> None:
    async with Hop() as hop:
        house = House(place, hop)
        await house.know_the_way()
        await house.scheduler.drain(1)
        assert (await house.accept("ann@a.example")).claimed == ()
        await house.close()
