"""Deliveries in a list, a window of them here: of a site, a domain, a stream, a campaign, or all; with their verbs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.house import Overview
from engine.control.protocol.queue import MessageLife, MessageRow, Messages
from engine.control.protocol.shaping import Why, WhyMessage
from engine.counts import deliveries
from tui import filters
from tui.ink import BLANK, Ink, Line, Target, line
from tui.marks import Matching
from tui.pages import life, why
from tui.pages.tables import MESSAGES
from tui.screens.acting import DELIVERY_VERBS, SITE_VERBS, ActingScreen, Which
from tui.session import Watch
from tui.verbs import Verb
from tui.widgets.bar import Bar
from tui.widgets.page import Page
from tui.widgets.table import Table

PAGE = 200  # rows asked for at once: more than any window has
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
    return Table[MessageRow](
        MESSAGES, lambda row: Target("message", str(row.message_id)), key=lambda row: str(row.delivery_id), id=id
    )


def marked_deliveries(table: Table[MessageRow]) -> Which | str:
    """The deliveries that a verb is about."""
    marked = table.marked
    if not marked:
        return "no delivery is under the cursor"
    told = marked.told("delivery", "deliveries")
    if marked.every is not None:
        return Which(told, words=marked.every.words)
    row = table.row
    if not marked.chosen and row is not None:
        told = f"delivery {row.delivery_id} to {row.forward_path}"
    return Which(told, tuple(map(int, marked.names)))


class DeliveriesScreen(ActingScreen):
    """The deliveries of what `scope` and `name` say; in a wide terminal with the life of the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "replies", "what is replied, those that say the same together", show=False, id="queue.replies"),
        Binding("s", "sort", "another order: newest, oldest, next attempt, expiry", show=False, id="queue.sort"),
    ]
    verbs: ClassVar[tuple[Verb, ...]] = (*DELIVERY_VERBS, *SITE_VERBS)
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("roll.open", "open"), ("house.why", "why"))
    scope = "site"

    def __init__(self, name: str) -> None:
        """name: of what `scope` says; behind it may stand a filter, as in `gmail.com /421`."""
        super().__init__()
        self._where, _, self._first_filter = name.partition(" /")
        self._sort = 0
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        yield Bar(id="site")
        with Horizontal(classes="body"):
            yield messages_table("messages")
            yield Page(id="life").add_class("beside")

    def on_mount(self) -> None:
        super().on_mount()
        if self._first_filter:
            self.filter_for(self._first_filter)

    def latest(self, overview: Overview) -> None:
        """What the site last said, while it is one of those the overview tells of."""
        said = [each.last_reply for each in overview.sites if each.site == self._where and each.last_reply]
        self.query_one("#site", Bar).show(line(("  last reply  ", Ink.DIM), *said) if said else BLANK)

    @property
    def asked(self) -> dict[str, str | int]:
        """The words by which the daemon finds what is shown."""
        own: dict[str, str | int] = {self.scope: self._where} if self._where else {}
        return {**filters.words(self.filter_text), **own}

    async def ask(self) -> None:
        offset = max(self._messages.first_row - _ABOVE, 0)
        asked, sort = self.asked, _SORTS[self._sort]
        params: dict[str, str | int] = {**asked, "limit": PAGE, "offset": offset, "sort": sort}
        found = await self.session.ask(Messages, "/v1/messages", params)
        if not (found.total or self.was_answered) and await self._is_domain():
            self.scope = "domain"
            await self.ask()
            return
        least = "" if found.exact else "at least "
        self.title_line(f"Queue › {self._where or 'all'}", f"{sort} first · {least}{deliveries(found.total)}")
        total = found.total + (not found.exact)  # so that one can go on
        rows = Window(offset, found.rows, total)
        self._messages.show(rows, found.now_ms, Matching(asked, found.total, found.exact))
        await self._detail.nudge()

    async def _is_domain(self) -> bool:
        """Whether what was named as a site is a domain. ControlError where the daemon knows nothing of the name: nobody is
        shown an empty list of what there is not."""
        if self.scope not in ("site", "domain") or not self._where:
            return False
        known = await self.session.ask(Why, f"/v1/why/{part(self._where)}")
        return self.scope == "site" and known.site not in ("", self._where)

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
        whole = self.exact
        self.query_one("#life", Page).show(lambda width: life.life(message, width, whole=whole), at)

    # What the keys are about.

    def chosen(self) -> Which | str:
        return marked_deliveries(self._messages)

    def place(self) -> tuple[str, str] | str:
        return (self.scope, self._where) if self._where else "these go to many sites: open one"

    async def why(self) -> Sequence[Line]:
        row = self._messages.row
        if row is None:
            return ()
        return why.of_message(await self.session.ask(WhyMessage, f"/v1/messages/{row.message_id}/why"))

    def copy_text(self) -> str:
        row = self._messages.row
        return "" if row is None else f"{row.forward_path}\t{row.subject}\t{row.last_reply}"

    def command_line(self) -> str:
        return f"posthouse queue messages {filters.options(self.asked)} --sort {_SORTS[self._sort]}"

    def person(self) -> str:
        row = self._messages.row
        return "" if row is None else row.forward_path

    def jump(self, words: str) -> str:
        _, _, text = words.partition("/")
        self.filter_for(text.strip())
        return ""

    def action_replies(self) -> None:
        self.house.open(Target("replies", self._where if self.scope in ("site", "domain") else ""))

    def action_sort(self) -> None:
        self._sort = (self._sort + 1) % len(_SORTS)
        self._messages.unmark()
        self.want_others()


_SORTS = ("newest", "oldest", "next", "expiry")


class SiteScreen(DeliveriesScreen):
    scope = "site"


class DomainScreen(DeliveriesScreen):
    scope = "domain"


class StreamScreen(DeliveriesScreen):
    scope = "stream"


class CampaignScreen(DeliveriesScreen):
    scope = "campaign"
