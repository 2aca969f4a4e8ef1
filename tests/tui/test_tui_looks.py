"""Signs in ASCII, no colours, and text that is read from the right."""

import unicodedata
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from tui_stage import stage

from tui.bidi import has_right, visual
from tui.format import cells
from tui.ink import Ink
from tui.opening import NoSuch, application
from tui.scrub import Colourless, Symbols
from tui.symbols import ascii_only, ascii_signs, shows_signs, shows_unicode
from tui.themes import LOOKS, THEMES, style

SIGNS = "○►◉?■✓✗–+◆→↻⊘★●‖◔◇◈↺»§▌•·…─│╭╮╰╯├┤┬┴┼▁▂▃▄▅▆▇█░▒▓▸◂‹›▼"


def test_every_sign_has_a_likeness_of_its_own_width() -> None:
    assert ascii_signs(SIGNS).isascii()
    assert len(ascii_signs(SIGNS)) == cells(SIGNS)


@pytest.mark.parametrize("text", ["購物車", "דנה", "Ваша", "bücher", "e\u0301", "a\u200b", "👨\u200d👩", "✓ ok"])
def test_what_a_terminal_has_no_letters_for_keeps_its_width(text: str) -> None:
    assert ascii_only(text).isascii()
    assert cells(ascii_only(text)) == cells(text)


def test_letters_stay_where_only_signs_are_missing() -> None:
    assert ascii_signs("✓ דנה ─ 購") == "v דנה - 購"


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        ({}, False), ({"LANG": "C"}, False), ({"LANG": "en_GB.UTF-8"}, True), ({"LC_ALL": "C", "LANG": "C.UTF-8"}, False),
        ({"LC_CTYPE": "ru_RU.utf8", "LANG": "C"}, True), ({"LC_ALL": "", "LANG": "C.UTF-8"}, True),
    ],
)  # fmt: skip
def test_the_locale_says_what_the_terminal_shows(environ: dict[str, str], shown: bool) -> None:
    assert shows_unicode(environ) is shown


def test_the_linux_console_has_letters_and_few_signs() -> None:
    assert not shows_signs({"TERM": "linux"})
    assert shows_signs({"TERM": "tmux-256color"})


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["narrow", "wide"])
async def test_the_whole_application_is_ascii_where_it_has_to_be(tmp_path: Path, size: tuple[int, int]) -> None:
    async with stage(tmp_path, size, symbols=Symbols(letters=False)) as one:
        for keys in ((), ("2",), ("enter",), ("3",), ("enter",), ("question_mark",), ("escape", "ctrl+p")):
            await one.press(*keys)
            shown = one.text
            assert shown.isascii(), [each for each in shown if not each.isascii()]
            assert all(cells(line) <= size[0] for line in shown.splitlines())


def test_without_colours_nothing_is_coloured_and_grounds_that_tell_something_are_reversed() -> None:
    sieve = Colourless(frozenset({"#191613"}))
    quiet, told = sieve.apply(
        [Segment("a", Style.parse("bold #ff0000 on #191613")), Segment("b", Style.parse("#000000 on #f4c430"))],
        Color.parse("black"),
    )
    assert quiet.style == Style(bold=True)
    assert told.style == Style(reverse=True)


async def test_no_color_takes_every_colour_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with stage(tmp_path) as one:
        assert {each.style.color for each in one.segments if each.style} == {None}
        assert {each.style.bgcolor for each in one.segments if each.style} == {None}


def _lightness(colour: Color) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in colour.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _contrast(one: Color, other: Color) -> float:
    lights = sorted((_lightness(one), _lightness(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


@pytest.mark.parametrize("look", sorted(LOOKS))
def test_every_ink_can_be_read_on_its_ground(look: str) -> None:
    theme = next(each for each in THEMES if each.name == LOOKS[look])
    ground = Color.parse(theme.background or "")
    for ink in (Ink.TEXT, Ink.DIM, Ink.STRONG, Ink.GOOD, Ink.CALM, Ink.WAIT, Ink.BAD, Ink.DOUBT, Ink.HORN):
        colour = style(theme.name, ink).color
        assert colour is not None
        shown = Color.from_rich_color(colour)
        assert _contrast(shown, ground) >= 4.5, (look, ink)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("שלום", "םולש"),
        ("שלום, dana", "dana ,םולש"),
        ("dana דנה 12", "dana 12 הנד"),
        ("דואר.example", "ראוד.example"),
        ("dana@דואר.example", "dana@ראוד.example"),
        ("450 4.2.1 התיבה אינה", "450 4.2.1 הניא הביתה"),
        ("  דנה   ", "  הנד   "),
        ("购物车", "购物车"),
        ("סל (2)", "(2) לס"),
    ],
)
def test_a_cell_is_shown_in_reading_order(written: str, shown: str) -> None:
    assert visual(written) == shown
    assert cells(visual(written)) == cells(written)


def test_points_stay_on_their_letters() -> None:
    shown = visual("שָׁלוֹם")
    assert unicodedata.combining(shown[0]) == 0
    assert shown.index("ש") < shown.index("\u05c1")


def test_has_right() -> None:
    assert [has_right(each) for each in ("abc", "購", "דנה", "سلة")] == [False, False, True, True]


async def test_the_application_orders_each_cell_and_copies_what_was_written(tmp_path: Path) -> None:
    async with stage(tmp_path, bidi="app") as one:
        await one.press("2")
        await one.see("ראוד.example")
        await one.press("j", "j", "j", "j", "y")
        await one.until(lambda: one.app.clipboard == "דואר.example")
        await one.press("slash", *"דואר")
        await one.see("1 of 7 sites")


@pytest.mark.parametrize(("option", "word"), [("--look", "dusk"), ("--bidi", "both")])
def test_an_option_that_there_is_not_is_refused_with_those_that_there_are(option: str, word: str) -> None:
    with pytest.raises(NoSuch, match=f"{option} is one of"):
        application(Path("/nowhere"), {option: word}, {"XDG_STATE_HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere"})
