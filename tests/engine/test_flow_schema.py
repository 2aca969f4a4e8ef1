"""The schema of flow files: editors are told what `check` thinks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from engine.flow import definition
from engine.flow.definition import Definition, check
from engine.flow.schema import ABOUT, TRIGGER_ABOUT, flow_schema
from engine.flow.words import STEP, TRIGGER

ROOT = Path(__file__).parents[2]
SPANS = ["1h", "3d", "1d 12h", "2w"]
SCALARS = [
    "news", "1h", "2w 3d", "10:00", "25:00", "-3d", "10%", "100%", "true", "false", "on", "off", "mon", "holidays",
    "IL", "il", "5", "0", "12-24", "2026-12-24", "order.placed", "never", "skip", "birthday", "fields.renews",
    "chinese-new-year", "FREQ=WEEKLY;BYDAY=MO", "https://shop.example/a", "a@shop.example", "marketing", "clicks", "exit",
]  # fmt: skip


@pytest.fixture(autouse=True)
def only_shapes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What only `check` can see is left alone: whether steps are reached, jumps lead somewhere."""
    monkeypatch.setattr(definition, "find_faults", lambda *asked, **more: None)
    yield


def steps(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    ways = st.lists(children, min_size=1, max_size=2)
    span = st.sampled_from(SPANS)
    given_ = st.sampled_from(["gold", 5, True, {"from": "event.total * 2"}])
    path = st.fixed_dictionaries({"weight": st.integers(1, 9)}, optional={"then": ways})
    days = {"on": st.lists(st.sampled_from(["mon", "fri"]), min_size=1, max_size=2), "skip": st.just(["weekends"])}
    return st.one_of(
        st.just("exit"),
        st.builds(lambda s: {"wait": s}, span),
        st.fixed_dictionaries({"wait": st.fixed_dictionaries({"until": st.just("10:00")}, optional=days)}),
        st.fixed_dictionaries({"wait": st.fixed_dictionaries({"between": st.just(["22:00", "06:00"])}, optional=days)}),
        st.fixed_dictionaries({"wait": st.just({"date": "contact.birthday", "at": "09:00"})}, optional={"else": ways}),
        st.fixed_dictionaries(
            {"wait": st.builds(lambda s: {"for": {"event": "order.placed"}, "timeout": s}, span)},
            optional={"then": ways, "else": ways},
        ),
        st.fixed_dictionaries(
            {"send": st.sampled_from(["a", "b-2"])},
            optional={"late": st.builds(lambda s: {"after": s, "do": "skip"}, span), "tracking": st.just("off")},
        ),
        st.fixed_dictionaries({"if": st.just("event.total > 1"), "then": ways}, optional={"else": ways}),
        st.fixed_dictionaries(
            {"switch": st.lists(st.fixed_dictionaries({"case": st.just("event.a"), "then": ways}), min_size=1, max_size=2)},
            optional={"else": ways},
        ),
        st.fixed_dictionaries(
            {"split": st.lists(path, min_size=2, max_size=3)},
            optional={"winner": st.just({"metric": "orders", "significance": "95%", "min": 100})},
        ),
        st.builds(lambda word: {word: "warm"}, st.sampled_from(["tag", "untag", "join", "leave", "start", "stop"])),
        st.builds(lambda value: {"set": {"level": value}}, given_),
        st.sampled_from([{"add": {"points": each}} for each in (1, -2.5, "3", {"from": "event.total"})]),
        st.sampled_from([
            {"coupon": "pool"}, {"coupon": {"pool": "p", "expires": "3d", "as": "gift"}}, {"emit": "lost.cart"},
            {"emit": {"event": "loyal.now", "data": {"n": {"from": "event.total"}}}}, {"jump": "a"},
            {"jump": {"to": "a", "times": 3}}, {"exit": "enough"}, {"notify": {"to": "a@shop.example", "text": "hi"}},
            {"webhook": "https://shop.example/a"}, {"webhook": {"url": "https://shop.example/a", "data": {"a": 1}}},
        ]),
        st.fixed_dictionaries(
            {"webhook": st.just({"url": "https://shop.example/a", "wait": True, "timeout": "30s"})},
            optional={"then": ways, "else": ways},
        ),
    )  # fmt: skip


STEPS = st.recursive(st.just({"send": "a"}), steps, max_leaves=6)
TRIGGERS = st.sampled_from([
    {"event": "cart.updated", "where": "event.total > 1", "key": "event.cart_id", "restart": True},
    {"list": {"confirmed": "news"}}, {"segment": {"left": "vip"}}, {"tag": {"added": "warm"}, "where": "event.a"},
    {"date": {"field": "birthday", "at": "10:00", "yearly": True, "leap_day": "mar-01"}},
    {"calendar": {"on": "12-24", "at": "10:00"}, "audience": {"list": "news"}},
    {"calendar": {"holiday": "chinese-new-year", "offset": "-7d", "at": "10:00"}},
    {"inactivity": {"event": "order.placed", "for": "90d"}}, {"manual": True},
    {"schedule": {"rrule": "FREQ=WEEKLY;BYDAY=MO", "at": "10:00"}},
])  # fmt: skip
FLOWS = st.fixed_dictionaries(
    {
        "name": st.just("a-flow"), "stream": st.sampled_from(["marketing", "transactional"]), "trigger": TRIGGERS,
        "steps": st.lists(STEPS, min_size=1, max_size=3),
    },
    optional={
        "title": st.just("A flow"), "list": st.just("news"), "holdout": st.just("10%"),
        "priority": st.integers(0, 1000), "best_before": st.sampled_from(["1d", "36h", "2w"]),
        "reentry": st.sampled_from(["never", "always", {"after": "7d"}]),
        "goal": st.just({"event": "order.placed", "within": "5d"}), "exit": st.just("event.a"),
        "tracking": st.sampled_from(["off", {"opens": "on"}]),
    },
)  # fmt: skip


def places(thing: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    pairs = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    for key, value in pairs:
        yield from places(value, (*path, key))


def changed(document: Any, path: tuple[Any, ...], how: str, value: Any) -> Any:
    """The document with one place of it taken out, put in, or put in place of another."""
    if not path:
        return document
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if how == "remove":
        del inner[path[-1]]
    elif how == "replace":
        inner[path[-1]] = value
    elif isinstance(inner, dict):
        inner[str(value)[:12]] = "event.a"
    return copy


def reads(document: Any) -> bool:
    """As an editor's YAML reads it, both ways."""
    return isinstance(check(json.dumps(document), "a.yaml"), Definition)


VALIDATOR = Draft7Validator({})
CONDITIONS = ("where", "key", "if", "case", "from", "exit", "date")  # any text may stand there, for the schema


@pytest.fixture(scope="module", autouse=True)
def validator() -> None:
    global VALIDATOR
    schema = flow_schema()
    Draft7Validator.check_schema(schema)
    VALIDATOR = Draft7Validator(schema)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(FLOWS)
def test_a_flow_that_reads_is_one_to_an_editor(document: dict[str, Any]) -> None:
    assert reads(document), [str(each) for each in check(json.dumps(document), "a.yaml")]  # type: ignore[union-attr]
    assert VALIDATOR.is_valid(document), next(VALIDATOR.iter_errors(document)).message


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_reader_and_schema_agree_on_what_is_wrong(data: st.DataObject) -> None:
    document = data.draw(FLOWS)
    path = data.draw(st.sampled_from(list(places(document))))
    value = data.draw(st.sampled_from([*SCALARS, 5, True, [], {}, ["mon"], {"a": "b"}, {"event": "order.placed"}]))
    assume(not (path and path[-1] in CONDITIONS and isinstance(value, str)))
    document = changed(document, path, data.draw(st.sampled_from(["remove", "replace", "insert"])), value)
    assert reads(document) == VALIDATOR.is_valid(document), document


def test_every_word_is_told_of() -> None:
    assert set(ABOUT) == set(STEP) and set(TRIGGER_ABOUT) == set(TRIGGER.kinds)


SHIPPED = [each for each in sorted((ROOT / "templates" / "flows").glob("*.yaml")) if not each.stem.endswith(".test")]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_flows_that_come_with_posthouse_follow_the_schema(file: Path) -> None:
    VALIDATOR.validate(YAML(typ="safe", pure=True).load(file.read_text("utf-8")))
