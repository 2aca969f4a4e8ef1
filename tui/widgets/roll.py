"""A long sheet of lines behind a window, drawn line by line. Everything the application shows is one of these.

Textual repaints a widget whole; over a slow link that is seven kilobytes for one changed cell. A roll remembers what it
drew and repaints only lines that differ, so an idle screen writes nothing and a count that changes writes one line; where
it has the screen's rows to itself, the terminal moves those that only roll (tui.rolling). It paints the lines that are
seen and no others, so a million rows cost what twenty do.
"""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip
from textual.widget import Widget

from tui.ink import BLANK, Ink, Line, Run, same_ends
from tui.messages import Opened
from tui.rolling import Rolling
from tui.widgets.ordering import segments
from tui.widgets.slider import Slider

_QUIET = frozenset({Ink.DIM, Ink.RULE, Ink.STRONG})
GUTTER = 2  # where the cursor stands


class Roll(ScrollView, can_focus=True):
    """Subclasses say how many lines there are (`count`), what is on one (`drawn`), and which may hold the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "step(1)", "down", show=False, id="roll.down"),
        Binding("k,up", "step(-1)", "up", show=False, id="roll.up"),
        Binding("g,home", "far(-1)", "first", show=False, id="roll.first"),
        Binding("G,end", "far(1)", "last", show=False, id="roll.last"),
        Binding("ctrl+d,pagedown", "leaf(1)", "page down", show=False, id="roll.page_down"),
        Binding("ctrl+u,pageup", "leaf(-1)", "page up", show=False, id="roll.page_up"),
        Binding("enter", "open", "open", show=False, id="roll.open"),
    ]
    head_rows = 0  # lines that stay at the top
    keeps_cursor = False  # shown without the focus, too

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self.is_faded = False
        self._drawn: dict[int, Line | None] = {}  # by row of the window; None for one that is blank there
        self._body_was = 1  # rows of the body, before the size that is now

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
        return max(self.scrollable_content_region.width - GUTTER, 1)

    @property
    def _painted_width(self) -> int:
        """The cells of a row: the scrollbar's place is among them while there is none."""
        return self.scrollable_content_region.width if self.show_vertical_scrollbar else self.size.width

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
        is_same_ground = before is not None and before.runs[:1] == after.runs[:1]  # the cursor has one of its own
        left, right = same_ends(before, after) if before is not None and is_same_ground else (0, 0)
        self.refresh(Region(left, y, self._painted_width - left - right, 1))

    def fade(self, is_faded: bool) -> None:
        if is_faded != self.is_faded:
            self.is_faded = is_faded
            self.refresh()

    def render_line(self, y: int) -> Strip:
        line = self._drawn[y] = self._line(y)
        base, runs = self.rich_style, line.runs
        if self._has_cursor(y):
            base += self.get_component_rich_style("roll--cursor", partial=True)
            # On its ground quiet letters are hard to read; and one colour is what keeps a step of the cursor small.
            runs = tuple(Run(run.text, Ink.TEXT if run.ink in _QUIET else run.ink) for run in runs)
        return Strip(segments(self.app, runs, base, self.size.width, faded=self.is_faded)).adjust_cell_length(
            self.size.width, base
        )

    COMPONENT_CLASSES: ClassVar[set[str]] = {"roll--cursor"}

    def _line(self, y: int) -> Line:
        """The line at a row of the window, cursor and all."""
        if y < self.head_rows:
            head = self.head()
            return Line((Run(" " * GUTTER), *head.runs))
        index = y - self.head_rows + self.first_row
        if index >= self.count():
            return BLANK
        cursor = Run("▌", Ink.HORN) if self._has_cursor(y) else Run(" ")
        mark = Run("•", Ink.HORN) if self.is_marked(index) else Run(" ")
        return Line((cursor, mark, *self.drawn(index).runs))

    def is_marked(self, index: int) -> bool:
        """Does a mark stand before this line?"""
        return False

    def _has_cursor(self, y: int) -> bool:
        if y < self.head_rows or not (self.has_focus or self.keeps_cursor):
            return False
        index = y - self.head_rows + self.first_row
        return index == self.cursor and index < self.count() and self.is_stop(index)

    # How it moves.

    def move_to(self, index: int) -> None:
        """Put the cursor on a line and bring it into the window."""
        if not self.count():
            return
        before, self.cursor, top = self.cursor, index, self.first_row
        if before != index:
            self.moved()
        self._show(index)
        if before != index and self.first_row == top:  # else both were repainted
            self.repaint_row(before)
            self.repaint_row(index)

    def moved(self) -> None:
        """The cursor is on another line."""

    def repaint_row(self, index: int) -> None:
        y = index - self.first_row + self.head_rows
        if self.head_rows <= y < self.size.height:
            self.refresh(Region(0, y, self._painted_width, 1))

    def _show(self, index: int) -> None:
        top, rows = self.first_row, self.body_rows
        if index < top:
            # The first stop brings what stands above it into view, or a heading could never be seen again.
            self.roll_to(0 if self._next_stop(index - 1, -1) is None else index)
        elif index >= top + rows:
            self.roll_to(index - rows + 1)

    def roll_to(self, top: int) -> None:
        self.scroll_to(y=max(top, 0), animate=False, force=True, immediate=True)

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        if self._vertical_scrollbar is None:
            self._vertical_scrollbar = Slider(name="vertical", thickness=self.scrollbar_size_vertical)
            self._vertical_scrollbar.display = False
            self.app._start_widget(self, self._vertical_scrollbar)
        return self._vertical_scrollbar

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        by = round(new_value) - round(old_value)
        rows = self._own_rows()
        if not by or abs(by) >= rows.height:
            super().watch_scroll_y(old_value, new_value)
            return
        self._shift(rows, by)
        self.vertical_scrollbar.position = new_value

    def _shift(self, rows: Region, by: int) -> None:
        """Let the terminal move what it shows, and repaint what differs then."""
        app, slider = self.app, self.vertical_scrollbar
        assert isinstance(app, Rolling) and isinstance(slider, Slider)
        app.shift(self.screen, rows, by)
        slider.shifted(self.head_rows, by)
        body = range(self.head_rows, self.size.height)
        self._drawn |= {y: self._drawn.get(y + by) if y + by in body else None for y in body}
        self._styles_cache.clear()
        for y in body:
            self._repaint_difference(y)
        slider.repaint_difference()

    def _own_rows(self) -> Region:
        """The rows of the screen below the head, where nothing but this roll is in them; else none."""
        region, screen = self.region, self.screen
        rows = Region(region.x, region.y + self.head_rows, region.width, region.height - self.head_rows)
        if (
            self.app.screen is not screen
            or not self._is_shown_whole(region)
            or region.column_span != (0, screen.size.width)
        ):
            return Region()
        ours = {self, self.vertical_scrollbar, *self.ancestors}
        others = (
            place.intersection(clip)
            for widget, (place, clip) in screen._compositor.visible_widgets.items()
            if widget not in ours
        )
        return Region() if any(rows.overlaps(each) for each in others) else rows

    def _is_shown_whole(self, region: Region) -> bool:
        """Whether each line was drawn where it belongs, on a terminal that can be told to move it."""
        height = self.size.height
        return (
            isinstance(self.app, Rolling) and region.height == height and all(y in self._drawn for y in range(height))
        )

    def _next_stop(self, start: int, by: int) -> int | None:
        start, stop = (start, self.count()) if by > 0 else (min(start, self.count() - 1), -1)
        return next((index for index in range(start, stop, by) if self.is_stop(index)), None)

    def _nearest_stop(self, index: int) -> int:
        after, before = self._next_stop(index, 1), self._next_stop(index, -1)
        return next((found for found in (after, before) if found is not None), index)

    def action_step(self, by: int) -> None:
        """On by one; where the cursor was rolled away from, to the first stop that is seen: nobody knows where it is."""
        rows, top = self.body_rows, self.first_row
        if top <= self.cursor < top + rows:
            found = self._next_stop(self.cursor + by, by)
            is_near = found is not None and self.is_stop(self.cursor) and abs(found - self.cursor) <= rows
        else:
            found = self._next_stop(top if by > 0 else top + rows - 1, by)
            is_near = found is not None and top <= found < top + rows
        if found is not None and is_near:
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
        self.repaint_row(self.cursor)

    def on_blur(self) -> None:
        self.repaint_row(self.cursor)

    def on_resize(self) -> None:
        """A cursor that was seen stays so. One that was rolled away from is let be: a status of two lines resizes, too."""
        was_seen = 0 <= self.cursor - self.first_row < self._body_was
        self._body_was = self.body_rows
        self.resized()
        if was_seen:
            self.call_after_refresh(self._show, self.cursor)

    def resized(self) -> None:
        """Draw for the size that is now."""
        self.changed()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn.clear()
