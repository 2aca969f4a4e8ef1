"""One campaign: when it leaves, when it will have left, who stands where, and why it stands as it does. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.calendar import Calendar, Planned, SiteCourse
from engine.control.protocol.campaigns import CampaignShown, RunRow
from engine.counts import counted
from tui import words
from tui.format import cut, fit, number, span, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule
from tui.pages.schedule import AGENDA, DAYS_OF, is_being_counted, is_guessed, warnings
from tui.pages.schedule_time import OURS, Lens, short_moment

_LABEL: Final = 11
_ZONES: Final = 12
STATES: Final = (
    "waiting", "claimed", "queued", "delivered", "bounced", "expired", "cancelled", "recalled", "excluded", "failed",
)  # fmt: skip
_DID: Final = ("opened", "clicked", "ordered")


def campaign(
    calendar: Calendar, row: Planned | None, shown: CampaignShown | None, lens: Lens, width: int
) -> list[Line]:  # fmt: skip
    """The whole page: what is planned, what came of the newest run, and what can be opened."""
    lines: list[Line] = []
    if shown is not None:
        lines += [
            line((cut(shown.title, width), Ink.STRONG)),
            *(line((each, Ink.DIM)) for each in wrap(shown.about, width) if each),
        ]
    if row is not None:
        lines += _planned(calendar, row, lens, width)
    run = shown.runs[0] if shown and shown.runs else None
    if run is not None:
        is_its_own = row is None or row.run == run.id
        lines += _run(run, shown.name if shown else "", calendar, lens, width, is_its_own=is_its_own)
    if row is not None and row.sites and row.state != "done":
        lines += _sites(row, calendar, lens, width)
    if row is not None and row.zone == "contact" and row.zones:
        lines += _zones(row, calendar, lens, width)
    name = shown.name if shown else row.name if row else ""
    return [*lines, *_ways(name, row, shown, width)]


def row_of(shown: CampaignShown) -> Planned | None:
    """A campaign that the calendar's days do not hold, as its newest run has it."""
    if not shown.runs:
        return None
    run = shown.runs[0]
    people = sum(each.people for each in run.figures if each.what in STATES and each.what != "excluded")
    left = sum(each.people for each in run.figures if each.what in ("waiting", "claimed", "queued"))
    return Planned(
        "campaign", shown.name, shown.title, run.state, run.began_ms or run.due_ms, run=run.id, occasion=run.occasion,
        people=people, left=left, ends_ms=run.ended_ms, why=run.why,
    )  # fmt: skip


def _planned(calendar: Calendar, row: Planned, lens: Lens, width: int) -> Iterable[Line]:
    now = lens.local(calendar.now_ms)
    start, end = lens.start(row), lens.end(row)
    meant = row.civil.replace("T", " ")
    whose = f"each reader's clock, {meant}" if row.zone == "contact" else f"{meant} in {row.zone or calendar.zone}"
    most = "at most " if is_guessed(row) else ""  # who may have it is asked when it is written
    if row.people is not None:
        people = f"{most}{counted(row.people, 'reader')}"
    elif is_being_counted(row):
        people = "being counted"
    else:
        people = "as many as its day brings" if row.kind == "flow" else "nobody: it never began"
    facts = [
        ("state", words.planned(row.state).run()),
        (
            "begins",
            Run(
                short_moment(start, now) + (f" ({whose})" if meant else "")
                if start
                else "it has no time yet: S gives it one"
            ),
        ),
        ("to", Run(people)),
    ]
    if row.takes:
        facts.append(("forecast", Run(row.takes)))
    if end is not None or row.takes:
        is_over = end is not None and end < now
        facts.append(("ended" if is_over else "ends", Run(short_moment(end, now) if end else "not known")))
    if row.rule:
        facts.insert(2, ("again", Run(row.rule)))
    if row.recall_ms is not None and row.state in ("scheduled", "running", "next"):
        facts.append(("recall", Run(f"all of it until {short_moment(lens.local(row.recall_ms), now)}")))
    yield from _facts(facts, width)
    for each in warnings(row):
        yield from (line(("! ", Ink.WAIT), (text, Ink.WAIT)) for text in wrap(each, width - 2))


def _facts(facts: Sequence[tuple[str, Run]], width: int) -> Iterable[Line]:
    for name, told in facts:
        first, *rest = wrap(told.text, max(width - _LABEL, 10))
        yield line((fit(name, _LABEL), Ink.DIM), (first, told.ink))
        yield from (line(" " * _LABEL, (each, told.ink)) for each in rest)


