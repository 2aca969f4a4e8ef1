"""7 Mail: recipes and their mails as a tree, and one mail as a chosen reader gets it in each language."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import ControlError, part
from engine.control.protocol.mails import MailFindings, MailProof, Mails, MailSheet
from engine.counts import counted
from tui.ink import Ink, Line, Target, line
from tui.messages import Opened
from tui.pages import mails
from tui.screens.form import FormScreen
from tui.screens.house import HouseScreen
from tui.screens.mail_files import edit_outside, saved_page
from tui.session import Watch
from tui.verbs import Field, Intent, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table

_VIEWS = ("as it is read", "lint", "difference")


@dataclass(slots=True)
class Reading:
    """As whom a mail is looked at, and in which language; "" is the installation's own."""

    locale: str = ""
    reader: str = "usual"
    address: str = ""

    @property
    def params(self) -> dict[str, str | int]:
        said = {"locale": self.locale, "reader": self.reader, "address": self.address}
        return {name: word for name, word in said.items() if word}


class MailScreenBase(HouseScreen):
    """What both screens do with the mail in question."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("greater_than_sign", "language(1)", "the next language", show=False, id="mail.next_language"),
        Binding("less_than_sign", "language(-1)", "the language before", show=False, id="mail.last_language"),
        Binding("c", "reader", "the next made reader: usual, longest, emptiest", show=False, id="mail.reader"),
        Binding("a", "contact", "as a contact gets it", show=False, id="mail.contact"),
        Binding("o", "page", "its HTML into a file, for a browser", show=False, id="mail.page"),
        Binding("e", "edit", "edit one of its files", show=False, id="mail.edit"),
        Binding("E", "edit_outside", "edit one of its files in $EDITOR", show=False, id="mail.edit_outside"),
    ]
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("T", "mail.test", "test", "test"),
        Verb("D", "mail.drop", "drop yours", "drop"),
        Verb("R", "mail.reload", "use", "reload"),
    )

    def __init__(self, reading: Reading | None = None) -> None:
        super().__init__()
        self.reading = reading or Reading()
        self.sheet: MailSheet | None = None
        self.proof: MailProof | None = None
        self._proofs = Watch(self._prove)

    @property
    def mail(self) -> str:
        """The mail in question; "" where there is none."""
        raise NotImplementedError

    async def show_proof(self) -> None:
        """Show it anew, after the reader or the language changed."""
        raise NotImplementedError

    async def ask_proof(self, name: str) -> None:
        """Fetch the mail: its sheet, and how it is read now."""
        self.sheet = await self.session.ask(MailSheet, f"/v1/mails/{part(name)}")
        self.proof = await self.session.ask(MailProof, f"/v1/mails/{part(name)}/proof", self.reading.params)

    # Verbs.

    def test(self) -> Intent | str:
        if not self.mail:
            return "no mail is under the cursor"
        tags = tuple(each.tag for each in self.sheet.languages) if self.sheet and self.sheet.name == self.mail else ()
        now = self.proof.locale if self.proof and self.proof.mail == self.mail else self.reading.locale
        fields = (
            Field("address", "Whom to", required=True, hint="an address of your own"),
            Field("locale", "Language", now, tags, "arrows choose"),
            Field("reader", "Reader", self.reading.reader, mails.READERS, "a made one: nobody's links change anything"),
        )
        command = f"posthouse mail send-test {quote(self.mail)} {{address}} --locale {{locale}} --reader {{reader}}"
        return Intent(f"Send {self.mail} as a test", "mail/test", {"mail": self.mail}, command, fields=fields)

    def drop(self) -> Awaitable[Intent | str] | str:
        return self._drop(self.mail) if self.mail else "no mail is under the cursor"

    async def _drop(self, name: str) -> Intent | str:
        """Of this mail, and not of the one that is still shown beside it."""
        sheet = await self.session.ask(MailSheet, f"/v1/mails/{part(name)}")
        own = [each.name for each in sheet.files if each.is_own]
        if not own:
            return "every file of this mail is as it comes with Posthouse"
        fields = (Field("file", "File", own[0], tuple(own)),) if len(own) > 1 else ()
        body = {} if fields else {"file": own[0]}
        command = "posthouse mail drop {file}" if fields else f"posthouse mail drop {quote(own[0])}"
        return Intent("Take your own file away", "mail/drop", body, command, fields=fields)

    def reload(self) -> Intent:
        return Intent("Send mail with the templates as they are now", "reload", {}, "posthouse reload")

    # Keys.

    async def action_language(self, by: int) -> None:
        tags = [each.tag for each in self.sheet.languages] if self.sheet else []
        if tags and self.proof is not None:
            now = self.reading.locale or self.proof.locale
            at = tags.index(now) if now in tags else tags.index(self.proof.locale)
            self.reading.locale = tags[(at + by) % len(tags)]
            self.run_worker(self._proofs.nudge(), group="detail")

    async def action_reader(self) -> None:
        at = mails.READERS.index(self.reading.reader)
        self.reading.reader = mails.READERS[(at + 1) % len(mails.READERS)] if not self.reading.address else "usual"
        self.reading.address = ""
        self.run_worker(self._proofs.nudge(), group="detail")

    def action_contact(self) -> None:
        self.lead("as a contact", self._as_contact())

    async def _as_contact(self) -> bool:
        field = Field("address", "Address", self.reading.address, hint="a contact; nothing is sent")
        answers = await self.house.ask_modal(FormScreen("As a contact gets it", (field,)))
        if answers is not None:
            before, self.reading.address = self.reading.address, answers["address"]
            if not await self._prove():
                self.reading.address = before
        return self.reading.address == (answers or {}).get("address")

    async def _prove(self) -> bool:
        """Whether there is one; why not is said."""
        try:
            await self.show_proof()
        except ControlError as error:
            self.house.say("✗ " + error.text, Ink.BAD)
            return False
        return True

    def action_page(self) -> None:
        if self.proof is None or not self.proof.html:
            self.house.say("there is no HTML to keep", Ink.WAIT)
            return
        try:
            path = saved_page(self.proof)
        except OSError as err:
            self.house.say(f"✗ {err}", Ink.BAD)
            return
        home = Path.home()
        told = f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
        self.house.say(f"its HTML is in {told}", Ink.GOOD)

    def action_edit(self) -> None:
        self.lead("edit", self._edit(self.mail, outside=False))

    def action_edit_outside(self) -> None:
        self.lead("edit", self._edit(self.mail, outside=True))

    async def _edit(self, mail: str, *, outside: bool) -> bool:
        name = await self._file_to_edit(mail)
        if name and outside:
            await edit_outside(self, name)
        elif name:
            self.house.open(Target("mail-file", name))
        return bool(name)

    async def _file_to_edit(self, mail: str) -> str:
        """Which file is meant: asked for, where a mail has several."""
        if not mail:
            self.house.say("no mail is under the cursor", Ink.WAIT)
            return ""
        sheet = await self.session.ask(MailSheet, f"/v1/mails/{part(mail)}")
        names = tuple(each.name for each in sheet.files)
        words = {"words": names[0], "HTML": names[1], "text": names[2]}
        field = Field("part", "Which part", "words", tuple(words), "words are in all languages")
        answers = await self.house.ask_modal(FormScreen(f"Edit {mail}", (field,)))
        return words[answers["part"]] if answers else ""

    def command_line(self) -> str:
        said = f" --locale {self.proof.locale}" if self.proof is not None else ""
        whom = (
            f" --contact {quote(self.reading.address)}" if self.reading.address else f" --reader {self.reading.reader}"
        )
        return f"posthouse mail preview {quote(self.mail)}{said}{whom}" if self.mail else "posthouse mail list"

    def person(self) -> str:
        return self.reading.address


class MailsScreen(MailScreenBase):
    """The tree; in a wide terminal with the mail under the cursor as it is read."""

    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "open"), ("house.filter", "filter"), ("mail.next_language", "language"), ("mail.reader", "reader"),
        ("mail.edit", "edit"),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._detail = Watch(self._ask_detail)
        self._folded: frozenset[str] = frozenset()
        self._all: Mails | None = None

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[mails.Leaf](mails.TREE, lambda leaf: leaf.target, key=lambda leaf: leaf.name, id="mails")
            yield Page(id="proof").add_class("beside")

    @property
    def mail(self) -> str:
        leaf = self._tree.row
        return leaf.name if leaf is not None and leaf.kind == "mail" else ""

    @property
    def _tree(self) -> Table[mails.Leaf]:
        return self.query_one("#mails", Table)

    async def ask(self) -> None:
        if self._all is None:
            self.title_line("Mail", "reading templates and recipes")
        self._all = await self.session.ask(Mails, "/v1/mails")
        self._show_tree()
        await self._detail.nudge()

    def _show_tree(self) -> None:
        if self._all is None:
            return
        rows = mails.tree(self._all, self.filter_text.casefold(), self._folded)
        count = len({each.name for each in rows if each.kind == "mail"})
        folder = self._all.folder or "no folder of your own"
        self.title_line("Mail", f"{counted(count, 'mail')} · {folder}")
        self._tree.show(rows, self._all.now_ms)

    @on(Table.Moved)
    def mail_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    async def _ask_detail(self) -> None:
        name = self.mail
        if not name:
            self.sheet = self.proof = None
            self.query_one("#proof", Page).show(
                lambda _: [line(("a mail, under the cursor, is shown here", Ink.DIM))], ""
            )
        elif self.is_wide:
            await self.show_proof()
        else:
            self.sheet = await self.session.ask(MailSheet, f"/v1/mails/{part(name)}")
        self.show_frame()

    async def show_proof(self) -> None:
        if name := self.mail:
            await self.ask_proof(name)
            sheet, proof = self.sheet, self.proof
            assert proof is not None
            self.query_one("#proof", Page).show(lambda width: mails.proof(proof, width, sheet), name)

    @on(Opened)
    def open_target(self, message: Opened) -> None:
        kind, name = message.target
        if kind == "branch":
            message.prevent_default()
            self._folded ^= {name}
            self._show_tree()
        elif kind == "mail":
            message.prevent_default()
            self.house.open(message.target, MailScreen(name, self.reading))


class MailScreen(MailScreenBase):
    """One mail: as it is read, what a lint finds in it, how it differs from ours."""

    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("mail.next_language", "language"), ("mail.reader", "reader"), ("mail.contact", "as contact"),
        ("mail.view", "lint, diff"), ("mail.edit", "edit"), ("mail.page", "HTML"),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "as it is read, lint, difference", show=False, id="mail.view"),
        Binding("d", "view(2)", "the difference from ours", show=False, id="mail.diff"),
        Binding("f", "view(1)", "what a lint finds", show=False, id="mail.lint"),
    ]

    def __init__(self, name: str, reading: Reading | None = None) -> None:
        super().__init__(reading)
        self._mail_name = name
        self._view = 0

    @property
    def mail(self) -> str:
        return self._mail_name

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="mail")

    async def ask(self) -> None:
        await self.show_proof()

    async def show_proof(self) -> None:
        await self.ask_proof(self.mail)
        sheet, proof, view = self.sheet, self.proof, self._view
        assert sheet is not None and proof is not None
        found = None
        if view == 1:
            found = await self.session.ask(MailFindings, f"/v1/mails/{part(self.mail)}/findings")
        self.title_line(f"Mail › {self.mail}", f"{_VIEWS[view]} · {proof.language} · {proof.reader}")
        page = self.query_one("#mail", Page)
        if found is not None:
            page.show(lambda width: mails.findings(found, width), (self.mail, view))
        elif view == 2:
            page.show(lambda width: mails.diff(sheet, width), (self.mail, view))
        else:
            page.show(lambda width: mails.proof(proof, width, sheet), (self.mail, view))

    def action_view(self, view: int = -1) -> None:
        self._view = (self._view + 1) % len(_VIEWS) if view < 0 else 0 if self._view == view else view
        self.run_worker(self._proofs.nudge(), group="detail")

    def copy_text(self) -> str:
        return self.proof.text if self.proof is not None else ""

    async def why(self) -> Sequence[Line]:
        found = await self.session.ask(MailFindings, f"/v1/mails/{part(self.mail)}/findings")
        return mails.findings(found, 46 if self.has_side else self.app.size.width - 4)
