"""The doctor's rules: each with its verdict, what is published against what should be, and what to copy. Pure."""

from collections.abc import Sequence
from typing import Final

from engine.control.client import Control
from engine.control.protocol.doctor import DemandRow, DoctorReport, FindingRow, MendRow
from tui.columns import Column, table
from tui.format import clock, safe, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule
from tui.words import Mark

_VERDICTS: Final = {
    "fail": Mark("✗", "fail", Ink.BAD),
    "warn": Mark("!", "warn", Ink.WAIT),
    "unknown": Mark("?", "unknown", Ink.DOUBT),
    "pass": Mark("✓", "pass", Ink.GOOD),
}
_GRAVEST_FIRST: Final = {name: rank for rank, name in enumerate(_VERDICTS)}
_HOW: Final = {
    "publish": "Publish", "remove": "Take out", "run": "Run", "set": "Set in posthouse.toml", "serve": "Serve",
}  # fmt: skip
_PROVIDERS: Final = {"gmail": "Gmail", "yahoo": "Yahoo", "microsoft": "Microsoft"}


def verdict(word: str) -> Mark:
    return _VERDICTS.get(word) or Mark("·", safe(word), Ink.TEXT)


RULES: Final[tuple[Column[FindingRow], ...]] = (
    Column("state", 9, lambda row, _: verdict(row.verdict).run()),
    Column("rule", 18, lambda row, _: Run(row.rule, Ink.STRONG)),
    Column("what was found", 20, lambda row, _: Run(row.says, Ink.TEXT if row.verdict != "pass" else Ink.DIM), flex=1),
)

DEMANDS: Final[tuple[Column[DemandRow], ...]] = (
    Column("state", 9, lambda row, _: verdict(row.verdict).run()),
    Column("who asks", 9, lambda row, _: Run(_PROVIDERS.get(row.provider, row.provider))),
    Column("what bulk senders are asked for", 20, lambda row, _: Run(row.title), flex=2),
    Column("because of", 12, lambda row, _: Run(", ".join(row.because), Ink.DIM), flex=1, since=72),
)


def of_domain(report: DoctorReport, domain: str, wanted: str = "") -> tuple[FindingRow, ...]:
    """The rules about a domain and about the house, the gravest first."""
    rows = [each for each in report.rules if each.about in ("", domain) and _fits(each, wanted)]
    return tuple(sorted(rows, key=lambda each: _GRAVEST_FIRST.get(each.verdict, 9)))


def demands_of(report: DoctorReport, domain: str, wanted: str = "") -> tuple[DemandRow, ...]:
    text = wanted.casefold()
    rows = [
        each
        for each in report.demands
        if each.about in ("", domain) and text in f"{each.provider} {each.title} {each.verdict}".casefold()
    ]
    return tuple(sorted(rows, key=lambda each: _GRAVEST_FIRST.get(each.verdict, 9)))


def _fits(row: FindingRow, wanted: str) -> bool:
    return wanted.casefold() in f"{row.rule} {row.verdict} {row.title} {row.says}".casefold()


def finding(row: FindingRow, width: int, *, as_provider: bool = False) -> list[Line]:
    """One rule, whole. `as_provider`: records in the parts that a provider's page asks for."""
    return [
        rule(row.rule, width, row.about or "this house"),
        *line(verdict(row.verdict).run(), "  ", (row.title, Ink.STRONG)).folded(width),
        *(line(each) for each in wrap(row.says, width)),
        *([BLANK, rule("As it is", width)] if row.seen else []),
        *(line((each, Ink.CALM)) for text in row.seen for each in wrap(text, width)),
        *(line((each, Ink.DIM)) for text in row.detail for each in wrap(text, width)),
        *_mends(row, width, as_provider=as_provider),
        BLANK,
        *(line((each, Ink.DIM)) for each in wrap(_source(row), width)),
    ]


def _source(row: FindingRow) -> str:
    waits = f"it waits until {row.waits_for} holds; " if row.waits_for else ""
    return f"{waits}source: {row.source}; docs/doctor.md says more"


def _mends(row: FindingRow, width: int, *, as_provider: bool) -> list[Line]:
    lines = []
    for how in dict.fromkeys(each.how for each in row.mend):
        lines += [BLANK, rule(_HOW.get(how, how), width, "y copies it" if how == row.mend[0].how else "")]
        for each in row.mend:
            if each.how == how:
                lines += [line((text, Ink.GOOD)) for part in mend_text(each, as_provider=as_provider).splitlines()
                          for text in wrap(part, width)]  # fmt: skip
    return lines


def mend_text(row: MendRow, *, as_provider: bool = False) -> str:
    """What is copied: a line of a zone file, or the parts that a provider's page asks for; a command, a setting."""
    if as_provider and row.type:
        return f"type  {row.type}\nname  {row.name}\nvalue {row.value}"
    return f"{row.name}\n{row.text}" if row.how == "serve" else row.text


def why(row: FindingRow, rules: Sequence[FindingRow], width: int) -> list[Line]:
    """Why a rule stands as it does: down to the rule that has to hold first."""
    chain, at = [row], row
    while at.waits_for:
        first = next((each for each in rules if each.rule == at.waits_for and each.about in ("", at.about)), None)
        if first is None or first in chain:
            break
        chain.append(first)
        at = first
    lines = []
    for depth, each in enumerate(chain):
        lines += [
            line("  " * depth, verdict(each.verdict).run(), "  ", (each.rule, Ink.STRONG)),
            *(line("  " * depth + "  ", (text, Ink.TEXT)) for text in wrap(each.says, width - 2 * depth - 2)),
            line("  " * depth + "  ", (each.source, Ink.DIM)),
        ]
    return lines


def examined(report: DoctorReport) -> str:
    """When it was, for a title."""
    return f"examined {clock(report.at_ms, report.now_ms)}"


def plain_doctor(control: Control, said: Sequence[str], width: int) -> list[Line]:
    report = control.get(DoctorReport, "/v1/doctor", {"kept": 1})
    domain = said[0] if said else (report.domains[0] if report.domains else "")
    rows = of_domain(report, domain)
    lines = table(f"Rules › {domain}", "rule", RULES, rows, report.now_ms, width)
    for each in rows:
        if each.verdict in ("fail", "warn"):
            lines += [BLANK, *finding(each, width)]
    return lines
