"""The small form before an act: one line a field, Enter goes on, Escape leaves all as it is.

A terminal that is too low for it rolls it: what has the focus is seen, with its label and what is wrong with it.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from tui.format import cells
from tui.ink import Ink, Line, line, lines, rule
from tui.verbs import Field, at_fault
from tui.widgets.bar import Bar, Status
from tui.widgets.button import Button
from tui.widgets.choice import Choice

_WIDTH = 66
_ROOMY = 5  # fields: of fewer, a long title has room for a second line


class FormScreen(ModalScreen[Mapping[str, str] | None]):
    """Gives the answers by the fields' names; None when it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave all as it is", show=False, id="form.leave"),
        # Before whatever has the focus: of a burst (a slow line, a paste) what comes behind belongs to the next field.
        Binding("enter", "on", "to the next", show=False, priority=True, id="form.on"),
        Binding("down,tab", "app.focus_next", "to the next", show=False, priority=True, id="form.next"),
        Binding("up,shift+tab", "app.focus_previous", "to the one before", show=False, priority=True, id="form.before"),
    ]

    def __init__(self, words: str, fields: Sequence[Field], fault: str = "") -> None:
        """`fault`: why what was answered before was refused."""
        super().__init__()
        self._fault = fault
        self._fields = tuple(fields)
        is_long = cells(words) > _WIDTH - 8 and len(self._fields) < _ROOMY
        self._title = line((words, Ink.TITLE)).folded(_WIDTH - 2) if is_long else [rule(words, _WIDTH - 2)]

    def compose(self) -> ComposeResult:
        with Vertical(id="form", classes="sheet"):
            for index in range(len(self._title)):
                yield Bar(id=f"form-title-{index}")
            for index, each in enumerate(self._fields):
                with Vertical(classes="entry"):
                    yield Status(id=f"fault-{index}")
                    yield Bar(id=f"label-{index}")
                    if each.choices:
                        yield Choice(each.choices, each.default, id=f"field-{index}")
                    else:
                        yield _Line(each.default, id=f"field-{index}")
            yield Bar(id="between")
            yield Button("Go on", id="go")
            yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        for index, told in enumerate(self._title):
            self.query_one(f"#form-title-{index}", Bar).show(told)
        for index, each in enumerate(self._fields):
            needed = " (has to be said)" if each.required else ""
            self.query_one(f"#label-{index}", Bar).show(
                line((each.label, Ink.STRONG), (needed, Ink.WAIT), ("  " + each.hint, Ink.DIM))
            )
            self.query_one(f"#fault-{index}").display = False
        if self._fault:
            self._blame(at_fault(self._fields, self._fault) or 0, self._fault)
        else:
            self.set_focus(self.query_one("#field-0"))  # at once: who types ahead types into it

    def _blame(self, index: int, why: str) -> None:
        """Say above a field what is wrong with it, and go there."""
        width = min(_WIDTH, self.app.size.width - 4) - 1
        for each in self.query(Status):
            each.display = each.id == f"fault-{index}"
        self.query_one("#between").display = False  # the longest form has room in 24 lines with three of a fault
        told: list[Line] = [piece for one in lines(f"✗ {why}", Ink.BAD) for piece in one.folded(width)]
        self.query_one(f"#fault-{index}", Status).show_all(told)
        self.set_focus(self.query_one(f"#field-{index}"))

    def set_focus(self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False) -> None:
        """Rolled by us: Textual brings the field alone to the middle."""
        super().set_focus(widget, scroll_visible=False, from_app_focus=from_app_focus)
        self.call_after_refresh(self._show_focused)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_focused)

    def _show_focused(self) -> None:
        if self.focused is not None and self.is_current:
            entry = self.focused.parent if isinstance(self.focused.parent, Vertical) else None
            shown = self.focused if entry is None or entry.id == "form" else entry
            shown.scroll_visible(animate=False, immediate=True)

    @property
    def answers(self) -> dict[str, str]:
        found = {}
        for index, each in enumerate(self._fields):
            widget = self.query_one(f"#field-{index}")
            found[each.name] = widget.value.strip() if isinstance(widget, _Line | Choice) else ""
        return found

    def action_on(self) -> None:
        """To the next field; from the last one, on; on a button, what it says."""
        if isinstance(self.focused, Button):
            self.focused.action_press()
            return
        places = [f"field-{index}" for index in range(len(self._fields))]
        at = places.index(self.focused.id) if self.focused is not None and self.focused.id in places else 0
        if at + 1 < len(places):
            self.set_focus(self.query_one("#" + places[at + 1]))
        else:
            self._when_written(places)

    def _when_written(self, left: Sequence[str]) -> None:
        """Go on once each field has taken in the keys that came before this one."""
        if not self.is_current:
            return  # Enter was pressed twice: it has been answered
        if left:
            self.query_one(f"#{left[0]}").call_later(self._when_written, left[1:])
        else:
            self._go()

    @on(Button.Pressed, "#go")
    def _go(self) -> None:
        answers = self.answers
        for index, each in enumerate(self._fields):
            if each.required and not answers[each.name]:
                self._blame(index, f"{each.label} has to be said")
                return
        self.dismiss(answers)

    @on(Button.Pressed, "#cancel")
    def action_leave(self) -> None:
        self.dismiss(None)


class _Line(Input):
    def __init__(self, value: str, *, id: str) -> None:
        super().__init__(value, compact=True, id=id)
        self.cursor_blink = False  # a blinking cursor writes to the terminal for ever