def _run(run: RunRow, name: str, calendar: Calendar, lens: Lens, width: int, *, is_its_own: bool) -> Iterable[Line]:
    """The newest run: states with bars, each of which opens who stands there."""
    now = lens.local(calendar.now_ms)
    if run.began_ms is None and not run.why:
        return
    heading = f"Run {run.id}" if is_its_own else f"Its last run, {run.id}"
    yield rule(heading, width, f"{run.occasion}, by {run.by}" if run.by else run.occasion)
    told = [
        (label, at)
        for label, at in (("began", run.began_ms), ("ended", run.ended_ms), ("next mail", run.next_ms))
        if at
    ]
    yield from _facts([(label, Run(short_moment(lens.local(at), now))) for label, at in told], width)
    if run.why:
        yield from _facts([("why", Run(run.why, Ink.WAIT))], width)
    if run.verdict or run.judge_ms:
        yield from _facts(
            [("test", Run(run.verdict or f"is judged {short_moment(lens.local(run.judge_ms or 0), now)}"))], width
        )
    sums = {what: sum(each.people for each in run.figures if each.what == what) for what in (*STATES, *_DID)}
    most = max(sum(sums[what] for what in STATES), 1)
    for what in (*STATES, *_DID):
        if sums[what]:
            cells = min(max(width - _LABEL - 10, 4), 40)
            drawn = line(
                (fit(what, _LABEL), Ink.DIM), (fit(number(sums[what]), 8, right=True), Ink.STRONG), "  ",
                *bar(sums[what], most, cells, Ink.GOOD if what in ("delivered", *_DID) else Ink.CALM),
            )  # fmt: skip
            yield drawn.opens("recipients", f"{name}/{what}") if what in STATES else drawn
    reasons = {each.reason: 0 for each in run.figures if each.reason}
    for each in run.figures:
        if each.reason:
            reasons[each.reason] += each.people
    for reason, people in sorted(reasons.items(), key=lambda item: -item[1]):
        yield line(
            " " * _LABEL, (fit(number(people), 8, right=True), Ink.DIM), ("  " + cut(reason, width - 21), Ink.DIM)
        )


def _sites(row: Planned, calendar: Calendar, lens: Lens, width: int) -> Iterable[Line]:
    """Domains with most readers: how far each is, how fast, and when it ends."""
    yield rule("Domains", width, "the forecast, by domain")
    now = lens.local(calendar.now_ms)
    for each in row.sites:
        pace = f"{each.rate * 60:,.0f}/min" if each.rate else "no limit"
        ends = f"ends {short_moment(lens.local(each.ends_ms), now)}" if each.ends_ms else "ends unknown"
        cells = 12 if width < 100 else 24
        room = max(width - cells - 8 - 11 - 19 - 4, 8)
        ink = Ink.GOOD if each.done >= each.people else Ink.CALM
        yield line(
            (fit(each.domain or "all others", room), Ink.STRONG), (fit(number(each.people), 8, right=True), Ink.TEXT), "  ",
            *bar(each.done, max(each.people, 1), cells, ink), (fit(pace, 11, right=True), Ink.DIM), "  ",
            (fit(ends, 18), Ink.DIM),
        ).cropped(width)  # fmt: skip
        yield from _limit(each, width)


def _limit(site: SiteCourse, width: int) -> Iterable[Line]:
    if site.limit:
        yield line("  ", (cut(site.limit, width - 2), Ink.DIM))


def _zones(row: Planned, calendar: Calendar, lens: Lens, width: int) -> Iterable[Line]:
    yield rule("Zones", width, f"when it comes to each, on {lens.words}")
    now = lens.local(calendar.now_ms)
    most = max(each.people for each in row.zones)
    for each in row.zones[:_ZONES]:
        yield line(
            (fit(each.zone or f"{calendar.zone} (has none)", 28), Ink.TEXT),
            (fit(number(each.people), 8, right=True), Ink.STRONG), "  ",
            (fit(short_moment(lens.local(each.at_ms), now), 14), Ink.DIM), *bar(each.people, most, max(width - 54, 4), Ink.CALM),
        ).cropped(width)  # fmt: skip
    if len(row.zones) > _ZONES:
        yield line((f"… and {len(row.zones) - _ZONES} more", Ink.DIM))


