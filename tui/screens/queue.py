"""2 Queue: the sites, and a site's deliveries."""

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from engine.control.client import part
from engine.control.protocol.house import Overview
from engine.control.protocol.queue import MessageLife, MessageRow, Messages, Queue, SiteRow
from tui.format import number
from tui.ink import BLANK, Ink, Target, line, rule
from tui.pages import life
from tui.pages.tables import MESSAGES, SITES
from tui.screens.house import HouseScreen
from tui.session import Watch
from tui.widgets.bar import Bar
from tui.widgets.page import Page
from tui.widgets.table import Table

_PAGE = 200  # rows asked for at once: more than any window has
_ABOVE = 50  # of them, so many above the window, so that a step up finds its row


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a long list: the rows around what is seen, and how many there are in all."""

    offset: int = 0
    here: tuple[MessageRow, ...] = ()
    total: int = 0

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, index: int) -> MessageRow | None:
        place = index - self.offset
        return self.here[place] if 0 <= place < len(self.here) else None


def messages_table(id: str) -> Table[MessageRow]:
    return Table[MessageRow](MESSAGES, lambda row: Target("message", str(row.message_id)), id=id)


def deliveries(count: int) -> str:
    return f"{number(count)} {'delivery' if count == 1 else 'deliveries'}"


class QueueScreen(HouseScreen):
    """The sites; in a wide terminal with the deliveries of the one under the cursor."""

    mode = "queue"

    def __init__(self) -> None:
        super().__init__()
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[SiteRow](SITES, lambda row: Target("site", row.site), id="sites")
            with Vertical(classes="beside"):
                yield Bar(id="site")
                yield messages_table("messages")

    async def ask(self) -> None:
        queue = await self.session.ask(Queue, "/v1/queue")
        wanted = self.filter_text.casefold()
        rows = tuple(row for row in queue.sites if wanted in f"{row.site} {row.last_reply}".casefold())
        count = number(len(rows)) if len(rows) == len(queue.sites) else f"{number(len(rows))} of {len(queue.sites):,}"
        self.title_line("Queue", f"{count} site{'' if len(queue.sites) == 1 else 's'}")
        self._sites.show(rows, queue.now_ms)
        await self._detail.nudge()

    @on(Table.Moved, "#sites")
    async def site_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    @property
    def _sites(self) -> Table[SiteRow]:
        return self.query_one("#sites", Table)

    async def _ask_detail(self) -> None:
        if not self.is_wide:
            return
        table: Table[MessageRow] = self.query_one("#messages", Table)
        site = self._sites.at
        if site is None:
            table.show((), 0)
            return
        found = await self.session.ask(Messages, "/v1/messages", {"site": site.name, "limit": _PAGE})
        self.query_one("#site", Bar).show(rule(site.name, table.size.width, deliveries(found.total)))
        table.show(found.rows, found.now_ms)


class SiteScreen(HouseScreen):
    """The deliveries of one site; in a wide terminal with the life of the message under the cursor."""

    mode = "queue"

    def __init__(self, site: str) -> None:
        super().__init__()
        self._site = site
        self._window = Window()
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        yield Bar(id="site")
        with Horizontal(classes="body"):
            yield messages_table("messages")
            yield Page(id="life").add_class("beside")

    def latest(self, overview: Overview) -> None:
        """What the site last said, while it is one of those the overview tells of."""
        said = [each.last_reply for each in overview.sites if each.site == self._site and each.last_reply]
        self.query_one("#site", Bar).show(line(("  last reply  ", Ink.DIM), *said) if said else BLANK)

    async def ask(self) -> None:
        offset = max(self._messages.first_row - _ABOVE, 0)
        params: dict[str, str | int] = {"site": self._site, "limit": _PAGE, "offset": offset}
        if self.filter_text:
            params["q"] = self.filter_text
        found = await self.session.ask(Messages, "/v1/messages", params)
        self.title_line(f"Queue › {self._site}", deliveries(found.total))
        total = found.total + (not found.exact)  # so that one can go on
        self._messages.show(Window(offset, found.rows, total), found.now_ms)
        await self._detail.nudge()

    @on(Table.Missing)
    def rows_missing(self) -> None:
        self.action_refresh()

    @on(Table.Moved)
    def message_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    @property
    def _messages(self) -> Table[MessageRow]:
        return self.query_one("#messages", Table)

    async def _ask_detail(self) -> None:
        at = self._messages.at
        if not self.is_wide or at is None:
            return
        message = await self.session.ask(MessageLife, f"/v1/messages/{part(at.name)}")
        self.query_one("#life", Page).show(lambda width: life.life(message, width), at)
