"""One campaign of the schedule: its page, its mail in each language, its file, its recipients, its report."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.client import part
from engine.control.protocol.calendar import Calendar, CampaignMail, CampaignText, Planned
from engine.control.protocol.campaigns import CampaignShown, RecipientRow, Recipients
from engine.control.protocol.reasons import WhyNotAnswer
from engine.control.protocol.reports import ReportAnswer
from tui.format import number
from tui.ink import Line, Target
from tui.pages import schedule_campaign, schedule_mail
from tui.pages.schedule import AGENDA, DAYS_OF
from tui.pages.schedule_time import LENSES, Lens
from tui.screens.house import HouseScreen
from tui.screens.schedule_verbs import VERBS, CampaignVerbs
from tui.verbs import Field, Intent, Verb
from tui.widgets.page import Page
from tui.widgets.table import Table

_LIMIT = 500  # recipients on one page


class _OfCampaign(CampaignVerbs):
    """A page about one campaign: the calendar's row of it, and its runs."""

    verbs: ClassVar[tuple[Verb, ...]] = VERBS

    def __init__(self, name: str) -> None:
        super().__init__()
        self.campaign = name
        self._calendar: Calendar | None = None
        self._row: Planned | None = None

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Page(id="page")

    def planned(self) -> Planned | None:
        return self._row

    def copy_text(self) -> str:
        return self.campaign

    async def look(self) -> Calendar:
        """Fetch what the verbs go by: the calendar's row, or where its days do not hold the campaign, that of its newest run."""
        calendar = await self.session.ask(Calendar, "/v1/calendar", {"days": DAYS_OF[AGENDA]})
        rows = [each for each in calendar.rows if each.name == self.campaign and each.kind == "campaign"]
        self._calendar, self._row = calendar, rows[0] if rows else schedule_campaign.row_of(await self.shown())
        return calendar

    async def shown(self) -> CampaignShown:
        return await self.session.ask(CampaignShown, f"/v1/campaigns/{part(self.campaign)}")

    @property
    def page(self) -> Page:
        return self.query_one("#page", Page)


