"""One line at an edge of the screen: drawn when it differs, and never by a clock."""

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui.ink import BLANK, Ink, Line, line
from tui.themes import style


class Bar(Widget):
    """A left part, cut where there is no room for all, and a right part that must be seen."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left = BLANK
        self._right = BLANK

    def show(self, left: Line, right: Line = BLANK) -> None:
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        theme = self.app.theme
        segments = [Segment(text, base + style(theme, ink)) for text, ink in self._whole(self.size.width).runs]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _whole(self, width: int) -> Line:
        right = self._right if self._right.width < width else BLANK
        left = self._left.cropped(max(width - right.width - 2, 0))
        gap = (" " * (width - left.width - right.width), Ink.TEXT)
        return line(*left.runs, gap, *right.runs)
