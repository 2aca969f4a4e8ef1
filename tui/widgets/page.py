"""A page: lines drawn for a width by one of the functions of tui.pages."""

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from tui.ink import Line
from tui.widgets.roll import Roll

Draw = Callable[[int], list[Line]]


class Sheet(Roll):
    """Shows what `draw` draws. The cursor stops at lines that open something, and follows its line when lines move."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "leaf(1)", "page down", show=False, id="page.down")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw: Draw = lambda _: []
        self._lines: list[Line] = []
        self._about: Hashable = None
        self._found: int | None = None  # the line that was looked for

    def show(self, draw: Draw, about: Hashable = None) -> None:
        """Another drawing; of another thing (`about`) it starts at its top."""
        self._draw = draw
        if about != self._about:
            self._about, self.cursor, self._found = about, 0, None
            self.roll_to(0)
        self._redraw()

    @property
    def line(self) -> Line | None:
        """The line under the cursor, where the cursor may stand."""
        return self._lines[self.cursor] if self.cursor < len(self._lines) and self.is_stop(self.cursor) else None

    def find(self, text: str, by: int) -> bool:
        """Go to the next line that has this text (the one before with -1), round the end; whether there is one."""
        wanted, count = text.casefold(), len(self._lines)
        start = self._found if self._found is not None else self.cursor - by
        order = ((start + by * step) % count for step in range(1, count + 1)) if count else iter(())
        index = next((each for each in order if wanted in self._lines[each].text.casefold()), None)
        if index is None:
            return False
        before, self._found = self._found, index
        if self.is_stop(index):
            self.move_to(index)
        if not self.first_row <= index < self.first_row + self.body_rows:
            self.roll_to(index - self.body_rows // 3)
        for each in (before, index):
            if each is not None:
                self.repaint_row(each)
        return True

    def is_marked(self, index: int) -> bool:
        return index == self._found

    def count(self) -> int:
        return len(self._lines)

    def drawn(self, index: int) -> Line:
        return self._lines[index]

    def is_stop(self, index: int) -> bool:
        return self._lines[index].target is not None

    def resized(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        held = self._lines[self.cursor].key if self.cursor < len(self._lines) else None
        self._lines = self._draw(self.text_width)
        if held is not None:
            places = [index for index, line in enumerate(self._lines) if line.key == held]
            self.cursor = min(places, key=lambda index: abs(index - self.cursor), default=self.cursor)
        self.changed()


class Page(Sheet):
    """What a screen shows."""

    def say_when_empty(self, said: Sequence[Line]) -> None:
        """Whole: the status line may cut it."""
        if not self.count():
            self.show(lambda width: [piece for one in said for piece in one.folded(width)])


class Walked(Page):
    """Says when its cursor is on another line."""

    class Moved(Message):
        """It is."""

    def moved(self) -> None:
        self.post_message(self.Moved())


class Side(Sheet):
    """What stands beside it in a very wide terminal."""
