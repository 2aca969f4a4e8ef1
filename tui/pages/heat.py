"""Heat maps of the queue: how long mail waits, and the last three hours in cells of five minutes. Pure.

A cell is a glyph that is darker for more (`·░▒▓█`), and numbers stand beside it; which measure is drawn is said in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine.control.client import Control
from engine.control.protocol.lately import Weather, WeatherRow
from engine.control.protocol.queue import Shape, ShapeRow
from tui.format import cells, clock, fit, number, short, span
from tui.ink import BLANK, Ink, Line, Run, line, rule

SHADES: Final = "·░▒▓█"
MEASURES: Final = ("trouble", "accepted", "put off", "refused")
_COUNT: Final = 6  # cells of a count
_LEAST_CELL: Final = 6  # of a column of ages: a shade and a count
_LEAST_NAME: Final = 8
_AGES: Final = 10  # columns where there is room
_INKS: Final = {"trouble": Ink.WAIT, "accepted": Ink.GOOD, "put off": Ink.WAIT, "refused": Ink.BAD}


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the cells of a map stand: the first at `first`, each `cell` wide."""

    first: int
    cell: int
    count: int

    def place(self, index: int) -> tuple[int, int]:
        """(from, to) in cells of the line."""
        begin = self.first + index * self.cell
        return begin, begin + self.cell


def lit(drawn: Line, begin: int, end: int) -> Line:
    """The line with one cell in the ink of what is chosen."""
    runs: list[Run] = []
    at = 0
    for run in drawn.runs:
        wide = cells(run.text)
        if at >= end or at + wide <= begin or wide != len(run.text):
            runs.append(run)
        else:
            left, right = max(begin - at, 0), max(end - at, 0)
            parts = (run.text[:left], run.ink), (run.text[left:right], Ink.TAB), (run.text[right:], run.ink)
            runs += [Run(*each) for each in parts if each[0]]
        at += wide
    return replace(drawn, runs=tuple(runs))


def shade(count: int, most: int) -> str:
    """A glyph for a count among counts up to `most`: each step is four times the one before."""
    if count <= 0:
        return SHADES[0]
    level, bound = len(SHADES) - 1, float(most)
    while level > 1 and count * 4 <= bound:
        level, bound = level - 1, bound / 4
    return SHADES[level]


def measured(row: WeatherRow, measure: str) -> tuple[int, ...]:
    """The counts of one measure, a number for each cell."""
    match measure:
        case "accepted":
            return row.accepted
        case "put off":
            return row.deferred
        case "refused":
            return row.bounced
    return tuple(map(sum, zip(row.deferred, row.bounced, strict=True)))


def weather(found: Weather, width: int, measure: str = "trouble") -> list[Line]:
    """The last three hours: a row for each site or domain, the newest cell at the right."""
    rows = (found.all, *found.rows)
    most = max((count for row in found.rows for count in measured(row, measure)), default=0)
    count = len(found.all.accepted)
    name = _named(width, count)
    return [
        rule(f"3 h by {found.by}: {_told(measure)}", width, "a cell is 5 min"),
        _axis(found, name, count),
        *(_weather_row(row, measure, most, name, width) for row in rows[:1]),
        *(
            _weather_row(row, measure, most, name, width).opens("site" if found.by == "site" else "domain", row.name)
            for row in rows[1:]
        ),
        BLANK,
        _legend(most, width),
        *_cut_short(found.since_ms, found.first_ms, found.now_ms),
    ]


def _told(measure: str) -> str:
    return "put off or refused" if measure == "trouble" else measure


def _named(width: int, count: int) -> int:
    return min(max(width - count - 3 * (_COUNT + 1) - 2, 10), 40)


def weather_grid(found: Weather, width: int) -> Grid:
    count = len(found.all.accepted)
    return Grid(_named(width, count) + 1, 1, count)


def weather_cell(found: Weather, name: str, index: int) -> str:
    """What came of one cell, in words."""
    row = next((each for each in found.rows if each.name == name), found.all)
    at = clock(found.first_ms + index * found.cell_ms)[:5]
    taken, off, no = (short(each[index]) for each in (row.accepted, row.deferred, row.bounced))
    return f"{at} · {taken} taken · {off} put off · {no} refused"


