"""4 Schedule: what the canned daemon says of it."""

from collections.abc import Mapping
from dataclasses import replace

from canned_day import HOUR, MIN, NOW
from scene import Scene

from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.calendar import (
    Anniversaries,
    Calendar,
    CampaignMail,
    CampaignText,
    DayPeople,
    Planned,
    SiteCourse,
    ZonePeople,
)
from engine.control.protocol.campaigns import CampaignShown, FigureRow, RecipientRow, Recipients, RunRow
from engine.control.protocol.reports import ArmRow, FiguresRow, LiftRow, ReasonRow, ReportAnswer

DAY = 24 * HOUR
TUESDAY = NOW - 131_000 + 2 * DAY  # midnight of 2026-11-24 UTC

NEWS = Planned(
    "campaign", "spring-news", "Spring news", "scheduled", TUESDAY + 1 * HOUR, "2026-11-24T10:00", "contact", "", 12, "1",
    "newsletter", 41_204, 0, TUESDAY + 26 * HOUR + 20 * MIN,
    "about 16 h 20 min, by gmail.com: learnt from replies (gmail-rate)",
    ((TUESDAY + 1 * HOUR, TUESDAY + 12 * HOUR), (TUESDAY + 13 * HOUR, TUESDAY + 26 * HOUR + 20 * MIN)),
    (
        SiteCourse("gmail.com", 21_300, 0.36, TUESDAY + 26 * HOUR + 20 * MIN, "learnt from replies (gmail-rate)"),
        SiteCourse("bücher.example", 9_120, 5.0, TUESDAY + 20 * HOUR, 'posthouse.toml shaping.limits."bücher.example"'),
        SiteCourse("", 10_784, None, TUESDAY + 18 * HOUR),
    ),
    (
        ZonePeople("Asia/Tokyo", 4_120, TUESDAY + 1 * HOUR),
        ZonePeople("Asia/Jerusalem", 9_800, TUESDAY + 8 * HOUR),
        ZonePeople("", 20_284, TUESDAY + 9 * HOUR),
        ZonePeople("America/New_York", 7_000, TUESDAY + 15 * HOUR),
    ),
    TUESDAY + 1 * HOUR, ("weekly-offers",), ("1,204 come due in quiet hours and wait until those are over on their clock",),
)  # fmt: skip
RUNNING = Planned(
    "campaign", "weekly-offers", "הצעות השבוע · 每週優惠", "running", NOW - 40 * MIN, "2026-11-22T00:20", "", "FREQ=DAILY", 11,
    "2026-11-22T00:20:00", "newsletter", 12_431, 8_020, NOW + 2 * HOUR, "about 2 h 40 min, by its throttle or a slower site",
    ((NOW - 40 * MIN, NOW + 2 * HOUR),),
    (
        SiteCourse("gmail.com", 7_100, 0.5, NOW + 2 * HOUR, "learnt from replies (gmail-rate)", 2_400),
        SiteCourse("דואר.example", 3_200, None, NOW + HOUR, "", 1_900),
        SiteCourse("", 2_131, None, NOW + HOUR, "", 111),
    ),
    (ZonePeople("", 12_431, NOW - 40 * MIN),),
)  # fmt: skip
ROWS = (
    replace(RUNNING, name="yesterday", state="done", at_ms=NOW - 5 * HOUR, run=10, ends_ms=NOW - 4 * HOUR, people=900,
            spans=((NOW - 5 * HOUR, NOW - 4 * HOUR),), overlaps=(), warns=(), rule="", takes=""),
    RUNNING,
    replace(RUNNING, state="next", run=None, occasion="2026-11-23T00:20:00", civil="2026-11-23T00:20", at_ms=NOW + 23 * HOUR,
            ends_ms=NOW + 26 * HOUR, spans=((NOW + 23 * HOUR, NOW + 26 * HOUR),), overlaps=("spring-news",)),
    NEWS,
    Planned("flow", "birthday", "Happy birthday · 生日快乐", "flow", TUESDAY + 4 * HOUR, "2026-11-24T09:00", "contact",
            "birthday at 09:00", occasion="2026-11-24", mail="birthday", spans=((TUESDAY + 4 * HOUR, TUESDAY + 18 * HOUR),)),
    Planned("campaign", "evil\x1b[31m", "[/foo] [@click=app.quit]x[/] \u202egpj.exe", "paused", TUESDAY + 40 * HOUR,
            "2026-11-25T16:00", "", "", 13, "1", "newsletter", 3, 3, None, "over 30 days: 2 would be left", why="[/x] \x1b[2J"),
    Planned("campaign", "advent", "Адвент", "draft", mail="newsletter", people=38_001,
            takes="under a minute if nothing slows it: no limit is known for qq.example, бук.example and 4 more"),
)  # fmt: skip

