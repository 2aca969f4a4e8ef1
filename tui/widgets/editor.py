"""A text that is edited in the terminal: highlighted, with lines marked that are wrong, and no blinking cursor.

    Editor(text, lexer="html+jinja")      # Pygments' name: yaml+jinja, html+jinja, toml, text
    editor.text, editor.mark({12, 30}), editor.go_to(12), editor.is_changed

With `is_awaited` it says that its text is on its way, and takes nothing, until `load_text`. It says TextArea.Changed
when the text changes, and Editor.Untaken when something is typed that it does not take: no letter of it is a key of what
is around it, also where it is only read. Highlighting is Pygments'; what it can't read stays plain.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea

from tui.ink import Ink
from tui.themes import style

FETCHED: Final = "… it is being fetched"
NOT_HERE: Final = "✗ the text is not here yet: nothing can be written"
ONLY_READ: Final = "✗ this terminal is read-only: nothing can be written; escape leaves the text"
_HIGHLIT_MAX: Final = 64 * 1024  # characters; beyond that a key would wait for the colours
_INKS: Final[Mapping[str, Ink]] = {
    "Comment.Preproc": Ink.CALM,  # {{ }} and {% %}
    "Comment": Ink.DIM,
    "Keyword": Ink.DOUBT,
    "Name.Tag": Ink.TITLE,
    "Name.Attribute": Ink.WAIT,
    "Name.Variable": Ink.CALM,
    "Name.Function": Ink.CALM,
    "Literal": Ink.GOOD,
    "String": Ink.GOOD,
    "Number": Ink.GOOD,
    "Operator": Ink.RAIL,
    "Punctuation": Ink.RAIL,
}
"""Pygments' kinds of words, the nearest that is named here counts."""

Span = tuple[int, int, Ink]


class Editor(TextArea):
    """The whole text of a file. Escape goes to what stands beside it, but from a text that is not here yet: back."""

    class Untaken(Message):
        """What was typed is nowhere: the text is not here yet, or only read."""

        def __init__(self, editor: "Editor") -> None:
            self.editor = editor
            super().__init__()

        @property
        def control(self) -> "Editor":
            return self.editor

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+home", "edge(False)", "to the beginning", show=False, id="editor.first"),
        Binding("ctrl+end", "edge(True)", "to the end", show=False, id="editor.last"),
    ]

    def __init__(
        self,
        text: str = "",
        *,
        lexer: str = "text",
        read_only: bool = False,
        is_awaited: bool = False,
        id: str | None = None,
    ) -> None:
        self._lexer = lexer
        self._spans = spans(text, lexer)
        self._wrong: frozenset[int] = frozenset()
        self._kept = text
        super().__init__(
            text, show_line_numbers=True, read_only=read_only or is_awaited, soft_wrap=False, tab_behavior="indent", id=id,
            placeholder=FETCHED if is_awaited else "",
        )  # fmt: skip
        self.cursor_blink = False  # a blinking cursor writes to the terminal for ever
        self.indent_width = 2
        self.is_awaited = is_awaited

    @property
    def is_changed(self) -> bool:
        """Whether it differs from what was loaded, or kept last."""
        return self.text != self._kept

    def load_text(self, text: str) -> None:
        super().load_text(text)
        if self.is_awaited:
            self.placeholder, self.read_only, self.is_awaited = "", False, False

    def on_resize(self) -> None:
        """What stands below may take a row of it: the line that is written stays in sight."""
        self.call_after_refresh(self.scroll_cursor_visible)

    def on_key(self, event: events.Key) -> None:
        if not self.read_only:
            return
        if event.is_printable or event.key == "enter":
            self._untaken(event)
        elif event.key == "escape" and not self.is_awaited:
            event.stop().prevent_default()
            self.screen.focus_next()

    def on_paste(self, event: events.Paste) -> None:
        if self.read_only:
            self._untaken(event)

    def _untaken(self, event: events.Event) -> None:
        event.stop().prevent_default()
        self.post_message(self.Untaken(self))

    def kept(self) -> None:
        """What stands here is what is kept now."""
        self._kept = self.text

    def mark(self, lines: Iterable[int]) -> None:
        """Mark these lines, from 1, as wrong; no others."""
        self._wrong = frozenset(lines)
        self.notify_style_update()
        self.refresh()

    def go_to(self, line: int) -> None:
        """Put the cursor on a line, from 1."""
        row = min(max(line - 1, 0), self.document.line_count - 1)
        self.move_cursor((row, 0), center=True)

    def action_edge(self, is_end: bool) -> None:
        self.move_cursor(self.document.end if is_end else (0, 0))

    def get_line(self, line_index: int) -> Text:
        shown = super().get_line(line_index)
        for start, end, ink in self._spans.get(line_index, ()):
            shown.stylize(style(self.app.theme, ink), start, end)
        if line_index + 1 in self._wrong:
            shown.stylize(style(self.app.theme, Ink.BAD))
        return shown

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if y + self.scroll_offset.y + 1 not in self._wrong or not self.show_line_numbers:
            return strip
        sign = Segment(" ✗", self.rich_style + style(self.app.theme, Ink.BAD))
        return Strip.join([strip.crop(0, self.gutter_width - 2), Strip([sign], 2), strip.crop(self.gutter_width)])

    def on_text_area_changed(self) -> None:
        found = spans(self.text, self._lexer)
        if found != self._spans:
            self._spans = found
            self.notify_style_update()


def spans(text: str, lexer: str) -> dict[int, list[Span]]:
    """What is highlighted in each line, from 0: (from, to, ink)."""
    if lexer == "text" or len(text) > _HIGHLIT_MAX:
        return {}
    from pygments.lexers import get_lexer_by_name

    found: dict[int, list[Span]] = defaultdict(list)
    row = column = 0
    for kind, words in get_lexer_by_name(lexer, stripnl=False, ensurenl=False).get_tokens(text):
        ink = _ink(str(kind).removeprefix("Token."))
        for number, piece in enumerate(words.split("\n")):
            if number:
                row, column = row + 1, 0
            if ink is not None and piece:
                found[row].append((column, column + len(piece), ink))
            column += len(piece)
    return dict(found)


def _ink(kind: str) -> Ink | None:
    while kind:
        if kind in _INKS:
            return _INKS[kind]
        kind = kind.rpartition(".")[0]
    return None
