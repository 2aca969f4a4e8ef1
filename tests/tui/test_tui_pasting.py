"""A paste is text and never keys, however it is cut on its way."""

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from tui.escapes import Escapes
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


def _typed(parts: list[str]) -> list[str]:
    parser, escapes, heard = XTermParser(), Escapes(), list[str]()
    for part in parts:
        for index, text in enumerate(escapes.parted(part)):
            heard += ["escape"] if index else []
            heard += [getattr(each, "key", str(each)) for each in (parser.feed(text) if text else ())]
    return [*heard, *(["escape"] if escapes.waited() else [])]


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        ("\x1bj", ["escape", "j"]),
        ("k\x1b2", ["k", "escape", "2"]),
        ("\x1b:", ["escape", "colon"]),
        ("\x1b\r", ["escape", "enter"]),
        ("\x1b\x1b", ["escape", "escape"]),
        ("\x1b\x1bk", ["escape", "escape", "k"]),
        ("\x1b\x1b[Aj", ["escape", "up", "j"]),
        ("\x1b[A\x1b[1;3Dj", ["up", "alt+left", "j"]),
        ("\x1bOPj", ["f1", "j"]),
        ("\x1bbj", ["ctrl+left", "j"]),
        ("\x1b", ["escape"]),
    ],
)
def test_escape_and_what_is_right_behind_it_are_two_keys_however_they_are_cut(sent: str, heard: list[str]) -> None:
    assert _typed([sent]) == heard
    assert _typed(list(sent)) == heard


@pytest.mark.parametrize(
    "sent",
    [
        "\x1bOE",  # the 5 of a keypad
        "\x1bOX",  # its equals sign
        "\x1bO5P",  # ctrl with F1
        "\x1b[T",
        "\x1b[[H",
        "\x1b[3@",
        "\x1b[?62;22c",
        "\x1b[>41;354;0c",
        "\x1b[8;24;80t",
        "\x1b[104:72;2u",
        "\x1b[99999999u",
        "\x1b[" + "1;" * 40 + "A",
        "\x1b]11;rgb:0000/0000/0000\x07",
        "\x1b]11;rgb:0000/0000/0000\x1b\\",
        "\x1bP>|tmux 3.3a\x1b\\",
        "\x1b_Gi=1;OK\x1b\\",
    ],
)
def test_a_sequence_that_means_nothing_here_is_no_key_however_it_is_cut(sent: str) -> None:
    assert _typed([f"j{sent}k"]) == ["j", "k"]
    assert _typed(list(f"j{sent}k")) == ["j", "k"]


@pytest.mark.parametrize(
    ("sent", "heard"), [("\x1bXold", []), ("\x1bP\x1b[A", ["up"]), ("\x1b[12", []), ("\x1b[1\x1b[B", ["down"])]
)
def test_what_does_not_end_is_given_up(sent: str, heard: list[str]) -> None:
    escapes = Escapes()
    assert _typed([sent]) == heard
    escapes.parted("\x1bP1")
    assert not escapes.waited()
    assert escapes.parted("H") == ["H"]


def test_a_click_is_one_however_it_is_written() -> None:
    for sent in ("\x1b[<0;10;10M", "\x1b[32;10;10M", "\x1b[M !!"):
        assert [each for each in _typed([sent, "j"]) if len(each) == 1] == ["j"]
