"""The last sieve before the terminal: no segment of any widget carries a control character out.

All text is cleaned where it comes in (engine.control.clean) and again where it is drawn (tui.format.safe). This filter
sees every line of every widget, Textual's own included, so a widget that forgets can still hurt nobody.
"""

from collections.abc import Sequence

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from engine.control.clean import clean


class Scrub(LineFilter):
    def apply(self, segments: Sequence[Segment], background: Color) -> list[Segment]:
        return [each if each.control else each._replace(text=clean(each.text)) for each in segments]
