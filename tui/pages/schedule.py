"""The schedule as an agenda, a week or a month: each send where it begins, and as long as it takes. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from engine.control.client import Control
from engine.control.protocol.calendar import Calendar, DayPeople, Planned
from engine.control.protocol.flows import Flows
from engine.counts import counted
from tui import columns, words
from tui.format import cut, fit, number, short
from tui.ink import BLANK, Ink, Line, Run, Target, line, rule
from tui.pages.schedule_time import DAY, OURS, READERS, Lens, first_day, ground, in_order, short_moment, strip
from tui.pages.tables import FLOWS

AGENDA, WEEK, MONTH = "agenda", "week", "month"
VIEWS: Final = (AGENDA, WEEK, MONTH)
DAYS_OF: Final[Mapping[str, int]] = {AGENDA: 14, WEEK: 7, MONTH: 42}
EMPTY: Final = "nothing is planned: C makes a campaign; posthouse campaign schedule plans a file"
NO_MATCH: Final = "nothing that is planned matches the filter"
_KEPT: Final[Mapping[str, str]] = {
    "created": "Anniversaries of the sign-up",
    "orders.first_at": "Anniversaries of the first order",
    "orders.last_at": "Anniversaries of the last order",
}
_WIDE: Final = 100
_STRIP: Final = 62  # cells from which it has strips
_ENDS: Final = 72  # cells from which an agenda says when each ends
_NAMED: Final = 3  # sends of a day that a month's cell names


def is_guessed(row: Planned) -> bool:
    """Whether its readers are those of its audience: some of them will not get it, which is known when it is written."""
    return row.kind == "campaign" and row.state in ("draft", "scheduled", "next")


def is_being_counted(row: Planned) -> bool:
    """Whether its readers are known soon: of a flow they are when its day comes, of what ended before it began never."""
    return row.people is None and (is_guessed(row) or row.state == "paused") and row.kind == "campaign"


def _people(row: Planned) -> str:
    return "" if row.people is None else ("~" if is_guessed(row) else "") + short(row.people)


def key_of(row: Planned) -> tuple[str, str, str]:
    """Which send a line is."""
    return row.kind, row.name, str(row.run or row.occasion)


def drawn(calendar: Calendar, rows: Sequence[Planned], view: str, lens: Lens, width: int) -> list[Line]:
    """The page of one view."""
    told = []
    if not rows:
        told = [BLANK, *line((EMPTY if not calendar.rows else NO_MATCH, Ink.DIM)).folded(width), BLANK]
    of_view: Mapping[str, Callable[[Calendar, Sequence[Planned], Lens, int], list[Line]]] = {
        AGENDA: agenda if rows else _coming_days, WEEK: week, MONTH: month,
    }  # fmt: skip
    return [*told, *of_view[view](calendar, in_order(rows, lens), lens, width)]


# -- the agenda


def agenda(calendar: Calendar, rows: Sequence[Planned], lens: Lens, width: int) -> list[Line]:
    """Day by day; of each send when, what, to how many, and its day as a strip."""
    lines: list[Line] = []
    day: object = None
    for row in rows:
        start = lens.start(row)
        if (start.date() if start else None) != day or not lines:
            day = start.date() if start else None
            lines += [
                *([BLANK] if lines else []),
                rule(f"{start:%a} {start.day} {start:%b}" if start else "No time yet", width),
            ]
        lines.append(_sent(calendar, row, lens, width))
        lines += [line("    ", ("! ", Ink.WAIT), (cut(each, width - 6), Ink.WAIT)) for each in warnings(row)]
    return [*lines, *_dates(calendar, width)]


def _coming_days(calendar: Calendar, rows: Sequence[Planned], lens: Lens, width: int) -> list[Line]:
    """An agenda without a send: when one may leave, and whose days come."""
    return [rule("Seven days", width), *week(calendar, rows, lens, width), *_dates(calendar, width)]


def _dates(calendar: Calendar, width: int) -> list[Line]:
    """How many people have a day of their own on each of these days."""
    kept = [(_KEPT.get(each.what, each.what), each.days) for each in calendar.anniversaries]
    return [each for title, days in (("Birthdays", calendar.birthdays), *kept) for each in _by_day(title, days, width)]


def _by_day(title: str, of: Sequence[DayPeople], width: int) -> list[Line]:
    if not of:
        return []
    days = [(date.fromisoformat(each.day), f"·{short(each.people)}") for each in of]
    told = [line((f"{day:%a} {day.day:2} ", Ink.DIM), (count, Ink.STRONG)) for day, count in days]
    room = max(each.width for each in told) + 3
    across = max(width // room, 1)
    rows = [told[at : at + across] for at in range(0, len(told), across)]
    people = number(sum(each.people for each in of))
    return [
        BLANK,
        rule(title, width, f"{people} in these days"),
        *(line(*(run for each in row for run in each.padded(room).runs)) for row in rows),
    ]


def _sent(calendar: Calendar, row: Planned, lens: Lens, width: int) -> Line:
    start, end = lens.start(row), lens.end(row)
    when = f"{start:%H:%M}" if start else ""
    # On each reader's clock it begins at one hour; on any other, that is when the first of them gets it.
    whose = (" reader" if lens.kind == READERS else " first") if row.zone == "contact" and start else ""
    people = "…" if is_being_counted(row) else _people(row)
    day = start.replace(hour=0, minute=0) if start else first_day(calendar, lens)
    cells = 0 if width < _STRIP else 12 if width < _WIDE else 24 if width < 150 else 48
    tail = 17 if width >= _ENDS else 0
    room = max(width - 13 - 12 - 1 - 7 - (cells + 2 if cells else 0) - tail, 8)
    ends = _ends(end, lens.local(calendar.now_ms), start) if row.kind == "campaign" else ""
    runs = [
        Run(fit(when, 5), Ink.STRONG), Run(fit(whose, 8), Ink.DIM), words.planned(row.state).run(12), Run(" "),
        Run(fit(row.name, room), Ink.STRONG), Run(fit(people, 7, right=True)), Run("  " if cells else ""),
        *(strip(calendar, row, lens, day, day + DAY, cells) if start and cells else [Run(" " * cells)]),
        Run(fit(f"  {ends}", tail), Ink.DIM),
    ]  # fmt: skip
    return _opens(line(*runs).cropped(width), row)


def _ends(end: datetime | None, now: datetime, seen_from: datetime | None = None) -> str:
    """When it ends; as seen from the day under which it stands, where that is given."""
    return f"{'ends' if end >= now else 'over'} {short_moment(end, seen_from or now)}" if end else ""


def warnings(row: Planned) -> list[str]:
    """What somebody should know before it begins."""
    beside = [f"leaves beside {', '.join(row.overlaps)}: they share the way"] if row.overlaps else []
    return [*row.warns, *beside]


# -- the week


def week(calendar: Calendar, rows: Sequence[Planned], lens: Lens, width: int) -> list[Line]:
    """Seven days from left to right, a line for each send."""
    begin = first_day(calendar, lens)
    named = 24 if width >= _WIDE else 16
    cells = max((width - named - 3) // 7, 1)
    heads = [begin + DAY * index for index in range(7)]
    names = "".join(fit(f"{each:%a} {each.day}", cells) for each in heads)
    lines = [line(" " * (named + 3), (names, Ink.DIM)), _grounded(calendar, lens, begin, named, cells)]
    for row in rows:
        start = lens.start(row)
        if start is None or start >= begin + 7 * DAY or (lens.end(row) or start) < begin:
            continue
        mark = words.planned(row.state)
        runs = strip(calendar, row, lens, begin, begin + 7 * DAY, 7 * cells)
        lines.append(_opens(line((mark.glyph, mark.ink), " ", (fit(row.name, named), Ink.STRONG), " ", *runs), row))
    drafts = [row for row in rows if lens.start(row) is None]
    if drafts:
        lines += [BLANK, rule("No time yet", width), *(_sent(calendar, each, lens, width) for each in drafts)]
    return [*lines, BLANK, legend(calendar, lens, width)]


def _grounded(calendar: Calendar, lens: Lens, begin: datetime, named: int, cells: int) -> Line:
    return line(" " * (named + 3), *ground(calendar, lens, begin, begin + 7 * DAY, 7 * cells))


def legend(calendar: Calendar, lens: Lens, width: int) -> Line:
    quiet = (
        f"░ quiet ({calendar.quiet_from} to {calendar.quiet_until} on readers' clocks)" if calendar.quiet_from else ""
    )
    signs = [each for each in ("█ leaves", "◆ begins and ends", quiet, f"┊ now · {lens.words}") if each]
    return line((cut("   ".join(signs), width), Ink.DIM))


# -- the month


def month(calendar: Calendar, rows: Sequence[Planned], lens: Lens, width: int) -> list[Line]:
    """Six weeks as a sheet of days, and below it the sends, which one can open."""
    first = first_day(calendar, lens)
    begin = first - timedelta(days=first.weekday())
    cells = (width - 6) // 7
    by_day: dict[object, list[Planned]] = {}
    for row in rows:
        if (start := lens.start(row)) is not None:
            by_day.setdefault(start.date(), []).append(row)
    lines = [line((" ".join(fit(f"{begin + DAY * index:%a}", cells) for index in range(7)), Ink.DIM))]
    for week_ in range(6):
        days = [begin + DAY * (week_ * 7 + index) for index in range(7)]
        lines += _weeks_lines(
            days, by_day, {each.day: each.people for each in calendar.birthdays}, lens.local(calendar.now_ms), cells
        )
    listed = [row for row in rows if lens.start(row) is None or begin <= (lens.start(row) or begin) < begin + 42 * DAY]
    said = f"·n: birthdays · {lens.words}" if calendar.birthdays else lens.words
    return [*lines, rule("Sends", width, said), *(_dated(row, calendar, lens, width) for row in listed)]


def _weeks_lines(
    days: Sequence[datetime],
    by_day: Mapping[object, list[Planned]],
    born: Mapping[str, int],
    now: datetime,
    cells: int,
) -> list[Line]:
    """The dates of a week, each with its birthdays, and under it as many names as the fullest day needs."""
    runs: list[Run] = []
    for day in days:
        ink = Ink.TAB if day.date() == now.date() else Ink.STRONG if day.date() in by_day else Ink.DIM
        told = f"{day.day}" if day.day != 1 else f"{day.day} {day:%b}"
        count = born.get(day.date().isoformat(), 0)
        birthdays = f"·{short(count)}" if count else ""
        room = max(cells - len(birthdays), len(told) + 1)
        runs += [Run(fit(f" {told}", room), ink), Run(fit(birthdays, cells - room), Ink.DIM), Run(" ")]
    lines = [line(*runs[:-1])]
    for place in range(min(_NAMED, max((len(by_day.get(day.date(), ())) for day in days), default=0))):
        parts: list[Run] = []
        for day in days:
            of_day = by_day.get(day.date(), [])
            parts += [_in_cell(of_day, place, cells), Run(" ")]
        lines.append(line(*parts[:-1]))
    return lines


def _in_cell(of_day: Sequence[Planned], place: int, cells: int) -> Run:
    if place >= len(of_day):
        return Run(" " * cells)
    if place == _NAMED - 1 and len(of_day) > _NAMED:
        return Run(fit(f"… {len(of_day) - place} more", cells), Ink.DIM)
    mark = words.planned(of_day[place].state)
    return Run(fit(f"{mark.glyph} {of_day[place].name}", cells), mark.ink)


def _dated(row: Planned, calendar: Calendar, lens: Lens, width: int) -> Line:
    start, end, now = lens.start(row), lens.end(row), lens.local(calendar.now_ms)
    when = short_moment(start, now) if start else "no time yet"
    people = _people(row)
    ends = _ends(end, now) if row.kind == "campaign" else ""
    room = max(width - 14 - 13 - 7 - 22, 8)
    drawn = line(
        (fit(when, 13), Ink.STRONG), " ", words.planned(row.state).run(12), " ", (fit(row.name, room), Ink.STRONG),
        (fit(people, 7, right=True), Ink.TEXT), "  ", (fit(ends, 18), Ink.DIM),
    )  # fmt: skip
    return _opens(drawn.cropped(width), row)


def _opens(drawn: Line, row: Planned) -> Line:
    return drawn.opens(*target_of(row), key=key_of(row))


def target_of(row: Planned) -> Target:
    return Target("flow" if row.kind == "flow" else "campaign", row.name)


def flows(found: Flows, width: int) -> list[Line]:
    """What sends by itself, whatever is planned: the flows that are no archive."""
    rows = [each for each in found.rows if each.state != "archived"]
    there = columns.layout(FLOWS, width)
    told = [columns.row(there, each, found.now_ms).opens("flow", each.name) for each in rows]
    waiting = counted(sum(each.waiting for each in rows), "waits", "wait")
    return [rule("Flows send by themselves", width, f"{waiting} in them"), columns.heading(there), *told]


def plain_schedule(control: Control, words: Sequence[str], width: int) -> list[Line]:
    """The agenda of the installation's clock, or the week or the month."""
    view = words[0] if words else AGENDA
    if view not in VIEWS:
        raise ValueError(f"--plain schedule shows one of: {', '.join(VIEWS)}")
    calendar = control.get(Calendar, "/v1/calendar", {"days": DAYS_OF[view]})
    lens = Lens(OURS, calendar.zone)
    return [rule("Schedule", width, lens.words), *drawn(calendar, calendar.rows, view, lens, width)]
