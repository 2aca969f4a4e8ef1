"""Lines at an edge of the screen: drawn when they differ, where they differ, and never by a clock."""

from collections.abc import Sequence

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.ink import BLANK, Ink, Line, line, same_ends
from tui.widgets.ordering import segments


class Bar(Widget):
    """A left and a right part. Where there is no room for both one gives way: the right goes, or the left is cut."""

    def __init__(self, *, id: str | None = None, keeps_right: bool = False) -> None:
        super().__init__(id=id)
        self._keeps_right = keeps_right
        self._left = BLANK
        self._right = BLANK
        self._drawn: Line | None = None  # None where it never was

    def show(self, left: Line, right: Line = BLANK) -> None:
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self._repaint_difference()

    def _repaint_difference(self) -> None:
        before, after, width = self._drawn, self._whole(self.size.width), self.size.width
        if before is not None and before != after:
            first, last = same_ends(before, after)
            self.refresh(Region(first, 0, width - first - last, 1))

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        self._drawn = self._whole(width)
        return Strip(segments(self.app, self._drawn.runs, base, width)).adjust_cell_length(width, base)

    def _whole(self, width: int) -> Line:
        needed = self._right.width + (0 if self._keeps_right else self._left.width + 2)
        right = self._right if needed <= width else BLANK
        left = self._left.cropped(width - right.width - 2 if right.runs else width)
        gap = (" " * (width - left.width - right.width), Ink.TEXT)
        return line(*left.runs, gap, *right.runs)


class Status(Bar):
    """What was said, on as many lines as it takes; where nothing is, one empty one. The right part stands in the first."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, keeps_right=True)
        self._more: tuple[Line, ...] = ()

    def show_all(self, lines: Sequence[Line], right: Line = BLANK) -> None:
        first, *more = lines or (BLANK,)
        if len(more) != len(self._more):
            self.styles.height = 1 + len(more)
        if tuple(more) != self._more:
            self._more = tuple(more)
            self.refresh()
        self.show(first, right)

    def render_line(self, y: int) -> Strip:
        if not 0 < y <= len(self._more):
            return super().render_line(y)
        base, width = self.rich_style, self.size.width
        return Strip(
            segments(self.app, self._more[y - 1].padded(width).cropped(width).runs, base, width)
        ).adjust_cell_length(width, base)
