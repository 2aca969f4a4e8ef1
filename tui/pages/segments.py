"""Segments: the table of them, one with its cost and its changes, and why somebody is in it. Pure."""

from collections.abc import Sequence
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.segments import (
    ClauseRow,
    MemberRow,
    Members,
    MovedRow,
    SegmentDiff,
    SegmentPlan,
    SegmentRow,
    Segments,
    SegmentWhy,
)
from engine.counts import counted
from tui.columns import Column, table, tally
from tui.format import clock, cut, fit, number, span, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule
from tui.words import Mark

_STATES: Final = {
    "live": Mark("●", "live", Ink.GOOD),
    "building": Mark("►", "building", Ink.CALM),
    "faulty": Mark("✗", "faulty", Ink.BAD),
}


def state(word: str) -> Mark:
    return _STATES.get(word) or Mark("·", word, Ink.TEXT)


SEGMENTS: Final[tuple[Column[SegmentRow], ...]] = (
    Column("state", 10, lambda row, _: state(row.state).run()),
    Column("segment", 16, lambda row, _: Run(row.name, Ink.STRONG), flex=1),
    Column("members", 9, lambda row, _: tally(row.members), right=True),
    Column("changed", 9, lambda row, now: Run(span(now - row.changed_ms), Ink.DIM), right=True, since=70),
    Column("expression", 20, lambda row, _: Run(" ".join(row.expression.split()), Ink.DIM), flex=3, since=44),
)

MEMBERS: Final[tuple[Column[MemberRow], ...]] = (
    Column("address", 24, lambda row, _: Run(row.address, Ink.STRONG), flex=1),
    Column("a member for", 12, lambda row, now: Run(span(now - row.since_ms), Ink.DIM), right=True),
)


def segment(
    row: SegmentRow, now_ms: int, width: int, plan: SegmentPlan | None = None, diff: SegmentDiff | None = None
) -> list[Line]:
    """One segment: its expression, its figures, what a look costs, who came and went."""
    looked = f"everybody looked at {span(now_ms - row.looked_ms)} ago" if row.looked_ms else "its first look goes on"
    lines = [
        line((cut(row.title or row.name, width), Ink.STRONG)),
        line(
            state(row.state).run(),
            (f"  {counted(row.members, 'member')}", Ink.TEXT),
            (f" · {looked}", Ink.DIM),
        ).cropped(width),
        *(line((text, Ink.BAD)) for text in (wrap(row.fault, width) if row.fault else ())),
        BLANK,
        *(line(("  ", Ink.DIM), text) for one in row.expression.splitlines() for text in wrap(one, width - 2)),
        BLANK,
        line(
            (fit("in 24 h", 10), Ink.DIM),
            (f"+{number(row.entered_today)} came", Ink.GOOD),
            "  ",
            (f"-{number(row.left_today)} went", Ink.WAIT),
        ),
    ]
    if plan is not None:
        lines += [BLANK, *cost(plan, width)]
    if diff is not None:
        lines += [BLANK, *moves(diff, width)]
    return lines


def cost(plan: SegmentPlan, width: int) -> list[Line]:
    """What a look costs, and what can change it."""
    share = f"{number(plan.asked)} of {counted(plan.contacts, 'contact')} asked in {plan.took_ms:g} ms"
    lines = [rule("Cost", width, share)]
    lines += [line((fit("reads", 10), Ink.DIM), text) for text in wrap(", ".join(plan.reads), width - 10)]
    return lines + [line(("  ", Ink.DIM), (text, Ink.DIM)) for each in plan.plan for text in wrap(each, width - 2)]


def moves(diff: SegmentDiff, width: int) -> list[Line]:
    """Who came and who went between two moments."""
    lines = [rule("Changes", width, f"{clock(diff.since_ms, diff.now_ms)} to {clock(diff.until_ms, diff.now_ms)}")]
    lines.append(
        line(
            f"{number(diff.then)} then, {number(diff.later)} later: ",
            (f"+{number(diff.entered)}", Ink.GOOD),
            " ",
            (f"-{number(diff.left)}", Ink.WAIT),
        )
    )
    if diff.note:
        lines.append(line((diff.note, Ink.DIM)).cropped(width))
    return [*lines, *(_moved(each, diff.now_ms, width) for each in diff.rows)]


def _moved(each: MovedRow, now_ms: int, width: int) -> Line:
    mark = ("+ ", Ink.GOOD) if each.has_entered else ("- ", Ink.WAIT)
    told = (f" {each.cause}  {clock(each.at_ms, now_ms)}", Ink.DIM)
    drawn = line(mark, fit(each.address, max(width - 30, 20)), told).cropped(width)
    return drawn.opens("person", each.address, key=("moved", each.address, each.at_ms))


def why(found: SegmentWhy, width: int) -> list[Line]:
    """Clause by clause."""
    said = "is a member" if found.is_member else "is no member"
    since = f" since {clock(found.since_ms, found.now_ms)}" if found.since_ms else ""
    lines = [line((found.address, Ink.STRONG), f" {said} of {found.segment}{since}")]
    if found.due_ms is not None:
        lines.append(line((f"time alone may change that in {span(found.due_ms - found.now_ms)}", Ink.WAIT)))
    return [*lines, BLANK, *(drawn for each in found.clauses for drawn in _clause(each, width))]


def _clause(each: ClauseRow, width: int) -> list[Line]:
    indent = "  " * each.depth
    mark = ("✓ ", Ink.GOOD) if each.holds else ("✗ ", Ink.BAD)
    lines = line(indent, mark, each.text).folded(width)
    return lines + ([line(indent, ("    " + each.values, Ink.DIM)).cropped(width)] if each.values else [])


def plain_segments(control: Control, words: Sequence[str], width: int) -> list[Line]:
    found = control.get(Segments, "/v1/segments")
    return table("Segments", "segment", SEGMENTS, found.rows, found.now_ms, width)


def plain_segment(control: Control, words: Sequence[str], width: int) -> list[Line]:
    row = control.get(SegmentRow, f"/v1/segments/{part(words[0])}")
    plan = control.get(SegmentPlan, f"/v1/segments/{part(words[0])}/plan")
    members = control.get(Members, f"/v1/segments/{part(words[0])}/members", {"limit": 200})
    return [
        *segment(row, members.now_ms, width, plan),
        BLANK,
        *table("Members", "row", MEMBERS, members.rows, members.now_ms, width),
    ]