FIGURES = (
    FigureRow("", "waiting", "", 7_020), FigureRow("", "queued", "", 1_000), FigureRow("", "delivered", "", 4_301),
    FigureRow("", "bounced", "", 110), FigureRow("", "excluded", "held out", 1_240), FigureRow("", "opened", "", 1_702),
    FigureRow("", "clicked", "", 340),
)  # fmt: skip
RUN = RunRow(11, "2026-11-22T00:20:00", "running", by="its calendar", version="3f9c2ab1d0e4", due_ms=NOW - 40 * MIN,
             began_ms=NOW - 40 * MIN, is_resolved=True, figures=FIGURES, next_ms=NOW)  # fmt: skip

SOURCE = (
    "name: spring-news  # every year\ngoal: {event: order.placed, within: 7d}\naudience: {lists: [newsletter]}\n"
    "template: newsletter\nwhen: {at: 2026-11-24T10:00, zone: contact}\nwindow: 10m\n"
)
_MAILS = {
    "en": ("Spring is here, Ann", "Dear Ann,\n\nThe first harvest has come in. We kept some for you."),
    "he": ("האביב כאן, דנה", "דנה יקרה,\n\nהקציר הראשון הגיע. שמרנו לך ממנו."),
    "ru": ("Новости от Blue Teapot", "Здравствуйте, Анна!\n\nС уважением,\nBlue Teapot"),
    "zh": ("春天来了，小安", "亲爱的小安：\n\n第一批新茶到了，我们为您留了一些。"),
    "zh-Hant": ("春天來了，小安", "親愛的小安：\n\n第一批新茶到了，我們為您留了一些。"),
}
_UNWRITTEN = "ru"


