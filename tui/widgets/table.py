"""A table of rows, of which only those in the window are painted, and only those asked for need be here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from textual.message import Message

from tui.columns import Column, Layout, heading, layout, row, under_way
from tui.ink import Line, Target
from tui.widgets.roll import Roll

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Rows(Protocol[R_co]):
    """Any number of rows; None for one that is not here yet."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> R_co | None: ...


class Table(Roll, Generic[R]):
    """Rows in columns, with a cursor on one of them."""

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

    def __init__(
        self,
        columns: Sequence[Column[R]],
        opens: Callable[[R], Target],
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._opens = opens
        self._rows: Rows[R] = ()
        self._now_ms = 0
        self._layout: Layout[R] = ()
        self._at: Target | None = None

    def show(self, rows: Rows[R], now_ms: int) -> None:
        """Other rows. The cursor stays on the row it is on, wherever that is now."""
        self._rows, self._now_ms = rows, now_ms
        if isinstance(rows, tuple) and self._at is not None:
            places = (index for index, each in enumerate(rows) if self._opens(each) == self._at)
            self.cursor = next(places, self.cursor)
        self.changed()
        self._look()

    @property
    def at(self) -> Target | None:
        """What is under the cursor."""
        return self._at

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
        self._look()

    def on_resize(self) -> None:
        self._layout = layout(self._columns, self.text_width)
        super().on_resize()
        self._look()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._look()

    def _look(self) -> None:
        """Say what is under the cursor if that is news, and which rows of the window are missing."""
        window = range(self.first_row, min(self.first_row + self.body_rows, self.count()))
        if any(self._rows[index] is None for index in window):
            self.post_message(self.Missing(self, self.first_row))
        item = self._rows[self.cursor] if self.cursor < self.count() else None
        at = None if item is None else self._opens(item)
        if at != self._at:
            self._at = at
            self.post_message(self.Moved(self))
