"""One line at an edge of the screen: drawn when it differs, and never by a clock."""

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui.ink import BLANK, Ink, Line, line
from tui.themes import style


class Bar(Widget):
    """A left and a right part. Where there is no room for both one gives way: the right goes, or the left is cut."""

    def __init__(self, *, id: str | None = None, keeps_right: bool = False) -> None:
        super().__init__(id=id)
        self._keeps_right = keeps_right
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
        needed = self._right.width + (0 if self._keeps_right else self._left.width + 2)
        right = self._right if needed <= width else BLANK
        left = self._left.cropped(width - right.width - 2 if right.runs else width)
        gap = (" " * (width - left.width - right.width), Ink.TEXT)
        return line(*left.runs, gap, *right.runs)
