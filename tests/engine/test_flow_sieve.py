"""The sieve: whatever the flows and the event, it keeps back no flow that would let somebody in."""

from hypothesis import given
from hypothesis import strategies as st

from engine.flow.definition import Definition, check
from engine.flow.sieve import Sieve

HEAD = "name: f\nstream: transactional\nsteps: [exit: done]\ntrigger: "
PARTS = [
    "event.a == 'x'",
    "event.a == 1",
    "event.a == true",
    "event.b == 2.5",
    "event.a != 'x'",
    "event.b > 1",
    "event.a",
]
TRIGGERS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from([" and ".join(parts), " or ".join(parts), f"not ({parts[0]})"])
)
VALUES = st.sampled_from(["x", "1", 1, 1.0, True, False, 2.5, None, [], {"a": 1}])


def flow(where: str) -> Definition:
    found = check(f'{HEAD}{{event: my.event, where: "{where}"}}\n', "f.yaml")
    assert isinstance(found, Definition), found
    return found


@given(st.lists(TRIGGERS, max_size=6), st.dictionaries(st.sampled_from("ab"), VALUES))
def test_no_flow_is_kept_back_that_would_let_somebody_in(wheres: list[str], data: dict[str, object]) -> None:
    flows = [flow(each) for each in wheres]
    through = Sieve(flows, lambda each: each).through(data)
    for each in flows:
        trigger = each.trigger
        assert any(other is each for other in through) or not trigger.where.evaluate({"event": data})  # type: ignore[union-attr]


def test_of_many_flows_an_event_meets_those_that_name_its_value_and_those_that_name_none() -> None:
    wheres = [f"event.shelf == {each} and event.total > 1" for each in range(100)]
    flows = [*map(flow, wheres), flow("event.total > 5")]
    assert Sieve(flows, lambda each: each).through({"shelf": 7, "total": 9}) == [flows[7], flows[100]]
