"""A table of rows, of which only those in the window are painted, and only those asked for need be here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from textual.binding import Binding, BindingType
from textual.message import Message

from tui.columns import Column, Layout, heading, layout, needed, row, under_way
from tui.format import number
from tui.ink import Ink, Line, Target, line
from tui.marks import Marked, Matching
from tui.widgets.roll import GUTTER, Roll

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


AROUND: Final = 200  # rows of a long list in which the one under the cursor is looked for


class Rows(Protocol[R_co]):
    """Any number of rows; None for one that is not here yet."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> R_co | None: ...


class Table(Roll, Generic[R]):
    """Rows in columns, with a cursor on one of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "mark, and go down", show=False, id="table.mark"),
        Binding("V", "range", "mark a range: from here, to where it is pressed again", show=False, id="table.range"),
        Binding("asterisk", "every", "mark all that match", show=False, id="table.every"),
    ]
    head_rows = 1

    @dataclass
    class Moved(Message):
        """The cursor is on another row, or another row came under it."""

        table: "Table[Any]"

        @property
        def control(self) -> "Table[Any]":
            return self.table

    @dataclass
    class Missing(Message):
        """A row in the window is not here yet; `first` is the first row of the window."""

        table: "Table[Any]"
        first: int

    @dataclass
    class MarksChanged(Message):
        """Other rows are marked; `said` is what to tell of it."""

        table: "Table[Any]"
        said: str = ""

        @property
        def control(self) -> "Table[Any]":
            return self.table

    def __init__(
        self,
        columns: Sequence[Column[R]],
        opens: Callable[[R], Target],
        *,
        key: Callable[[R], str] | None = None,
        id: str | None = None,
    ) -> None:
        """`key`: what a row is called where it is marked; the name of what it opens, unless that says it."""
        super().__init__(id=id)
        self._columns = columns
        self._opens = opens
        self._key = key or (lambda row: opens(row).name)
        self._matching: Matching | None = None
        self._marks: dict[str, None] = {}  # in the order of marking
        self._all_marked = False
        self._range_from: int | None = None
        self._range_key = ""  # of the row with which it began
        self._ranged: dict[str, int] = {}  # what the range has marked, and where
        self._rows: Rows[R] = ()
        self._now_ms = 0
        self._layout: Layout[R] = ()
        self._on: tuple[Target, str] | None = None  # the row under the cursor: several may open the same
        self._empty = ""
        self._sought = ""
        self._was_shown = False
        self._opens_first = False  # Enter came before the row that it was meant for
        self.is_sifted = False  # other rows are coming, by another filter
        self._gone_to: tuple[Target, str] | None = None  # what the cursor was on before the first of them

    def seek(self, name: str) -> None:
        """The cursor goes to what opens this, when it is among the rows that are shown next."""
        self._sought = name

    def sift(self) -> None:
        """Another filter is asked for: the cursor goes to what it was on before, where that is among what is found, else to
        the first; what it came to by half a word nobody chose."""
        if self._gone_to is None:
            self._gone_to = self._on
        self.is_sifted = True

    def sifted(self) -> None:
        """What that filter finds is shown."""
        self.is_sifted = False

    def say_when_empty(self, words: str) -> None:
        """What stands there while there are no rows."""
        self._empty = words
        self._repaint_difference(self.head_rows)

    def _line(self, y: int) -> Line:
        if y == self.head_rows and self._empty and not self.count():
            return line(" " * GUTTER, (self._empty, Ink.DIM)).cropped(self.text_width + GUTTER)
        return super()._line(y)

    def show(self, rows: Rows[R], now_ms: int, matching: Matching | None = None) -> None:
        """Other rows. The cursor stays on the row it is on, wherever that is now.

        `matching`: by which words the daemon finds all of them; without it `*` marks those that are here."""
        self._rows, self._now_ms, self._was_shown = rows, now_ms, True
        if self._all_marked and (matching is None) != (self._matching is None):
            self.unmark()
        if matching is not None and self._matching is not None and matching.words != self._matching.words:
            self.unmark()  # another filter finds others: nothing is kept that nobody sees
        self._matching = matching
        if self._range_from is not None and not self._range_stands(self._range_from):
            self._end_range()
            self._remarked(f"{self._told()}; other rows came between, the range is over")
        was_seen = 0 <= self.cursor - self.first_row < self.body_rows
        wanted = self._gone_to if self.is_sifted else self._on
        found = None if wanted is None else self._find_again(wanted)
        self.cursor = found if found is not None else 0 if self.is_sifted else self.cursor
        self.changed()
        if (was_seen or self.is_sifted) and self.count():
            self._show(self.cursor)
        self._look()
        if self._sought and isinstance(rows, tuple):
            self._find(rows)

    def _find_again(self, wanted: tuple[Target, str]) -> int | None:
        """Where this row is now, the nearest to where it was; of many rows, among those around."""
        here = min(self.cursor, max(self.count() - 1, 0))
        around = self.count() if isinstance(self._rows, tuple) else AROUND
        near = (index for by in range(around + 1) for index in dict.fromkeys((here + by, here - by)))
        return next((each for each in near if 0 <= each < self.count() and self._is_at(each, wanted)), None)

    def _is_at(self, index: int, wanted: tuple[Target, str]) -> bool:
        row = self._rows[index]
        return row is not None and self._place(row) == wanted

    def _find(self, rows: Sequence[R]) -> None:
        place = next((index for index, each in enumerate(rows) if self._opens(each).name == self._sought), None)
        if place is not None:
            self._sought = ""
            self.move_to(place)

    @property
    def least_width(self) -> int:
        """The cells of the widget with which no column is squeezed: the gutter and the scrollbar are among them."""
        return needed(self._columns) + GUTTER + 1

    @property
    def at(self) -> Target | None:
        """What is under the cursor."""
        return None if self._on is None else self._on[0]

    def _place(self, row: R) -> tuple[Target, str]:
        """By what a row is found again: what it opens, and its own name."""
        return self._opens(row), self._key(row)

    @property
    def row(self) -> R | None:
        """The row under the cursor, where it is here."""
        return self._rows[self.cursor] if self.cursor < self.count() else None

    def opened_here(self) -> list[Target]:
        """What the rows in the window open."""
        last = min(self.first_row + self.body_rows, self.count())
        rows = (self._rows[index] for index in range(self.first_row, last))
        return [self._opens(row) for row in rows if row is not None]

    def count(self) -> int:
        return len(self._rows)

    def drawn(self, index: int) -> Line:
        item = self._rows[index]
        if item is None:
            return under_way(self._layout)
        opened = self._opens(item)
        return row(self._layout, item, self._now_ms).opens(opened.kind, opened.name)

    def head(self) -> Line:
        return heading(self._layout)

    def moved(self) -> None:
        self._sought, self._opens_first, self._gone_to = "", False, None
        if self._range_from is not None:
            self._mark_range(self._range_from)
        self._look()

    def action_open(self) -> None:
        """What the cursor is on, or will be on as soon as its row is here."""
        self._opens_first = not self._was_shown or (self.count() > 0 and self.row is None)
        super().action_open()

    # Marks.

    @property
    def marked(self) -> Marked:
        """The rows that are marked, all that match, or else the one under the cursor."""
        if self._all_marked and self._matching is not None:
            return Marked(every=self._matching, chosen=True)
        if self._marks:
            return Marked(tuple(self._marks), chosen=True)
        row = self.row
        return Marked(() if row is None else (self._key(row),))

    def is_marked(self, index: int) -> bool:
        if self._all_marked:
            return True
        if not self._marks:
            return False
        row = self._rows[index]
        return row is not None and self._key(row) in self._marks

    def unmark(self) -> None:
        """Take all marks away."""
        if self._marks or self._all_marked or self._range_from is not None:
            self._marks.clear()
            self._all_marked = False
            self._end_range()
            self._remarked()

    def _remarked(self, said: str = "") -> None:
        for y in range(self.head_rows, self.size.height):
            self._repaint_difference(y)
        self.post_message(self.MarksChanged(self, said))

    def go_round(self, by: int) -> None:
        """To the next row; from the last to the first."""
        if self.count():
            self.move_to((self.cursor + by) % self.count())

    def action_mark(self) -> None:
        row = self.row
        if row is None:
            return
        if self._all_marked:
            self.unmark()
        key = self._key(row)
        if key in self._marks:
            del self._marks[key]
        else:
            self._marks[key] = None
        self._remarked(self._told())
        self.action_step(1)

    def action_range(self) -> None:
        if self._range_from is not None:
            self._end_range()
            self._remarked(self._told())
        elif self.row is not None:
            self._range_from, self._range_key = self.cursor, self._key(self.row)
            self._mark_range(self.cursor)

    def _range_stands(self, start: int) -> bool:
        """Whether it begins with the row with which it began, as far as that is here."""
        if start >= self.count():
            return False
        row = self._rows[start]
        return row is None or self._key(row) == self._range_key

    def _end_range(self) -> None:
        self._range_from = None
        self._ranged.clear()

    def _mark_range(self, start: int) -> None:
        """Mark from where the range began to the cursor, and no more. A row that is not here can't be: `*` is for those."""
        first, last = sorted((start, self.cursor))
        for key in [key for key, index in self._ranged.items() if not first <= index <= last]:
            del self._ranged[key]
            self._marks.pop(key, None)
        rows = [self._rows[index] for index in range(first, last + 1)]
        named = {self._key(row): index for index, row in enumerate(rows, first) if row is not None}
        self._ranged |= {key: index for key, index in named.items() if key not in self._marks}
        self._marks |= dict.fromkeys(named)
        absent = sum(row is None for row in rows)
        note = f"; {number(absent)} on the way have not been seen and are not marked" if absent else ""
        self._remarked(f"{self._told()}, a range: go on, the same key ends it{note}")

    def action_every(self) -> None:
        if self._all_marked or not self.count():
            self.unmark()
            return
        if self._matching is not None:
            self._marks.clear()
            self._all_marked = True
        else:
            rows = (self._rows[index] for index in range(self.count()))
            self._marks.update({self._key(row): None for row in rows if row is not None})
        self._remarked(self._told())

    def _told(self) -> str:
        marked = self.marked
        return f"marked: {marked.told('row')}" if marked.chosen else "nothing is marked"

    def resized(self) -> None:
        self._layout = layout(self._columns, self.text_width)
        self.changed()
        self._look()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._look()

    def _look(self) -> None:
        """Say what is under the cursor if that is news, and which rows of the window are missing."""
        window = range(self.first_row, min(self.first_row + self.body_rows, self.count()))
        if any(self._rows[index] is None for index in window):
            self.post_message(self.Missing(self, self.first_row))
        item = self.row
        on = None if item is None else self._place(item)
        if on != self._on:
            self._on = on
            self.post_message(self.Moved(self))
        if on is not None and self._opens_first:
            self._opens_first = False
            if self.screen.is_current:
                super().action_open()
