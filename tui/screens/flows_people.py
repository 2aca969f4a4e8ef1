"""Who stands at a step of a flow: page by page, each with since when and until when."""

from collections.abc import Sequence
from shlex import quote
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.flows import FlowPeople, FlowPerson
from engine.control.protocol.reasons import WhyNotAnswer
from tui.format import number
from tui.ink import Line, Target
from tui.pages.flow_rows import PEOPLE, reasons
from tui.screens.house import HouseScreen
from tui.session import Watch
from tui.widgets.page import Page
from tui.widgets.table import Table

_PAGE = 100
_FILTERED = 5  # questions while a filter stands: each looks at 2,000 people, and may find nobody
_PAGES = 50  # asked for in one screen: who looks for one person among more, filters or asks by address


class StepScreen(HouseScreen):
    """`place` is flow/step; no step is everybody under way."""

    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "person"), ("house.why", "why"), ("house.filter", "filter"), ("house.back", "back"),
    )  # fmt: skip

    def __init__(self, place: str) -> None:
        super().__init__()
        self._flow, _, self._step = place.partition("/")
        self._after = ""
        self._pages = 1
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[FlowPerson](PEOPLE, lambda row: Target("person", row.address), key=_key, id="people")
            yield Page(id="reasons").add_class("beside")

    @property
    def _people(self) -> Table[FlowPerson]:
        return self.query_one("#people", Table)

    async def ask(self) -> None:
        rows: tuple[FlowPerson, ...] = ()
        after, now_ms = "", 0
        for _ in range(max(self._pages, _FILTERED if self.filter_text else 1)):
            params: dict[str, str | int] = {"step": self._step, "limit": _PAGE, "after": after}
            params |= {"q": self.filter_text} if self.filter_text else {}
            found = await self.session.ask(FlowPeople, f"/v1/flows/{part(self._flow)}/people", params)
            rows, after, now_ms = (*rows, *found.rows), found.after, found.now_ms
            if not after or len(rows) >= self._pages * _PAGE:
                break
        self._after = after
        more = " and more: G asks for them" if after else ""
        self.title_line(f"Flows › {self._flow} › {self._step or 'everybody'}", f"{number(len(rows))} under way{more}")
        self._people.show(rows, now_ms)
        await self._detail.nudge()

    @on(Table.Moved)
    def person_moved(self) -> None:
        table = self._people
        if self._after and table.cursor >= table.count() - 1 and self._pages < _PAGES:
            self._pages += 1
            self.action_refresh()
        self.run_worker(self._detail.nudge(), group="detail")

    async def _ask_detail(self) -> None:
        row = self._people.row
        if not self.is_wide or row is None or not row.address:
            return
        lines = await self._why_not(row.address)
        self.query_one("#reasons", Page).show(
            lambda width: [each for one in lines for each in one.folded(width)], row.address
        )

    async def _why_not(self, address: str) -> list[Line]:
        path = f"/v1/why-not/{part(self._flow)}"
        return reasons(await self.session.ask(WhyNotAnswer, path, {"address": address, "kind": "flow"}))

    async def why(self) -> Sequence[Line]:
        row = self._people.row
        return () if row is None else await self._why_not(row.address)

    def person(self) -> str:
        row = self._people.row
        return row.address if row else ""

    def copy_text(self) -> str:
        return self.person()

    def command_line(self) -> str:
        words = f" --q {quote(self.filter_text)}" if self.filter_text else ""
        return f"posthouse flow people {self._flow} {self._step}".rstrip() + words


def _key(row: FlowPerson) -> str:
    return str(row.run)
