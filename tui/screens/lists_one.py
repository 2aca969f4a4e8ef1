"""One list: its pipeline, and the people on it; behind it what is set of it."""

from shlex import quote
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from engine.control.client import part
from engine.control.protocol.lists import ListPicture, SettingRow, StandingRow, Standings
from engine.control.protocol.people import Person
from engine.counts import counted
from tui.ink import Target
from tui.marks import Matching
from tui.pages import lists as pages
from tui.pages import person as person_page
from tui.paging import Paged, Part
from tui.screens.form import FormScreen
from tui.screens.house import HouseScreen
from tui.screens.lists_acts import ask_again, enter_person, tag, take_off
from tui.screens.lists_imports import bring_file
from tui.session import Watch
from tui.verbs import Field, Intent, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table

STATES = ("", "unconfirmed", "confirmed", "expired", "to ask", "taken off", "unsubscribed")


class ListScreen(HouseScreen):
    """The people on a list, under its pipeline; in a wide terminal with the person under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "state(1)", "of which state: the next", show=False, id="list.state"),
        Binding("s", "settings", "what is set of it", show=False, id="list.settings"),
    ]
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "person"),
        ("list.state", "state"),
        ("house.filter", "filter"),
        ("list.settings", "settings"),
    )
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("A", "list.add", "add", "add"),
        Verb("R", "list.ask", "ask again", "ask_again"),
        Verb("X", "list.remove", "take off", "take_them_off"),
        Verb("T", "list.tag", "tag", "tag"),
        Verb("I", "list.import", "import", "bring"),
    )

    def __init__(self, name: str) -> None:
        super().__init__()
        self._list_name, self._state = name, ""
        self._rows = self._empty()
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            with Vertical():
                yield Page(id="pipeline")
                yield Table[StandingRow](
                    pages.MEMBERS,
                    lambda row: Target("person", row.address),
                    key=lambda row: str(row.contact_id),
                    id="members",
                )
            yield Page(id="who").add_class("beside")

    def on_mount(self) -> None:
        super().on_mount()
        self._members.focus()

    async def ask(self) -> None:
        found = await self.session.ask(ListPicture, f"/v1/lists/{part(self._list_name)}")
        page = self.query_one("#pipeline", Page)
        page.styles.height = len(pages.pipeline(found, max(page.size.width, 40)))
        page.show(lambda width: pages.pipeline(found, width))
        await self._rows.fill(self._members.first_row, self._page)
        count = pages.total(self._rows.total, "person", exact=self._rows.is_exact)
        self.title_line(f"Lists › {self._list_name}", f"{self._state or 'all'} · {count}")
        words: dict[str, str | int] = {"state": self._state, "q": self.filter_text}
        self._members.show(self._rows, found.now_ms, Matching(words, self._rows.total, self._rows.is_exact))
        await self._detail.nudge()

    def nothing(self) -> str:
        key_of = self.house.key_of
        if self.filter_text:
            return f"nobody {self._state or 'here'} matches /{self.filter_text}"
        if self._state:
            return f"nobody is {self._state}: {key_of('list.state')} goes on to the next state"
        return f"nobody is on it yet: {key_of('list.import')} imports a file, {key_of('list.add')} asks somebody"

    async def _page(self, after: int, skip: int, limit: int) -> Part[StandingRow]:
        asked: dict[str, str | int] = {"after": after, "skip": skip, "limit": limit}
        asked |= {name: text for name, text in (("state", self._state), ("q", self.filter_text)) if text}
        found = await self.session.ask(Standings, f"/v1/lists/{part(self._list_name)}/members", asked)
        is_kept = not self.filter_text and self._state in ("", "unconfirmed", "confirmed", "unsubscribed")
        return Part(found.rows, found.after, found.total if is_kept else None)

    @staticmethod
    def _empty() -> Paged[StandingRow]:
        return Paged(lambda row: row.contact_id)

    @property
    def _members(self) -> Table[StandingRow]:
        return self.query_one("#members", Table)

    @on(Table.Missing)
    def rows_missing(self) -> None:
        self.action_refresh()

    @on(Table.Moved)
    def member_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    async def _ask_detail(self) -> None:
        row = self._members.row
        if not self.is_wide or row is None:
            return
        found = await self.session.ask(Person, f"/v1/people/{part(row.address)}")
        self.query_one("#who", Page).show(lambda width: person_page.person(found, width), row.address)

    def told(self) -> None:
        if self.is_mounted and self._rows_are_of() != self._shown_of:
            self._rows, self._shown_of = self._empty(), self._rows_are_of()
        super().told()

    _shown_of: tuple[str, str] = ("", "")

    def _rows_are_of(self) -> tuple[str, str]:
        return self._state, self.filter_text

    def action_state(self, by: int) -> None:
        self._state = STATES[(STATES.index(self._state) + by) % len(STATES)]
        self.want_others()

    def action_settings(self) -> None:
        self.house.open(Target("list settings", self._list_name))

    def person(self) -> str:
        row = self._members.row
        return row.address if row else ""

    def command_line(self) -> str:
        state = f" --state '{self._state}'" if self._state else ""
        return f"posthouse list members {self._list_name}{state}"

    # Verbs.

    def _whom(self) -> tuple[dict[str, Any], str, bool] | None:
        """Who is meant, in the words of the daemon, in ours, and whether they are many."""
        marked = self._members.marked
        if not marked:
            return None
        if marked.every is not None:
            words = {name: text for name, text in marked.every.words.items() if text}
            return {"all": True, **words}, marked.told("person", "people"), True
        if not marked.chosen and (row := self._members.row) is not None:
            return {"address": row.address}, row.address, False
        return {"contacts": [int(each) for each in marked.names]}, marked.told("person", "people"), marked.count > 1

    def add(self) -> Intent:
        return enter_person(self._list_name)

    async def bring(self) -> Intent | str:
        return await bring_file(self.house, self._list_name)

    def ask_again(self) -> Intent | str:
        whom, row, marked = self._whom(), self._members.row, self._members.marked
        if whom is None:
            return "nobody is here"
        if not marked.chosen and row is not None and row.state == "confirmed":
            return f"{row.address} has said yes already"
        if not marked.chosen and row is not None and row.state == "unsubscribed" and row.why == "left":
            return f"{row.address} left by themselves"
        return ask_again(self._list_name, whom[0], whom[1])

    def take_them_off(self) -> Intent | str:
        whom, row, marked = self._whom(), self._members.row, self._members.marked
        if whom is None:
            return "nobody is here"
        if not marked.chosen and row is not None and row.state == "unsubscribed":
            return f"{row.address} is off it already"
        return take_off(self._list_name, whom[0], whom[1], is_bulk=whom[2])

    def tag(self) -> Intent | str:
        whom = self._whom()
        if whom is None:
            return "nobody is here"
        if "all" in whom[0]:
            return "mark those who are meant: a tag goes to 500 at a time"
        return tag(whom[0], whom[1], takes=False)


class ListSettingsScreen(HouseScreen):
    """What is set of a list, each with what it means."""

    hints: ClassVar[tuple[tuple[str, str], ...]] = (("house.back", "back"),)
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("S", "settings.set", "set", "set_value"),
        Verb("B", "settings.back", "back to the default", "set_back"),
        Verb("L", "settings.language", "words of a language", "set_language"),
    )

    def __init__(self, name: str) -> None:
        super().__init__()
        self._list_name = name

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[SettingRow](pages.SETTINGS, lambda row: Target("setting", row.key), id="settings")

    async def ask(self) -> None:
        found = await self.session.ask(ListPicture, f"/v1/lists/{part(self._list_name)}")
        wanted = self.filter_text.casefold()
        rows = tuple(each for each in found.settings if wanted in f"{each.key} {each.value} {each.about}".casefold())
        self.title_line(f"Lists › {self._list_name} › settings", counted(len(rows), "setting"))
        self._settings.show(rows, found.now_ms)

    @property
    def _settings(self) -> Table[SettingRow]:
        return self.query_one("#settings", Table)

    def command_line(self) -> str:
        return f"posthouse list show {self._list_name}"

    async def set_value(self) -> Intent | str:
        row = self._settings.row
        if row is None:
            return "there is nothing to set"
        field = Field("value", row.key, row.value, _CHOICES.get(row.key, ()), row.about[:50])
        answers = await self.house.ask_modal(FormScreen(f"Set {row.key} of {self._list_name}", (field,)))
        if answers is None or answers["value"] == row.value:
            return "nothing was changed"
        return _set_list(self._list_name, {row.key: answers["value"]})

    def set_back(self) -> Intent | str:
        row = self._settings.row
        if row is None or row.value == row.default:
            return "it has its default already"
        if row.key in ("title", "purpose", "confirmation"):
            return "it has no default: S sets it"
        return _set_list(self._list_name, {row.key: ""})

    async def set_language(self) -> Intent | str:
        fields = (
            Field("tag", "Language", required=True, hint="he, ru, zh, zh-Hant, pt-BR ..."),
            Field("title", "Title"),
            Field("purpose", "Purpose"),
        )
        answers = await self.house.ask_modal(FormScreen(f"{self._list_name} in another language", fields))
        said = answers or {}
        told = {f"{name}.{said['tag']}": said[name] for name in ("title", "purpose") if said.get(name)}
        return _set_list(self._list_name, told) if told else "nothing was changed"


_CHOICES = {
    "confirmation": ("double", "single"), "clicks": ("on", "off"), "opens": ("on", "off"), "view": ("on", "off"),
}  # fmt: skip


def _set_list(name: str, told: dict[str, str]) -> Intent:
    pairs = " ".join(quote(f"{key}={value}") for key, value in told.items())
    return Intent(
        f"Set {', '.join(told)} of {name}",
        "lists/set",
        {"name": name, "set": told},
        f"posthouse list set {name} {pairs}",
    )
