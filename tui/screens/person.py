"""One person, from everywhere (`@`): all that is known, and what can be done about them."""

from collections.abc import Sequence
from shlex import quote
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.lists import Lists
from engine.control.protocol.people import Person
from engine.control.protocol.reasons import WhyNotAnswer
from tui.format import clock
from tui.ink import BLANK, Ink, Line, Target, line
from tui.pages import person as page_of
from tui.screens.files import save
from tui.screens.form import FormScreen
from tui.screens.house import HouseScreen
from tui.screens.lists_acts import WHY, ask_again, enter_person, tag, take_off
from tui.verbs import Field, Intent, Ladder, Verb
from tui.widgets.page import Page

_OWN = "fields."  # before the name of a declared field, in the form


class PersonScreen(HouseScreen):
    """Everything about an address, in one page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "consent", "the proof of their consent", show=False, id="person.consent"),
        Binding("x", "export", "write all of it to a file", show=False, id="person.export"),
    ]
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("person.consent", "consent"),
        ("roll.open", "open"),
        ("person.export", "export"),
    )
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("E", "person.edit", "edit", "edit"),
        Verb("T", "person.tag", "tag", "tag"),
        Verb("U", "person.untag", "untag", "untag"),
        Verb("A", "person.add", "ask for a list", "add"),
        Verb("R", "person.ask", "ask again", "ask_again"),
        Verb("X", "person.remove", "take off", "take_off_list"),
        Verb("S", "person.suppress", "stop mail", "suppress"),
        Verb("L", "person.lift", "lift", "lift"),
        Verb("M", "person.merge", "merge", "merge"),
        Verb("F", "person.forget", "forget", "forget"),
    )

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._known: Person | None = None

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="person")

    async def ask(self) -> None:
        self.title_line(f"Person › {self._address}")
        found = self._known = await self.session.ask(Person, f"/v1/people/{part(self._address)}")
        note = f"contact {found.contact_id}" if found.contact_id else "no contact"
        self.title_line(f"Person › {found.address}", note)
        self.query_one("#person", Page).show(lambda width: page_of.person(found, width), found.address)

    def action_consent(self) -> None:
        self.house.open(Target("consent", self._address))

    def action_export(self) -> None:
        self.run_worker(save(self.house, f"/v1/people/{part(self._address)}/export"), group="deed", exclusive=True)

    def person(self) -> str:
        return ""

    def copy_text(self) -> str:
        return self._address

    def command_line(self) -> str:
        return f"posthouse contact show {quote(self._address)}"

    async def why(self) -> Sequence[Line]:
        """Of a flow under the cursor why they got nothing, else what stops mail."""
        target = self._target
        if target is not None and target.kind == "flow":
            found = await self.session.ask(WhyNotAnswer, f"/v1/why-not/{part(target.name)}", {"address": self._address})
            lines = [line((f"{found.kind} {found.name}", Ink.STRONG)), BLANK]
            for row in found.reasons:
                until = f" until {clock(row.until_ms, found.now_ms)}" if row.until_ms else ""
                lines += line((row.word, Ink.WAIT), f": {row.text}{until}").folded(46)
                lines += [line(("  ", Ink.DIM), (f"{name} = {value}", Ink.DIM)) for name, value in row.values.items()]
            return lines
        found_person = self._known
        if found_person is None:
            return ()
        if not found_person.stops:
            return [
                line(("✓ nothing stops mail to them", Ink.GOOD)),
                line(("on a flow: why they got nothing of it", Ink.DIM)),
            ]
        return [
            drawn
            for each in found_person.stops
            for drawn in line(
                (each.reason, Ink.BAD), f": {each.evidence or each.source}; lifted by {each.lift}"
            ).folded(46)
        ]

    @property
    def _target(self) -> Target | None:
        page = self.query_one("#person", Page)
        return page.drawn(page.cursor).target if page.cursor < page.count() else None

    def _seat(self, *states: str) -> str:
        """The list under the cursor, or the only one where they stand so."""
        if self._known is None:
            return ""
        there = [each.list for each in self._known.seats if each.standing.state in states]
        target = self._target
        if target is not None and target.kind == "list" and target.name in there:
            return target.name
        return there[0] if len(there) == 1 else ""

    # Verbs.

    @property
    def _unknown(self) -> str:
        return "" if self._known is not None and self._known.contact_id else "they are no contact"

    async def edit(self) -> Intent | str:
        known = self._known
        if self._unknown or known is None:
            return self._unknown
        fields = (
            Field("name", "Name", known.name),
            Field("locale", "Language", known.locale, hint="such as he-IL"),
            Field("zone", "Zone", known.zone, hint="such as Asia/Jerusalem"),
            Field("birthday", "Birthday", known.birthday),
            Field("external_id", "The shop's id", known.external_id),
            *(Field(_OWN + each.name, each.title or each.name, each.value) for each in known.fields),
        )
        answers = await self.house.ask_modal(FormScreen(f"Edit {self._address}", fields))
        changed = (
            {each.name: answers[each.name] for each in fields if answers[each.name] != each.default} if answers else {}
        )
        return self._changed(changed) if changed else "nothing was changed"

    def _changed(self, told: dict[str, str]) -> Intent:
        body: dict[str, Any] = {name: text for name, text in told.items() if not name.startswith(_OWN)}
        options = [f"--{name.replace('_', '-')} {quote(text)}" for name, text in body.items()]
        own = {name.removeprefix(_OWN): text for name, text in told.items() if name.startswith(_OWN)}
        options += [f"--field {quote(f'{name}={text}')}" for name, text in own.items()]
        body |= {"fields": own} if own else {}
        command = f"posthouse contact set {quote(self._address)} {' '.join(options)}"
        return Intent(f"Change {self._address}", "people/set", {"address": self._address, **body}, command)

    def tag(self) -> Intent | str:
        return self._unknown or tag({"address": self._address}, self._address, takes=False)

    def untag(self) -> Intent | str:
        if self._unknown or self._known is None:
            return self._unknown
        if not self._known.tags:
            return "they have no tag"
        made = tag({"address": self._address}, self._address, takes=True)
        fields = (Field("tag", "Tag", self._known.tags[0], self._known.tags),)
        return Intent(made.words, made.path, made.body, made.command, fields=fields)

    async def add(self) -> Intent | str:
        found = await self.session.ask(Lists, "/v1/lists")
        names = tuple(each.name for each in found.rows)
        if not names:
            return "there is no list: mode 5 makes one"
        made = enter_person("{list}", self._address)
        fields = (Field("list", "List", names[0], names), *made.fields[2:])
        command = f"posthouse list subscribe {{list}} {quote(self._address)} --locale {{locale}} --source {{source}}"
        return Intent(f"Ask {self._address} for a list", made.path, {"address": self._address}, command, fields=fields)

    def ask_again(self) -> Intent | str:
        if self._unknown or self._known is None:
            return self._unknown
        name = self._seat("unconfirmed", "unsubscribed")
        if not name:
            return "put the cursor on the list where they have not answered"
        return ask_again(name, {"address": self._address}, self._address)

    def take_off_list(self) -> Intent | str:
        if self._unknown:
            return self._unknown
        name = self._seat("confirmed", "unconfirmed")
        if not name:
            return "put the cursor on the list that is meant"
        return take_off(name, {"address": self._address}, self._address, is_bulk=False)

    def suppress(self) -> Intent | str:
        fields = (
            Field("why", "Why", required=True, hint="kept with it"),
            Field("for", "For how long", hint="such as 90 days; for good without it"),
        )
        command = f"posthouse suppression add {quote(self._address)} --why {{why}} --for {{for}}"
        return Intent(
            f"Stop mail to {self._address}", "suppression/add", {"address": self._address}, command, fields=fields
        )

    def lift(self) -> Intent | str:
        if self._known is None or not self._known.stops:
            return "nothing stops mail to them"
        reasons = ", ".join(each.reason for each in self._known.stops)
        command = f"posthouse suppression lift {quote(self._address)} --why {{why}}"
        words = f"Let mail go to {self._address} again (it was: {reasons})"
        return Intent(words, "suppression/lift", {"address": self._address}, command, fields=(WHY,))

    def merge(self) -> Intent | str:
        if self._unknown:
            return self._unknown
        fields = (Field("into", "Into", required=True, hint="the address that stays"),)
        command = f"posthouse contact merge {quote(self._address)} {{into}}"
        return Intent(
            f"Make {self._address} part of another contact", "people/merge", {"address": self._address}, command,
            Ladder.TYPED, fields, ("people/merge", {"dry_run": True}), self._address,
        )  # fmt: skip

    def forget(self) -> Intent | str:
        return Intent(
            f"Forget {self._address} for good", "people/erase", {"address": self._address},
            f"posthouse contact erase {quote(self._address)} --yes", Ladder.TYPED, (),
            ("people/erase", {"dry_run": True}), self._address,
        )  # fmt: skip