def _ways(name: str, row: Planned | None, shown: CampaignShown | None, width: int) -> Iterable[Line]:
    """What there is to open."""
    yield rule("Open", width)
    yield line(("its mail", Ink.STRONG), ("  as a reader of each language gets it", Ink.DIM)).opens(
        "campaign-mail", name
    )
    yield line(("its file", Ink.STRONG), ("  as it is kept", Ink.DIM)).opens("campaign-file", name)
    if row is not None and row.mail:
        yield line(("its template", Ink.STRONG), (f"  {row.mail}", Ink.DIM)).opens("mail", row.mail)
    if shown is not None and shown.runs and shown.runs[0].began_ms:
        yield line(("its report", Ink.STRONG), ("  what came of it", Ink.DIM)).opens("campaign-report", name)
        yield line(("its recipients", Ink.STRONG), ("  who stands where", Ink.DIM)).opens("recipients", f"{name}/")


def bar(value: int, most: int, cells: int, ink: Ink) -> list[Run]:
    """So much of so many cells; anything above nought shows."""
    full = min(cells, max(1, round(cells * value / most))) if value else 0
    return [Run("█" * full, ink), Run("─" * (cells - full), Ink.RULE)]


# -- why it stands as it does


def why(calendar: Calendar, row: Planned, run: RunRow | None, lens: Lens, width: int) -> list[Line]:
    """Why a send has not left yet, or went as it did: the chain of causes, each with where its rule is."""
    now, said = lens.local(calendar.now_ms), list[tuple[str, str]]()
    start = lens.start(row)
    match row.state:
        case "draft":
            said.append(("it is a draft", "no time was given: `posthouse campaign schedule`, or S here"))
        case "scheduled" | "next":
            said.append(
                (
                    f"its time is {short_moment(start, now)}" if start else "its time is to come",
                    f"when in {row.name}.yaml",
                )
            )
        case "paused":
            said.append((f"it is paused: {row.why or 'by an operator'}", "`posthouse campaign resume` goes on"))
        case "running":
            said += list(_running(calendar, row, run, lens))
        case "flow":
            said.append((f"people enter on that day: {row.rule}", f"the flow {row.name}"))
        case state:
            said.append(
                (f"it is {state}" + (f": {row.why}" if row.why else ""), "`posthouse campaign show` tells of it")
            )
    if row.zone == "contact" and row.state in ("scheduled", "next", "running"):
        said.append(("each reader gets it at that hour of their own clock", f"when.zone: contact in {row.name}.yaml"))
    if row.takes and row.kind == "campaign":
        said.append((f"it takes {row.takes}", "the limits of now; `posthouse shaping show DOMAIN` tells of one"))
    said += [(each, "the forecast") for each in warnings(row)]
    lines: list[Line] = []
    for what, rule_ in said:
        lines += [
            line(("· ", Ink.HORN), text) if at == 0 else line("  ", text)
            for at, text in enumerate(wrap(what, width - 2))
        ]
        lines += [line("    ", (text, Ink.DIM)) for text in wrap(rule_, width - 4)]
    return lines


def _running(calendar: Calendar, row: Planned, run: RunRow | None, lens: Lens) -> Iterable[tuple[str, str]]:
    now = lens.local(calendar.now_ms)
    if row.recall_ms and row.recall_ms > calendar.now_ms:
        left = span(row.recall_ms - calendar.now_ms)
        yield f"its window is open for {left}: no mail has left, X takes all back", f"window in {row.name}.yaml"
    if run is not None and run.next_ms and run.next_ms > calendar.now_ms:
        yield (
            f"the next mail may be written {short_moment(lens.local(run.next_ms), now)}",
            "its hours, its zones, or what the arbiter holds",
        )
    if run is not None and not run.is_resolved:
        yield "its audience is still being found", "some hundred people at a time"
    if row.left:
        yield f"{counted(row.left, 'has', 'have')} no end yet", "waiting, queued or on their way"


def plain_campaign(control: Control, words_: Sequence[str], width: int) -> list[Line]:
    calendar = control.get(Calendar, "/v1/calendar", {"days": DAYS_OF[AGENDA]})
    shown = control.get(CampaignShown, f"/v1/campaigns/{part(words_[0])}")
    row = next((each for each in calendar.rows if each.name == words_[0] and each.kind == "campaign"), None)
    lens = Lens(OURS, calendar.zone)
    return [rule(f"Schedule › {words_[0]}", width, lens.words), *campaign(calendar, row, shown, lens, width), BLANK]
