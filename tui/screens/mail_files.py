"""A file of templates that is edited: here, or in the operator's own editor; and a mail's HTML, kept for a browser."""

import hashlib
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import TextArea

from engine.control.client import ControlError
from engine.control.protocol.mails import MailFileText
from tui import keeping
from tui.ink import BLANK, Ink, Target, line
from tui.screens.doing import READ_ONLY
from tui.screens.house import HouseScreen
from tui.screens.outside import NotEditedError, edited
from tui.screens.sure import SureScreen
from tui.session import Deed
from tui.verbs import Intent
from tui.widgets.bar import Bar
from tui.widgets.editor import FETCHED, NOT_HERE, ONLY_READ, Editor

if TYPE_CHECKING:
    from engine.control.protocol.mails import MailProof

_LEAVE: Final = "Leave without keeping what was changed?"
_LEXERS: Final = {".html.j2": "html+jinja", ".txt.j2": "jinja", ".css.j2": "css+jinja", ".toml": "toml"}


def saved_page(proof: "MailProof") -> Path:
    """The mail's HTML in a file that only this user reads; OSError."""
    state = keeping.state_folder() / "mail"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state / f"{proof.mail}.{proof.locale}.html"
    fresh = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fresh, "w", encoding="utf-8") as file:
        file.write(proof.html)
    return path


def saving(name: str, source: str, digest: str) -> Intent:
    """To keep a file as it was read with this digest and is now."""
    body = {"file": name, "source": source, "digest": digest}
    return Intent(f"Keep {name}", "mail/save", body, f"posthouse mail save {shlex.quote(name)} -")


def is_whole(text: MailFileText) -> bool:
    """Whether what came over the socket is the file, sign by sign: signs that move a cursor do not come."""
    return hashlib.sha256(text.source.encode()).hexdigest() == text.digest


def _cannot(text: MailFileText) -> str:
    return f"{text.name} holds tabs or signs that no terminal shows: edit {text.path or 'the file'} by hand"


async def edit_outside(screen: HouseScreen, name: str) -> None:
    """Edit it in $EDITOR, then have the daemon keep it."""
    if screen.session.read_only:
        screen.house.say(READ_ONLY, Ink.WAIT)
        return
    try:
        text = await screen.session.ask(MailFileText, "/v1/mail-file", {"file": name})
    except ControlError as error:
        screen.house.say("✗ " + error.text, Ink.BAD)
        return
    if not is_whole(text):
        screen.house.say("✗ " + _cannot(text), Ink.BAD)
        return
    try:
        source = edited(screen.app, name, text.source)
    except NotEditedError as error:
        screen.house.say(f"✗ {error}", Ink.BAD)
        return
    if source == text.source:
        screen.house.say("nothing was changed", Ink.DIM)
    else:
        await screen.perform(saving(name, source, text.digest))


