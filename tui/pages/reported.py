"""Who sent under our names by others' DMARC reports, and the reports that came. Pure."""

from collections.abc import Sequence
from typing import Final, TypeVar

from engine.control.client import Control
from engine.control.protocol.domains import Reported, ReportRow, SenderRow
from engine.counts import counted
from tui.columns import Column, heading, layout, row, tally
from tui.format import clock, number, safe, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule
from tui.words import Mark

R = TypeVar("R")
_KNOWN: Final = {
    "ours": Mark("●", "ours", Ink.GOOD),
    "passes": Mark("✓", "passes", Ink.TEXT),
    "unknown": Mark("?", "unknown", Ink.DOUBT),
}

SENDERS: Final[tuple[Column[SenderRow], ...]] = (
    Column("who", 10, lambda each, _: (_KNOWN.get(each.known) or Mark("·", safe(each.known), Ink.TEXT)).run()),
    Column("mails", 7, lambda each, _: tally(each.messages), right=True),
    Column("pass", 7, lambda each, _: tally(each.passed, Ink.GOOD), right=True),
    Column("FAIL", 7, lambda each, _: tally(each.failed, Ink.BAD), right=True),
    Column("address", 15, lambda each, _: Run(each.source_ip), flex=1),
    Column("in From", 12, lambda each, _: Run(each.header_from, Ink.STRONG), flex=1),
)

REPORTS: Final[tuple[Column[ReportRow], ...]] = (
    Column("came", 12, lambda each, now: Run(clock(each.at_ms, now), Ink.DIM)),
    Column("kind", 9, lambda each, _: Run("TLS" if each.kind == "tls-rpt" else "DMARC")),
    Column("all", 7, lambda each, _: tally(each.total), right=True),
    Column("FAIL", 7, lambda each, _: tally(each.failed, Ink.BAD), right=True),
    Column("from", 12, lambda each, _: Run(each.org or "somebody"), flex=1),
    Column("about", 12, lambda each, _: Run(each.domain, Ink.STRONG), flex=1),
)


def reported(found: Reported, domain: str, width: int, *, foreign: bool = False) -> list[Line]:
    """Senders and reports about a domain and what is below it ("" is all), or those about domains that are none of ours."""
    who = [each for each in found.senders if foreign or _is_below(each.header_from, domain)]
    came = [each for each in found.reports if foreign or _is_below(each.domain, domain)]
    head = "Who sent under domains that are none of ours" if foreign else "Who sent under this name"
    return [
        *_foreign_note(found, width, foreign=foreign),
        *_listed(head, SENDERS, who, found.now_ms, width, f"{found.days} days"),
        BLANK,
        *_listed("Reports", REPORTS, came, found.now_ms, width, number(len(came))),
    ]


def _foreign_note(found: Reported, width: int, *, foreign: bool) -> list[Line]:
    count = found.foreign_senders + found.foreign_reports
    if foreign:
        words = "Anybody may send a report about any domain: these say nothing of our mail. o goes back to ours."
    elif count:
        words = (
            f"Beside these, {counted(found.foreign_reports, 'report')} about domains that are none of ours, naming"
            f" {counted(found.foreign_senders, 'sender')}: o shows them."
        )
    else:
        return []
    return [*(line((each, Ink.DIM)) for each in wrap(words, width)), BLANK]


def _listed(
    title: str, columns: Sequence[Column[R]], rows: Sequence[R], now_ms: int, width: int, note: str
) -> list[Line]:  # fmt: skip
    there = layout(columns, width)
    if not rows:
        return [rule(title, width, note), line(("nobody reported anything", Ink.DIM))]
    drawn = [rule(title, width, note), heading(there), *(row(there, each, now_ms) for each in rows)]
    return [each.cropped(width) for each in drawn]


def _is_below(name: str, domain: str) -> bool:
    return not domain or any(
        each == domain or each.endswith(f".{domain}") or domain.endswith(f".{each}") for each in name.split(",")
    )


def plain_reported(control: Control, said: Sequence[str], width: int) -> list[Line]:
    return reported(control.get(Reported, "/v1/reported"), said[0] if said else "", width)
