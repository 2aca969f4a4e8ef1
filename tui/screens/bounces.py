"""6 Bounces: classes by day, mail that came back, and the ways to complaints, unknown replies and suppression."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.bounces import (
    BounceDays,
    ReceivedMail,
    ReceivedPage,
    ReceivedRow,
    SuppressionPage,
    Unclassified,
)
from engine.counts import counted
from tui.format import number
from tui.ink import Line, Target
from tui.pages import bounces, replies
from tui.screens.growing import Growing
from tui.screens.house import HouseScreen
from tui.session import Watch
from tui.widgets.page import Draw, Page, Walked
from tui.widgets.table import Table

_NEWEST: Final = 40  # rows beside the first page
_PAGE: Final = 200  # rows asked for at once


class BouncesScreen(HouseScreen):
    """What there is; in a wide terminal with the newest of what the cursor is on beside it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "replies", "what is replied, those that say the same together", show=False, id="queue.replies"),
        Binding("d", "days", "more days, or fewer", show=False, id="bounces.days"),
    ]
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "open"), ("queue.replies", "replies"), ("bounces.days", "days"),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._days = 14
        self._found: BounceDays | None = None
        self._unknown: Unclassified | None = None
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Walked(id="bounces")
            yield Page(id="detail").add_class("beside")

    async def ask(self) -> None:
        found = await self.session.ask(BounceDays, "/v1/bounces", {"days": self._days})
        unknown = await self.session.ask(Unclassified, "/v1/bounces/unclassified")
        self._found, self._unknown = found, unknown
        overview = self.session.overview
        suppressed = 0 if overview is None else overview.suppressed
        refused = sum(sum(day.bounced.values()) for day in found.days)
        self.title_line("Bounces", f"{number(refused)} refused in {counted(self._days, 'day')}")
        self.query_one("#bounces", Page).show(lambda width: bounces.first(found, len(unknown.rows), suppressed, width))
        await self._detail.nudge()

    @on(Walked.Moved)
    def _line_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    async def _ask_detail(self) -> None:
        at, found, unknown = self.query_one("#bounces", Page).line, self._found, self._unknown
        if not self.is_wide or at is None or at.target is None or found is None or unknown is None:
            return
        kind, name = at.target
        match kind:
            case "class":
                draw: Draw = lambda width: bounces.of_class(found, name, width)  # noqa: E731
            case "received":
                page = await self.session.ask(ReceivedPage, "/v1/bounces/received", {"kind": name, "limit": _NEWEST})
                draw = lambda width: bounces.newest_received(page, width)  # noqa: E731
            case "suppression":
                shut = await self.session.ask(SuppressionPage, "/v1/suppression", {"limit": _NEWEST})
                draw = lambda width: bounces.newest_suppressed(shut, width)  # noqa: E731
            case _:
                draw = lambda width: replies.kinds(unknown, width)  # noqa: E731
        self.query_one("#detail", Page).show(draw, at.target)

    def action_days(self) -> None:
        self._days = {14: 30, 30: 7}.get(self._days, 14)
        self.want_others()

    def action_replies(self) -> None:
        self.house.open(Target("replies", ""))

    def command_line(self) -> str:
        return f"posthouse reputation --days {self._days}"


class ClassScreen(HouseScreen):
    """One class of replies, day by day."""

    def __init__(self, klass: str) -> None:
        super().__init__()
        self._klass = klass

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="class")

    async def ask(self) -> None:
        found = await self.session.ask(BounceDays, "/v1/bounces", {"days": 30})
        self.title_line(f"Bounces › {self._klass}", "30 days")
        self.query_one("#class", Page).show(lambda width: bounces.of_class(found, self._klass, width))


class ReceivedScreen(HouseScreen):
    """Mail that came back, the youngest first; in a wide terminal with the text of the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "kind", "all, bounces, complaints, for people, unknown", show=False, id="bounces.kind"),
    ]
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "open"), ("bounces.kind", "kind"), ("house.why", "why"),
    )  # fmt: skip

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = bounces.KINDS.index(kind) if kind in bounces.KINDS else 0
        self._came = Growing[ReceivedRow](lambda row: row.id)
        self._now_ms = 0  # as the newest answer said
        self._older = Watch(self._grow)
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[ReceivedRow](bounces.RECEIVED, lambda row: Target("returned", str(row.id)), id="received")
            yield Page(id="mail").add_class("beside")

    async def ask(self) -> None:
        await self._came.freshen(self._kind, self._fetch)
        self._show()
        await self._detail.nudge()

    async def _fetch(self, after: str) -> tuple[tuple[ReceivedRow, ...], str]:
        asked: dict[str, str | int] = {"kind": bounces.KINDS[self._kind], "limit": _PAGE}
        found = await self.session.ask(
            ReceivedPage, "/v1/bounces/received", asked | ({"after": after} if after else {})
        )
        self._now_ms = found.now_ms
        return found.rows, found.after

    async def _grow(self) -> None:
        await self._came.grow(self._fetch)
        self._show()

    def _show(self) -> None:
        wanted = self.filter_text.casefold()
        rows = tuple(
            row for row in self._came.rows
            if wanted in f"{row.concluded} {row.subject} {row.reverse_path} {row.forward_path}".casefold()
        )  # fmt: skip
        more = ", and older ones" if self._came.has_more else ""
        self.title_line(f"Bounces › {bounces.KINDS[self._kind]}", f"{counted(len(rows), 'mail')}{more}")
        self._table_of.show(rows, self._now_ms)

    @property
    def _table_of(self) -> Table[ReceivedRow]:
        return self.query_one("#received", Table)

    @on(Table.Moved)
    async def mail_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")
        if self._came.has_more and self._table_of.cursor >= self._table_of.count() - 1:
            self.run_worker(self._older.nudge(), group="older")

    async def _ask_detail(self) -> None:
        at = self._table_of.at
        if at is None or not self.is_wide:
            return
        found = await self.session.ask(ReceivedMail, f"/v1/bounces/received/{part(at.name)}")
        self.query_one("#mail", Page).show(lambda width: bounces.mail(found, width), at)

    def action_kind(self) -> None:
        self._kind = (self._kind + 1) % len(bounces.KINDS)
        self.want_others()

    async def why(self) -> Sequence[Line]:
        at = self._table_of.at
        if at is None:
            return ()
        found = await self.session.ask(ReceivedMail, f"/v1/bounces/received/{part(at.name)}")
        return [each for one in found.findings for each in bounces.finding(one, 44)]

    def copy_text(self) -> str:
        row = self._table_of.row
        return "" if row is None else f"{row.concluded}\t{row.subject}"

    def command_line(self) -> str:
        row = self._table_of.row
        return "posthouse bounce received" if row is None else f"posthouse bounce show {row.id}"


class ReturnedScreen(HouseScreen):
    """One mail that came back, as text."""

    hints: ClassVar[tuple[tuple[str, str], ...]] = (("j k", "scroll"), ("house.back", "back"))

    def __init__(self, number: str) -> None:
        super().__init__()
        self._number = number

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="mail")

    async def ask(self) -> None:
        found = await self.session.ask(ReceivedMail, f"/v1/bounces/received/{part(self._number)}")
        self.title_line(f"Mail that came back › {self._number}", found.kind)
        self.query_one("#mail", Page).show(lambda width: bounces.mail(found, width))

    def command_line(self) -> str:
        return f"posthouse bounce show {self._number}"
