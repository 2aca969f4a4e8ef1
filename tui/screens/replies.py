"""Replies that say the same together: of a site, or of all; and those that no rule knows."""

from collections.abc import Sequence
from shlex import quote
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.control.protocol.bounces import Unclassified
from engine.control.protocol.lately import Replies, ReplyRow
from engine.counts import counted
from tui.format import number, span
from tui.ink import Ink, Line, Target, line
from tui.pages import replies
from tui.screens.acting import SITE_VERBS, ActingScreen, Which
from tui.verbs import Field, Intent, Ladder, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table

CLASSIFY = Verb("C", "bounces.classify", "classify", "classify")
HOLD = Verb("H", "queue.hold", "hold", "hold")


class ClusterScreen(ActingScreen):
    """A table of clusters; in a wide terminal with all of the one under the cursor."""

    hints: ClassVar[tuple[tuple[str, str], ...]] = (("roll.open", "a message of it"), ("house.why", "why"))
    kinds: tuple[str, ...] = ()

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[ReplyRow](
                replies.CLUSTERS, lambda row: Target("message", str(row.message_id)), key=lambda row: row.text,
                id="clusters",
            )  # fmt: skip
            yield Page(id="cluster").add_class("beside")

    @property
    def _clusters(self) -> Table[ReplyRow]:
        return self.query_one("#clusters", Table)

    def show(self, rows: Sequence[ReplyRow], now_ms: int) -> None:
        wanted = self.filter_text.casefold()
        chosen = tuple(row for row in rows if wanted in f"{row.text} {row.klass} {row.rule}".casefold())
        self._clusters.show(chosen, now_ms)
        self._show_one()

    @on(Table.Moved)
    def cluster_moved(self) -> None:
        self._show_one()

    def _show_one(self) -> None:
        row, now_ms = self._clusters.row, self.session.now_ms
        page = self.query_one("#cluster", Page)
        if not self.is_wide:  # it is hidden
            return
        if row is None:
            page.show(lambda _: [])
        else:
            page.show(lambda width: replies.cluster(row, now_ms, width), row.text)

    def place(self) -> tuple[str, str] | str:
        row = self._clusters.row
        return ("site", row.sites[0]) if row is not None and row.sites else "no site is known of this"

    async def why(self) -> Sequence[Line]:
        row = self._clusters.row
        if row is None:
            return ()
        lines = replies.cluster(row, self.session.now_ms, 46 if self.has_side else self.app.size.width - 4)
        return [*lines, line((f"posthouse rules test --reply {quote(row.example)}", Ink.CALM))]

    def copy_text(self) -> str:
        row = self._clusters.row
        return "" if row is None else row.example

    def classify(self) -> Intent | str:
        row = self._clusters.row
        if row is None:
            return "nothing is under the cursor"
        if not row.klass:
            return "no server said this: it is our own word for what went wrong"
        if not self.kinds:
            return "the classes that there are have not come yet"
        asked = Field("class", "What it means", "", self.kinds, "h l change it")
        name = Field("name", "The rule's name", hint="its words, where nothing is said")
        return Intent(
            "Make a rule of this reply", "bounces/classify", {"reply": row.example},
            f"posthouse rules learn {quote(row.example)} --class {{class}} --name {{name}}", Ladder.DRY_RUN, (asked, name),
        )  # fmt: skip


class RepliesScreen(ClusterScreen):
    verbs: ClassVar[tuple[Verb, ...]] = (*SITE_VERBS, HOLD, CLASSIFY)

    def __init__(self, site: str) -> None:
        super().__init__()
        self._site = site

    async def ask(self) -> None:
        found = await self.session.ask(Replies, "/v1/queue/replies", {"site": self._site} if self._site else {})
        if not self.kinds:
            self.kinds = (await self.session.ask(Unclassified, "/v1/bounces/unclassified")).classes
        back = span(found.now_ms - found.since_ms)
        counts = f"{number(found.deferred)} put off, {number(found.failed)} refused, {number(found.accepted)} taken"
        self.title_line(f"Replies › {self._site or 'all'}", f"{counts} in {back}")
        self.show(found.rows, found.now_ms)

    def chosen(self) -> Which | str:
        where = self.place()
        if isinstance(where, str):
            return where
        return Which(f"all that waits for site {where[1]}", words={"site": where[1]})

    def place(self) -> tuple[str, str] | str:
        return ("site", self._site) if self._site else super().place()

    def command_line(self) -> str:
        return "posthouse queue replies" + (f" {quote(self._site)}" if self._site else "")


class UnclassifiedScreen(ClusterScreen):
    """The inbox of replies that no rule knows: it is empty when each has a class."""

    verbs: ClassVar[tuple[Verb, ...]] = (CLASSIFY,)

    def __init__(self, _: str = "") -> None:
        super().__init__()

    async def ask(self) -> None:
        found = await self.session.ask(Unclassified, "/v1/bounces/unclassified")
        self.kinds = found.classes
        back = span(found.now_ms - found.since_ms)
        self.title_line("Bounces › no rule knows", f"{counted(len(found.rows), 'kind')} in {back}")
        self.show(found.rows, found.now_ms)

    def nothing(self) -> str:
        return super().nothing() or "a rule knows every reply that came"

    def command_line(self) -> str:
        return "posthouse rules unclassified"