def _calendar(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    rows = ROWS
    if query.get("move") and query.get("at"):
        moved = replace(NEWS, civil=query["at"], at_ms=TUESDAY + 90 * MIN, overlaps=(), ends_ms=TUESDAY + 27 * HOUR)
        rows = tuple(moved if each is NEWS else each for each in ROWS)
    midnight = NOW - 131_000
    return Calendar(NOW, midnight, midnight + int(query.get("days", 14)) * DAY, "UTC", "21:00", "08:00", ("sat",), rows,
                    (DayPeople("2026-11-22", 104), DayPeople("2026-11-24", 1_318), DayPeople("2026-11-30", 7)),
                    (Anniversaries("created", (DayPeople("2026-11-23", 41), DayPeople("2026-11-25", 1))),))  # fmt: skip


def _known(name: str) -> Planned | None:
    return next((each for each in ROWS if each.name == name and each.kind == "campaign"), None)


def _campaign(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    row = _known(words["name"])
    if row is None:
        return Refused(f"there is no campaign {words['name']}", "`posthouse campaign list` lists them")
    run = replace(RUN, id=row.run or 0, state=row.state, why=row.why)
    if row.state == "scheduled":
        run = replace(run, began_ms=None, figures=(), next_ms=None)
    runs = () if row.state == "draft" else (run,)
    return CampaignShown(NOW, row.name, row.title, "What is new this spring.", "order.placed within 7d", None, runs)


def _recipients(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    state = query.get("state") or "delivered"
    rows = tuple(
        RecipientRow(number, f"reader{number}@{'gmail.com' if number % 2 else 'דואר.example'}", "warm", state,
                     "held out" if state == "excluded" else "", NOW - number * MIN, 4711 + number,
                     NOW if number % 3 == 0 else None)
        for number in range(1, 40)
    )  # fmt: skip
    return Recipients(NOW, words["name"], 11, rows, 40)


def _mail(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    locale = query.get("locale") or "en"
    subject, text = _MAILS[locale]
    is_missing = locale == _UNWRITTEN
    return CampaignMail(
        NOW, words["name"], "a made reader", locale, "", "newsletter", subject, "Anna of Blue Teapot <hello@shop.example>",
        text, 14_541, "", tuple(_MAILS), written=tuple(each for each in _MAILS if each != _UNWRITTEN),
        missing=("subject", "text") if is_missing else (), instead="en" if is_missing else "", is_frame=is_missing,
        words=("", "", "") if is_missing else (subject, "", text.rpartition("\n")[2]),
    )  # fmt: skip


def _text(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return CampaignText(NOW, words["name"], SOURCE, "3f9c2ab1d0e4" * 5, "scheduled", tuple(_MAILS))


def report(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    row = FiguresRow(
        "", 12_431, 12_010, 311, 4, 0, 106, 5_102, 2_210, 1_004, 12, 31, 3, 204, 12, 40, 1_240, {"EUR": "8410.50"}
    )
    lift = LiftRow(
        "order.placed", ArmRow(12_010, 204, 0.017, 0.0148, 0.0195), ArmRow(1_240, 9, 0.0073), 0.0097, 0.003, 0.0149
    )
    return ReportAnswer(
        NOW, words["kind"], words["name"], NOW - 7 * DAY, 604_800, (row,), None, (lift,),
        (ReasonRow("", "left out", "held out", 1_240), ReasonRow("", "refused", "frequency cap", 40)),
    )  # fmt: skip


def _done(words: str) -> object:
    return lambda body: Done(
        f"{words} {body.get('campaign', '')}".strip(), {"act": 9, "undo": {"path": "x", "body": {}}}
    )


ANSWERS = {
    "/v1/calendar": _calendar, "/v1/campaigns/{name}": _campaign, "/v1/campaigns/{name}/recipients": _recipients,
    "/v1/campaigns/{name}/mail": _mail, "/v1/campaigns/{name}/text": _text, "/v1/reports/{kind}/{name}": report,
}  # fmt: skip
ACTS = {
    "campaigns/plan": lambda body: Done("recipients  41,204 of 42,444\nforecast    about 16 h 20 min, by gmail.com"),
    "campaigns/schedule": _done("scheduled"), "campaigns/move": _done("moved"), "campaigns/pause": _done("paused"),
    "campaigns/recall": lambda body: Done("recalling: 4,301 have it and keep it" if body.get("dry_run") else "recalled"),
    "campaigns/test": _done("a test goes"), "campaigns/keep": _done("kept"), "campaigns/new": _done("made"),
    "campaigns/write": _done("written"),
}  # fmt: skip
SCENES = (
    Scene("schedule", ("4",), "spring-news"),
    Scene("schedule-week", ("4", "v"), "spring-news"),
    Scene("schedule-month", ("4", "v", "v"), "spring-news"),
    Scene("campaign", ("4", "j", "enter"), "Run 11"),
    Scene("campaign-mail", ("4", "j", "enter", "G", "k", "k", "k", "k", "enter", "v"), "האביב"),
    Scene(
        "campaign-frame",
        ("4", "j", "enter", "G", "k", "k", "k", "k", "enter", "v", "v"),
        "no subject and no text in ru",
    ),
)
