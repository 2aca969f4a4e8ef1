"""The lines around every screen: header, tabs, footer, status. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.control.protocol.house import Overview
from tui.format import cells, clock, cut, lab_offset, number
from tui.ink import BLANK, Ink, Line, Run, line
from tui.modes import MODES


@dataclass(frozen=True, slots=True)
class Hint:
    """A key and what it does now."""

    key: str
    label: str
    can: bool = True  # False: not now, and the status line says why when it is pressed


@dataclass(frozen=True, slots=True)
class Link:
    """How the connection stands."""

    error: str = ""
    remedy: str = ""
    away_since: str = ""
    paused_since: str = ""
    connected: bool = True
    late: bool = False  # an answer is waited for


def header(overview: Overview | None, *, read_only: bool) -> Line:
    """Whose mail this is, as whom one looks on, and how many others do."""
    parts: list[tuple[str, Ink]] = [(" Posthouse ", Ink.HORN)]
    if overview is None:
        return line(*parts)
    role = ("read-only", Ink.WAIT) if read_only else ("operator", Ink.DIM)
    parts += [(f" {overview.host}", Ink.TEXT), (" · ", Ink.RULE), role]
    if overview.operators:
        parts += [(" · ", Ink.RULE), (f"{number(len(overview.operators))} attached", Ink.DIM)]
    if overview.lab:
        parts += [(" · ", Ink.RULE), (f"lab {lab_offset(overview.lab_offset_s)}", Ink.DOUBT)]
    return line(*parts)


def link(how: Link) -> Line:
    """Live, waited for, paused, or away and since when."""
    if how.error:
        return line((f"✗ away since {how.away_since} " if how.away_since else "✗ no daemon ", Ink.BAD))
    if not how.connected:
        return line(("… connecting ", Ink.DIM))
    if how.late:
        return line(("… no answer yet ", Ink.WAIT))
    return line((f"‖ paused {how.paused_since} ", Ink.WAIT)) if how.paused_since else line(("● live ", Ink.GOOD))


def away(overview: Overview | None, how: Link, width: int, most: int = 1) -> list[Line]:
    """What is wrong, and how to mend it; the particulars come last: what is cut off on a narrow screen is a path."""
    shown = "" if overview is None else f"Shown is {clock(overview.now_ms)}. "
    head, _, more = how.error.partition(": ")
    rest = f". {more}" if more else ""
    told = line(("✗ ", Ink.BAD), (shown, Ink.DIM), (f"{head}. ", Ink.BAD), how.remedy, (rest, Ink.DIM))
    return [told] if most == 1 else told.folded(width)[:most]


def tabs(current: str, width: int) -> Line:
    """All modes; where they have no room, their digits, and the name of the one we are in."""
    titles = [f"{each.key} {each.title}" for each in MODES]
    if sum(cells(title) + 1 for title in titles) + 1 > width:
        titles = [title if each.name == current else each.key for each, title in zip(MODES, titles, strict=True)]
    runs: list[Run] = []
    is_open = False  # the mode before this one is the current one, and its colour ends after a space
    for each, title in zip(MODES, titles, strict=True):
        is_current = each.name == current
        runs.append(Run(" ", Ink.TAB if is_current or is_open else Ink.TEXT))
        key, _, rest = title.partition(" ")
        runs += [Run(key, Ink.TAB if is_current else Ink.HORN)]
        runs += [Run(" " + rest, Ink.TAB if is_current else Ink.TEXT)] if rest else []
        is_open = is_current
    if is_open:
        runs.append(Run(" ", Ink.TAB))
    return line(*runs)


def footer(hints: Sequence[Hint], help_key: str, width: int) -> Line:
    """As many hints as fit, and always the key of the help."""
    last = [(help_key, Ink.HORN), (" help", Ink.DIM)]
    room = width - sum(cells(text) for text, _ in last)
    parts: list[tuple[str, Ink]] = []
    for hint in hints:
        room -= cells(hint.key) + cells(hint.label) + 1 + 3
        if room < 0:
            break
        parts += [
            (hint.key, Ink.HORN if hint.can else Ink.RULE),
            (f" {hint.label}   ", Ink.DIM if hint.can else Ink.RULE),
        ]
    return line(*parts, *last)


def said(text: str, ink: Ink, width: int, most: int = 1, undo_key: str = "") -> tuple[list[Line], Line]:
    """The status lines, at most so many: what was done or refused at the left, and at the right how to take it back, or
    how to read what has no room."""
    right = line((undo_key, Ink.HORN), (" undo", Ink.DIM)) if undo_key else BLANK
    lines = _folded(text, ink, width - right.width)
    if len(lines) > most:
        right = line((":said", Ink.HORN), (" all of it", Ink.DIM))
        lines = _folded(text, ink, width - right.width)
        rest = line(
            (cut(" ".join(each.text.strip() for each in lines[most - 1 :]), max(width - right.width - 2, 1)), ink)
        )
        lines = [*lines[: most - 1], rest]
    return lines, right


def _folded(text: str, ink: Ink, width: int) -> list[Line]:
    """What stands in its own line does so here; the lines behind the first begin under its first word."""
    indent = "  " if text[1:2] == " " else ""
    return [
        line((indent if at else "", ink), *piece.runs)
        for at, piece in enumerate(
            piece
            for each in text.splitlines()
            for piece in line((each.strip(), ink)).folded(max(width - 2 - len(indent), 1))
        )
    ]


def offered(words: Sequence[str]) -> Line:
    """What a command line may become, for the footer."""
    lasts = [each.rpartition(" ")[2] if " " in each else each for each in words]
    return line(("  ".join(lasts), Ink.DIM))
