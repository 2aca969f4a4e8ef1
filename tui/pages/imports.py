"""Imports: the table of them, and one with its bar, its figures, its columns and the rows that were not taken. Pure."""

from collections.abc import Sequence
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.imports import FaultRow, ImportPicture, ImportRow, Imports
from engine.counts import counted
from tui.columns import Column, table, tally
from tui.format import clock, cut, fit, number, size, span, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule
from tui.words import Mark

LABEL: Final = 12

_STATES: Final = {
    "coming": Mark("⇡", "coming", Ink.CALM),
    "ready": Mark("○", "ready", Ink.TEXT),
    "trying": Mark("►", "dry run", Ink.CALM),
    "tried": Mark("◇", "tried", Ink.WAIT),
    "running": Mark("►", "running", Ink.CALM),
    "stopped": Mark("‖", "stopped", Ink.WAIT),
    "done": Mark("✓", "done", Ink.GOOD),
    "failed": Mark("✗", "failed", Ink.BAD),
    "reading": Mark("‖", "interrupted", Ink.WAIT),
    "trial": Mark("✓", "on trial", Ink.GOOD),
    "held": Mark("■", "held back", Ink.BAD),
    "released": Mark("✓", "released", Ink.GOOD),
}


def state(word: str) -> Mark:
    return _STATES.get(word) or Mark("·", word, Ink.TEXT)


IMPORTS: Final[tuple[Column[ImportRow], ...]] = (
    Column("state", 13, lambda row, _: state(row.state).run()),
    Column("file", 16, lambda row, _: Run(row.file, Ink.STRONG), flex=2),
    Column("rows", 7, lambda row, _: tally(row.rows), right=True, since=60),
    Column("taken", 7, lambda row, _: tally(row.taken, Ink.GOOD), right=True),
    Column("not", 6, lambda row, _: tally(row.refused, Ink.BAD), right=True),
    Column("began", 9, lambda row, now: Run(span(now - row.started_ms), Ink.DIM), right=True),
    Column("by", 8, lambda row, _: Run(row.by, Ink.DIM), since=70),
    Column("why", 12, lambda row, _: Run(row.why, Ink.DIM), flex=2, since=96),
)


def bar(done: int, whole: int, width: int) -> Line:
    """███████░░░░  64 %"""
    share = min(done / whole, 1.0) if whole else 0.0
    room = max(width - 6, 1)
    full = int(share * room)
    return line(("█" * full, Ink.HORN), ("░" * (room - full), Ink.RULE), (f"{int(share * 100):>4} %", Ink.TEXT))


def picture(found: ImportPicture, width: int) -> list[Line]:
    """The whole page."""
    row = found.row
    lines = [*_head(found, width)]
    if row.state in ("coming", "trying", "running"):
        done, whole, what = (row.come, row.size, "octets") if row.state == "coming" else (row.done, row.rows, "rows")
        lines += [BLANK, bar(done, whole, min(width, 72))]
        of = f" of {number(whole)}" if whole else ""
        lines.append(line((f"{number(done)}{of} {what}", Ink.DIM)))
    lines += [BLANK, *_figures(found, width)]
    if found.declared:
        lines += [BLANK, rule("Declared", width, "the ledger's entry will say so")]
        lines += [drawn for name, value in found.declared for drawn in _fact(name, value, width)]
    if found.columns:
        lines += [BLANK, rule("Columns", width, f"{len(found.columns)}, {found.encoding}" if found.encoding else "")]
        lines += [
            line(
                fit(each.column, 28),
                ("left out" if each.target == "-" else each.target, Ink.DIM if each.target == "-" else Ink.GOOD),
            )
            for each in found.columns
        ]
    if found.people:
        lines += [BLANK, rule("The first of them", width), *(line(cut(each, width)) for each in found.people)]
    lines += _faults(found, width)
    return lines