class CampaignScreen(_OfCampaign):
    """When it leaves, when it will have left, who stands where."""

    hints: ClassVar[tuple[tuple[str, str], ...]] = (("roll.open", "open"), ("campaign.zone", "clock"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("z", "zone", "your clock, each reader's, or the installation's", show=False, id="campaign.zone"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._kind = LENSES[0]

    async def ask(self) -> None:
        calendar = await self.look()
        shown = await self.shown()
        row, lens = self._row, Lens(self._kind, calendar.zone)
        if not self.is_running:  # it was left meanwhile
            return
        self.title_line(f"Schedule › {self.campaign}", lens.words)
        self.page.show(
            lambda width: schedule_campaign.campaign(calendar, row, shown, lens, width), (self.campaign, self._kind)
        )

    async def why(self) -> list[Line]:
        if self._calendar is None or self._row is None:
            return []
        shown = await self.shown()
        run = next((each for each in shown.runs if each.id == self._row.run), None)
        width = 46 if self.has_side else self.app.size.width - 4
        return schedule_campaign.why(self._calendar, self._row, run, Lens(self._kind, self._calendar.zone), width)

    def command_line(self) -> str:
        return f"posthouse campaign show {self.campaign}"

    def action_zone(self) -> None:
        self._kind = LENSES[(LENSES.index(self._kind) + 1) % len(LENSES)]
        self.action_refresh()


class CampaignMailScreen(_OfCampaign):
    """The mail as a made reader of each language gets it; each can be written."""

    verbs: ClassVar[tuple[Verb, ...]] = (Verb("W", "schedule.write", "write", "write"), *VERBS)
    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("campaign_mail.language", "language"), ("campaign_mail.variant", "variant"), ("campaign_mail.template", "template"),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v,right,l", "language(1)", "the next language", show=False, id="campaign_mail.language"),
        Binding("left,h", "language(-1)", "the language before", show=False, id="campaign_mail.before"),
        Binding("b", "variant", "the next variant", show=False, id="campaign_mail.variant"),
        Binding("o", "template", "open its template", show=False, id="campaign_mail.template"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._locale, self._variant = "", ""
        self._shown = ("", "")  # for which of them the mail came
        self._mail: CampaignMail | None = None

    async def ask(self) -> None:
        await self.look()
        asked = self._locale, self._variant
        words = {"locale": asked[0], "variant": asked[1]}
        path = f"/v1/campaigns/{part(self.campaign)}/mail"
        mail = await self.session.ask(CampaignMail, path, {key: each for key, each in words.items() if each})
        self._mail, self._shown = mail, asked
        if not self.is_running:  # it was left meanwhile
            return
        self.title_line(
            f"Schedule › {self.campaign} › mail", f"{mail.locale}{' · ' + mail.variant if mail.variant else ''}"
        )
        self.page.show(lambda width: schedule_mail.mail(mail, width), (mail.locale, mail.variant))

    @property
    def _on_its_way(self) -> str:
        """What was asked for and is not shown yet; "" for nothing."""
        asked = self._locale, self._variant
        return " · ".join(filter(None, asked)) if asked != self._shown else ""

    def _asked(self) -> None:
        """Another is asked for: say which until it is here."""
        self.title_line(f"Schedule › {self.campaign} › mail", f"{self._on_its_way} is on its way")
        self.action_refresh()

    def write(self) -> Intent | str:
        """A subject, a heading and a first paragraph in the language that is shown."""
        mail = self._mail
        if mail is None:
            return "its mail is not here yet"
        if self._on_its_way:
            return f"{self._on_its_way} is on its way"
        subject, heading, text = mail.words or ("", "", "")
        fields = (
            Field("subject", "Subject", subject, hint="empty: as it is"),
            Field("heading", "Heading", heading),
            Field("text", "What it says", text, hint="the first paragraph; E writes on"),
        )
        body = {"campaign": self.campaign, "locale": mail.locale} | ({"variant": mail.variant} if mail.variant else {})
        said = "".join(f" --{each.name} {{{each.name}}}" for each in fields)
        command = f"posthouse campaign write {self.campaign} --locale {mail.locale}{said}"
        return Intent(
            f"Write {self.campaign} in {mail.locale}", "campaigns/write", body, command, fields=fields, keeps=True
        )

    def copy_text(self) -> str:
        return self._mail.text if self._mail else ""

    def command_line(self) -> str:
        return f"posthouse campaign preview {self.campaign}" + (f" --locale {self._locale}" if self._locale else "")

    def action_language(self, by: int) -> None:
        if self._mail is not None and self._mail.languages:
            self._locale = _next(self._mail.languages, self._locale or self._mail.locale, by)
            self._asked()
        else:
            self.house.say("there is no other language")

    def action_variant(self) -> None:
        if self._mail is not None and self._mail.variants:
            self._variant = _next(self._mail.variants, self._variant or self._mail.variant, 1)
            self._asked()
        else:
            self.house.say("it has no variants")

    def action_template(self) -> None:
        if self._mail is not None:
            self.house.open(Target("mail", self._mail.mail))


class CampaignFileScreen(_OfCampaign):
    """The file as it is kept; E edits it."""

    _source = ""

    async def ask(self) -> None:
        await self.look()
        kept = await self.session.ask(CampaignText, f"/v1/campaigns/{part(self.campaign)}/text")
        if not self.is_running:  # it was left meanwhile
            return
        self.title_line(f"Schedule › {self.campaign} › file", f"version {kept.version[:12]}")
        self.page.show(lambda width: schedule_mail.source(kept.source, width), kept.version)
        self._source = kept.source

    def copy_text(self) -> str:
        return self._source

    def command_line(self) -> str:
        return f"posthouse campaign text {self.campaign}"


class CampaignReportScreen(_OfCampaign):
    """What came of it."""

    async def ask(self) -> None:
        await self.look()
        report = await self.session.ask(ReportAnswer, f"/v1/reports/campaign/{part(self.campaign)}")
        if not self.is_running:  # it was left meanwhile
            return
        self.title_line(f"Schedule › {self.campaign} › report")
        self.page.show(lambda width: schedule_mail.report(report, width), self.campaign)

    def command_line(self) -> str:
        return f"posthouse report campaign {self.campaign}"


class RecipientsScreen(HouseScreen):
    """Who of the newest run stands where. The filter looks for one address."""

    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "their mail"), ("recipients.state", "state"), ("recipients.more", "more"), ("house.filter", "address"),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "state", "the next state", show=False, id="recipients.state"),
        Binding("m", "more", "the next page", show=False, id="recipients.more"),
    ]

    def __init__(self, which: str) -> None:
        """`which`: the campaign, a slash, and a state or nothing."""
        super().__init__()
        self._campaign, _, self._state = which.partition("/")
        self._after = self._next_after = 0

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[RecipientRow](
                schedule_mail.RECIPIENTS, _behind, key=lambda row: str(row.contact_id), id="people"
            )

    async def ask(self) -> None:
        words: dict[str, str | int] = {"limit": _LIMIT, "after": self._after}
        words |= {"address": self.filter_text} if "@" in self.filter_text else {"state": self._state}
        path = f"/v1/campaigns/{part(self._campaign)}/recipients"
        found = await self.session.ask(Recipients, path, words)
        self._next_after = found.after
        more = " · m: more" if found.after else ""
        if not self.is_running:  # it was left meanwhile
            return
        self.title_line(
            f"Schedule › {self._campaign} › {self._state or 'everybody'}", f"{number(len(found.rows))} people{more}"
        )
        self.query_one("#people", Table).show(found.rows, found.now_ms)

    async def why(self) -> list[Line]:
        row, width = self._person, 46 if self.has_side else self.app.size.width - 4
        if row is None:
            return []
        if not row.address or row.state == "delivered":
            return schedule_mail.why_recipient(row, None, width)
        words = {"address": row.address, "kind": "campaign"}
        found = await self.session.ask(WhyNotAnswer, f"/v1/why-not/{part(self._campaign)}", words)
        return schedule_mail.why_recipient(row, found, width)

    @property
    def _person(self) -> RecipientRow | None:
        row: RecipientRow | None = self.query_one("#people", Table).row
        return row

    def person(self) -> str:
        return self._person.address if self._person else ""

    def copy_text(self) -> str:
        return self.person()

    def command_line(self) -> str:
        return f"posthouse campaign show {self._campaign} --recipients {self._state or 'all'}"

    def action_state(self) -> None:
        states = ("", *schedule_campaign.STATES)
        self._state, self._after = states[(states.index(self._state) + 1) % len(states)], 0
        self.want_others()

    def action_more(self) -> None:
        self._after = self._next_after
        self.want_others()


def _behind(row: RecipientRow) -> Target:
    return Target("message", str(row.message_id)) if row.message_id is not None else Target("person", row.address)


def _next(of: tuple[str, ...], at: str, by: int) -> str:
    return of[(of.index(at) + by) % len(of)] if at in of else of[0]
