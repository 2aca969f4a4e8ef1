"""4 Schedule: what will be sent and when it will have left, as an agenda, a week or a month; one send beside it."""

from datetime import datetime, timedelta
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import ControlError, part
from engine.control.protocol.calendar import Calendar, Planned
from engine.control.protocol.campaigns import CampaignShown
from engine.control.protocol.flows import Flows
from engine.counts import counted
from tui.format import local_time
from tui.ink import Ink, Line, Target, lines
from tui.pages import schedule, schedule_campaign
from tui.pages.schedule import AGENDA, DAYS_OF, MONTH, VIEWS, WEEK
from tui.pages.schedule_time import LENSES, Lens
from tui.screens.schedule_verbs import VERBS, CampaignVerbs
from tui.session import Watch
from tui.verbs import Intent
from tui.widgets.page import Page

_SHIFT: Final = timedelta(minutes=30)
_LEAF: Final = {AGENDA: 14, WEEK: 7, MONTH: 28}  # days that a page goes on by


class SchedulePage(Page):
    """The list; it says when the cursor comes to another send."""

    def moved(self) -> None:
        super().moved()
        screen = self.screen
        if isinstance(screen, ScheduleScreen):
            screen.look()


class ScheduleScreen(CampaignVerbs):
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "open"), ("schedule.create", "create"), ("schedule.view", "view"),
        ("schedule.zone", "clock"), ("schedule.later", "try later"),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "agenda, week or month", show=False, id="schedule.view"),
        Binding("z", "zone", "your clock, each reader's, or the installation's", show=False, id="schedule.zone"),
        Binding("less_than_sign", "try_shift(-1)", "try half an hour earlier", show=False, id="schedule.earlier"),
        Binding("greater_than_sign", "try_shift(1)", "try half an hour later", show=False, id="schedule.later"),
        Binding("h,left", "days(-1)", "the days before", show=False, id="schedule.before"),
        Binding("l,right", "days(1)", "the days after", show=False, id="schedule.after"),
        Binding("t", "today", "back to today", show=False, id="schedule.today"),
    ]
    verbs = VERBS

    def __init__(self) -> None:
        super().__init__()
        self._detail = Watch(self._ask_detail)
        self._calendar: Calendar | None = None
        self._view, self._lens, self._first = AGENDA, LENSES[0], 0  # days from today with which it begins
        self._shift: tuple[str, timedelta] = ("", timedelta())  # which campaign is tried, how much later
        self._base = local_time(0).replace(tzinfo=None)  # ... than this, its own time

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield SchedulePage(id="sends")
            yield Page(id="send").add_class("beside")

    async def ask(self) -> None:
        words: dict[str, str | int] = {"days": DAYS_OF[self._view]}
        if self._first:
            words["since"] = f"{local_time(self.session.now_ms) + timedelta(days=self._first):%Y-%m-%d}"
        if at := self.tried():
            words |= {"move": self._shift[0], "at": at}
        found = await self.session.ask(Calendar, "/v1/calendar", words)
        if not self.is_running:  # the terminal is being left
            return
        self._calendar = found
        lens, view = self.lens, self._view
        rows = self._matching(found)
        trying = f"trying {self._shift[0]} at {at.replace('T', ' ')} · " if at else ""
        self.title_line(f"Schedule, {view}", f"{trying}{counted(len(rows), 'send')} · {lens.words}")
        page = self.query_one("#sends", SchedulePage)
        page.show(lambda width: schedule.drawn(found, rows, view, lens, width), (view, self._first))
        await self._detail.nudge()

    def _matching(self, calendar: Calendar) -> list[Planned]:
        wanted = self.filter_text.casefold()
        return [row for row in calendar.rows if wanted in f"{row.name} {row.title} {row.state} {row.mail}".casefold()]

    @property
    def lens(self) -> Lens:
        return Lens(self._lens, self._calendar.zone if self._calendar else "UTC")

    # -- what the cursor is on

    def planned(self) -> Planned | None:
        row = self._at()
        return row if row is not None and row.kind == "campaign" else None

    def _at(self) -> Planned | None:
        page = self.query_one("#sends", SchedulePage)
        if self._calendar is None or page.cursor >= page.count():
            return None
        key = page.drawn(page.cursor).key
        return next((row for row in self._calendar.rows if schedule.key_of(row) == key), None)

    def look(self) -> None:
        """The cursor is on another send."""
        row = self._at()
        if row is not None and self._shift[0] not in ("", row.name):
            self._shift = ("", timedelta())
            self.action_refresh()
        self.show_frame()
        self.run_worker(self._detail.nudge(), group="detail")

    async def _ask_detail(self) -> None:
        row, calendar, lens = self._at(), self._calendar, self.lens
        if not self.is_wide or calendar is None or (row is None and self._matching(calendar)):
            return
        shown, page = None, self.query_one("#send", Page)
        if row is None:
            found = await self.session.ask(Flows, "/v1/flows")
            page.show(lambda width: schedule.flows(found, width), "flows")
            return
        if row.kind == "campaign":
            try:
                shown = await self.session.ask(CampaignShown, f"/v1/campaigns/{part(row.name)}")
            except ControlError as error:  # it may be gone since the calendar told of it, or the daemon is
                told = lines("✗ " + error.text, Ink.BAD)
                page.show(lambda width: [each for one in told for each in one.folded(width)], schedule.key_of(row))
                return
        page.show(
            lambda width: schedule_campaign.campaign(calendar, row, shown, lens, width),
            (schedule.key_of(row), lens.kind),
        )

    async def why(self) -> list[Line]:
        row, calendar = self._at(), self._calendar
        if row is None or calendar is None:
            return []
        run = None
        if row.kind == "campaign" and row.run is not None:
            shown = await self.session.ask(CampaignShown, f"/v1/campaigns/{part(row.name)}")
            run = next((each for each in shown.runs if each.id == row.run), None)
        return schedule_campaign.why(calendar, row, run, self.lens, 46 if self.has_side else self.app.size.width - 4)

    def copy_text(self) -> str:
        row = self._at()
        return row.name if row else ""

    def command_line(self) -> str:
        row = self.planned()
        return f"posthouse campaign show {row.name}" if row else "posthouse campaign calendar"

    def jump(self, words: str) -> str:
        """`:schedule week`, `:schedule spring-news`, `:schedule month /news`."""
        name, _, text = words.partition("/")
        self.filter_for(text.strip())
        if name.strip() in VIEWS:
            self._view = name.strip()
            self.action_refresh()
        elif name.strip():
            self.house.open(Target("campaign", name.strip()))
        return ""

    # -- a time that is tried

    def tried(self) -> str:
        return f"{self._base + self._shift[1]:%Y-%m-%dT%H:%M}" if self._shift[1] else ""

    def _is_first(self, row: Planned) -> bool:
        """Whether it is the campaign's next send."""
        rows = self._calendar.rows if self._calendar else ()
        to_come = [each for each in rows if each.name == row.name and each.kind == row.kind and each.state == row.state]
        return bool(to_come) and schedule.key_of(to_come[0]) == schedule.key_of(row)

    def action_try_shift(self, by: int) -> None:
        row = self.planned()
        if row is None or not row.civil or row.state not in ("scheduled", "draft", "next") or not self._is_first(row):
            told = "only what has a time and has not begun can be tried at another; of what comes again the next one"
            self.house.say(told, Ink.WAIT)
            return
        if self._shift[0] != row.name:
            self._base = datetime.fromisoformat(row.civil)
            self._shift = (row.name, timedelta())
        self._shift = (row.name, self._shift[1] + by * _SHIFT)
        self.action_refresh()

    async def perform(self, intent: Intent) -> bool:
        was_done = await super().perform(intent)
        if was_done:
            self._shift = ("", timedelta())
        return was_done

    # -- keys

    def action_view(self) -> None:
        self._view = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        self.want_others()

    def action_zone(self) -> None:
        self._lens = LENSES[(LENSES.index(self._lens) + 1) % len(LENSES)]
        self.action_refresh()

    def action_days(self, by: int) -> None:
        self._first += by * _LEAF[self._view]
        self.want_others()

    def action_today(self) -> None:
        self._first = 0
        self.want_others()

    def action_back(self) -> None:
        if self._shift[1]:
            self._shift = ("", timedelta())
            self.action_refresh()
        else:
            super().action_back()
