"""Whatever order events, time, races and failures come in: no step twice, none skipped, nobody stuck."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flow_house import FlowHouse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deliverability.address import Address
from engine.audience.contacts import Change, change, ensure_contact
from engine.audience.fields import Field, Kind, declare
from engine.flow.model import END, Definition, If, Jump, WaitFor
from engine.running.incoming import TOLD_LATE
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
  - wait: {for: {event: my.answer, where: event.n == 1}, timeout: 1h}
    id: heard
    then: [{tag: warm}]
    else: [{add: {points: 1}, id: counted}]
  - if: event.total > 100
    id: rich
    then:
      - send: order-thanks-gold
      - if: event.total > 1000
        id: richer
        then: [{wait: 1d}, {send: order-thanks, id: last}, {exit: enough}]
    else:
      - wait: 30m
      - jump: {to: first, times: 2}
        id: round
  - send: cart-reminder
    id: second
  - wait: {until: "10:00"}
  - add: {points: 100}
    id: again
  - exit: done
"""
PEOPLE = itertools.count()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowHouse]:
    house = FlowHouse(tmp_path_factory.mktemp("flows"), FLOW, runners=2, greedy=True)
    house.store.write_now(lambda tx: declare(tx, Field("points", Kind.NUMBER), house.clock.now()))
    yield house
    house.store.close()


ACTIONS = st.one_of(
    st.tuples(
        st.just("cart"), st.integers(0, 2), st.sampled_from(["c1", "c2"]), st.sampled_from([0, 5, 13, 200, 5000])
    ),
    st.tuples(st.just("order"), st.integers(0, 2)),
    st.tuples(st.just("answer"), st.integers(0, 2), st.integers(0, 1)),
    st.tuples(st.just("zone"), st.integers(0, 2), st.sampled_from(["Asia/Tokyo", "America/New_York", ""])),
    st.tuples(st.just("advance"), st.sampled_from([1, 30, 60, 61, 1440, 3000])),
    st.tuples(st.sampled_from(["match", "move", "fail"]), st.integers(0, 1)),
    st.tuples(st.sampled_from(["race", "pause", "resume"])),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ACTIONS, max_size=25))
@example([("cart", 0, "c1", 30), *[("advance", 3000)] * 4])  # nobody looks at it for eight days
def test_every_run_takes_a_path_of_its_flow_and_ends(house: FlowHouse, actions: list[tuple[Any, ...]]) -> None:
    people = [f"p{next(PEOPLE)}@example.org" for _ in range(3)]
    began = house.rows("SELECT coalesce(max(id), 0) FROM enrolment")[0][0]
    asyncio.run(live(house, people, actions))
    assert house.alarms == []
    assert house.rows("SELECT count(*) FROM event WHERE matched NOT IN (1, ?)", TOLD_LATE) == [(0,)]
    assert house.rows("SELECT count(*) FROM enrolment WHERE state <> 'ended'") == [(0,)]
    for enrolment_id, how in house.rows("SELECT id, ended_how FROM enrolment WHERE id > ?", began):
        check_path(house, enrolment_id, how)
    check_effects(house, people)


async def live(house: FlowHouse, people: list[str], actions: list[tuple[Any, ...]]) -> None:
    for action in actions:
        match action:
            case ("cart", who, cart_id, total):
                house.tell("cart.updated", people[who], cart_id=cart_id, total=total, currency="EUR", lines=[])
            case ("order", who):
                house.tell("order.placed", people[who], number=f"N-{who}", total=10, currency="EUR", lines=[])
            case ("answer", who, n):
                house.tell("my.answer", people[who], n=n)
            case ("zone", who, zone):
                house.store.write_now(lambda tx, who=who, zone=zone: move(tx, people[who], zone, house.clock.now()))  # type: ignore[misc]
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
    for _ in range(12):
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


def check_effects(house: FlowHouse, people: list[str]) -> None:
    """What steps did to a contact is there as often as they were passed."""
    for address in people:
        rows = house.rows("SELECT id, fields FROM contact WHERE address = ?", address)
        if not rows:
            continue
        [(contact_id, fields)] = rows
        passed = [
            step
            for (step,) in house.rows(
                "SELECT p.step FROM passage p JOIN enrolment e ON e.id = p.enrolment_id WHERE e.contact_id = ?",
                contact_id,
            )
        ]
        points = passed.count("counted") + 100 * passed.count("again")
        assert json.loads(fields).get("points", 0) == points
        assert bool(house.rows("SELECT 1 FROM tag WHERE contact_id = ?", contact_id)) == ("tag-warm" in passed)


def move(tx: Tx, address: str, zone: str, now: datetime) -> None:
    """The person's clock is another from now on."""
    change(tx, ensure_contact(tx, Address.parse(address), now=now), Change(zone=zone), now)


def following(definition: Definition, step: str, result: str) -> str:
    instruction = definition.program[step]
    if isinstance(instruction.step, If | WaitFor):
        return instruction.way(result)
    if isinstance(instruction.step, Jump) and result != "else":
        return instruction.step.to
    return instruction.next