class MailFileScreen(HouseScreen):
    """One file in the editor. Control-S keeps it: the daemon says what is wrong with it, and where."""

    is_written_on = True
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("mail_file.save", "keep"), ("mail_file.outside", "$EDITOR"), ("mail_file.fault", "next fault"),
        ("house.back", "leave"),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "keep it", show=False, id="mail_file.save", priority=True),
        Binding("ctrl+o", "outside", "in $EDITOR", show=False, id="mail_file.outside", priority=True),
        Binding("ctrl+n", "fault", "to the next fault", show=False, id="mail_file.fault", priority=True),
        Binding("escape", "back", "leave", show=False, id="house.back", priority=True),
    ]

    def __init__(self, place: str) -> None:
        """`place`: the file, and behind a colon a line."""
        super().__init__()
        self._file, _, at = place.partition(":")
        self._at = int(at) if at.isdigit() else 0
        self._digest = ""
        self._cannot = ""  # why it can't be edited here
        self._faults: list[dict[str, Any]] = []

    def body(self) -> ComposeResult:
        with Vertical(classes="body"):
            suffix = next((each for each in _LEXERS if self._file.endswith(each)), ".toml")
            yield Editor(lexer=_LEXERS[suffix], is_awaited=True, id="editor")
            yield Bar(id="faults")

    @property
    def editor(self) -> Editor:
        return self.query_one(Editor)

    def on_mount(self) -> None:
        super().on_mount()
        self.title_line(f"Mail › {self._file}", FETCHED)
        self.editor.focus()

    async def ask(self) -> None:
        """Read it once: what is being written is never overwritten by what the daemon says."""
        if not self._digest:
            text = await self.session.ask(MailFileText, "/v1/mail-file", {"file": self._file})
            self._digest = text.digest
            self.editor.load_text(text.source)
            self.editor.kept()
            self._cannot = "" if is_whole(text) else f"✗ {_cannot(text)}"
            self.editor.read_only = self.session.read_only or bool(self._cannot)
            if self._cannot:
                self.house.say(self._cannot, Ink.BAD)
            if self._at:
                self.editor.go_to(self._at)
        self._tell()

    def opened_again(self, target: Target) -> None:
        _, _, at = target.name.partition(":")
        if at.isdigit():
            self.editor.go_to(int(at))

    def _tell(self) -> None:
        changed = "changed · ctrl+s keeps it" if self.editor.is_changed else ""
        self.title_line(f"Mail › {self._file}", changed)
        if not self._faults:
            self.query_one("#faults", Bar).show(BLANK)
            return
        first = self._faults[0]
        place = f"{first['file']}:{first['line']}" if first.get("line") else str(first["file"])
        more = f"  ({len(self._faults)} in all)" if len(self._faults) > 1 else ""
        self.query_one("#faults", Bar).show(
            line((" ✗ ", Ink.BAD), (place, Ink.STRONG), " ", " ".join(str(first["problem"]).split()), (more, Ink.DIM))
        )

    @on(Editor.Untaken)
    def _untaken(self, message: Editor.Untaken) -> None:
        self.house.say(NOT_HERE if message.editor.is_awaited else self._cannot or ONLY_READ, Ink.WAIT)

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self._tell()

    def action_save(self) -> None:
        self._when_written(lambda: self.run_worker(self._save(), group="deed"))

    def _when_written(self, then: Callable[[], object]) -> None:
        """Once the editor has taken in the keys that came before this one."""
        self.editor.call_later(then)

    async def _save(self) -> None:
        """Behind a keeping that is under way: by that the digest changes."""
        is_behind = self.house.turns.is_busy
        async with self.house.turns.turn():
            source = self.editor.text
            if self.editor.is_changed:
                if await self.perform(saving(self._file, source, self._digest)):
                    self._took(self.session.deeds[-1], source)
            elif not is_behind:
                self.house.say("nothing was changed", Ink.DIM)

    def _took(self, deed: Deed, source: str) -> None:
        facts = deed.steps[-1].facts
        self._digest = str(facts.get("digest", ""))
        self._faults = [each for each in facts.get("faults", []) if isinstance(each, dict)]
        self.editor.mark(int(each["line"]) for each in self._faults if each.get("file") == self._file)
        if self.editor.text == source:
            self.editor.kept()
        self._tell()

    def action_fault(self) -> None:
        lines = sorted({int(each["line"]) for each in self._faults if each.get("file") == self._file})
        if not lines:
            self.house.say("no fault is known in this file", Ink.DIM)
            return
        here = self.editor.cursor_location[0] + 1
        self.editor.go_to(next((each for each in lines if each > here), lines[0]))

    def action_outside(self) -> None:
        self._when_written(self._go_outside)

    def _go_outside(self) -> None:
        if self.editor.is_changed:
            self.house.say("keep it first (ctrl+s): $EDITOR gets the file as it is kept", Ink.WAIT)
        else:
            self.run_worker(self._outside(), group="deed", exclusive=True)

    async def _outside(self) -> None:
        await edit_outside(self, self._file)
        self._digest = ""
        await self.ask()

    def action_back(self) -> None:
        self._when_written(self._go_back)

    def _go_back(self) -> None:
        self.lead("keep it", self._leave())

    async def _leave(self) -> bool:
        """Once what is being kept is kept."""
        async with self.house.turns.turn():
            if not self.is_current or (
                self.editor.is_changed and not await self.house.ask_modal(SureScreen(_LEAVE, "", ""))
            ):
                return False
            self.house.back()
            return True

    def action_filter(self) -> None:
        """The slash is a letter here."""

    def copy_text(self) -> str:
        return self.editor.selected_text or self.editor.text

    def command_line(self) -> str:
        return f"posthouse mail save {shlex.quote(self._file)} -"
