"""The first page: what needs a person, how much goes through, and what just happened. Pure."""

from typing import Final, NamedTuple

from engine.control.protocol.house import Line as Happening
from engine.control.protocol.house import Overview
from tui import words
from tui.chart import bars
from tui.columns import layout, row, titled
from tui.format import cells, clock, cut, fit, number, short, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule
from tui.pages.tables import CARRIERS, FLOWS, TROUBLED

_TROUBLES: Final = frozenset({"in doubt", "back-off", "held"})
_MINUTES: Final = 60
_ALERTS: Final = 5


class Room(NamedTuple):
    """How much of the page each part may take."""

    chart: int  # rows of the chart
    listed: int  # troubled sites, and flows, before the page says where the others are
    airy: bool  # an empty line between the parts


TIGHT: Final = Room(2, 4, airy=False)
ROOMY: Final = Room(6, 10, airy=True)


def post(overview: Overview, width: int) -> list[Line]:
    """The whole page, in one column."""
    return [*desk(overview, width), *journal(overview, width), *carriers(overview, width)]


def desk(overview: Overview, width: int, room: Room = TIGHT) -> list[Line]:
    """What needs a person and how much goes through, for a terminal that has room for the rest elsewhere."""
    parts = [
        alerts(overview, width),
        figures(overview, width),
        minutes(overview, width, room.chart),
        troubled(overview, width, room.listed),
        flows(overview, width, room.listed),
    ]
    between = [BLANK] if room.airy else []
    return [each for part in parts if part for each in (*part, *between)]


def alerts(overview: Overview, width: int) -> list[Line]:
    """Each in at most three lines, so that none can push the others out of sight."""
    lines: list[Line] = []
    for alert in overview.alerts[:_ALERTS]:
        ink = words.ALERTS.get(alert.glyph, Ink.CALM)
        texts = wrap(cut(alert.text, 3 * (width - 4)), width - 2)[:3]
        marks = [fit(alert.glyph, 1), *" " * len(texts)]
        lines += [line((f"{mark} ", ink), (text, ink)) for mark, text in zip(marks, texts, strict=False)]
    hidden = len(overview.alerts) - _ALERTS
    return [*lines, line((f"… and {hidden} more", Ink.DIM))] if hidden > 0 else lines


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
        f"{number(overview.contacts)} contacts",
        f"{number(overview.confirmed)} confirmed",
        f"{number(overview.unconfirmed)} unconfirmed",
        f"{number(overview.events_today)} events today",
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
