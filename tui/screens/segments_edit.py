"""The editor of a segment: the daemon judges the expression as it is typed, and counts whom it holds for."""

import asyncio
from shlex import quote
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea

from engine.control.client import ControlError
from engine.control.protocol.segments import SegmentRow
from tui.format import wrap
from tui.ink import Ink, line, rule
from tui.session import House, Watch
from tui.verbs import Intent
from tui.widgets.bar import Bar
from tui.widgets.button import Button
from tui.widgets.page import Page

_WIDTH = 66
_COUNT_AFTER = 0.6  # seconds without a key, until everybody is asked
_EMPTY = "say for whom it holds, such as contact.orders.count > 2"

Said = tuple[str, str, str]
"""Name, title, expression."""


async def edited(house: House, row: SegmentRow | None) -> Intent | str:
    """Have a segment written; the intent that keeps it."""
    said = await house.ask_modal(SegmentEditor(house, row))
    if said is None:
        return "nothing was changed"
    name, title, expression = said
    body = {"name": name, "title": title, "expression": expression}
    titled = f" --title {quote(title)}" if title else ""
    command = f"posthouse segment set {quote(name)} {quote(expression)}{titled}"
    return Intent(f"Keep the segment {name}", "segments", body, command)


class SegmentEditor(ModalScreen[Said | None]):
    """Gives what was written; None when it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave all as it is", show=False, id="editor.leave"),
        Binding("ctrl+s", "keep", "keep it", show=False, id="editor.keep", priority=True),
        Binding("tab", "app.focus_next", "to the next", show=False, id="editor.next", priority=True),
    ]

    def __init__(self, house: House, row: SegmentRow | None) -> None:
        super().__init__()
        self._house, self._row = house, row
        self._judge = Watch(self._ask)
        self._fault = _EMPTY
        self._judged: str | None = None  # the expression that the fault is of; None: nobody has judged it

    def compose(self) -> ComposeResult:
        with Vertical(id="segment-editor", classes="sheet"):
            yield Bar(id="editor-title")
            yield Bar(id="name-label")
            yield _Line(self._row.name if self._row else "", id="name")
            yield Bar(id="title-label")
            yield _Line(self._row.title if self._row else "", id="title-of")
            yield Bar(id="expression-label")
            yield _Text(self._row.expression if self._row else "", id="expression")
            yield Page(id="verdict")
            yield Button("Keep it (ctrl+s)", id="go")
            yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        words = f"Edit the segment {self._row.name}" if self._row else "Make a segment"
        self.query_one("#editor-title", Bar).show(rule(words, _WIDTH - 2))
        for which, label, hint in (
            ("name", "Name", "small letters, digits, hyphens"),
            ("title", "Title", ""),
            ("expression", "Holds where", "judged as you type; docs/segments.md has the language"),
        ):
            self.query_one(f"#{which}-label", Bar).show(line((label, Ink.STRONG), ("  " + hint, Ink.DIM)))
        self.query_one("#expression" if self._row else "#name").focus()
        if self._row is not None:
            self.query_one("#name", Input).disabled = True  # its name is what it is known by
        self._verdict(self._fault, Ink.DIM)
        self._nudge()

    @on(TextArea.Changed)
    def _nudge(self) -> None:
        self.run_worker(self._judge.nudge(), group="judge")

    async def _ask(self) -> None:
        """What the daemon says of it as it stands."""
        expression = self._expression
        if not expression.strip():
            self._fault, self._judged = _EMPTY, expression
            self._verdict(_EMPTY, Ink.DIM)
            return
        try:
            done = await self._house.session.act("segments/check", {"expression": expression})
        except ControlError as error:
            self._fault, self._judged = str(error), expression if error.refused else None
            self._verdict(f"✗ {error}", Ink.BAD)
            return
        self._fault, self._judged = "", expression
        self._verdict(f"✓ {done.text}", Ink.GOOD)
        self.run_worker(self._count(expression, done.text), group="count", exclusive=True)

    async def _count(self, expression: str, judged: str) -> None:
        """Whom it holds for, once no key came for a while."""
        await asyncio.sleep(_COUNT_AFTER)
        if expression != self._expression:
            return
        try:
            counted = await self._house.session.act("segments/count", {"expression": expression})
            told = f"{counted.text}, asked in {counted.facts.get('took_ms', 0)} ms"
        except ControlError as error:
            told = f"nobody was counted: {error}"
        if expression == self._expression:
            self._verdict(f"✓ {judged}\n{told}", Ink.GOOD)

    def _verdict(self, text: str, ink: Ink) -> None:
        rows = text.split("\n")
        page = self.query_one("#verdict", Page)
        # The mark below a place has to stay below it: such lines are cut and never broken.
        page.show(
            lambda width: [line((each, ink)) for one in rows for each in ([one] if "^" in text else wrap(one, width))]
        )

    @property
    def _expression(self) -> str:
        return self.query_one("#expression", TextArea).text

    @on(Input.Submitted)
    def _on(self) -> None:
        self.focus_next()

    def action_keep(self) -> None:
        """Once what has the focus has taken in the keys that came before this one."""
        (self.focused or self).call_later(self._keep)

    @on(Button.Pressed, "#go")
    def _keep(self) -> None:
        if not self.is_current:
            return  # it was pressed twice
        name = self.query_one("#name", Input).value.strip()
        if not name:
            self._verdict("✗ it needs a name", Ink.BAD)
            self.query_one("#name").focus()
        elif self._judged != self._expression:
            self.run_worker(self._keep_judged(), group="judge")
        elif self._fault:
            self._verdict(f"✗ {self._fault}", Ink.BAD)
        else:
            self.dismiss((name, self.query_one("#title-of", Input).value.strip(), self._expression.strip()))

    async def _keep_judged(self) -> None:
        """What is sent away unjudged and refused would be lost."""
        await self._judge.settled()
        if self._judged == self._expression:
            self._keep()

    @on(Button.Pressed, "#cancel")
    def action_leave(self) -> None:
        self.dismiss(None)


class _Line(Input):
    def __init__(self, value: str, *, id: str) -> None:
        super().__init__(value, compact=True, id=id)
        self.cursor_blink = False


class _Text(TextArea):
    def __init__(self, text: str, *, id: str) -> None:
        super().__init__(text, soft_wrap=True, id=id)
        self.cursor_blink = False
        self.move_cursor(self.document.end)
