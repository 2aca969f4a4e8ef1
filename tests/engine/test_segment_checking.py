"""What is a segment's expression and what is none: each refusal with its place and what to write instead."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from segment_words import VOCABULARY, expressions

from engine.segments.checking import SegmentError, check
from engine.segments.reading import Window


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("SELECT * FROM contact", 1, 15, "what must hold of a contact stands here"),
        ("contact.name = 'x'", 1, 14, "write == to compare"),
        ("contact.name == 'x'; DROP TABLE contact", 1, 20, "one expression and no statement"),
        ("contact.name == 'x' -- comment", 1, 24, "comment is not known here"),
        ("contact.name LIKE 'A%'", 1, 14, "write `'part' in text`"),
        ("contact.name == 'x'\nAND contact.id == 1", 2, 1, "write `and` in small letters"),
        ("contact.name IS NULL", 1, 14, "`x is not defined`"),
        ("contact.name <> 'x'", 1, 15, "write != for unequal"),
        ("contact.orders.count BETWEEN 1 AND 2", 1, 22, "write `1 <= x <= 2`"),
        ("`name` == 1", 1, 1, "texts stand between"),
        ("contact.id == 1 /* x */", 1, 18, "unexpected"),
        ("{{ contact.name }}", 1, 1, "no braces"),
        ("contact.id and\n  {% if x %}", 2, 3, "no braces"),
        ("contact.__class__.__mro__", 1, 18, "there is no contact.__class__"),
        ("contact.name.upper()", 1, 19, "data has no methods"),
        ("''.__class__", 1, 3, "can't be asked for"),
        ("events.__globals__", 1, 1, "events is not known here"),
        ("contact.nmae == 'x'", 1, 8, 'did you mean "name"?'),
        ("contact.fields.siez > 1", 1, 15, 'did you mean "size"?'),
        ("contact.lists.newz == 'confirmed'", 1, 14, 'there is no list "newz" (did you mean "news"?)'),
        ("'newz' in contact.lists", 1, 1, 'there is no list "newz"'),
        ("contact", 1, 1, "contact is a record"),
        ("contact.orders", 1, 8, "it has count, total, first_at, last_at"),
        ("contact.fields.size == 'big'", 1, 24, "never equal"),
        ("contact.fields.seen < 'soon'", 1, 23, "'soon' is no date"),
        ("contact.fields.vip < true", 1, 22, "have no order"),
        ("today - contact.orders.count", 1, 23, "whole number of days"),
        ("today + 0.5 > today", 1, 9, "whole number of days"),
        ("contact.name + 'x' == 'y'", 1, 1, "makes no sense"),
        ("contact.name ~ 'x' == 'y'", 1, 1, "~ is not part of segments"),
        ("lower(contact.name) == 'x'", 1, 6, "name the spellings"),
        ("events('order.plaecd')", 1, 8, 'did you mean "order.placed"?'),
        ("events('Order Placed')", 1, 8, "is no event name"),
        ("events('segment.entered')", 1, 8, "segments' own events"),
        ("events(contact.name)", 1, 7, "takes quoted texts"),
        ("orders('a while')", 1, 8, "a duration is expected"),
        ("orders('30d', 'x')", 1, 7, "takes quoted texts"),
        ("sum(orders(), 'lines') > 1", 1, 15, "a list or a record there"),
        ("sum(orders(), 'currency') > 1", 1, 15, "currency is a text"),
        ("sum(orders(), 'a\"; DROP') > 1", 1, 4, "a quoted name of their data"),
        ("sum(contact.tags) > 1", 1, 12, "sum is asked of"),
        ("products()", 1, 1, "neither true nor false"),
        ("'x' in [contact.name]", 1, 16, "a list holds quoted texts"),
        ("contact.name in ['a', 1]", 1, 23, "things of one kind"),
        ("last(events('game.won'), 'level') > today", 1, 5, "with a number or a text"),
        ("today > '2026-01-01' > contact.fields.seen", 1, 9, "at an end of such a chain"),
        ("1e17 > contact.id", 1, 1, "too large"),
        ("contact.id + 1 + 1 + 1 + 1 > 3", 1, 24, "levels of reckoning"),
        ("contact.name == '\\x00'", 1, 17, "NUL"),
        ("", 1, 1, "is empty"),
        ("contact.id" + " or contact.id" * 400, 1, 1, "longer than 4000"),
    ],
)  # fmt: skip
def test_what_is_no_segment_is_refused_with_its_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(SegmentError) as refusal:
        check(text, VOCABULARY)
    assert words in str(refusal.value)
    assert (refusal.value.line, refusal.value.column) == (line, column), refusal.value


@given(text=st.one_of(st.text(), st.text(alphabet="contact.ordersevnt('\") <>=!&|;-{}%[]0123456789\n"), expressions))
def test_whatever_is_written_is_checked_or_refused(text: str) -> None:
    try:
        check(text, VOCABULARY)
    except SegmentError as err:
        assert err.line >= 1
        assert err.column >= 1


def test_an_expression_says_what_can_change_it() -> None:
    reads = check(
        "contact.fields.size > 38 and 'gold' in contact.tags and not opened('30d') and sum(orders('1d'), 'total') > 5"
        " and contact.lists.news == 'confirmed'",
        VOCABULARY,
    ).reads
    assert reads.topics == {"fields.size", "tags", "lists", "event:mail.opened", "event:order.placed"}
    assert reads.windows == {Window("mail.opened", timedelta(days=30)), Window("order.placed", timedelta(days=1))}
    assert reads.data == {"order.placed"}
    assert not reads.is_of_all
    assert check("today > contact.fields.seen", VOCABULARY).reads.is_of_all
    assert check("contact.rfm.recency == 5", VOCABULARY).reads.is_of_all


def test_all_parts_that_are_wrong_are_told_in_order_each_with_its_place() -> None:
    text = "contact.nmae == 'x' and nosuch(3)\nor not contact.fields.seen < 'soon' and contct.id > 1\nand today - contact.id > 1"
    with pytest.raises(SegmentError) as found:
        check(text, VOCABULARY)
    told = [(each.line, each.column, each.message.partition(";")[0]) for each in found.value.every]
    assert [each[:2] for each in told] == [(1, 8), (1, 31), (2, 30), (2, 41), (3, 20)]
    assert [
        word in words
        for word, (*_, words) in zip(("nmae", "nosuch", "'soon'", "contct", "whole number"), told, strict=True)
    ]


def test_what_stands_beside_something_unknown_is_not_told_as_wrong_too() -> None:
    with pytest.raises(SegmentError) as found:
        check("contct.name.first == 'x' and [1, nothing] == 3 and contact.name == 'x'", VOCABULARY)
    assert [each.message.split()[0] for each in found.value.every] == ["contct", "nothing"]
