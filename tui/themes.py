"""The looks, and the colour of every ink in each: paper on warm ink (night), ink on warm paper (paper), and one of strong
contrast whose colours all eyes tell apart (clear).

Post-horn yellow is the one accent. Green, blue, orange, red and violet differ in lightness too, so that they stay apart
for eyes that do not tell red from green; and no state is told by colour alone (tui.words).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rich.style import Style
from textual.theme import Theme

from tui.ink import Ink

NIGHT: Final = "posthouse-night"
PAPER: Final = "posthouse-paper"
CLEAR: Final = "posthouse-clear"

THEMES: Final = (
    Theme(
        name=NIGHT,
        primary="#f4c430",
        accent="#f4c430",
        foreground="#e9dfcc",
        background="#191613",
        surface="#241f1a",
        panel="#3b3222",
        warning="#f09a4a",
        error="#f26d5b",
        success="#84c99b",
        variables={"input-cursor-background": "#f4c430", "input-selection-background": "#5a4a20", "slider": "#4a4238"},
    ),
    Theme(
        name=PAPER,
        primary="#8a5f00",
        accent="#f2c230",
        foreground="#2e2822",
        background="#f8f3e6",
        surface="#ece3cd",
        panel="#ecd58c",
        warning="#a84e00",
        error="#b3261e",
        success="#1d6f4b",
        dark=False,
        variables={"input-cursor-background": "#8a5f00", "input-selection-background": "#ecd58c", "slider": "#d6c9ab"},
    ),
    Theme(
        name=CLEAR,
        primary="#ffffff",
        accent="#ffffff",
        foreground="#f2f2f2",
        background="#000000",
        surface="#1a1a1a",
        panel="#003a66",
        warning="#ffb000",
        error="#ff7f2a",
        success="#7cc7ff",
        variables={"input-cursor-background": "#ffffff", "input-selection-background": "#003a66", "slider": "#5a5a5a"},
    ),
)

_NIGHT: Final[Mapping[Ink, str]] = {
    Ink.TEXT: "#e9dfcc",
    Ink.DIM: "#a09481",
    Ink.STRONG: "bold #fff8e7",
    Ink.TITLE: "bold #e8c468",
    Ink.RULE: "#5a5044",
    Ink.RAIL: "#8f7f66",
    Ink.HORN: "#f4c430",
    Ink.GOOD: "#84c99b",
    Ink.CALM: "#86b6e8",
    Ink.WAIT: "#f09a4a",
    Ink.BAD: "bold #f26d5b",
    Ink.DOUBT: "#cda4f4",
    Ink.TAB: "bold #191613 on #f4c430",
}

_PAPER: Final[Mapping[Ink, str]] = {
    Ink.TEXT: "#2e2822",
    Ink.DIM: "#6d6253",
    Ink.STRONG: "bold #120e0a",
    Ink.TITLE: "bold #7a5200",
    Ink.RULE: "#b9ab8e",
    Ink.RAIL: "#8a7a5c",
    Ink.HORN: "#8a5f00",
    Ink.GOOD: "#1d6f4b",
    Ink.CALM: "#1c5a94",
    Ink.WAIT: "#a84e00",
    Ink.BAD: "bold #b3261e",
    Ink.DOUBT: "#6d3aa3",
    Ink.TAB: "bold #2e2822 on #f2c230",
}


# Blue is well, orange is ill, and each is a step of lightness from the next (after Okabe and Ito, and IBM's palette).
_CLEAR: Final[Mapping[Ink, str]] = {
    Ink.TEXT: "#f2f2f2",
    Ink.DIM: "#b8b8b8",
    Ink.STRONG: "bold #ffffff",
    Ink.TITLE: "bold #ffffff",
    Ink.RULE: "#6a6a6a",
    Ink.RAIL: "#9a9a9a",
    Ink.HORN: "bold #ffffff",
    Ink.GOOD: "#7cc7ff",
    Ink.CALM: "#b3d9ff",
    Ink.WAIT: "#ffb000",
    Ink.BAD: "bold #ff7f2a",
    Ink.DOUBT: "bold #ffe08a",
    Ink.TAB: "bold #000000 on #ffffff",
}


LOOKS: Final[Mapping[str, str]] = {"night": NIGHT, "paper": PAPER, "clear": CLEAR}
"""What an operator calls them."""

_LINES: Final = frozenset({Ink.RULE, Ink.RAIL})


_INKS: Final = {NIGHT: _NIGHT, PAPER: _PAPER, CLEAR: _CLEAR}


@lru_cache(maxsize=128)
def style(theme: str, ink: Ink, *, faded: bool = False) -> Style:
    """How an ink looks in a theme; `faded` when what is shown is no longer sure."""
    inks = _INKS.get(theme, _NIGHT)
    return Style.parse(inks[Ink.DIM if faded and ink not in _LINES else ink])
