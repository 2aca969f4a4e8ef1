"""A paste is text and never keys, however it is cut on its way."""

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from tui.pasting import BEGIN, END, Pastes

EVIL = "zzz\x1b[31m5\x1bH\x9b5\x07"


def _heard(parts: list[str]) -> list[str]:
    parser, pastes = XTermParser(), Pastes()
    heard = [event for part in parts if (text := pastes.cleaned(part)) for event in parser.feed(text)]
    return [each.text if isinstance(each, events.Paste) else getattr(each, "key", str(each)) for each in heard]


@pytest.mark.parametrize("size", range(1, 32))
def test_no_part_of_a_paste_is_a_key(size: int) -> None:
    sent = f"j{BEGIN}{EVIL}{END}k{BEGIN}a\nb{END}l"
    parts = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert _heard(parts) == ["j", "zzz[31m5H5", "k", "a\nb", "l"]


def test_a_mark_in_the_text_does_not_end_it() -> None:
    assert _heard([f"{BEGIN}a{END}H{END}j"]) == ["aH", "j"]


def test_what_is_no_paste_is_passed_on_as_it_is() -> None:
    pastes = Pastes()
    for sent in ("\x1b", "[A", "\x1b[<0;1;1M", "\x1b[200", "x\x07"):
        assert pastes.cleaned(sent) == sent
