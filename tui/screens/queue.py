"""2 Queue: what waits, by site, domain, stream or campaign; its heat maps, and what was replied."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from engine.control.client import ControlError, part
from engine.control.protocol.queue import MessageRow, Messages, Queue, SiteRow
from engine.control.protocol.shaping import Why
from engine.counts import counted, deliveries
from tui.format import number
from tui.ink import Line, Target, rule
from tui.pages import why
from tui.pages.tables import SITES
from tui.screens.acting import DELIVERY_VERBS, SITE_VERBS, ActingScreen, Which
from tui.screens.deliveries import PAGE, marked_deliveries, messages_table
from tui.session import Watch
from tui.verbs import Verb
from tui.widgets.bar import Bar
from tui.widgets.table import Table

BY = ("site", "domain", "stream", "campaign")
SORTS = ("trouble", "queued", "age", "next", "name")
_NOT_HERE = {"queue.divert"}  # whole sites are not diverted from their row: open one


class QueueScreen(ActingScreen):
    """The sites; in a wide terminal with the deliveries of the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "by", "by site, domain, stream or campaign", show=False, id="queue.by"),
        Binding("s", "sort", "another order: trouble, queued, age, next, name", show=False, id="queue.sort"),
        Binding("m", "map", "heat maps: how long they wait, the last 3 h", show=False, id="queue.map"),
        Binding("c", "replies", "what is replied, those that say the same together", show=False, id="queue.replies"),
    ]
    verbs: ClassVar[tuple[Verb, ...]] = (
        *(each for each in DELIVERY_VERBS if each.id not in _NOT_HERE),
        *SITE_VERBS,
    )
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "open"), ("queue.by", "by"), ("queue.map", "map"), ("queue.replies", "replies"),
        ("house.why", "why"),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._by = 0
        self._shown_by = BY[0]  # what the rows are that are shown: others may be asked for
        self._sort = 0
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[SiteRow](SITES, self._opened, id="sites")
            with Vertical(classes="beside"):
                yield Bar(id="site")
                yield messages_table("messages")

    def _opened(self, row: SiteRow) -> Target:
        return Target("queue-campaign" if self._shown_by == "campaign" else self._shown_by, row.site)

    async def ask(self) -> None:
        by, sort = BY[self._by], SORTS[self._sort]
        queue = await self.session.ask(Queue, "/v1/queue", {"by": by, "sort": sort})
        wanted = self.filter_text.casefold()
        rows = tuple(row for row in queue.sites if wanted in f"{row.site} {row.last_reply}".casefold())
        count = number(len(rows)) if len(rows) == len(queue.sites) else f"{number(len(rows))} of {len(queue.sites):,}"
        title = " ".join(["Queue", *([f"by {by}"] if self._by else []), *([f"· {sort} first"] if self._sort else [])])
        noun = f"{by}{'' if len(queue.sites) == 1 else 's'}"
        self.title_line(title, f"{count} {noun}, {deliveries(queue.deliveries)}")
        self._shown_by = by
        self._sites.show(rows, queue.now_ms)
        await self._detail.nudge()

    @on(Table.Moved, "#sites")
    async def site_moved(self) -> None:
        self._messages.sift()  # what is beside it belongs to the site before, and no key is about that any more
        self.run_worker(self._detail.nudge(), group="detail")

    @property
    def _sites(self) -> Table[SiteRow]:
        return self.query_one("#sites", Table)

    @property
    def _messages(self) -> Table[MessageRow]:
        return self.query_one("#messages", Table)

    async def _ask_detail(self) -> None:
        if not self.is_wide:
            return
        site = self._sites.at
        if site is None or not site.name:
            self._show_no_messages()
            return
        try:
            found = await self.session.ask(Messages, "/v1/messages", {self._shown_by: site.name, "limit": PAGE})
        except ControlError:
            self._show_no_messages()
            raise
        if site != self._sites.at:
            return  # the next is asked for already
        least = "" if found.exact else "at least "
        self.query_one("#site", Bar).show(rule(site.name, self._messages.size.width, least + deliveries(found.total)))
        self._messages.show(found.rows, found.now_ms)
        self._messages.sifted()

    def _show_no_messages(self) -> None:
        self._messages.show((), 0)
        self._messages.sifted()
        self.query_one("#site", Bar).show(rule("", self._messages.size.width))

    # What the keys are about: the site, or the deliveries beside it where those have the focus.

    def chosen(self) -> Which | str:
        if self.focused is self._messages:
            return marked_deliveries(self._messages)
        marked = self._sites.marked
        if len(marked.names) != 1:
            return "one row at a time: open it for its deliveries" if marked else "nothing is under the cursor"
        by = self._shown_by
        if not marked.names[0]:
            return f"these belong to no {by}"
        row = self._sites.row
        is_under = row is not None and row.site == marked.names[0]
        waiting = f" ({counted(row.queued + row.held, 'waits', 'wait')})" if row is not None and is_under else ""
        return Which(f"all that waits for {by} {marked.names[0]}{waiting}", words={by: marked.names[0]})

    def place(self) -> tuple[str, str] | str:
        at, marked = self._sites.at, self._sites.marked
        if at is None or not at.name:
            return "nothing is under the cursor"
        if marked.chosen and marked.names != (at.name,):
            return "one row at a time: take the marks away"
        return self._shown_by, at.name

    async def why(self) -> Sequence[Line]:
        at = self._sites.at
        if at is None or at.kind not in ("site", "domain"):
            return ()
        return why.of_site(await self.session.ask(Why, f"/v1/why/{part(at.name)}"))

    def person(self) -> str:
        row = self._messages.row
        return row.forward_path if row is not None and self.focused is self._messages else ""

    def command_line(self) -> str:
        return f"posthouse queue --by {BY[self._by]} --sort {SORTS[self._sort]}"

    def jump(self, words: str) -> str:
        """`gmail.com /421`: the site's deliveries, filtered."""
        name, slash, text = words.partition("/")
        if not name.strip():
            self.filter_for(text.strip())
            return ""
        self.house.open(Target("site", f"{name.strip()} /{text.strip()}" if slash else name.strip()))
        return ""

    # Keys.

    def action_by(self) -> None:
        self._by = (self._by + 1) % len(BY)
        self._sites.unmark()
        self.want_others()

    def action_sort(self) -> None:
        self._sort = (self._sort + 1) % len(SORTS)
        self.want_others()

    def action_map(self) -> None:
        self.house.open(Target("heat", "ages"))

    def action_replies(self) -> None:
        at = self._sites.at
        self.house.open(Target("replies", at.name if at is not None and at.kind in ("site", "domain") else ""))
