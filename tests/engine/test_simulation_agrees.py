"""What the simulation says of a past is what the flow did in it: the same events, on a real database, through both."""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flow_house import FlowHouse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.catalogue.pools import Pool, put
from engine.flow.definition import Definition, check
from engine.simulation.play import Rules
from engine.simulation.playing import Simulated, simulate
from engine.simulation.sources import Database

FLOW = """\
name: f
stream: transactional
trigger: {event: cart.updated, where: event.total > 0, key: event.cart_id}
reentry: {after: 3h}
goal: {event: order.placed, within: 1d, where: event.total > 5}
exit: event.total == 13
steps:
  - send: cart-reminder
    id: first
  - wait: 1h
  - if: event.total > 100 or contact.orders.count >= 2
    id: rich
    then:
      - send: order-thanks-gold
      - wait: 1d
      - send: order-thanks
        id: last
    else:
      - wait: 30m
  - send: cart-reminder
    id: second
"""
RICH = """\
name: f
stream: transactional
trigger: {event: cart.updated, key: event.cart_id, restart: true}
reentry: always
goal: {event: order.placed, where: event.total > 5}
steps:
  - {tag: warm, id: tag}
  - send: cart-reminder
    id: first
  - wait: {for: {event: order.placed, where: event.total < 5}, timeout: 2h}
    id: bought
    then: [{emit: {event: warmed, data: {total: {from: event.total}}}}, {send: order-thanks, id: small}]
    else:
      - split: [{weight: 1, name: a, then: [{send: review-request, id: ask}]}, {weight: 1, name: b}]
        id: half
  - wait: 30m
    id: pause
  - jump: {to: bought, times: 1}
    id: again
  - if: "'warm' in contact.tags and event.total > 100"
    then: [{untag: warm}, {send: order-thanks-gold, id: last}]
"""
PEOPLE = itertools.count()


@pytest.fixture(scope="module", params=[FLOW, RICH], ids=["plain", "rich"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowHouse]:
    house = FlowHouse(tmp_path_factory.mktemp("flows"), request.param)
    yield house
    house.store.close()


ACTIONS = st.one_of(
    st.tuples(
        st.just("cart"), st.integers(0, 1), st.sampled_from(["c1", "c2"]), st.sampled_from([0, 5, 13, 200])
    ),
    st.tuples(st.just("order"), st.integers(0, 1), st.sampled_from([1, 10])),
    st.tuples(st.just("advance"), st.sampled_from([1, 30, 60, 61, 200, 1440])),
)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.lists(ACTIONS, min_size=3, max_size=25))
@example([("cart", 1, "c1", 200), ("cart", 1, "c2", 200), ("order", 1, 1)])  # two runs in one moment, and one tag
def test_the_same_mails_to_the_same_people_at_the_same_times(
    house: FlowHouse, actions: list[tuple[object, ...]]
) -> None:
    people = [f"s{next(PEOPLE)}@example.org" for _ in range(2)]
    house.clock.advance(timedelta(days=30))
    began = house.clock.now()
    asyncio.run(live(house, people, actions))
    rows = house.rows(
        "SELECT c.id, m.received_ms, s.step, s.template FROM sending s JOIN message m ON m.id = s.message_id"
        " JOIN contact c ON c.id = s.contact_id WHERE m.received_ms >= ? ORDER BY m.received_ms, m.id",
        int(began.timestamp() * 1000),
    )
    found = played(house, began)
    assert sorted(found.tally.mails) == sorted(rows)
    ends = dict(
        house.rows(
            "SELECT ended_how, count(*) FROM enrolment WHERE state = 'ended' AND entered_ms >= ? GROUP BY 1",
            int(began.timestamp() * 1000),
        )
    )
    assert dict(found.tally.ended) == ends
    assert found.tally.under_way == 0


CODES = """\
name: f
stream: transactional
trigger: {event: cart.updated, key: event.cart_id}
steps:
  - coupon: {pool: spring, expires: 3d}
  - if: event.total > 100
    id: told
    then: [{emit: {event: my.told, data: {code: {from: event.coupon.code}}}}]
  - wait: 2d
  - send: cart-reminder
    id: first
  - if: moment(event.coupon.expires) > now
    id: good
    then: [{send: order-thanks, id: good-still}]
  - wait: 2d
  - if: moment(event.coupon.expires) > now
    id: later
    then: [{send: order-thanks-gold, id: good-later}]
  - wait: 1d
  - if: date(event.coupon.expires) == today
    id: last
    then: [{send: review-request, id: last-day}]
"""


def test_a_code_that_waits_for_its_mail_lasts_as_long_in_both(tmp_path: Path) -> None:
    """Two days go by before the mail: its three days count from there; of whoever was told before by an event they do not."""
    house = FlowHouse(tmp_path, CODES)
    pool = Pool("spring", "VIP-####-####")
    house.store.write_now(lambda tx: put(tx, pool, b"x" * 32, house.clock.now()))
    began = house.clock.now()
    actions = [("cart", 0, "c1", 50), ("cart", 1, "c1", 200), ("advance", 6 * 1440)]
    asyncio.run(live(house, ["far@example.org", "told@example.org"], actions))
    rows = house.rows(
        "SELECT s.contact_id, m.received_ms, s.step, s.template FROM sending s JOIN message m ON m.id = s.message_id"
    )
    assert sorted(played(house, began).tally.mails) == sorted(rows)
    assert sorted(step for _, _, step, _ in rows) == [
        "first",
        "first",
        "good-later",
        "good-still",
        "good-still",
        "last-day",
    ]
    house.store.close()


def played(house: FlowHouse, began: object) -> Simulated:
    ((flow,),) = house.rows("SELECT source FROM flow_version")
    definition = check(flow, "f.yaml")
    assert isinstance(definition, Definition)
    return simulate(definition, Database(house.store), Rules(zone=ZoneInfo("UTC")), began)  # type: ignore[arg-type]


async def live(house: FlowHouse, people: list[str], actions: list[tuple[object, ...]]) -> None:
    """Minute by minute, so that what is due is done when it is due."""
    for action in actions:
        await pass_time(house, timedelta(seconds=1))  # within one millisecond an event comes before what is due
        match action:
            case ("cart", int(who), cart_id, total):
                house.tell("cart.updated", people[who], cart_id=cart_id, total=total, currency="EUR", lines=[])
                await house.settle()
            case ("order", int(who), total):
                house.tell("order.placed", people[who], number=f"N-{who}", total=total, currency="EUR", lines=[])
                await house.settle()
            case ("advance", int(minutes)):
                await pass_time(house, timedelta(minutes=minutes))
    await pass_time(house, timedelta(days=3))
    house.tell("the.end", people[0])
    await house.settle()


async def pass_time(house: FlowHouse, span: timedelta) -> None:
    """Let the clock stop at each moment at which something is due."""
    until = house.clock.now() + span
    while (due := await house.runners[0].next_due()) is not None and due <= until:
        house.clock.advance(max(timedelta(), due - house.clock.now()))
        await house.settle()
    house.clock.advance(until - house.clock.now())
