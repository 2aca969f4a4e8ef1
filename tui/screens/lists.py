"""5 Lists: the lists with their pipelines; from here to segments, contacts, imports and fields."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.lists import ListPicture, ListRow, Lists
from engine.counts import counted
from tui.format import number
from tui.ink import BLANK, Ink, Line, Target, line
from tui.pages import lists as pages
from tui.screens.house import HouseScreen
from tui.screens.lists_acts import enter_person, make_list
from tui.screens.lists_imports import bring_file
from tui.session import Watch
from tui.verbs import Intent, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table

DOORS: tuple[tuple[str, str, str], ...] = (
    ("s", "segments", "segments"),
    ("c", "people", "contacts"),
    ("o", "imports", "imports"),
    ("f", "fields", "fields of contacts"),
)


class ListsScreen(HouseScreen):
    """The lists; in a wide terminal with the pipeline of the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"door('{kind}')", what, show=False, id=f"lists.{kind}") for key, kind, what in DOORS
    ]
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "open"),
        ("lists.make", "make"),
        ("lists.segments", "segments"),
        ("lists.people", "contacts"),
        ("lists.imports", "imports"),
    )
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("C", "lists.make", "make", "make"),
        Verb("I", "lists.import", "import", "bring"),
        Verb("A", "lists.add", "add", "add"),
        Verb("D", "lists.drop", "drop", "drop"),
    )

    makes = "lists"

    def __init__(self) -> None:
        super().__init__()
        self._detail = Watch(self._ask_detail)
        self._rows: tuple[ListRow, ...] = ()

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[ListRow](pages.LISTS, lambda row: Target("list", row.name), id="lists")
            yield Page(id="pipeline").add_class("beside")

    async def ask(self) -> None:
        found = await self.session.ask(Lists, "/v1/lists")
        wanted = self.filter_text.casefold()
        self._rows = tuple(row for row in found.rows if wanted in f"{row.name} {row.title}".casefold())
        count = counted(len(self._rows), "list")
        self.title_line("Lists", f"{count} · {counted(found.people, 'contact')}")
        self._lists.show(self._rows, found.now_ms)
        is_empty, was_empty = not found.rows, not self._lists.display
        self._lists.display = not is_empty
        if was_empty and not is_empty:
            self._lists.focus()
        self.query_one(Page).styles.display = "block" if is_empty or self.is_wide else "none"
        if is_empty:
            self.query_one(Page).show(lambda width: _nothing())
        await self._detail.nudge()

    @on(Table.Moved)
    def list_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    @property
    def _lists(self) -> Table[ListRow]:
        return self.query_one("#lists", Table)

    async def _ask_detail(self) -> None:
        at = self._lists.at
        if not self.is_wide or at is None:
            return
        found = await self.session.ask(ListPicture, f"/v1/lists/{part(at.name)}")
        self.query_one(Page).show(lambda width: pages.picture(found, width), at)

    def action_door(self, kind: str) -> None:
        self.house.open(Target(kind, ""))

    async def why(self) -> Sequence[Line]:
        row = self._lists.row
        return () if row is None else _why(row)

    def command_line(self) -> str:
        return "posthouse list show"

    def jump(self, words: str) -> str:
        name, _, text = words.partition("/")
        if name.strip():
            self.house.open(Target("list", name.strip()))
            return ""
        self.filter_for(text.strip())
        return ""

    # Verbs.

    def make(self) -> Intent:
        return make_list()

    async def bring(self) -> Intent | str:
        row = self._lists.row
        return await bring_file(self.house, row.name if row else "")

    def add(self) -> Intent | str:
        row = self._lists.row
        return "make a list first" if row is None else enter_person(row.name)

    def drop(self) -> Intent | str:
        row = self._lists.row
        if row is None:
            return "there is no list"
        if row.confirmed or row.unconfirmed or row.unsubscribed:
            return "people stand on it, or did: what they said is kept with it"
        return Intent(f"Drop the list {row.name}", "lists/drop", {"name": row.name}, f"posthouse list drop {row.name}")


def _nothing() -> list[Line]:
    return [
        line(("no list yet", Ink.STRONG)),
        BLANK,
        line(("C", Ink.HORN), (" makes one: people confirm by mail (double opt-in)", Ink.DIM)),
        line(("I", Ink.HORN), (" imports a file of people, with a dry run first", Ink.DIM)),
    ]


def _why(row: ListRow) -> list[Line]:
    """What the state of a list follows from."""
    lines = [
        line((row.name, Ink.STRONG)),
        line(f"{row.confirmation} opt-in: ", (_OPT_IN[row.confirmation == "double"], Ink.DIM)),
    ]
    if row.to_ask:
        lines.append(
            line(f"{counted(row.to_ask, 'waits', 'wait')} for their mail: ", ("it is written 400 at a time", Ink.DIM))
        )
    if row.expired:
        lines.append(line(f"{number(row.expired)} did not answer in time: ", ("R asks them again", Ink.DIM)))
    return [each for one in lines for each in one.folded(46)]


_OPT_IN = ("whoever adds an address is believed", "nobody gets its mail who has not pressed the button in theirs")
