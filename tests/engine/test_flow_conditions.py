"""Conditions: what may be written, what it means, and that nothing makes it raise."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flow.conditions import Condition, ConditionError
from engine.flow.expression import walk
from engine.flow.functions import FUNCTIONS
from engine.flow.known import Known

SCOPE = {
    "contact": {
        "name": "Ann", "tags": ["vip"], "orders": {"count": 3, "total": 99.5}, "lists": {"news": "confirmed"},
        "fields": {"born": "1990-02-28", "empty": None},
    },
    "event": {
        "name": "order.placed", "number": "A-1", "total": 20, "items": 7, "coupon": None, "paid": True,
        "lines": [{"sku": "T1", "price": 9.5}, {"sku": "T2", "price": 10.5}, "no record"],
    },
    "today": date(2026, 3, 1),
    "now": datetime(2026, 3, 1, 12, tzinfo=UTC),
}  # fmt: skip

HOLDS = [
    "event.total >= 20",
    "event.total == 20.0",
    "event.number == 'A-1' and 'vip' in contact.tags",
    "'gold' not in contact.tags",
    "contact.lists.news == 'confirmed'",
    "event['lines'][0].sku == 'T1'",
    "event.lines[-2].sku == 'T2'",
    "count(event.lines) == 3",
    "event.lines | count > 2",
    "sum(event.lines, 'price') == 20",
    "max(event.lines, 'price') == 10.5 and min(event.lines, 'price') == 9.5",
    "'T2' in pluck(event.lines, 'sku')",
    "round(2.345, 2) == 2.35 and round(2.5) == 3 and round(-2.5) == -3",
    "lower('ÄB') == 'äb'",
    "default(event.coupon, 'none') == 'none'",
    "10 < event.total <= 20",
    "event.total in [19, 20, 21]",
    "'A' in event.number",
    "'number' in event",
    "event.items == 7",  # data has no methods: this is the record's own entry
    "event.paid and not event.coupon",
    "event.number ~ '-' ~ event.total == 'A-1-20'",
    "(event.total if event.paid else 0) == 20",
    "today - contact.fields.born > 12000",
    "today - 1 == date('2026-02-28')",
    "contact.fields.born < today",
    "moment('2026-03-01T14:00:00+02:00') == now",
    "date('2026-03-01') == now",
    "now >= '2026-03-01'",
    "-event.total == -20 and +event.total == 20",
    "7 // 2 == 3 and 7 % 2 == 1 and 7 / 2 == 3.5",
]
FAILS = [
    "event.nothing",
    "event.nothing == event.nothing",
    "event.nothing >= 0 or event.nothing < 0",
    "event.coupon is defined",
    "event.coupon == 0 or event.coupon == ''",
    "contact.fields.empty is defined",
    "event.number > 5",
    "'20' == 20",
    "event.paid == 1",
    "1 / 0 > 0 or 1 // 0 > 0 or 1 % 0 > 0",
    "event.total / 0 is defined",
    "'x' * 1000000 is defined",
    "[1] + [2] is defined",
    "event.keys is defined",
    "event.lines.count is defined",
    "event.lines[99].sku is defined",
    "event.lines ~ 'x' is defined",
    "9223372036854775807 + 1 is defined",
    "1e308 * 10 is defined",
    "date('2026-02-30') is defined",
    "today + 99999999 is defined",
    "event.lines < 3",
    "''",
]


@pytest.mark.parametrize("text", HOLDS)
def test_a_condition_that_holds(text: str) -> None:
    assert Condition.parse(text).evaluate(SCOPE)


@pytest.mark.parametrize("text", FAILS)
def test_a_condition_that_does_not_hold_and_does_not_fail_either(text: str) -> None:
    assert not Condition.parse(text).evaluate(SCOPE)


def test_unequal_is_the_opposite_of_equal_also_for_what_is_missing() -> None:
    assert Condition.parse("event.coupon != 'SPRING'").evaluate(SCOPE)
    assert Condition.parse("event.coupon not in ['SPRING']").evaluate(SCOPE)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("evnt.total > 1", 1, 'did you mean "event"?'),
        ("contact.tag", 8, 'did you mean "tags"?'),
        ("event.total = 20", 13, "write =="),
        ("event.total > 1 && event.paid", 17, "write `and`"),
        ("event.total >", 14, "ends too soon"),
        ("event.total }} 1", 13, "no braces"),
        ("event.name == 'A", 15, "quote is not closed"),
        ("event.total § 1", 13, "unexpected char '§'"),
        ("cuont(event.lines)", 6, 'did you mean "count"?'),
        ("count(event.lines, 2, 3)", 6, "takes 1 between its brackets, not 3"),
        ("event.lines.append(1)", 19, "data has no methods"),
        ("event.__class__.__mro__()", 24, "data has no methods"),
        ("event.total is string", 13, "`is defined`"),
        ("event.coupon == none", 17, "there is no none"),
        ("2 ** 99999999", 1, "** is not part of conditions"),
        ("{'a': 1}", 1, "records can't be written"),
        ("event.lines[0:5]", 12, "a quoted name or a whole number"),
        ("event[contact.name]", 6, "a quoted name or a whole number"),
        ("'a' if event.paid", 1, "needs its else"),
        ("lower(*event.lines)", 6, "takes its values in order"),
        ("9" * 500, 1, "number is too large"),
        ("1e999", 1, "number is too large"),
        ("(" * 400 + "1" + ")" * 400, 1, "nested too deeply"),
        ("event" + ".a" * 60, None, "too large"),
        (" + ".join("1" * 250), None, "too large"),
        ("event.x" * 200, 1, "longer than 1000 characters"),
        ("   ", 1, "is empty"),
        ("'\\ud800' == event.x", 1, "surrogate"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_column(text: str, column: int | None, words: str) -> None:
    with pytest.raises(ConditionError) as refusal:
        Condition.parse(text)
    assert words in str(refusal.value)
    if column is not None:
        assert refusal.value.column == column


def test_all_that_is_wrong_with_a_condition_is_said_at_once_each_with_its_column() -> None:
    text = "contact.nam == 1 or contact.orders.cnt > 1/0 or foo(contact.birthdy) or contact.name > 3 or 1 ** 2"
    with pytest.raises(ConditionError) as refusal:
        Condition.parse(text, known=Known())
    err = refusal.value
    said = [(each.column, str(each).split(";")[0].partition(" (")[0]) for each in (err, *err.others)]
    assert said == [
        (text.index(".nam") + 1, "contact has no nam"), (text.index(".cnt") + 1, "contact.orders has no cnt"),
        (text.index("0 or") + 1, "divides by nothing: the result is always missing"),
        (text.index("(contact") + 1, "foo is no function"), (text.index(".birthdy") + 1, "contact has no birthdy"),
        (text.index("3 or") + 1, "compares a text with a number, which are never the same, nor in an order"),
        (text.index("1 **") + 1, "** is not part of conditions"),
    ]  # fmt: skip


def test_explain_tells_what_each_part_was_worth() -> None:
    condition = Condition.parse("event.total >= 20 and contact.orders.count == 0")
    assert condition.explain(SCOPE) == {
        "event.total >= 20 and contact.orders.count == 0": False,
        "event.total >= 20": True,
        "event.total": 20,
        "contact.orders.count == 0": False,
        "contact.orders.count": 3,
    }


def test_explain_says_none_for_what_is_missing_and_only_the_size_of_a_list() -> None:
    told = Condition.parse("event.coupon in event.lines").explain(SCOPE)
    assert told["event.coupon"] is None
    assert told["event.lines"] == "a list of 3"


def test_the_canonical_text_of_a_condition_is_the_same_condition() -> None:
    for text in HOLDS:
        root = Condition.parse(text).root
        assert Condition.parse(str(root)).root == root


def test_a_condition_over_several_lines_is_one_condition() -> None:
    assert Condition.parse("event.total\r\n  >= 20\n").evaluate(SCOPE)


def test_every_function_is_in_the_manual() -> None:
    manual = Path("docs/conditions.md").read_text(encoding="utf-8")
    for name in FUNCTIONS:
        assert f"`{name}(" in manual


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.datetimes()
VALUES = st.recursive(
    SCALARS | st.sampled_from(["2026-03-01", "2026-03-01T10:00:00Z", "9999-12-31", 2**63, -(2**80), object(), b"x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["event.a", "event.b", "event.c", "event.a.b", "event.b[0]", "contact.tags", "today", "now"])
LITERALS = st.sampled_from(
    ["1", "0", "-3", "2.5", "'x'", "'2026-03-01'", "true", "[1, 'x']", "[]", "9223372036854775807"]
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from(
        ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
    )
    calls = st.sampled_from(sorted(name for name, function in FUNCTIONS.items() if function.least == 1))
    return (
        st.tuples(inner, signs, inner).map(lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})")
        | inner.map(lambda part: f"not ({part})")
        | inner.map(lambda part: f"-({part})")
        | inner.map(lambda part: f"({part}) is defined")
        | st.tuples(calls, inner).map(lambda parts: f"{parts[0]}({parts[1]})")
        | st.tuples(inner, inner).map(lambda parts: f"pluck({parts[0]}, 'a') ~ default({parts[0]}, {parts[1]})")
        | st.tuples(inner, inner, inner).map(lambda parts: f"(({parts[0]}) if ({parts[1]}) else ({parts[2]}))")
    )


EXPRESSIONS = st.recursive(NAMES | LITERALS, _grown, max_leaves=6)


@given(text=EXPRESSIONS, event=VALUES, contact=VALUES, today=VALUES)
def test_a_condition_answers_for_any_data(text: str, event: object, contact: object, today: object) -> None:
    scope = {"event": event, "contact": contact, "today": today}
    condition = Condition.parse(text)
    assert condition.evaluate(scope) in (True, False)
    assert all(isinstance(value, str | int | float | bool | None) for value in condition.explain(scope).values())


@given(a=VALUES, b=VALUES)
def test_comparisons_agree_with_each_other(a: object, b: object) -> None:
    scope = {"event": {"a": a, "b": b}}

    def holds(text: str) -> bool:
        return Condition.parse(text).evaluate(scope)

    assert holds("event.a == event.b") == holds("event.b == event.a") == (not holds("event.a != event.b"))
    assert holds("event.a < event.b") == holds("event.b > event.a")
    assert holds("event.a <= event.b") == (
        holds("event.a < event.b") or (holds("event.a >= event.b") and not holds("event.a > event.b"))
    )
    assert not (holds("event.a < event.b") and holds("event.a == event.b"))


@given(st.text(max_size=60) | EXPRESSIONS.map(lambda text: text[: len(text) // 2]))
def test_any_text_is_a_condition_or_a_condition_error(text: str) -> None:
    try:
        condition = Condition.parse(text)
    except ConditionError as err:
        assert err.column >= 1
    else:
        assert condition.evaluate({}) in (True, False)
        assert len(list(walk(condition.root))) <= 200
