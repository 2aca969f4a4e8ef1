"""Who is not written to: a million of them behind one window, with why, and who may lift it."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.protocol.bounces import SuppressionPage, SuppressionRow
from tui.format import number
from tui.ink import Line, Target
from tui.pages import bounces
from tui.screens.acting import WHY
from tui.screens.house import HouseScreen
from tui.verbs import Field, Intent, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table

PAGE = 200
_ABOVE = 50
REASONS = ("", "hard bounce", "complaint", "unsubscribe", "manual", "erased", "paused")


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows around what is seen, and how many there are in all."""

    offset: int = 0
    here: tuple[SuppressionRow, ...] = ()
    total: int = 0

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, index: int) -> SuppressionRow | None:
        place = index - self.offset
        return self.here[place] if 0 <= place < len(self.here) else None


class SuppressionScreen(HouseScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "reason", "only one reason, or all", show=False, id="suppression.reason"),
    ]
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("S", "suppression.suppress", "suppress", "suppress"),
        Verb("L", "suppression.lift", "lift", "lift"),
    )
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("house.filter", "find"), ("suppression.reason", "reason"), ("house.person", "the person"),
    )  # fmt: skip

    def __init__(self, _: str = "") -> None:
        super().__init__()
        self._reason = 0

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[SuppressionRow](bounces.SUPPRESSED, _opened, key=_key, id="suppressed")
            yield Page(id="one").add_class("beside")

    async def ask(self) -> None:
        offset = max(self._suppressed.first_row - _ABOVE, 0)
        params: dict[str, str | int] = {"limit": PAGE, "offset": offset}
        if self.filter_text:
            params["q"] = self.filter_text
        if REASONS[self._reason]:
            params["reason"] = REASONS[self._reason]
        found = await self.session.ask(SuppressionPage, "/v1/suppression", params)
        least, only = "" if found.exact else "at least ", f" for {REASONS[self._reason]}" if self._reason else ""
        self.title_line("Bounces › suppression", f"{least}{number(found.total)}{only}")
        self._suppressed.show(Stretch(offset, found.rows, found.total + (not found.exact)), found.now_ms)
        self._show_one()

    @on(Table.Missing)
    def rows_missing(self) -> None:
        self.action_refresh()

    @on(Table.Moved)
    def row_moved(self) -> None:
        self._show_one()

    @property
    def _suppressed(self) -> Table[SuppressionRow]:
        return self.query_one("#suppressed", Table)

    def _show_one(self) -> None:
        if not self.is_wide:
            return  # a page that nobody sees is not laid out: that would paint the list's scrollbar at each step
        row, now_ms = self._suppressed.row, self.session.now_ms
        page = self.query_one("#one", Page)
        page.show(lambda width: bounces.suppressed(row, now_ms, width) if row is not None else [], row and _key(row))

    async def why(self) -> Sequence[Line]:
        row = self._suppressed.row
        return () if row is None else bounces.suppressed(row, self.session.now_ms, 44)

    def person(self) -> str:
        row = self._suppressed.row
        return row.address if row is not None and "@" in row.address else ""

    def copy_text(self) -> str:
        row = self._suppressed.row
        return "" if row is None else row.address

    def command_line(self) -> str:
        reason = f" --reason {quote(REASONS[self._reason])}" if self._reason else ""
        find = f" --find {quote(self.filter_text)}" if self.filter_text else ""
        return f"posthouse suppression list{reason}{find}"

    # Verbs.

    def suppress(self) -> Intent:
        asked = (
            Field("address", "Address", required=True), WHY,
            Field("for", "For", hint="such as 90 days; for good where nothing is said"),
        )  # fmt: skip
        return Intent(
            "Write to an address no more", "suppression/add", {},
            "posthouse suppression add {address} --why {why} --for {for}", fields=asked,
        )  # fmt: skip

    def lift(self) -> Intent | str:
        row = self._suppressed.row
        if row is None:
            return "nothing is under the cursor"
        if "@" not in row.address:
            return "only a hash of this address is left: its reader lifts it by asking for mail anew"
        return Intent(
            f"Write to {row.address} again ({row.reason}: {row.lift})", "suppression/lift", {"address": row.address},
            f"posthouse suppression lift {quote(row.address)} --why {{why}}", fields=(WHY,),
        )  # fmt: skip

    def action_reason(self) -> None:
        self._reason = (self._reason + 1) % len(REASONS)
        self.want_others()


def _opened(row: SuppressionRow) -> Target:
    """The person; the message that it came of, where it is nobody's address any more."""
    return Target("person", row.address) if "@" in row.address else Target("message", str(row.message_id or 0))


def _key(row: SuppressionRow) -> str:
    return f"{row.address} {row.reason} {row.list}"
