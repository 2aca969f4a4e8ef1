"""9 Journal: what happened, what operators did, what was done from here, and the books."""

import json
from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import ControlError
from engine.control.protocol.journal import ActRow, Acts, Books, Happened, Happenings
from engine.control.protocol.shaping import WhyMessage
from engine.control.protocol.wire import decode
from tui.format import clock, number
from tui.ink import Ink, Line, Target, line, rule
from tui.messages import Opened
from tui.pages import journal, why
from tui.screens.growing import Growing
from tui.screens.views import ViewsScreen
from tui.session import Deed, Watch
from tui.verbs import Field, Intent, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table

_PAGE: Final = 100  # rows asked for at once
_NEAR: Final = 30  # rows from the end at which older ones are asked for


class JournalScreen(ViewsScreen):
    """Four views; beside a list, in a wide terminal, what the cursor is on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "follow what happens, or hold the list", show=False, id="journal.follow"),
        Binding("c", "check", "go over the books now", show=False, id="journal.check"),
    ]
    views = ("events", "acts", "commands", "books")
    hints = (("views.next", "next view"), ("house.filter", "filter"), ("journal.follow", "follow"))
    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("U", "journal.undo", "undo", "undo"),
        Verb("C", "journal.note", "note", "note"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._happened = Growing[Happened](lambda row: (row.at_ms, row.kind, row.text))
        self._acts = Growing[ActRow](lambda row: row.act)
        self._growing = Watch(self._grow)
        self._follows = True
        self._now_ms = 0  # as the newest answer said
        self._books: Books | None = None

    def stage(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[Happened](journal.HAPPENED, _behind, key=_named, id="events")
            yield Table[ActRow](journal.ACTS, lambda row: Target("act", str(row.act)), id="acts")
            yield Page(id="commands")
            yield Page(id="books")
            yield Page(id="detail").add_class("beside")

    def turn_to(self, view: str) -> None:
        super().turn_to(view)
        self._lay_out()

    def _lay_out(self) -> None:
        self.query_one("#detail", Page).display = self.is_wide and self.view in ("events", "acts")
        self._show_detail()

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self._lay_out)

    # What is shown.

    async def ask(self) -> None:
        match self.view:
            case "events":
                if self._follows or not self._happened.is_of(self.filter_text):
                    await self._happened.freshen(self.filter_text, self._fetch_happened)
                self._show_events()
            case "acts":
                await self._acts.freshen(self.filter_text, self._fetch_acts)
                self._show_acts()
            case "commands":
                self._show_commands()
            case _:
                self._show_books()

    async def _fetch_happened(self, after: str) -> tuple[tuple[Happened, ...], str]:
        asked: journal.Params = {"limit": _PAGE, **journal.happened_params(self.filter_text)}
        if after:
            asked["after"] = after
        found = await self.session.ask(Happenings, "/v1/journal", asked)
        self._now_ms = found.now_ms
        return found.rows, found.after

    async def _fetch_acts(self, after: str) -> tuple[tuple[ActRow, ...], str]:
        asked: journal.Params = {"limit": _PAGE, **journal.act_params(self.filter_text)}
        if after:
            asked["before"] = after
        found = await self.session.ask(Acts, "/v1/acts", asked)
        self._now_ms = found.now_ms
        return found.rows, str(found.before or "")

    def _show_events(self) -> None:
        rows = self._happened.rows
        how = "newest first" if self._follows else "held: f follows again"
        self.title_line(
            "Journal › what happened", f"{number(len(rows))}{'+' if self._happened.has_more else ''}, {how}"
        )
        self.query_one("#events", Table).show(rows, self._now_ms)
        self._show_detail()

    def _show_acts(self) -> None:
        rows = self._acts.rows
        self.title_line("Journal › what operators did", f"{number(len(rows))}{'+' if self._acts.has_more else ''}")
        self.query_one("#acts", Table).show(rows, self._now_ms)
        self._show_detail()

    def _show_commands(self) -> None:
        deeds = tuple(reversed(self.session.deeds))
        self.title_line("Journal › done from this terminal", number(len(deeds)))
        self.query_one("#commands", Page).show(lambda width: _deeds(deeds, width))

    def _show_books(self) -> None:
        self.title_line("Journal › the books", "c goes over them")
        found = self._books
        self.query_one("#books", Page).show(lambda width: journal.books(found, width))

    def _show_detail(self) -> None:
        row, now_ms = self._row(), self._now_ms
        page = self.query_one("#detail", Page)
        if not page.display:
            return  # a page that nobody sees is not laid out: that would paint the list's scrollbar at each step
        if isinstance(row, Happened):
            page.show(lambda width: journal.happened(row, now_ms, width), row)
        elif isinstance(row, ActRow):
            page.show(lambda width: journal.act(row, now_ms, width), row.act)
        else:
            page.show(lambda width: [rule("Nothing", width), line(("nothing fits", Ink.DIM))])

    def _row(self) -> Happened | ActRow | None:
        """What the cursor is on."""
        found = self.shown(Table)
        return found.row if found is not None else None

    @on(Table.Moved)
    def _moved(self) -> None:
        found = self.shown(Table)
        if found is not None and found.cursor >= found.count() - _NEAR:
            self.run_worker(self._growing.nudge(), group="older")
        self._show_detail()

    async def _grow(self) -> None:
        if self.view == "events" and self._happened.has_more:
            await self._happened.grow(self._fetch_happened)
            self._show_events()
        elif self.view == "acts" and self._acts.has_more:
            await self._acts.grow(self._fetch_acts)
            self._show_acts()

    # What is done.

    def undo(self) -> Intent | str:
        row = self._row()
        if not isinstance(row, ActRow):
            return "only an act can be undone: l goes to the acts"
        if not row.can_undo:
            return row.why_not or f"act {row.act} is {row.state}"
        return Intent(f"Undo act {row.act}: {row.done}", "acts/undo", {"act": row.act}, f"posthouse undo {row.act}")

    def note(self) -> Intent:
        row = self._row()
        about = row.about if isinstance(row, ActRow) else row.person if isinstance(row, Happened) else ""
        asked = (
            Field("text", "Note", required=True, hint="for whoever looks at the journal later"),
            Field("about", "About", about, hint="an address, a list, a site ..."),
        )
        return Intent("Write a note", "note", {}, "posthouse note {text} --about {about}", fields=asked)

    def action_follow(self) -> None:
        self._follows = not self._follows
        self.house.say("following what happens" if self._follows else "the list is held; f follows again", Ink.DIM)
        self.told()

    def action_check(self) -> None:
        self.turn_to("books")
        self.run_worker(self._check(), group="check", exclusive=True)

    async def _check(self) -> None:
        """In the title and on the page: the status line goes on telling of what was done, and of its way back."""
        self.title_line("Journal › the books", "… going over them")
        try:
            done = await self.session.act("audit", {})
            self._books = decode(Books, json.dumps(done.facts["books"]))
        except (ControlError, KeyError, ValueError) as error:
            self.house.say(f"✗ {error}", Ink.BAD)
        if self.is_here:
            self._show_books()

    @on(Opened)
    def open_target(self, message: Opened) -> None:
        row, now_ms = self._row(), self._now_ms
        message.prevent_default()
        if message.target.kind == "message":
            self.house.open(message.target)
        elif isinstance(row, ActRow):
            self.house.sheet(f"Act {row.act}", journal.act(row, now_ms, self.app.size.width - 4))
        elif isinstance(row, Happened):
            self.house.sheet("What happened", journal.happened(row, now_ms, self.app.size.width - 4))

    # What is copied.

    async def why(self) -> Sequence[Line]:
        row, now_ms = self._row(), self._now_ms
        width = 44 if self.has_side else self.app.size.width - 4
        if isinstance(row, ActRow):
            return journal.act(row, now_ms, width)
        if not isinstance(row, Happened):
            return ()
        if row.message_id is not None:
            return why.of_message(await self.session.ask(WhyMessage, f"/v1/messages/{row.message_id}/why"))
        return journal.happened(row, now_ms, width)

    def person(self) -> str:
        row = self._row()
        if isinstance(row, Happened):
            return row.person
        return row.about if isinstance(row, ActRow) and "@" in row.about else ""

    def copy_text(self) -> str:
        row = self._row()
        if isinstance(row, ActRow):
            return row.done
        if isinstance(row, Happened):
            return f"{row.kind} {row.text}"
        found = self.shown(Page)
        return "\n".join(found.drawn(each).text.rstrip() for each in range(found.count())) if found else ""

    def command_line(self) -> str:
        if self.view == "books":
            return "posthouse audit"
        return f"posthouse {'acts' if self.view == 'acts' else 'journal'}"


def _behind(row: Happened) -> Target:
    """What Enter opens: the message that it was about, else all that is known of it."""
    if row.message_id is not None:
        return Target("message", str(row.message_id))
    return Target("happened", _named(row))


def _named(row: Happened) -> str:
    """What a row is called: many are about one message."""
    return f"{row.at_ms} {row.kind} {row.text}"


def _deeds(deeds: Sequence[Deed], width: int) -> list[Line]:
    """What was done from here, the newest first, each with its command line."""
    if not deeds:
        return [line(("nothing was done from here yet; what others did is among the acts", Ink.DIM))]
    lines = []
    for each in deeds:
        state = "undone" if each.undone else each.text.splitlines()[0] if each.text else ""
        lines += [
            line((clock(each.at_ms) + "  ", Ink.DIM), (each.intent.words, Ink.STRONG), (f"  {state}", Ink.DIM)),
            line(("          $ ", Ink.DIM), (each.intent.command or each.intent.path, Ink.CALM)),
        ]
    return [each.cropped(width) for each in lines]
