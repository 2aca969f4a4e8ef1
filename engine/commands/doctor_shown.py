"""What the doctor found, as lines of text: the summary first, then what is red, each with what to copy.

A verdict is a glyph, a word and a colour, so that none of them is needed alone.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from engine.control.protocol.doctor import DemandRow, DoctorReport, FindingRow, MendRow

_ORDER: Final = ("fail", "warn", "unknown", "pass")
_GLYPHS: Final = {"fail": "✗", "warn": "!", "unknown": "?", "pass": "✓"}
_ASCII: Final = {"fail": "x", "warn": "!", "unknown": "?", "pass": "+"}
_COLOURS: Final = {"fail": "31;1", "warn": "33", "unknown": "36", "pass": "32"}
_WORDS: Final = {"fail": "FAIL", "warn": "warn", "unknown": "unknown", "pass": "pass"}
_HOW: Final = {
    "publish": "publish", "remove": "take out", "run": "run", "set": "set in posthouse.toml", "serve": "serve",
}  # fmt: skip
_NAMES: Final = {"gmail": "Gmail", "yahoo": "Yahoo", "microsoft": "Microsoft"}
WIDTH: Final = 110


def lines(report: DoctorReport, *, shows_all: bool = False, colours: bool = False, is_ascii: bool = False) -> list[str]:
    """The whole report."""
    pen = _Pen(colours, is_ascii)
    found = [*_summary(report, pen), "", *_providers(report, pen)]
    for verdict in ("fail", "warn"):
        for each in report.rules:
            if each.verdict == verdict:
                found += ["", *_finding(each, pen)]
    found += _short(report, "unknown", pen)
    if shows_all:
        found += _short(report, "pass", pen)
    return [_ascii(line) for line in found] if is_ascii else found


class _Pen:
    """Writes a verdict."""

    def __init__(self, colours: bool, is_ascii: bool) -> None:
        self._colours, self._glyphs = colours, _ASCII if is_ascii else _GLYPHS

    def verdict(self, verdict: str, more: str = "") -> str:
        words = f"{self._glyphs.get(verdict, '?')} {_WORDS.get(verdict, verdict)}{more}"
        return f"\x1b[{_COLOURS.get(verdict, '0')}m{words}\x1b[0m" if self._colours else words


def _summary(report: DoctorReport, pen: _Pen) -> Iterator[str]:
    counts = {verdict: sum(each.verdict == verdict for each in report.rules) for verdict in _ORDER}
    yield f"{', '.join(report.domains)}: " + ", ".join(
        pen.verdict(verdict, f" {count}") for verdict, count in counts.items() if count
    )
    yield f"examined {datetime.fromtimestamp(report.at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC{_age(report)}"


def _age(report: DoctorReport) -> str:
    minutes = (report.now_ms - report.at_ms) // 60_000
    return "" if minutes < 2 else f", {minutes} min ago" if minutes < 120 else f", {minutes // 60} h ago"


def _providers(report: DoctorReport, pen: _Pen) -> Iterator[str]:
    for domain in report.domains:
        for provider, name in _NAMES.items():
            of = [each for each in report.demands if each.provider == provider and each.about == domain]
            broken = [each for each in of if each.verdict == "fail"]
            unsure = [each for each in of if each.verdict == "unknown"]
            about = f" for {domain}" if len(report.domains) > 1 else ""
            verdict = "fail" if broken else "unknown" if unsure else "pass"
            met = sum(each.verdict in ("pass", "warn") for each in of)
            yield f"{name:<10} {pen.verdict(verdict)}: {met} of {len(of)} demands of bulk senders are met{about}"
            yield from (f"  {pen.verdict(each.verdict)} {_because(each)}" for each in (*broken, *unsure))


def _because(demand: DemandRow) -> str:
    return f"{demand.title} ({', '.join(demand.because)})"


def _finding(found: FindingRow, pen: _Pen) -> Iterator[str]:
    yield f"{pen.verdict(found.verdict)} {found.rule}{_about(found)}: {found.title}"
    yield from _wrapped(found.says)
    yield from (f"    seen: {each}" for each in found.seen)
    yield from (f"      | {each}" for each in found.detail)
    for how in dict.fromkeys(each.how for each in found.mend):
        yield f"    {_HOW.get(how, how)}:"
        yield from _to_copy(each for each in found.mend if each.how == how)
    yield f"    source: {found.source}; docs/doctor.md says more"


def _short(report: DoctorReport, verdict: str, pen: _Pen) -> Iterator[str]:
    """A line for each rule; those that wait for the same one together."""
    rules = [each for each in report.rules if each.verdict == verdict]
    if rules:
        yield ""
    for each in rules:
        if not each.waits_for:
            yield f"{pen.verdict(verdict)} {each.rule}{_about(each)}: {each.says}"
    for root, about in dict.fromkeys((each.waits_for, each.about) for each in rules if each.waits_for):
        waiting = [each.rule for each in rules if (each.waits_for, each.about) == (root, about)]
        yield f"{pen.verdict(verdict)} until {root} holds{f' for {about}' if about else ''}: {', '.join(waiting)}"


def _about(found: FindingRow) -> str:
    return f" {found.about}" if found.about else ""


def _to_copy(mends: Iterable[MendRow]) -> Iterator[str]:
    """Each on a line of its own, and nothing else on it."""
    for each in mends:
        if each.how == "serve":
            yield f"      {each.name}"
        yield from (f"      {line}" for line in each.text.splitlines())


def _wrapped(text: str) -> Iterator[str]:
    import textwrap

    return iter(textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    "))


def _ascii(line: str) -> str:
    return line.encode("ascii", "backslashreplace").decode("ascii")
