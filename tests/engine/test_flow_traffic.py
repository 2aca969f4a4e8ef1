"""Counting the people of flows: who passed which way, who stands where, who can't go on."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flow_house import FlowHouse

from engine.running.traffic import Crowd, Figures, Traffic, crowd, standers
from mta.ports import to_ms

FLOW = """\
name: tea
stream: transactional
trigger: {event: order.placed, key: event.number}
reentry: always
steps:
  - wait: 2h
    id: rest
  - if: event.total > 50
    id: large
    then:
      - send: order-thanks-gold
        id: gold
  - wait: {for: {event: review.posted}, timeout: 10d}
    id: review
    then: [{tag: reviewed}]
    else: [{tag: silent}]
"""


@pytest.fixture
async def house(tmp_path: Path, places: Callable[[], Path | str]) -> AsyncIterator[FlowHouse]:
    house = FlowHouse(tmp_path, FLOW, place=places())
    yield house
    house.store.close()


def order(house: FlowHouse, number: int, total: float) -> None:
    lines = [{"name": "Teapot", "quantity": 1, "price": total}]
    data = {"number": f"A-{number}", "total": total, "currency": "EUR", "lines": lines}
    house.tell("order.placed", f"p{number}@example.org", **data)


async def figures(house: FlowHouse, kept: Traffic) -> Figures:
    return (await kept.count(house.clock.now())).flows[1]


async def where(house: FlowHouse) -> dict[str, int]:
    found: Crowd = await crowd(house.store, 1, house.clock.now())
    return {step: place.people for (_, step), place in found.places.items()}


async def test_ways_are_counted_once_however_often_one_looks(house: FlowHouse) -> None:
    kept = Traffic(house.store)
    for number, total in enumerate((20, 60, 70)):
        order(house, number, total)
    await house.settle()
    assert (await figures(house, kept)).entered == 3
    await house.later(hours=2)
    for _ in range(3):  # the youngest are counted anew each time, until they are settled
        house.clock.advance(timedelta(seconds=3))
        found = await figures(house, kept)
        assert (found.passed["large", "then"], found.passed["large", "else"], found.mails) == (2, 1, 2)
        assert (found.at("rest"), found.ends["waiting"]) == (3, 3)
    assert found.at_lately("large") == 3 and found.at_lately("rest") == 0
    await house.later(hours=2)
    assert (await figures(house, kept)).at_lately("large") == 0


async def test_one_stands_at_a_wait_until_it_is_over_and_at_what_one_waits_for(house: FlowHouse) -> None:
    order(house, 1, 20)
    order(house, 2, 60)
    await house.settle()
    assert await where(house) == {"rest": 2}
    (first, second) = house.store.read_now(lambda tx: standers(tx, 1, (0, ""), 10))
    assert (first.step, first.before) == ("rest", "large") and first.cursor < second.cursor
    assert not first.is_stuck(to_ms(house.clock.now()))
    await house.later(hours=2)
    assert await where(house) == {"review": 2}
    (first, _) = house.store.read_now(lambda tx: standers(tx, 1, (0, ""), 10))
    assert first.since_ms == to_ms(house.clock.now())
    assert house.store.read_now(lambda tx: standers(tx, 1, second.cursor, 10)) == []


async def test_who_should_have_gone_on_long_ago_is_stuck(house: FlowHouse) -> None:
    order(house, 1, 20)
    await house.settle()
    house.clock.advance(timedelta(hours=3))
    found = await crowd(house.store, 1, house.clock.now())
    assert [place.stuck for place in found.places.values()] == [1]
