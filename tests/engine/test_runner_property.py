"""Whatever order events, time, races and failures come in: no step twice, none skipped, nobody stuck."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flow_house import FlowHouse
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.flow.model import END, Definition, If
from mta.ports import StoreBusy, Tx

FLOW = """\
name: f
stream: transactional
trigger: {event: cart.updated, where: event.total > 0, key: event.cart_id}
reentry: {after: 1h}
goal: {event: order.placed, within: 1d}
exit: event.total == 13
steps:
  - send: cart-reminder
    id: first
  - wait: 1h
  - if: event.total > 100
    id: rich
    then:
      - send: order-thanks-gold
      - if: event.total > 1000
        id: richer
        then: [{wait: 1d}, {send: order-thanks, id: last}, {exit: enough}]
    else:
      - wait: 30m
  - send: cart-reminder
    id: second
"""
PEOPLE = itertools.count()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowHouse]:
    house = FlowHouse(tmp_path_factory.mktemp("flows"), FLOW, runners=2, greedy=True)
    yield house
    house.store.close()


ACTIONS = st.one_of(
    st.tuples(
        st.just("cart"), st.integers(0, 2), st.sampled_from(["c1", "c2"]), st.sampled_from([0, 5, 13, 200, 5000])
    ),
    st.tuples(st.just("order"), st.integers(0, 2)),
    st.tuples(st.just("advance"), st.sampled_from([1, 30, 60, 61, 1440, 3000])),
    st.tuples(st.sampled_from(["match", "move", "fail"]), st.integers(0, 1)),
    st.tuples(st.sampled_from(["race", "pause", "resume"])),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ACTIONS, max_size=25))
def test_every_run_takes_a_path_of_its_flow_and_ends(house: FlowHouse, actions: list[tuple[Any, ...]]) -> None:
    people = [f"p{next(PEOPLE)}@example.org" for _ in range(3)]
    began = house.rows("SELECT coalesce(max(id), 0) FROM enrolment")[0][0]
    asyncio.run(live(house, people, actions))
    assert house.alarms == []
    assert house.rows("SELECT count(*) FROM event WHERE matched <> 1") == [(0,)]
    assert house.rows("SELECT count(*) FROM enrolment WHERE state <> 'ended'") == [(0,)]
    for enrolment_id, how in house.rows("SELECT id, ended_how FROM enrolment WHERE id > ?", began):
        check_path(house, enrolment_id, how)


async def live(house: FlowHouse, people: list[str], actions: list[tuple[Any, ...]]) -> None:
    for action in actions:
        match action:
            case ("cart", who, cart_id, total):
                house.tell("cart.updated", people[who], cart_id=cart_id, total=total, currency="EUR", lines=[])
            case ("order", who):
                house.tell("order.placed", people[who], number=f"N-{who}", total=10, currency="EUR", lines=[])
            case ("advance", minutes):
                house.clock.advance(timedelta(minutes=minutes))
            case ("match", which):
                await house.runners[which].match()
            case ("move", which):
                await house.runners[which].move()
            case ("fail", which):
                await move_and_lose_the_store(house, which)
            case ("race",):
                await asyncio.gather(*(runner.turn() for runner in house.runners))
            case ("pause",):
                house.set_state("f", "paused")
            case ("resume",):
                house.set_state("f", "active")
    house.set_state("f", "active")
    for _ in range(6):
        await house.settle()
        house.clock.advance(timedelta(days=1, minutes=1))
    await house.settle()


async def move_and_lose_the_store(house: FlowHouse, which: int) -> None:
    """A process that dies, or a disk that refuses, when all is written but not committed."""
    real = house.store.write

    async def write(work: Callable[[Tx], Any]) -> Any:
        def lost(tx: Tx) -> None:
            work(tx)
            raise StoreBusy("lost")

        return await real(lost)

    house.store.write = write  # type: ignore[method-assign]
    try:
        await house.runners[which].move()
    except StoreBusy:
        pass
    finally:
        del house.store.write  # type: ignore[method-assign]


def check_path(house: FlowHouse, enrolment_id: int, how: str) -> None:
    """The passages are a walk through the program from the trigger on, and each send is one mail."""
    passages = house.rows(
        "SELECT step, kind, result, detail FROM passage WHERE enrolment_id = ? ORDER BY id", enrolment_id
    )
    definition = house.apply(FLOW)
    assert passages[0][1] == "trigger"
    step = definition.first
    for place, (name, kind, result, _) in enumerate(passages[1:], 1):
        if kind == "goal" or (kind == "exit" and name == "exit"):
            assert place == len(passages) - 1 and how == kind
            step = END
            break
        assert name == step
        step = following(definition, name, result) if kind != "exit" else END
    assert step == END
    assert how == (passages[-1][1] if passages[-1][1] in ("goal", "exit") else "completed")
    asked = {json.loads(detail)["message"]: name for name, kind, _, detail in passages if kind == "send"}
    sent = house.rows("SELECT message_id, step FROM sending WHERE enrolment_id = ?", enrolment_id)
    assert dict(sent) == asked and len(sent) == len(asked)


def following(definition: Definition, step: str, result: str) -> str:
    instruction = definition.program[step]
    if isinstance(instruction.step, If):
        return instruction.way(result)
    return instruction.next
