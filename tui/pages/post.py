"""The first page: what needs a person, how much goes through, and what just happened. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from engine.control.client import Control
from engine.control.protocol.calendar import Calendar, Planned
from engine.control.protocol.house import Alert, Overview
from engine.control.protocol.house import Line as Happening
from engine.counts import counted
from tui import words
from tui.chart import bars
from tui.columns import layout, row, titled
from tui.format import cells, clock, cut, fit, local_time, number, short, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule
from tui.modes import mode
from tui.pages.tables import CARRIERS, FLOWS, TROUBLED

_TROUBLES: Final = frozenset({"in doubt", "back-off", "held"})
_MINUTES: Final = 60
_ALERTS: Final = 5


class Room(NamedTuple):
    """How much of the page each part may take."""

    chart: int  # rows of the chart
    listed: int  # troubled sites, sends and flows, before the page says where the others are
    airy: bool  # an empty line between the parts


TIGHT: Final = Room(2, 3, airy=False)
ROOMY: Final = Room(6, 10, airy=True)


def post(overview: Overview, width: int, sends: Sequence[Planned] = ()) -> list[Line]:
    """The whole page, in one column."""
    return [*desk(overview, width, TIGHT, sends), *journal(overview, width), *carriers(overview, width)]


def desk(overview: Overview, width: int, room: Room = TIGHT, sends: Sequence[Planned] = ()) -> list[Line]:
    """What needs a person and how much goes through, for a terminal that has room for the rest elsewhere."""
    parts = [
        alerts(overview, width),
        figures(overview, width),
        troubled(overview, width, room.listed),
        today(sends, overview.now_ms, width, room.listed),
        hours(overview, width),
        minutes(overview, width, room.chart),
        flows(overview, width, room.listed),
    ]
    between = [BLANK] if room.airy else []
    return [each for part in parts if part for each in (*part, *between)]


def alerts(overview: Overview, width: int) -> list[Line]:
    """Each in at most three lines, so that none can push the others out of sight; the cursor stops at the first."""
    if not overview.alerts:
        return [line(("✓ nothing needs you", Ink.GOOD))]
    lines = [each for alert in overview.alerts[:_ALERTS] for each in _alert(alert, overview.now_ms, width)]
    hidden = len(overview.alerts) - _ALERTS
    return [*lines, line((f"… and {hidden} more: posthouse alert list", Ink.DIM))] if hidden > 0 else lines


def _alert(alert: Alert, now_ms: int, width: int) -> list[Line]:
    ink = words.ALERTS.get(alert.glyph, Ink.CALM)
    if alert.seen_by:
        at = clock(alert.seen_ms, now_ms) if alert.seen_ms is not None else ""
        text = cut(alert.text, width - 16 - cells(alert.seen_by) - len(at))
        first = line((f"{fit(alert.glyph, 1)} {text}", Ink.DIM), (f"  seen by {cut(alert.seen_by, 20)} {at}", Ink.RAIL))
        return [first.cropped(width).opens(*cause(alert), ALERT_KEY + alert.key)]
    texts = wrap(cut(alert.text, 3 * (width - 4)), width - 2)[:3]
    first = line((f"{fit(alert.glyph, 1)} ", ink), (texts[0], ink)).opens(*cause(alert), ALERT_KEY + alert.key)
    return [first, *(line(("  " + text, ink)) for text in texts[1:])]


def cause(alert: Alert) -> tuple[str, str]:
    """What Enter opens: what the alert is about; else the alert itself."""
    kind, _, name = alert.about.partition(" ")
    if not name or (kind == "mode" and mode(name) is None):
        return "alert", alert.key
    return kind, name


ALERT_KEY: Final = "alert "
"""Before the key of an alert, where it is the key of a line."""


def alert_page(alert: Alert, now_ms: int, width: int) -> list[Line]:
    """One alert, whole."""
    ink = words.ALERTS.get(alert.glyph, Ink.CALM)
    seen = f"{alert.seen_by}, {clock(alert.seen_ms or 0, now_ms)}" if alert.seen_by else "nobody said so yet"
    lines = [*line((f"{fit(alert.glyph, 1)} {alert.text}", ink)).folded(width), BLANK, line(("seen  ", Ink.DIM), seen)]
    kind, _, name = alert.about.partition(" ")
    if kind == "mode" and name:
        lines += [BLANK, line(("more in  ", Ink.DIM), f":{name}")]
    return lines


def today(sends: Sequence[Planned], now_ms: int, width: int, listed: int = TIGHT.listed) -> list[Line]:
    """What is sent today, by the clock that the page shows, and is under way."""
    day = local_time(now_ms).date()
    due = [each for each in sends if each.at_ms is not None and (local_time(each.at_ms).date() == day or each.left)]
    if not due:
        return []
    lines = [_send(each, now_ms, width) for each in due[: _shown(len(due), listed)]]
    return [rule(f"Sends today: {number(len(due))}", width), *lines, *_more(len(due) - len(lines), "4")]


def _send(send: Planned, now_ms: int, width: int) -> Line:
    people = "" if send.people is None else f"{short(send.people)} reader{'' if send.people == 1 else 's'}"
    ends = f"done {clock(send.ends_ms, now_ms)[:12]}" if send.ends_ms is not None else send.takes
    left = f"{short(send.left)} to go" if send.left else ""
    rest = " · ".join(each for each in (people, left, ends) if each)
    name = fit(send.title or send.name, max(width - 22 - min(cells(rest), width // 2), 8))
    at = fit(clock(send.at_ms or 0, now_ms)[:6].rstrip(":"), 6)  # 09:02, or Nov 21
    state = words.happening(send.state).run(12)
    drawn = line((at + "  ", Ink.DIM), state, "  ", (name, Ink.STRONG), ("  " + rest, Ink.DIM)).cropped(width)
    return drawn.opens(send.kind, send.name, ("send", send.name, send.at_ms))


_STRIPS: Final = (("delivered", Ink.GOOD), ("deferred", Ink.WAIT), ("bounced", Ink.BAD))


def hours(overview: Overview, width: int) -> list[Line]:
    """The last day by the hour, newest at the right: each strip as high as its own busiest hour."""
    rows = (overview.delivered_hours, overview.deferred_hours, overview.bounced_hours)
    if not any(rows):
        return []
    step = max(min((width - 34) // 24, 4), 1)
    lines = [rule("The last 24 hours", width, "each strip by its own peak")]
    for (name, ink), values in zip(_STRIPS, rows, strict=True):
        [bar] = bars(values or (0,) * 24, 1, step, ink)
        told = f"  {fit(short(sum(values)), 7, right=True)}  peak {short(max(values, default=0))}"
        lines.append(line("  ", (f"{name:<9}  ", ink), *bar.runs, (told, Ink.DIM)).cropped(width))
    return lines


def figures(overview: Overview, width: int) -> list[Line]:
    """The counts of the queue, then of today, each above its word."""
    now = [
        ("queued", overview.queued, Ink.STRONG),
        ("in flight", overview.in_flight, Ink.CALM),
        ("in doubt", overview.in_doubt, Ink.DOUBT),
        ("held", overview.held, Ink.WAIT),
    ]
    today = [
        ("accepted", overview.accepted_today, Ink.STRONG),
        ("delivered", overview.delivered_today, Ink.GOOD),
        ("deferred", overview.deferred_today, Ink.WAIT),
        ("bounced", overview.bounced_today, Ink.BAD),
    ]
    bare = sum(_tile_cells(name) for name, _, _ in now + today)
    gap = min((width - bare - 1) // 7, 5)
    people = line((_people(overview, width), Ink.DIM))
    if gap < 2:
        return [*_tiles(now, 2), *_tiles(today, 2), people]
    halves = zip(_tiles(now, gap), _tiles(today, gap), strict=True)
    bar = Run(" " * (gap // 2) + "│" + " " * (gap - gap // 2), Ink.RULE)
    return [*(line(*a.runs, bar, *b.runs) for a, b in halves), people]


def _tiles(tiles: list[tuple[str, int, Ink]], gap: int) -> list[Line]:
    """Counts on one line, their names on the next."""
    between = Run(" " * gap)
    rows: tuple[list[Run], list[Run]] = ([], [])
    for name, count, ink in tiles:
        width = _tile_cells(name)
        rows[0].extend((Run(fit(short(count), width, right=True), ink if count else Ink.DIM), between))
        rows[1].extend((Run(fit(name, width, right=True), Ink.DIM), between))
    return [line(*row[:-1]) for row in rows]


def _tile_cells(name: str) -> int:
    return max(len(name), 6)


def _people(overview: Overview, width: int) -> str:
    said = [
        counted(overview.contacts, "contact"),
        f"{number(overview.confirmed)} confirmed",
        f"{number(overview.unconfirmed)} unconfirmed",
        f"{counted(overview.events_today, 'event')} today",
        f"{number(overview.suppressed)} suppressed",
    ]
    while len(said) > 1 and cells(" · ".join(said)) > width:
        said.pop()
    return cut(" · ".join(said), width)


def minutes(overview: Overview, width: int, rows: int = 2) -> list[Line]:
    """Deliveries a minute of the last hour, newest at the right."""
    values = [0] * _MINUTES + list(overview.delivered_minutes)
    values = values[-_MINUTES:]
    step = max((width - 4) // _MINUTES, 1)
    shown = values[-max((width - 4) // step, 1) :]
    note = f"peak {short(max(values))} · now {short(values[-1])}"
    heading = rule("Delivered a minute, the last hour", width, note)
    return [heading, *(line("  ", *bar.runs) for bar in bars(shown, rows, step))]


def troubled(overview: Overview, width: int, listed: int = TIGHT.listed) -> list[Line]:
    rows = [each for each in overview.sites if words.site(each, overview.now_ms).word in _TROUBLES]
    if not rows:
        return [rule("Sites", width), line(("✓ no site is in trouble", Ink.GOOD))]
    columns = layout(TROUBLED, width)
    shown = _shown(len(rows), listed)
    lines = [row(columns, each, overview.now_ms).opens("site", each.site) for each in rows[:shown]]
    return [titled(columns, f"Sites in trouble: {number(len(rows))}"), *lines, *_more(len(rows) - shown, "2")]


def flows(overview: Overview, width: int, listed: int = TIGHT.listed) -> list[Line]:
    if not overview.flows:
        return [rule("Flows", width), line(("no flow is here yet", Ink.DIM))]
    columns = layout(FLOWS, width)
    shown = _shown(len(overview.flows), listed)
    lines = [row(columns, each, overview.now_ms).opens("flow", each.name) for each in overview.flows[:shown]]
    return [titled(columns, "Flows"), *lines, *_more(len(overview.flows) - shown, "3")]


def _shown(count: int, listed: int) -> int:
    """How many of them, when the line that says "more" counts too."""
    return count if count <= listed else listed - 1


def _more(count: int, key: str) -> list[Line]:
    return [line((f"… {number(count)} more: press {key}", Ink.DIM))] if count > 0 else []


def carriers(overview: Overview, width: int) -> list[Line]:
    """The processes that carry, each with what it did since it started."""
    if not overview.carriers:
        return []
    columns = layout(CARRIERS, width)
    rows = (row(columns, each, overview.now_ms) for each in overview.carriers)
    return [titled(columns, f"Carriers, posthoused {overview.version}"), *rows]


def journal(overview: Overview, width: int) -> list[Line]:
    """What happened, newest first."""
    heading = rule("Journal", width, "newest first")
    if not overview.journal:
        return [heading, line(("nothing has happened yet", Ink.DIM))]
    times = [clock(each.at_ms, overview.now_ms) for each in overview.journal]
    when_cells = max(len(time) for time in times)
    what_cells = words.happening_cells((words.happening(each.kind) for each in overview.journal), width)
    pairs = zip(overview.journal, times, strict=True)
    return [heading, *(_happened(each, fit(time, when_cells), what_cells, width) for each, time in pairs)]


def _happened(happening: Happening, when: str, what_cells: int, width: int) -> Line:
    what = words.happening(happening.kind).run(what_cells)
    text = cut(happening.text, width - len(when) - what_cells - 4)
    drawn = line((when + "  ", Ink.DIM), what, "  ", text)
    if happening.message_id is None:
        return drawn
    key = (happening.at_ms, happening.kind, happening.message_id)
    return drawn.opens("message", str(happening.message_id), key)


def plain_post(control: Control, words: Sequence[str], width: int) -> list[Line]:
    sends = control.get(Calendar, "/v1/calendar", {"days": 1}).rows
    return post(control.get(Overview, "/v1/overview"), width, sends)
