"""Declared fields: every kind takes what is of it, and says what is wrong with the rest."""

from collections.abc import Iterator

import pytest
from clock import NOON
from hypothesis import given
from hypothesis import strategies as st
from mail_shop import Place, open_store

from engine.audience.fields import Field, FieldError, Kind, declare, declared, parse_all
from engine.store.groups import GroupStore

CHOICE = Field("tea", Kind.CHOICE, "Tea", ("green", "black"))


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    yield store
    store.close()


@pytest.mark.parametrize(
    ("kind", "told", "kept"),
    [
        (Kind.TEXT, "  two\r\nlines ", "two lines"),
        (Kind.NUMBER, "12", 12),
        (Kind.NUMBER, "-12.50", -12.5),
        (Kind.NUMBER, 7, 7),
        (Kind.DATE, "2026-03-31", "2026-03-31"),
        (Kind.FLAG, "Yes", True),
        (Kind.FLAG, False, False),
        (Kind.TEXT, "", None),
        (Kind.NUMBER, None, None),
    ],
)
def test_a_value_of_its_kind_is_kept_as_plain_json(kind: Kind, told: object, kept: object) -> None:
    assert Field("f", kind).parse(told) == kept


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Kind.NUMBER, "1e9"), (Kind.NUMBER, "NaN"), (Kind.NUMBER, "12,5"), (Kind.NUMBER, True), (Kind.NUMBER, "9" * 40),
        (Kind.NUMBER, "٣"), (Kind.DATE, "31.3.2026"), (Kind.DATE, "2026-02-30"), (Kind.FLAG, "maybe"), (Kind.TEXT, "x" * 501),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused(kind: Kind, told: object) -> None:
    with pytest.raises(FieldError, match=r"^f: "):
        Field("f", kind).parse(told)


@given(
    st.sampled_from([kind for kind in Kind if kind is not Kind.CHOICE]),
    st.text() | st.integers() | st.floats() | st.booleans(),
)
def test_whatever_is_told_is_kept_as_its_kind_or_refused(kind: Kind, told: object) -> None:
    field = Field("f", kind)
    try:
        kept = field.parse(told)
    except FieldError:
        return
    assert field.parse(kept) == kept, "what is kept can be told again"


def test_a_choice_takes_its_choices_only() -> None:
    assert CHOICE.parse(" green ") == "green"
    with pytest.raises(FieldError, match="none of green, black"):
        CHOICE.parse("white")


def test_a_field_keeps_its_kind_and_may_gain_choices(store: GroupStore) -> None:
    store.write_now(lambda tx: declare(tx, CHOICE, NOON))
    more = Field("tea", Kind.CHOICE, "Which tea?", ("green", "black", "white"))
    store.write_now(lambda tx: declare(tx, more, NOON))
    assert store.read_now(declared) == {"tea": more}
    for wrong, words in (
        (Field("tea", Kind.TEXT), "holds choice already"),
        (Field("tea", Kind.CHOICE, "", ("green",)), "contacts may hold black, white"),
        (Field("Tea!", Kind.TEXT), "no field name"),
        (Field("other", Kind.CHOICE), "a choice has"),
        (Field("other", Kind.TEXT, "", ("a",)), "a choice has"),
    ):
        with pytest.raises(FieldError, match=words):
            store.write_now(lambda tx, wrong=wrong: declare(tx, wrong, NOON))


def test_all_that_is_wrong_is_said_at_once() -> None:
    known = {"size": Field("size", Kind.NUMBER), "tea": CHOICE}
    with pytest.raises(FieldError) as refusal:
        parse_all(known, {"size": "big", "tea": "white", "shoe": "1"})
    assert all(words in str(refusal.value) for words in ('size: "big"', 'tea: "white"', 'no field "shoe"'))
