"""Replies that say the same together: as a table, and one of them with what it means and what can be done. Pure."""

from collections.abc import Sequence
from typing import Final

from engine.control.client import Control
from engine.control.protocol.bounces import Unclassified
from engine.control.protocol.lately import Replies, ReplyRow
from tui.columns import Column, table, tally
from tui.format import clock, cut, fit, number, span, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule

BLOCKS: Final = "▏▎▍▌▋▊▉█"


def bar(share: float, cells: int) -> str:
    """A share of a hundred as a bar of so many cells."""
    eighths = max(round(share * cells * 8 / 100), 1 if share else 0)
    whole, rest = divmod(eighths, 8)
    return fit("█" * whole + (BLOCKS[rest - 1] if rest else ""), cells)


def outcome(row: ReplyRow) -> Run:
    return Run("✗ refused", Ink.BAD) if row.outcome == "failed" else Run("↻ put off", Ink.WAIT)


CLUSTERS: Final[tuple[Column[ReplyRow], ...]] = (
    Column("outcome", 9, lambda row, _: outcome(row)),
    Column("count", 6, lambda row, _: tally(row.count), right=True),
    Column("share", 8, lambda row, _: Run(f"{row.share:5.1f} %"), right=True),
    Column("", 10, lambda row, _: Run(bar(row.share, 10), Ink.HORN), since=96),
    Column("class", 18, lambda row, _: Run(row.klass or "our own words", Ink.DIM), since=90),
    Column("reply", 20, lambda row, _: Run(row.text, Ink.STRONG), flex=1),
    Column("last", 9, lambda row, now: Run(span(now - row.last_ms), Ink.DIM), right=True, since=60),
)


def kinds(found: Unclassified, width: int) -> list[Line]:
    """What no rule knows, each kind to be opened."""
    rows = [
        line((fit(number(each.count), 7, right=True), Ink.STRONG), "  ", cut(each.text, width - 9))
        .opens("message", str(each.message_id))
        for each in found.rows
    ]  # fmt: skip
    return [rule("What no rule knows", width), *(rows or [line(("a rule knows every reply that came", Ink.DIM))])]


def cluster(row: ReplyRow, now_ms: int, width: int) -> list[Line]:
    """One of them, wholly."""
    judged = f"{row.klass}, {row.blame} to blame: {row.means}" if row.klass else "no server said it: our own words"
    facts = [
        ("means", judged),
        ("judged by", f"{row.rule or 'no rule'}" + (f"  {row.place}" if row.place else "")),
        ("count", f"{number(row.count)}, {row.share:g} % of all that was put off or refused"),
        ("first, last", f"{clock(row.first_ms, now_ms)}, {clock(row.last_ms, now_ms)}"),
        ("sites", ", ".join(row.sites)),
    ]
    if row.judged_now and row.judged_now != row.rule:
        facts.insert(2, ("would be", f"judged by {row.judged_now} now"))
    lines = [rule("Reply", width, outcome(row).text), *(line((each, Ink.STRONG)) for each in wrap(row.text, width))]
    for name, text in facts:
        first, *rest = wrap(text, max(width - 12, 10))
        lines += [line((f"{name:<12}", Ink.DIM), first), *(line(" " * 12, each) for each in rest)]
    lines += [rule("Such as", width, f"message {row.message_id}")]
    lines += [line(each) for each in wrap(row.example, width)]
    if row.cures:
        lines += [rule("What can be done", width)]
    for cure in row.cures:
        first, *rest = wrap(cure.why, max(width - 12, 10))
        lines += [line((f"{cure.verb:<12}", Ink.HORN), first), *(line(" " * 12, each) for each in rest)]
    return [*lines, BLANK]


def plain_replies(control: Control, words: Sequence[str], width: int) -> list[Line]:
    found = control.get(Replies, "/v1/queue/replies", {"site": words[0]} if words else {})
    rows = [each for row in found.rows[:10] for each in cluster(row, found.now_ms, width)]
    return [*table("Replies", "kind", CLUSTERS, found.rows, found.now_ms, width), BLANK, *rows]


def plain_unclassified(control: Control, words: Sequence[str], width: int) -> list[Line]:
    found = control.get(Unclassified, "/v1/bounces/unclassified")
    return table("Replies that no rule knows", "kind", CLUSTERS, found.rows, found.now_ms, width)