def _head(found: ImportPicture, width: int) -> list[Line]:
    row = found.row
    said = [row.kind, size(row.size) if row.size else "", f"by {row.by}", clock(row.started_ms, found.now_ms)]
    lines = [
        line((cut(row.file, width), Ink.STRONG)),
        line(state(row.state).run(), ("  " + " · ".join(filter(None, said)), Ink.DIM)),
    ]
    if row.why:
        lines += [
            line("  ", (text, Ink.BAD if row.state in ("failed", "held") else Ink.WAIT))
            for one in row.why.splitlines()
            for text in wrap(one, width - 2)
        ]
    lines.append(line((_next(found), Ink.HORN)))
    return [each.cropped(width) for each in lines]


def _next(found: ImportPicture) -> str:
    row = found.row
    match row.state:
        case "coming":
            return "its octets come"
        case "ready":
            return "T tries it: everything is read, nothing is written"
        case "trying":
            return "a dry run: nothing is written; X stops it"
        case "tried":
            return "nothing was written; S starts the import, T tries it anew"
        case "running":
            return "X stops it between two commits; what was taken stays"
        case "stopped":
            return "S goes on where it stopped; E ends it as it is"
        case "failed" | "reading":
            return "S goes on" if found.can_resume else ""
        case "held":
            return "its people get no marketing; L releases them, with a reason"
        case _:
            return f"entry {row.entry} of the consent ledger" if row.entry else ""


def _figures(found: ImportPicture, width: int) -> list[Line]:
    row = found.row
    is_dry = row.state in ("ready", "trying", "tried", "coming")
    first = ("can be taken", row.taken) if is_dry else ("taken", row.taken)
    second = ("known already", row.known) if is_dry else ("new people", row.made)
    facts = (
        (*first, Ink.GOOD), (*second, Ink.TEXT), ("suppressed", row.stopped, Ink.WAIT),
        ("can't be" if is_dry else "not taken", row.refused, Ink.BAD),
    )  # fmt: skip
    lines = [rule("Figures", width, "a dry run" if is_dry else f"import {row.batch}" if row.batch else "")]
    lines += [
        line((fit(name, 14), Ink.DIM), (fit(number(count), 10, right=True), ink if count else Ink.RULE))
        for name, count, ink in facts
    ]
    lists = f"onto {', '.join(row.lists)}" if row.lists else "onto no list: they get no marketing"
    how = "each is asked by mail" if row.asks else "believed, with what is declared"
    if row.state not in ("trial", "held", "released", "reading"):
        lines.append(line((f"{lists}{f'; {how}' if row.lists else ''}", Ink.DIM)))
    if row.sendings:
        lines.append(
            line(
                (
                    f"{number(row.bounces)} of {counted(row.sendings, 'mail')} bounced",
                    Ink.WAIT if row.bounces else Ink.DIM,
                )
            )
        )
    return lines


def _fact(name: str, value: str, width: int) -> list[Line]:
    return [
        line((fit(name if index == 0 else "", LABEL), Ink.DIM), text)
        for index, text in enumerate(wrap(value, max(width - LABEL, 10)))
    ]


def _faults(found: ImportPicture, width: int) -> list[Line]:
    if not found.reasons and not found.faults:
        return []
    lines = [BLANK, rule("Not taken", width, number(found.row.refused))]
    lines += [_reason(each, width) for each in found.reasons]
    lines += [BLANK] if found.reasons and found.faults else []
    for each in found.faults:
        lines.append(line((fit(f"row {each.first}", 10), Ink.DIM), (each.reason, Ink.BAD)).cropped(width))
        lines.append(line(" " * 10, (each.cells, Ink.DIM)).cropped(width))
    return lines


def _reason(each: FaultRow, width: int) -> Line:
    return line(
        (fit(number(each.rows), 8, right=True), Ink.BAD), "  ", each.reason, (f"  first in row {each.first}", Ink.DIM)
    ).cropped(width)


def plain_imports(control: Control, words: Sequence[str], width: int) -> list[Line]:
    found = control.get(Imports, "/v1/imports")
    return table("Imports", "import", IMPORTS, found.rows, found.now_ms, width)


def plain_import(control: Control, words: Sequence[str], width: int) -> list[Line]:
    return picture(control.get(ImportPicture, f"/v1/imports/{part(words[0])}"), width)
