"""Events: names, data within limits, keys."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flow.events import EventError, idempotency, make_event, read_data
from engine.flow.vocabulary import VOCABULARY

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_an_event_takes_its_key_from_its_data() -> None:
    event = make_event("order.placed", '{"number": 1001, "total": 20}', at=NOON, source="http")
    assert (event.key, event.data) == ("1001", {"number": 1001, "total": 20})


def test_a_key_that_was_given_comes_first() -> None:
    assert make_event("order.placed", {"number": "A-1"}, at=NOON, source="http", key="B-2").key == "B-2"


def test_a_name_of_ones_own_is_an_event_too() -> None:
    assert make_event("loyalty.level-2", "", at=NOON, source="command").data == {}


@pytest.mark.parametrize(
    "name",
    [
        "mail.opened",
        "mail.clicked",
        "mail.anything",
        "list.confirmed",
        "segment.entered",
        "contact.erased",
        "survey.answered",
        "referral.earned",
        "preferences.changed",
        "suppression.lifted",
        "import.released",
        "consent.given",
        "list",
    ],
)
def test_what_posthouse_sees_for_itself_is_told_by_nobody_else(name: str) -> None:
    with pytest.raises(EventError, match=f'"{name}" is for Posthouse alone to make'):
        make_event(name, {}, at=NOON, source="http")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("order.plcaed", "order.placed"), ("cart.update", "cart.updated"), ("parcel.x", ""), ("order", "")],
)
def test_a_word_of_ours_is_misspelt_by_nobody(name: str, meant: str) -> None:
    with pytest.raises(EventError, match="no such event") as refused:
        make_event(name, {}, at=NOON, source="header")
    assert f'(did you mean "{meant}"?)' in str(refused.value) if meant else "; there are" in str(refused.value)


@pytest.mark.parametrize("name", ["orders.plcaed", "shop.order.plcaed", "order-plcaed", "shipment.lost"])
def test_a_name_of_ones_own_needs_only_another_first_word(name: str) -> None:
    assert make_event(name, {}, at=NOON, source="header").name == name


@pytest.mark.parametrize("name", ["mail.replied", "product.viewed", "cart.updated", "inquiry.received", "mailing.sent"])
def test_what_applications_see_is_told_by_them(name: str) -> None:
    assert make_event(name, {}, at=NOON, source="http").name == name


@pytest.mark.parametrize("name", ["", "Order.placed", "order placed", "order..placed", ".x", "x" * 65, "a\nb", "ё"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(EventError, match="is no event name"):
        make_event(name, {}, at=NOON, source="http")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON: "),
        ("[1]", "is no JSON object"),
        ('"x"', "is no JSON object"),
        ('{"a": NaN}', "NaN, which is no JSON"),
        ('{"a": 1e999}', "a number that is none"),
        ('{"a": 99999999999999999999}', "too large"),
        ('{"a": ' + "9" * 5000 + "}", "is no JSON"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"\\ud800": 1}', "surrogate"),
        ('{"a": "\\u0000"}', "NUL"),
        ('{"a":' * 12 + "1" + "}" * 12, "deeper than 10"),
        ('{"a":' + "[" * 30000, "deeper than 10"),
        ('{"a": "' + "x" * 70000 + '"}', "larger than"),
        (b'{"a": "\xff"}', "is no JSON"),
        ({"a": object()}, "holds a object, which is no JSON"),
        ({1: "a"}, "a name that is no text"),
    ],
)
def test_data_that_is_none_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(EventError, match=words):
        read_data(text)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_data_or_an_event_error(text: str | bytes) -> None:
    try:
        assert isinstance(read_data(text), dict)
    except EventError as err:
        assert str(err)


def test_idempotency_keys_differ_where_their_parts_do() -> None:
    assert idempotency("a", "bc") != idempotency("ab", "c")
    assert idempotency("a\0", "b") != idempotency("a", "\0b")
    assert idempotency("a", "b") == idempotency("a", "b")


def test_the_vocabulary_says_which_of_its_data_is_the_key() -> None:
    for name, kind in VOCABULARY.items():
        assert kind.about and (not kind.key or kind.key in kind.data), name
