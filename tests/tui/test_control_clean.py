"""Text from strangers, made fit to be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.control.clean import clean, clean_answer, clean_block
from engine.control.protocol.acts import Done
from engine.control.protocol.flows import FlowText
from engine.control.protocol.house import Overview
from engine.control.protocol.queue import MessageLife, SiteRow

BIDI = "\u061c\u200e\u200f\u202a\u202e\u2066\u2069"


@pytest.mark.parametrize(
    ("evil", "shown"),
    [
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("250 ok\r\n250 forged", "250 ok␍␊250 forged"),
        ("tab\there", "tab␉here"),
        ("\x9b31m", "\ufffd31m"),
        ("\x7f", "␡"),
        ("fdp\u202egpj.exe", "fdpgpj.exe"),
        ("\ud800 alone", "\ufffd alone"),
        ("two\u2028lines", "two lines"),
        ("\ufeffmark", "mark"),
        ("\U000e0041tag", "tag"),
    ],
)
def test_what_could_move_a_terminal_is_shown_or_gone(evil: str, shown: str) -> None:
    assert clean(evil) == shown


@pytest.mark.parametrize("text", ["Your cart", "הסל שלך", "您的購物車", "Ваша корзина", "নমস্কার", "Ünïcödé ✓"])
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@given(st.text(st.characters(exclude_categories=[])))
def test_no_text_at_all_keeps_a_control_and_cleaning_twice_changes_nothing(text: str) -> None:
    cleaned = clean(text)
    assert not any(ord(each) < 0x20 or 0x7F <= ord(each) < 0xA0 or each in BIDI for each in cleaned)
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned


def test_a_block_keeps_its_lines_and_its_indents() -> None:
    assert clean_block("a\r\n\tb\x1b\nc") == "a\n    b␛\nc"


def test_every_string_of_an_answer_is_cleaned_however_deep() -> None:
    overview = Overview("mail\x1b", "1", 0, sites=(SiteRow("evil\x07", last_reply="550 \x1b[2J"),))
    cleaned = clean_answer(overview)
    assert cleaned.host == "mail␛"
    assert cleaned.sites[0] == SiteRow("evil␇", last_reply="550 ␛[2J")
    facts = clean_answer(Done("two\nlines", {"k\x1b": ["v\x1b", {"deep": "\x07"}], "count": 3}))
    assert facts == Done("two\nlines", {"k␛": ["v␛", {"deep": "␇"}], "count": 3})


def test_only_what_has_lines_keeps_them() -> None:
    life = MessageLife(0, 1, "sub\nject", "", "", (), "", "", 0, content="a\nb")
    assert (clean_answer(life).subject, clean_answer(life).content) == ("sub␊ject", "a\nb")
    version = FlowText(0, "te\na", "a1", "name: tea\nsteps:\n  - send: a\x1b]52;c;aGk=\x07\n", True, 0)
    cleaned = clean_answer(version)
    assert (cleaned.name, cleaned.source) == ("te␊a", "name: tea\nsteps:\n  - send: a␛]52;c;aGk=␇\n")
