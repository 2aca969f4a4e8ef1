"""A line's runs as the segments that go to the terminal: as few as say the same, and in the order in which they are read."""

from collections.abc import Iterable
from typing import Any, Protocol, cast

from rich.segment import Segment
from rich.style import Style
from textual.app import App

from tui.bidi import visual
from tui.format import cells
from tui.ink import Ink, Run
from tui.themes import style


class Orders(Protocol):
    orders_bidi: bool


def segments(app: App[Any], runs: Iterable[Run], base: Style, width: int, *, faded: bool = False) -> list[Segment]:
    """Each change of colour is 40 octets over a slow link: blanks take the colour of what stands before them, since nobody
    sees whose they are."""
    orders, theme = cast(Orders, app).orders_bidi, app.theme
    joined: list[tuple[str, Ink]] = []
    for text, ink in runs:
        shown = visual(text) if orders else text
        if joined and _is_one(joined[-1], (text, ink)):
            before, kept = joined[-1]
            joined[-1] = (before + shown, kept if before.strip(" ") else ink)
        else:
            joined.append((shown, ink))
    room = width - sum(cells(text) for text, _ in joined)
    if joined and room > 0 and joined[-1][1] is not Ink.TAB:
        joined[-1] = (joined[-1][0] + " " * room, joined[-1][1])
    return [Segment(text, base + style(theme, ink, faded=faded)) for text, ink in joined]


def _is_one(before: tuple[str, Ink], after: tuple[str, Ink]) -> bool:
    """Whether both may have one colour."""
    if before[1] is after[1]:
        return True
    has_blank = not (before[0].strip(" ") and after[0].strip(" "))
    return has_blank and Ink.TAB not in (before[1], after[1])  # a tab has a ground of its own
