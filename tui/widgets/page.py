"""A page: lines drawn for a width by one of the functions of tui.pages."""

from collections.abc import Callable, Hashable

from tui.ink import Line
from tui.widgets.roll import Roll

Draw = Callable[[int], list[Line]]


class Page(Roll):
    """Shows what `draw` draws. The cursor stops at lines that open something, and follows its line when lines move."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw: Draw = lambda _: []
        self._lines: list[Line] = []
        self._about: Hashable = None

    def show(self, draw: Draw, about: Hashable = None) -> None:
        """Another drawing; of another thing (`about`) it starts at its top."""
        self._draw = draw
        if about != self._about:
            self._about, self.cursor = about, 0
            self.roll_to(0)
        self._redraw()

    def count(self) -> int:
        return len(self._lines)

    def drawn(self, index: int) -> Line:
        return self._lines[index]

    def is_stop(self, index: int) -> bool:
        return self._lines[index].target is not None

    def on_resize(self) -> None:
        self._redraw()
        super().on_resize()

    def _redraw(self) -> None:
        held = self._lines[self.cursor].key if self.cursor < len(self._lines) else None
        self._lines = self._draw(self.text_width)
        if held is not None:
            places = [index for index, line in enumerate(self._lines) if line.key == held]
            self.cursor = min(places, key=lambda index: abs(index - self.cursor), default=self.cursor)
        self.changed()
