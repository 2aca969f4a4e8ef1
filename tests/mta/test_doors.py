"""Limits on the connections of a source, a provider, a stream or a campaign."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from house_carrier import PATIENCE, Carrier, running
from mail_shop import Place

from mta.outbound.doors import Boarded, Doors
from mta.outbound.gauges import Gauges
from mta.queue.delivery import Stream

NEWS = "stream:marketing"


def doors(slots: int, new: int | None = None, worn_after: int | None = None) -> tuple[Gauges, Doors]:
    gauges = Gauges([f"slots:{NEWS}", *([f"doors:{NEWS}"] if new is not None else [])])
    gauges.use({f"slots:{NEWS}": (slots, 1, False), f"doors:{NEWS}": (new or 0, 1, False)})
    return gauges, Doors(gauges, {NEWS: worn_after} if worn_after else None)


def test_a_slot_is_held_as_long_as_a_connection_carries_such_mail() -> None:
    gauges, of = doors(1)
    one, other = Boarded(), Boarded()
    assert of.may_join([NEWS], one)
    of.join([NEWS], one)
    assert of.may_join([NEWS], one) and not of.asks([NEWS], other)
    assert gauges.report()[f"slots:{NEWS}"] == (1, 1, 1, 1)
    of.leave(one)
    assert of.may_join([NEWS], other) and gauges.report()[f"slots:{NEWS}"][0] == 0


def test_joining_spends_one_of_the_new_connections() -> None:
    _, of = doors(9, new=1)
    one = Boarded()
    of.join([NEWS], one)
    of.leave(one)
    assert not of.may_join([NEWS], Boarded())


def test_a_connection_is_worn_out_for_a_scope() -> None:
    _, of = doors(9, worn_after=2)
    one = Boarded()
    of.join([NEWS], one)
    for _ in range(2):
        assert of.may_join([NEWS], one)
        of.carried([NEWS], one)
    assert of.is_worn([NEWS], one) and not of.may_join([NEWS], one) and of.may_join([NEWS], Boarded())


def test_where_slots_are_taken_back_or_wanted_connections_end() -> None:
    gauges, of = doors(2)
    one = Boarded()
    of.join([NEWS], one)
    assert not of.is_over([NEWS]) and not of.is_over([NEWS], is_idle=True)
    gauges.use({f"slots:{NEWS}": (0, 2, False)})
    assert of.is_over([NEWS]) and not of.may_join([NEWS], one)


@contextmanager
def held(carrier: Carrier) -> Iterator[None]:
    carrier.hop.gate.clear()
    yield
    carrier.hop.gate.set()


async def test_one_stream_has_one_connection_and_the_other_all_the_rest(place: Place) -> None:
    gauges, of = doors(1)
    async with running(place, gauges=gauges, doors=of, site_connections=3) as carrier:
        with held(carrier):
            await carrier.hand_over(*(f"n{number}@a.example" for number in range(6)), stream=Stream.MARKETING)
            await carrier.hop.until(lambda: carrier.hop.waiting == 1)
            await carrier.hand_over(*(f"t{number}@a.example" for number in range(6)))
            await carrier.hop.until(lambda: carrier.hop.waiting == 3)
            rows = await carrier.rows(
                "SELECT stream, count(*) FROM delivery WHERE state = 2 GROUP BY stream ORDER BY stream"
            )
            assert dict(rows) == {int(Stream.TRANSACTIONAL): 2, int(Stream.MARKETING): 1}
        async with asyncio.timeout(PATIENCE):
            while await carrier.rows("SELECT count(*) FROM delivery WHERE state = 10") != [(12,)]:
                carrier.scheduler.wake(("a.example",))
                await asyncio.sleep(0.001)


async def test_one_connection_carries_no_more_of_a_stream_than_it_may(place: Place) -> None:
    gauges, of = doors(5, worn_after=2)
    async with running(place, gauges=gauges, doors=of, site_connections=1) as carrier:
        await carrier.hand_over(*(f"n{number}@a.example" for number in range(6)), stream=Stream.MARKETING)
        async with asyncio.timeout(PATIENCE):
            while await carrier.rows("SELECT count(*) FROM delivery WHERE state = 10") != [(6,)]:
                carrier.scheduler.wake(("a.example",))
                await asyncio.sleep(0.001)
        assert carrier.hop.connections == 3