def _axis(found: Weather, name: int, count: int) -> Line:
    hours = [clock(found.first_ms + hour * 12 * found.cell_ms)[:5] for hour in range(count // 12)]
    marks = "".join(fit(f"│{hour}", 12) for hour in hours)
    counts = " ".join(fit(word, _COUNT, right=True) for word in ("taken", "off", "no"))
    return line((fit(found.by, name), Ink.DIM), " ", (marks, Ink.DIM), " ", (counts, Ink.DIM))


def _weather_row(row: WeatherRow, measure: str, most: int, name: int, width: int) -> Line:
    counts = measured(row, measure)
    own = max(counts, default=0) if row.name == "all" else most
    drawn = "".join(shade(count, own) for count in counts)
    sums = (
        (sum(row.accepted), Ink.GOOD),
        (sum(row.deferred), Ink.WAIT),
        (sum(row.bounced), Ink.BAD),
    )
    numbers = [
        part
        for count, ink in sums
        for part in (" ", (fit(short(count) if count else "·", _COUNT, right=True), ink if count else Ink.RULE))
    ]
    strong = Ink.DIM if row.name == "all" else Ink.STRONG
    return line((fit(row.name or "-", name), strong), " ", (drawn, _INKS[measure]), *numbers).cropped(width)


def shape(found: Shape, width: int) -> list[Line]:
    """How long mail waits: a row for each domain, a column for each age in minutes. What is oldest is always there: where
    there is no room for all, the youngest stand in one column."""
    grid, found = shape_grid(found, width), _within(found, width)
    name = grid.first - _COUNT - 2
    most = max((count for row in found.rows for count in row.counts), default=0)
    heads = [*map(_age, found.minutes), "older"] if found.minutes else []
    top = "".join(fit(each, grid.cell, right=True) for each in heads)
    title = f"How long they wait, by {found.by}"
    return [
        rule(title, width, f"counted {clock(found.counted_ms)}" if found.counted_ms else ""),
        line((fit(found.by, name), Ink.DIM), (fit("total", _COUNT + 1, right=True), Ink.DIM), " ", (top, Ink.DIM)),
        _shape_row(found.all, max(found.all.counts, default=0), name, grid.cell),
        *(
            _shape_row(row, most, name, grid.cell).opens("site" if found.by == "site" else "domain", row.name)
            for row in found.rows
        ),
        BLANK,
        _legend(most, width),
    ]


def shape_grid(found: Shape, width: int) -> Grid:
    count = len(_within(found, width).minutes) + 1
    cell = min(max((width - 14 - _COUNT - 2) // count, _LEAST_CELL), 9)
    return Grid(max(width - count * cell, _LEAST_NAME + _COUNT + 2), cell, count)


def shape_cell(found: Shape, width: int, name: str, index: int) -> tuple[str, str]:
    """What waits in one cell: in words, and as a filter for a list of deliveries."""
    found = _within(found, width)
    row = next((each for each in found.rows if each.name == name), found.all)
    edges = found.minutes
    above = [f"older than {_age(edges[index - 1])}"] if index else []
    below = [f"up to {_age(edges[index])}"] if index < len(edges) else []
    asked = [f"older:{edges[index - 1]}m"] if index else []
    asked += [f"younger:{edges[index]}m"] if index < len(edges) else []
    return f"{', '.join(above + below)}: {number(row.counts[index])}", " ".join(asked)


def _within(found: Shape, width: int) -> Shape:
    """The same with as many columns as there is room for."""
    most = max((width - _LEAST_NAME - _COUNT - 2) // _LEAST_CELL, 2)
    over = len(found.minutes) + 1 - most
    if over <= 0 or not found.minutes:
        return found
    rows = [
        replace(row, counts=(sum(row.counts[: over + 1]), *row.counts[over + 1 :])) for row in (found.all, *found.rows)
    ]
    return replace(found, minutes=found.minutes[over:], all=rows[0], rows=tuple(rows[1:]))


def _age(minutes: int) -> str:
    return f"{minutes} m" if minutes < 180 else f"{round(minutes / 60)} h"


def _tiny(count: int) -> str:
    """At most four cells: 999, 1.2k, 12k, 1.2M."""
    if count < 1000:
        return str(count)
    amount, unit = (count / 1000, "k") if count < 999_500 else (count / 1_000_000, "M")
    return f"{amount:.1f}{unit}" if amount < 9.95 else f"{amount:.0f}{unit}"


def _shape_row(row: ShapeRow, most: int, name: int, cell: int) -> Line:
    strong = Ink.DIM if row.name == "all" else Ink.STRONG
    drawn = []
    for place, count in enumerate(row.counts):
        age = place + _AGES - len(row.counts)  # the last is the oldest, however many are drawn
        ink = Ink.RULE if not count else Ink.TEXT if age < 3 else Ink.WAIT if age < 7 else Ink.BAD
        text = f"{shade(count, most)}{fit(_tiny(count), 4, right=True)}" if count else SHADES[0]
        drawn.append((fit(text, cell, right=True), ink))
    total = fit(short(row.total), _COUNT + 1, right=True)
    return line((fit(row.name or "-", name), strong), (total, Ink.TEXT), " ", *drawn)


def _legend(most: int, width: int) -> Line:
    if not most:
        return line(("nothing to draw: every cell is 0", Ink.DIM))
    bounds = [(glyph, most // 4**power) for power, glyph in enumerate(reversed(SHADES[1:]))]
    told = "  ".join(f"{glyph} up to {short(bound)}" for glyph, bound in reversed(bounds) if bound)
    return line((f"{SHADES[0]} none  {told}", Ink.DIM)).cropped(width)


def _cut_short(since_ms: int, first_ms: int, now_ms: int) -> list[Line]:
    if since_ms <= first_ms:
        return []
    return [line((f"… read back {span(now_ms - since_ms)} so far", Ink.WAIT))]


def plain_weather(control: Control, words: Sequence[str], width: int) -> list[Line]:
    params = {"by": words[0]} if words else {}
    return weather(control.get(Weather, "/v1/queue/weather", params), width)


def plain_shape(control: Control, words: Sequence[str], width: int) -> list[Line]:
    params = {"by": words[0]} if words else {}
    return shape(control.get(Shape, "/v1/queue/shape", params), width)
