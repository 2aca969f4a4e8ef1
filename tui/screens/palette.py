"""The palette: all that can be done here, found by any letters of its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.format import cells, cut, fit
from tui.ink import Ink, Line, line
from tui.messages import Opened
from tui.widgets.page import Page


@dataclass(frozen=True, slots=True)
class Entry:
    words: str
    key: str
    command: str  # what is done: as typed after a colon, or an action of the screen behind `!`
    about: str = ""


def found(entries: Sequence[Entry], wanted: str) -> list[Entry]:
    """Those whose words have these letters in this order, the closest first."""
    ranked = [
        (rank, index) for index, each in enumerate(entries) if (rank := _rank(each, wanted.casefold())) is not None
    ]
    return [entries[index] for _, index in sorted(ranked)]


def _rank(entry: Entry, wanted: str) -> int | None:
    """How far the letters are apart; a whole part of the words is nearest. None when they are not all there."""
    text = f"{entry.words} {entry.about}".casefold()
    if (at := text.find(wanted)) >= 0:
        return at
    at = first = -1
    for letter in wanted.replace(" ", ""):
        at = text.find(letter, at + 1)
        if at < 0:
            return None
        first = at if first < 0 else first
    return 1000 + at - first


class PaletteScreen(ModalScreen[str | None]):
    """Gives the command of what was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+p", "leave", "leave", show=False, id="palette.leave"),
        Binding("down,ctrl+n", "step(1)", "down", show=False, id="palette.down"),
        Binding("up", "step(-1)", "up", show=False, id="palette.up"),
    ]

    def __init__(self, entries: Sequence[Entry], hint: str = "what is to be done: any letters of it") -> None:
        super().__init__()
        self._entries, self._hint = tuple(entries), hint

    def compose(self) -> ComposeResult:
        with Vertical(id="palette", classes="sheet"):
            yield _Wanted(self._hint)
            yield Page(id="entries")

    def on_mount(self) -> None:
        page = self.query_one("#entries", Page)
        page.can_focus, page.keeps_cursor = False, True
        self._show()

    @on(Input.Changed)
    def _show(self) -> None:
        wanted = self.query_one(_Wanted).value
        shown = found(self._entries, wanted)
        page = self.query_one("#entries", Page)
        page.show(
            lambda width: [_line(each, width) for each in shown] or [line(("nothing is called so", Ink.DIM))], wanted
        )

    def action_step(self, by: int) -> None:
        self.query_one("#entries", Page).action_step(by)

    @on(Input.Submitted)
    def _chosen(self) -> None:
        self.query_one("#entries", Page).action_open()

    @on(Opened)
    def _opened(self, message: Opened) -> None:
        message.stop()
        self.dismiss(message.target.name)

    def action_leave(self) -> None:
        self.dismiss(None)


def _line(entry: Entry, width: int) -> Line:
    room = width - 10
    words = cut(entry.words, room)
    about = cut(entry.about, room - cells(words) - 2)
    gap = " " * max(room - cells(words) - cells(about) - 2, 0)
    drawn = line((words, Ink.STRONG), "  ", (about, Ink.DIM), gap, (fit(entry.key, 10, right=True), Ink.HORN))
    return drawn.opens("command", entry.command, entry.command)


class _Wanted(Input):
    def __init__(self, hint: str) -> None:
        super().__init__(compact=True, placeholder=hint, id="wanted")
        self.cursor_blink = False
