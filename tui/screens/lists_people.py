"""All contacts, and the fields that may be kept about them."""

from shlex import quote
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.lists import FieldRow, Fields, People, PersonRow
from engine.control.protocol.people import Person
from engine.counts import counted
from tui.ink import Target
from tui.marks import Matching
from tui.pages import lists as pages
from tui.pages import person as person_page
from tui.paging import Paged, Part
from tui.screens.house import HouseScreen
from tui.screens.lists_acts import tag
from tui.session import Watch
from tui.verbs import Field, Intent, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table


class PeopleScreen(HouseScreen):
    """Everybody we know; in a wide terminal with the person under the cursor."""

    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("A", "people.add", "write down", "add"),
        Verb("T", "people.tag", "tag", "tag"),
    )

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self._rows: Paged[PersonRow] = Paged(lambda row: row.contact_id)
        self._shown_of = ""
        self._now_ms = 0  # as the newest answer said
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[PersonRow](
                pages.PEOPLE,
                lambda row: Target("person", row.address),
                key=lambda row: str(row.contact_id),
                id="people",
            )
            yield Page(id="who").add_class("beside")

    async def ask(self) -> None:
        await self._rows.fill(self._people.first_row, self._page)
        self.title_line("Lists › contacts", pages.total(self._rows.total, "person", exact=self._rows.is_exact))
        words: dict[str, str | int] = {"q": self.filter_text}
        matching = Matching(words, self._rows.total, self._rows.is_exact)
        self._people.show(self._rows, self._now_ms, matching)
        await self._detail.nudge()

    async def _page(self, after: int, skip: int, limit: int) -> Part[PersonRow]:
        asked: dict[str, str | int] = {"after": after, "skip": skip, "limit": limit}
        asked |= {"q": self.filter_text} if self.filter_text else {}
        found = await self.session.ask(People, "/v1/people", asked)
        self._now_ms = found.now_ms
        return Part(found.rows, found.after, None if self.filter_text else found.total)

    @property
    def _people(self) -> Table[PersonRow]:
        return self.query_one("#people", Table)

    def told(self) -> None:
        if self.is_mounted and self.filter_text != self._shown_of:
            self._rows, self._shown_of = Paged(lambda row: row.contact_id), self.filter_text
        super().told()

    @on(Table.Missing)
    def rows_missing(self) -> None:
        self.action_refresh()

    @on(Table.Moved)
    def person_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    async def _ask_detail(self) -> None:
        row = self._people.row
        if not self.is_wide or row is None:
            return
        found = await self.session.ask(Person, f"/v1/people/{part(row.address)}")
        self.query_one("#who", Page).show(lambda width: person_page.person(found, width), row.address)

    def person(self) -> str:
        row = self._people.row
        return row.address if row else ""

    def command_line(self) -> str:
        return "posthouse contact list" + (f" {quote(self.filter_text)}" if self.filter_text else "")

    def add(self) -> Intent:
        fields = (
            Field("address", "Address", required=True),
            Field("source", "Source", "inquiry", required=True, hint="how the address came to you"),
            Field("name", "Name"),
            Field("locale", "Language", hint="such as en, he, zh-Hant"),
            Field("zone", "Zone", hint="such as Asia/Jerusalem"),
        )
        command = "posthouse contact add {address} --source {source} --name {name} --locale {locale} --zone {zone}"
        return Intent("Write somebody down (it is no consent)", "people", {}, command, fields=fields)

    def tag(self) -> Intent | str:
        marked = self._people.marked
        if not marked:
            return "nobody is here"
        if marked.every is not None:
            return "mark those who are meant: a tag goes to 500 at a time"
        if not marked.chosen:
            return tag({"address": self.person()}, self.person(), takes=False)
        return tag({"contacts": [int(each) for each in marked.names]}, marked.told("person", "people"), takes=False)


class FieldsScreen(HouseScreen):
    """The declared fields of contacts."""

    verbs: ClassVar[tuple[Verb, ...]] = (Verb("C", "fields.make", "declare", "make"),)
    makes = "fields"
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("house.filter", "filter"), ("house.back", "back"))

    def __init__(self, name: str = "") -> None:
        super().__init__()

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[FieldRow](pages.FIELDS, lambda row: Target("field", row.name), id="fields")

    async def ask(self) -> None:
        found = await self.session.ask(Fields, "/v1/fields")
        wanted = self.filter_text.casefold()
        rows = tuple(row for row in found.rows if wanted in f"{row.name} {row.title}".casefold())
        self.title_line("Lists › fields", f"{counted(len(rows), 'field')} of contacts")
        self.query_one("#fields", Table).show(rows, found.now_ms)

    def command_line(self) -> str:
        return "posthouse field list"

    def make(self) -> Intent:
        fields = (
            Field("name", "Name", required=True, hint="such as shoe_size"),
            Field("kind", "Kind", "text", ("text", "number", "date", "yes-no")),
            Field("title", "Title", hint="what people read"),
        )
        command = "posthouse field add {name} --kind {kind} --title {title}"
        return Intent("Declare a field of contacts", "fields", {}, command, fields=fields)
