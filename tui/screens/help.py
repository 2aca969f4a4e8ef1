"""The page of keys and signs that `?` lays over any screen."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.ink import BLANK, Ink, Line, line, rule
from tui.widgets.page import Page

_KEYS: Final = (
    ("1 2 3", "Post, Queue, Flows"),
    ("j k  ↓ ↑", "down and up; ctrl+d ctrl+u a page"),
    ("g G", "first and last"),
    ("enter", "open what the cursor is on"),
    ("esc", "drop the filter, or go back"),
    ("tab", "to the other side of a wide screen"),
    ("/", "filter; enter keeps it"),
    ("r", "ask the daemon again now"),
    ("v", "a flow as diagram or as outline"),
    ("f2", "paper or night"),
    ("q", "leave; the daemon goes on"),
)

_SIGNS: Final = (
    (("○ queued", Ink.TEXT), ("it waits for its turn", Ink.DIM)),
    (("► in flight", Ink.CALM), ("a carrier is talking to the site", Ink.DIM)),
    (("↻ back-off", Ink.WAIT), ("the site asked us to wait", Ink.DIM)),
    (("■ held", Ink.WAIT), ("stopped, until somebody lets it go", Ink.DIM)),
    (("? in doubt", Ink.DOUBT), ("handed over, and no answer was recorded", Ink.DIM)),
    (("✓ delivered", Ink.GOOD), ("the next host took it", Ink.DIM)),
    (("✗ bounced", Ink.BAD), ("refused for good, or expired", Ink.DIM)),
)


def keys(width: int) -> list[Line]:
    return [
        rule("Keys", width),
        *(line((f"{key:<11}", Ink.HORN), what) for key, what in _KEYS),
        BLANK,
        rule("Signs", width),
        *(line((f"{sign:<13}", ink), meaning) for (sign, ink), meaning in _SIGNS),
    ]


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,f1", "app.pop_screen", "close", show=False)
    ]

    def compose(self) -> ComposeResult:
        with Vertical(id="help"):
            yield Page(id="keys")

    def on_mount(self) -> None:
        self.query_one(Page).show(keys)
