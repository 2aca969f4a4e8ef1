"""Text from strangers, made fit to be shown."""

import json
import pkgutil
from dataclasses import fields, is_dataclass
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.control import protocol
from engine.control.clean import BLOCKS, clean, clean_answer, clean_block, is_clean
from engine.control.protocol.acts import Done
from engine.control.protocol.flows import FlowText
from engine.control.protocol.house import Overview
from engine.control.protocol.queue import MessageLife, SiteRow
from engine.control.protocol.wire import encode

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


@pytest.mark.parametrize("is_ascii", [True, False])
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_an_answer_that_is_not_looked_through_has_nothing_to_clean(is_ascii: bool, text: str) -> None:
    if is_clean(json.dumps({"text": text}, ensure_ascii=is_ascii)):
        assert clean(text) == text


def test_an_answer_of_ordinary_mail_is_not_looked_through() -> None:
    rows = (SiteRow("gmail.com", last_reply='421 4.7.0 "try" again'), SiteRow("דואר.example"))
    assert is_clean(encode(Overview("mail.example", "1", 0, sites=rows)).decode())
    assert not is_clean(encode(SiteRow("a\\b\x1b")).decode())


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


def test_every_field_that_may_have_lines_is_one_that_there_is() -> None:
    kinds = {
        kind.__name__: kind
        for module in pkgutil.iter_modules(protocol.__path__)
        for kind in vars(import_module(f"{protocol.__name__}.{module.name}")).values()
        if isinstance(kind, type) and is_dataclass(kind)
    }
    missing = [name for name in sorted(BLOCKS) if name.split(".")[1] not in _fields(kinds.get(name.split(".")[0]))]
    assert missing == []


def _fields(kind: type | None) -> set[str]:
    return {each.name for each in fields(kind)} if kind is not None and is_dataclass(kind) else set()
