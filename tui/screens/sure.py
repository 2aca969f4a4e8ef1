"""What would be done, and the question whether it is to be: Cancel has the focus, or a word has to be typed."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.format import cells
from tui.ink import BLANK, Ink, Line, line, rule
from tui.widgets.bar import Bar
from tui.widgets.button import Button
from tui.widgets.page import Page

_LEAST_ROOM, _AROUND = 14, 12  # lines of the daemon's words that have room in 24; those of the terminal around them
_FRAME = 6  # lines of the question around its words, which are seen in the smallest terminal


class SureScreen(ModalScreen[bool]):
    """True when it is to be done."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "leave all as it is", show=False, id="sure.leave")
    ]

    def __init__(self, words: str, would: str, command: str, typed: str = "") -> None:
        super().__init__()
        self._words, self._would, self._command, self._typed = words, would, command, typed

    def compose(self) -> ComposeResult:
        with Vertical(id="sure", classes="sheet"):
            yield Page(id="would")
            if self._typed:
                yield Bar(id="typed-label")
                yield _Typed()
                yield Bar(id="typed-fault")
            with Horizontal(id="buttons"):
                yield Button("Cancel", id="cancel")
                if not self._typed:
                    yield Button("Do it", id="go")

    def on_mount(self) -> None:
        page = self.query_one("#would", Page)
        rows = self.app.size.height
        page.styles.height = min(len(self._lines(64)), max(min(_LEAST_ROOM, rows - _FRAME), rows - _AROUND, 1))
        page.show(self._lines)
        if self._typed:
            self.query_one("#typed-label", Bar).show(
                line(("This can't be taken back. To do it, type ", Ink.WAIT), (self._typed, Ink.STRONG))
            )
            self.set_focus(self.query_one(_Typed))
        else:
            self.set_focus(self.query_one("#cancel"))

    def _lines(self, width: int) -> list[Line]:
        would = [each for text in self._would.splitlines() for each in line(text).folded(width)]
        command = line(("$ ", Ink.DIM), (self._command, Ink.CALM)).folded(width) if self._command else []
        between = [BLANK] if command and would else []
        title = rule(self._words, width)
        words = line((self._words, Ink.TITLE)).folded(width) if cells(self._words) > width - 6 else [title]
        return [*words, *command, *between, *would]  # the command is seen however long the rest is

    @on(Input.Submitted)
    def _was_typed(self, message: Input.Submitted) -> None:
        if message.value.strip() == self._typed:
            self.dismiss(True)
        else:
            self.query_one("#typed-fault", Bar).show(line((f"✗ that is not {self._typed}", Ink.BAD)), BLANK)

    @on(Button.Pressed, "#go")
    def _go(self) -> None:
        self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def action_leave(self) -> None:
        self.dismiss(False)


class _Typed(Input):
    def __init__(self) -> None:
        super().__init__(compact=True, id="typed")
        self.cursor_blink = False
