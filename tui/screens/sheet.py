"""A page of lines that another screen laid out: the reasons of something, the log of this session."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from tui.ink import Line
from tui.screens.house import HouseScreen
from tui.widgets.page import Page


class SheetScreen(HouseScreen):
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("j k", "scroll"), ("house.back", "back"))

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self._title, self._lines = title, tuple(lines)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="sheet")

    async def ask(self) -> None:
        self.title_line(self._title)
        self.query_one("#sheet", Page).show(lambda width: [each for one in self._lines for each in one.folded(width)])

    def copy_text(self) -> str:
        return "\n".join(each.text.rstrip() for each in self._lines)
