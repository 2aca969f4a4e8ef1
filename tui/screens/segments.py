"""Segments: the table, one with its members, its cost and its changes, and why somebody is in it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from engine.control.client import part
from engine.control.protocol.segments import (
    Counted,
    MemberRow,
    Members,
    SegmentDiff,
    SegmentPlan,
    SegmentRow,
    Segments,
    SegmentWhy,
)
from engine.counts import counted, people
from tui.ink import Ink, Line, Target
from tui.pages import lists as lists_page
from tui.pages import segments as pages
from tui.paging import Paged, Part
from tui.screens.house import HouseScreen
from tui.screens.segments_edit import edited
from tui.session import Watch
from tui.verbs import Intent, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table

DAYS = (1, 7, 30, 90)  # that changes are told of


def _dropped(row: SegmentRow | None) -> Intent | str:
    if row is None:
        return "there is no segment"
    return Intent(
        f"Remove the segment {row.name}", "segments/remove", {"name": row.name}, f"posthouse segment remove {row.name}"
    )


class SegmentsScreen(HouseScreen):
    """The segments; in a wide terminal with the one under the cursor."""

    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("C", "segments.make", "make", "make"),
        Verb("E", "segments.edit", "edit", "edit"),
        Verb("D", "segments.drop", "remove", "drop"),
    )

    makes = "segments"

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[SegmentRow](pages.SEGMENTS, lambda row: Target("segment", row.name), id="segments")
            yield Page(id="segment").add_class("beside")

    async def ask(self) -> None:
        found = await self.session.ask(Segments, "/v1/segments")
        wanted = self.filter_text.casefold()
        rows = tuple(row for row in found.rows if wanted in f"{row.name} {row.title} {row.expression}".casefold())
        self.title_line("Lists › segments", counted(len(rows), "segment"))
        self._segments.show(rows, found.now_ms)
        await self._detail.nudge()

    @property
    def _segments(self) -> Table[SegmentRow]:
        return self.query_one("#segments", Table)

    @on(Table.Moved)
    def segment_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    async def _ask_detail(self) -> None:
        at = self._segments.at
        if not self.is_wide or at is None:
            return
        row = await self.session.ask(SegmentRow, f"/v1/segments/{part(at.name)}")
        plan = None
        if row.state != "faulty":
            plan = await self.session.ask(SegmentPlan, f"/v1/segments/{part(at.name)}/plan")
        now_ms = self.session.now_ms
        self.query_one("#segment", Page).show(lambda width: pages.segment(row, now_ms, width, plan), at)

    def command_line(self) -> str:
        return "posthouse segment list"

    async def make(self) -> Intent | str:
        return await edited(self.house, None)

    async def edit(self) -> Intent | str:
        row = self._segments.row
        return "there is no segment" if row is None else await edited(self.house, row)

    def drop(self) -> Intent | str:
        return _dropped(self._segments.row)


class SegmentScreen(HouseScreen):
    """One segment and its members."""

    is_filtered = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "days", "changes of the last 1, 7, 30, 90 days", show=False, id="segment.days"),
        Binding("e", "count", "ask everybody now", show=False, id="segment.count"),
    ]
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "person"),
        ("segment.days", "changes"),
        ("segment.count", "count exactly"),
        ("house.why", "why in it"),
    )
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("E", "segment.edit", "edit", "edit"),
        Verb("D", "segment.drop", "remove", "drop"),
    )

    def __init__(self, name: str) -> None:
        super().__init__()
        self._segment_name = name
        self._rows: Paged[MemberRow] = Paged(lambda row: row.contact_id)
        self._known: SegmentRow | None = None
        self._days = 0

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"), Vertical():
            yield Page(id="segment")
            yield Table[MemberRow](pages.MEMBERS, lambda row: Target("person", row.address), id="members")

    def on_mount(self) -> None:
        super().on_mount()
        self._members.focus()

    @property
    def _members(self) -> Table[MemberRow]:
        return self.query_one("#members", Table)

    @property
    def _path(self) -> str:
        return f"/v1/segments/{part(self._segment_name)}"

    async def ask(self) -> None:
        row = self._known = await self.session.ask(SegmentRow, self._path)
        plan = None if row.state == "faulty" else await self.session.ask(SegmentPlan, f"{self._path}/plan")
        diff = await self._changes() if self._days and row.built_ms is not None else None
        now_ms = self.session.now_ms
        page = self.query_one("#segment", Page)
        lines = pages.segment(row, now_ms, max(page.size.width - 3, 40), plan, diff)
        page.styles.height = min(len(lines), max(self.size.height // 2, 6))
        page.show(lambda width: pages.segment(row, now_ms, width, plan, diff))
        await self._rows.fill(self._members.first_row, self._page)
        self.title_line(f"Lists › segments › {self._segment_name}", lists_page.total(row.members, "person"))
        self._members.show(self._rows, now_ms)

    async def _page(self, after: int, skip: int, limit: int) -> Part[MemberRow]:
        found = await self.session.ask(Members, f"{self._path}/members", {"after": after, "skip": skip, "limit": limit})
        return Part(found.rows, found.after, found.total)

    async def _changes(self) -> SegmentDiff:
        since = datetime.fromtimestamp(self.session.now_ms / 1000, UTC) - timedelta(days=self._days)
        return await self.session.ask(SegmentDiff, f"{self._path}/diff", {"since": since.isoformat(timespec="seconds")})

    @on(Table.Missing)
    def rows_missing(self) -> None:
        self.action_refresh()

    def action_days(self) -> None:
        self._days = DAYS[(DAYS.index(self._days) + 1) % len(DAYS)] if self._days in DAYS else DAYS[1]
        self.action_refresh()

    def action_count(self) -> None:
        self.run_worker(self._count(), group="deed", exclusive=True)

    async def _count(self) -> None:
        self.house.say("… asking everybody", Ink.DIM)
        found = await self.session.ask(Counted, f"{self._path}/count")
        ink = Ink.GOOD if found.exact == found.members else Ink.WAIT
        kept = "" if found.members is None else f", {counted(found.members, 'is', 'are')} kept"
        self.house.say(f"✓ it holds for {people(found.exact)}{kept}, asked in {found.took_ms} ms", ink)

    async def why(self) -> Sequence[Line]:
        row = self._members.row
        if row is None:
            return ()
        found = await self.session.ask(SegmentWhy, f"{self._path}/why", {"address": row.address})
        return pages.why(found, 46)

    def person(self) -> str:
        row = self._members.row
        return row.address if row else ""

    def command_line(self) -> str:
        return f"posthouse segment members {self._segment_name}"

    async def edit(self) -> Intent | str:
        return "it is not known yet" if self._known is None else await edited(self.house, replace(self._known))

    def drop(self) -> Intent | str:
        return _dropped(self._known)
