"""A long sheet of lines behind a window, drawn line by line. Everything the application shows is one of these.

Textual repaints a widget whole; over a slow link that is seven kilobytes for one changed cell. A roll remembers what it
drew and repaints only lines that differ, so an idle screen writes nothing and a count that changes writes one line. It
paints the lines that are seen and no others, so a million rows cost what twenty do.
"""

from collections.abc import Iterable
from itertools import takewhile
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui.format import cells
from tui.ink import BLANK, Ink, Line, Run
from tui.messages import Opened
from tui.themes import style

_GUTTER = 2  # where the cursor stands


class Roll(ScrollView, can_focus=True):
    """Subclasses say how many lines there are (`count`), what is on one (`drawn`), and which may hold the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "step(1)", "down", show=False, id="roll.down"),
        Binding("k,up", "step(-1)", "up", show=False, id="roll.up"),
        Binding("g,home", "far(-1)", "first", show=False, id="roll.first"),
        Binding("G,end", "far(1)", "last", show=False, id="roll.last"),
        Binding("ctrl+d,pagedown,space", "leaf(1)", "page down", show=False, id="roll.page_down"),
        Binding("ctrl+u,pageup", "leaf(-1)", "page up", show=False, id="roll.page_up"),
        Binding("enter", "open", "open", show=False, id="roll.open"),
    ]
    head_rows = 0  # lines that stay at the top

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self.is_faded = False
        self._drawn: dict[int, Line] = {}

    # What a subclass says.

    def count(self) -> int:
        raise NotImplementedError

    def drawn(self, index: int) -> Line:
        raise NotImplementedError

    def head(self) -> Line:
        return BLANK

    def is_stop(self, index: int) -> bool:
        """May the cursor stand here?"""
        return True

    # What is shown.

    @property
    def text_width(self) -> int:
        """The cells a line may take."""
        return max(self.scrollable_content_region.width - _GUTTER, 1)

    @property
    def body_rows(self) -> int:
        return max(self.scrollable_content_region.height - self.head_rows, 1)

    @property
    def first_row(self) -> int:
        return self.scroll_offset.y

    def changed(self) -> None:
        """The lines may differ now: repaint those that do."""
        self.cursor = self._nearest_stop(min(self.cursor, max(self.count() - 1, 0)))
        self._grow(Size(0, self.count() + self.head_rows))
        for y in range(self.scrollable_content_region.height):
            self._repaint_difference(y)

    def _grow(self, size: Size) -> None:
        """As setting `virtual_size`, which would repaint the widget whole; only the scrollbar is to follow."""
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)
            self.refresh(repaint=False, layout=True)

    def _repaint_difference(self, y: int) -> None:
        """Of a row of the window, only the cells between what stayed at the left and what stayed at the right."""
        before, after = self._drawn.get(y), self._line(y)
        if before == after:
            return
        left = right = 0
        if before is not None and before.width == after.width:
            left = _same_cells(zip(before.runs, after.runs, strict=False))
            right = _same_cells(zip(reversed(before.runs), reversed(after.runs), strict=False))
        self.refresh(Region(left, y, self.size.width - left - right, 1))

    def fade(self, is_faded: bool) -> None:
        if is_faded != self.is_faded:
            self.is_faded = is_faded
            self.refresh()

    def render_line(self, y: int) -> Strip:
        line = self._drawn[y] = self._line(y)
        theme = self.app.theme
        base = self.rich_style
        if self._has_cursor(y):
            base += self.get_component_rich_style("roll--cursor", partial=True)
        segments = [Segment(text, base + style(theme, ink, faded=self.is_faded)) for text, ink in line.runs]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    COMPONENT_CLASSES: ClassVar[set[str]] = {"roll--cursor"}

    def _line(self, y: int) -> Line:
        """The line at a row of the window, cursor and all."""
        if y < self.head_rows:
            head = self.head()
            return Line((Run(" " * _GUTTER), *head.runs))
        index = y - self.head_rows + self.first_row
        if index >= self.count():
            return BLANK
        mark = Run("▌ ", Ink.HORN) if self._has_cursor(y) else Run(" " * _GUTTER)
        return Line((mark, *self.drawn(index).runs))

    def _has_cursor(self, y: int) -> bool:
        if y < self.head_rows or not self.has_focus:
            return False
        index = y - self.head_rows + self.first_row
        return index == self.cursor and index < self.count() and self.is_stop(index)

    # How it moves.

    def move_to(self, index: int) -> None:
        """Put the cursor on a line and bring it into the window."""
        if not self.count():
            return
        before, self.cursor = self.cursor, index
        if before != index:
            self._repaint(before)
            self._repaint(index)
            self.moved()
        self._show(index)

    def moved(self) -> None:
        """The cursor is on another line."""

    def _repaint(self, index: int) -> None:
        y = index - self.first_row + self.head_rows
        if self.head_rows <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _show(self, index: int) -> None:
        top, rows = self.first_row, self.body_rows
        if index < top:
            # The first stop brings what stands above it into view, or a heading could never be seen again.
            self.roll_to(0 if self._next_stop(index - 1, -1) is None else index)
        elif index >= top + rows:
            self.roll_to(index - rows + 1)

    def roll_to(self, top: int) -> None:
        self.scroll_to(y=max(top, 0), animate=False, force=True, immediate=True)

    def _next_stop(self, start: int, by: int) -> int | None:
        start, stop = (start, self.count()) if by > 0 else (min(start, self.count() - 1), -1)
        return next((index for index in range(start, stop, by) if self.is_stop(index)), None)

    def _nearest_stop(self, index: int) -> int:
        after, before = self._next_stop(index, 1), self._next_stop(index, -1)
        return next((found for found in (after, before) if found is not None), index)

    def action_step(self, by: int) -> None:
        found = self._next_stop(self.cursor + by, by)
        if found is not None and self.is_stop(self.cursor) and abs(found - self.cursor) <= self.body_rows:
            self.move_to(found)
        else:
            self.roll_to(self.first_row + by)

    def action_far(self, by: int) -> None:
        edge = 0 if by < 0 else self.count() - 1
        found = self._next_stop(edge, -by)
        if found is not None:
            self.move_to(found)
        self.roll_to(0 if by < 0 else self.count())

    def action_leaf(self, by: int) -> None:
        rows = self.body_rows * by
        self.roll_to(self.first_row + rows)
        if self.count():
            self.move_to(self._nearest_stop(min(max(self.cursor + rows, 0), self.count() - 1)))

    def action_open(self) -> None:
        if self.count() and (target := self.drawn(self.cursor).target):
            self.post_message(Opened(target))

    def on_click(self, event: events.Click) -> None:
        index = event.y - self.head_rows + self.first_row
        if event.y < self.head_rows or index >= self.count() or not self.is_stop(index):
            return
        if index == self.cursor or event.chain > 1:
            self.action_open()
        self.move_to(index)

    def on_focus(self) -> None:
        self._repaint(self.cursor)

    def on_blur(self) -> None:
        self._repaint(self.cursor)

    def on_resize(self) -> None:
        self.changed()
        self.call_after_refresh(self._show, self.cursor)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn.clear()


def _same_cells(pairs: Iterable[tuple[Run, Run]]) -> int:
    """How many cells the runs take that are the same on both sides, up to the first that differ."""
    return sum(cells(before.text) for before, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
