"""Flows that feed each other come to an end, and who is handed on by days does not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flow_house import ANN, FlowHouse

from deliverability.address import Address
from engine.flow.entering import MAX_CHAIN
from engine.reasons.why_not import WhyNot
from engine.running.book import FlowBook

Make = Callable[..., FlowHouse]


def flow(name: str, trigger: str, *steps: str) -> str:
    return f"name: {name}\nstream: transactional\ntrigger: {trigger}\nreentry: always\nsteps: [{', '.join(steps)}]\n"


@pytest.fixture
def make(tmp_path: Path, places: Callable[[], Path | str]) -> Iterator[Make]:
    houses: list[FlowHouse] = []

    def build(*flows: str) -> FlowHouse:
        houses.append(FlowHouse(tmp_path, flows[0], place=places()))
        for each in flows[1:]:
            houses[-1].apply(each)
        return houses[-1]

    yield build
    for house in houses:
        house.store.close()


def runs(house: FlowHouse) -> int:
    return int(house.rows("SELECT count(*) FROM enrolment")[0][0])


@pytest.mark.parametrize(
    "flows",
    [
        (flow("a", "{event: my.x}", "{emit: my.y}"), flow("b", "{event: my.y}", "{emit: my.x}")),
        (flow("a", "{event: my.x}", "{start: b}"), flow("b", "{manual: true}", "{start: a}")),
        (
            flow("a", "{event: my.x}", "{untag: t}", "{tag: t}"),
            flow("b", "{tag: {added: t}}", "{emit: my.x}"),
        ),
        (
            flow("a", "{event: my.x, restart: true}", "{emit: my.y}", "{wait: 30d}"),
            flow("b", "{event: my.y}", "{emit: my.x}"),
        ),
        (flow("a", "{event: my.x}", "{wait: 1h}", "{emit: my.x}"),),
    ],
    ids=["events", "starts", "tags", "restarts", "a short wait"],
)  # fmt: skip
async def test_a_round_ends_when_its_chain_is_too_long_and_somebody_is_told(make: Make, flows: tuple[str, ...]) -> None:
    house = make(*flows)
    house.tell("my.x")
    await house.settle()
    for _ in range(MAX_CHAIN + 5 if "1h" in flows[0] else 0):
        await house.later(hours=1)
    assert house.rows("SELECT MAX(chain) FROM enrolment") == [(MAX_CHAIN,)]
    assert runs(house) <= MAX_CHAIN + 1
    assert len(house.alarms) == 1 and "flows feed each other" in house.alarms[0]
    before = runs(house)
    house.tell("my.x")
    await house.settle()
    assert runs(house) > before, "what comes from outside begins a chain of its own"


async def test_why_not_says_that_the_chain_was_too_long(make: Make) -> None:
    house = make(flow("a", "{event: my.x}", "{emit: my.y}"), flow("b", "{event: my.y}", "{emit: my.x}"))
    house.tell("my.x")
    await house.settle()
    question = WhyNot(FlowBook(), house.arbiter, ZoneInfo("UTC"))
    found = house.store.read_now(lambda tx: question.reasons(tx, Address.parse(ANN), "b", house.clock.now()))
    assert "chain too long" in {each.word for each in found}


async def test_flows_that_hand_people_on_by_days_go_on(make: Make) -> None:
    house = make(
        flow("a", "{event: my.x}", "{wait: 1d}", "{emit: my.y}"), flow("b", "{event: my.y}", "{emit: my.x}")
    )  # fmt: skip
    house.tell("my.x")
    await house.settle()
    for _ in range(MAX_CHAIN + 5):
        await house.later(days=1)
    assert runs(house) == 1 + 2 * (MAX_CHAIN + 5) and house.alarms == []
