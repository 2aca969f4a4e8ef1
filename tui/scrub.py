"""The last sieves before the terminal. What they do, they do to every line of every widget, Textual's own included.

Scrub: no segment carries a control character out. All text is cleaned where it comes in (engine.control.clean) and
again where it is drawn (tui.format.safe); a widget that forgets can still hurt nobody.
Symbols: signs in ASCII, where the terminal has no others.
Colourless: no colour at all (https://no-color.org); what was told by a ground is told in reverse.
"""

from collections.abc import Sequence
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from engine.control.clean import clean
from tui.symbols import ascii_only, ascii_signs


class Scrub(LineFilter):
    def apply(self, segments: Sequence[Segment], background: Color) -> list[Segment]:
        return [each if each.control else each._replace(text=clean(each.text)) for each in segments]


class Symbols(LineFilter):
    def __init__(self, *, letters: bool) -> None:
        """`letters`: those of other scripts can be shown."""
        super().__init__()
        self._shown = ascii_signs if letters else ascii_only

    def apply(self, segments: Sequence[Segment], background: Color) -> list[Segment]:
        return [each if each.control else each._replace(text=self._shown(each.text)) for each in segments]


class Colourless(LineFilter):
    def __init__(self, grounds: frozenset[str]) -> None:
        """`grounds`: the quiet ones, which say nothing, as #rrggbb."""
        super().__init__()
        self._grounds = grounds

    def apply(self, segments: Sequence[Segment], background: Color) -> list[Segment]:
        return [
            each if each.control or each.style is None else each._replace(style=_bare(each.style, self._grounds))
            for each in segments
        ]


@lru_cache(maxsize=1024)
def _bare(style: Style, grounds: frozenset[str]) -> Style:
    ground = style.bgcolor
    told = ground is not None and ground.get_truecolor().hex not in grounds
    return Style(bold=style.bold, underline=style.underline, reverse=told or style.reverse)
