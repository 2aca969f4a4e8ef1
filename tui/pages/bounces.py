"""6 Bounces: classes by day, mail that came back, who is not written to. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.bounces import (
    BounceDay,
    BounceDays,
    ClassRow,
    FindingRow,
    ReceivedMail,
    ReceivedPage,
    ReceivedRow,
    SuppressionPage,
    SuppressionRow,
)
from engine.counts import counted
from tui.columns import Column, heading, layout, table
from tui.columns import row as drawn_row
from tui.format import clock, cut, fit, number, short, size, span, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule
from tui.pages.heat import SHADES, shade

_LEAST_DAYS: Final = 7  # that are drawn, however narrow it is
_LEAST_REPLY: Final = 10  # cells of a reply that say something of it
KINDS: Final = ("all", "bounces", "complaints", "people", "unknown")

RECEIVED: Final[tuple[Column[ReceivedRow], ...]] = (
    Column("came", 12, lambda row, now: Run(clock(row.at_ms, now), Ink.DIM)),
    Column("concluded", 20, lambda row, _: _concluded(row.concluded), flex=3),
    Column("from", 14, lambda row, _: Run(row.reverse_path or "<>", Ink.DIM), flex=1, since=90),
    Column("subject", 14, lambda row, _: Run(row.subject), flex=2, since=60),
)

SUPPRESSED: Final[tuple[Column[SuppressionRow], ...]] = (
    Column("reason", 13, lambda row, _: _reason(row.reason)),
    Column("address", 22, lambda row, _: Run(row.address, Ink.STRONG), flex=3),
    Column("stops", 10, lambda row, _: Run(f"list {row.list}" if row.list else row.scope, Ink.DIM), since=70),
    Column("since", 9, lambda row, now: Run(span(now - row.at_ms), Ink.DIM), right=True),
    Column("why", 16, lambda row, _: Run(_why(row), Ink.DIM), flex=4),
)

_REASONS: Final = {
    "hard bounce": ("✗", Ink.BAD), "complaint": ("!", Ink.BAD), "unsubscribe": ("–", Ink.WAIT), "manual": ("■", Ink.WAIT),
    "erased": ("·", Ink.DIM), "paused": ("‖", Ink.DIM),
}  # fmt: skip


def _reason(reason: str) -> Run:
    glyph, ink = _REASONS.get(reason, ("·", Ink.TEXT))
    return Run(f"{glyph} {reason}", ink)


def _why(row: SuppressionRow) -> str:
    return ": ".join(each for each in (row.source, row.evidence) if each)


def _concluded(verdict: str) -> Run:
    if verdict.startswith("complain"):
        return Run(f"! {verdict}", Ink.BAD)
    if verdict.startswith("bounce: "):
        return Run(f"✗ {verdict.removeprefix('bounce: ')}", Ink.BAD)
    return Run(f"· {verdict}", Ink.TEXT if verdict.startswith("for a person") else Ink.DIM)


def first(found: BounceDays, unknown: int, suppressed: int, width: int) -> list[Line]:
    """The mode's first page: what else there is, then the classes by day."""
    complaints = sum(each.complaints for each in found.days)
    doors = (
        ("mail that came back", "received", "bounces, complaints, answers, reports; each as text", "all"),
        ("complaints", "received", f"{number(complaints)} in {counted(len(found.days), 'day')}", "complaints"),
        ("for people", "received", "what nothing was concluded from", "people"),
        ("no rule knows", "unclassified", f"{counted(unknown, 'kind')} of reply", "."),
        ("suppression", "suppression", f"{counted(suppressed, 'address is', 'addresses are')} not written to", "."),
    )
    return [
        *(
            line((f"{name:<22}", Ink.STRONG), (about, Ink.DIM)).cropped(width).opens(kind, target)
            for name, kind, about, target in doors
        ),
        rule("Classes", width, f"{counted(len(found.days), 'day')}, UTC"),
        *classes(found, width),
    ]


def classes(found: BounceDays, width: int) -> list[Line]:
    """A row for each class: its days as a strip, counts, the last reply and the rule that judged it."""
    most = max((_of(day, row.klass) for day in found.days for row in found.classes), default=0)
    days = found.days[-max(width - 22 - 18, _LEAST_DAYS) :]
    strip = len(days)
    head = [(fit("class", 22), Ink.DIM), (fit("days", strip), Ink.DIM), (f" {'no':>7} {'off':>7}", Ink.DIM)]
    rest = width - 22 - strip - 18
    has_reply = rest >= _LEAST_REPLY
    lines = [line(*head, ("  last reply" if has_reply else "", Ink.DIM)).cropped(width)]
    for row in found.classes:
        drawn = "".join(shade(_of(day, row.klass), most) for day in days)
        refused = (f" {short(row.bounced) if row.bounced else '·':>7}", Ink.BAD if row.bounced else Ink.RULE)
        put_off = (f" {short(row.deferred) if row.deferred else '·':>7}", Ink.WAIT if row.deferred else Ink.RULE)
        reply = ("  " + cut(row.reply, rest) if has_reply else "", Ink.DIM)
        made = line((fit(row.klass, 22), Ink.STRONG), (drawn, Ink.WAIT), refused, put_off, reply).cropped(width)
        lines.append(made.opens("class", row.klass))
    if not found.classes:
        lines.append(line(("✓ nothing was refused or put off", Ink.GOOD)))
    legend = f"{SHADES} more on that day, the newest at the right; no: refused, off: put off"
    return [*lines, BLANK, *line((legend, Ink.DIM)).folded(width)]


def _of(day: BounceDay, klass: str) -> int:
    return day.bounced.get(klass, 0) + day.deferred.get(klass, 0)


def newest_received(page: ReceivedPage, width: int) -> list[Line]:
    """Mails that came back, the youngest first, each to be opened."""
    there = layout(RECEIVED, width)
    rows = [drawn_row(there, each, page.now_ms).opens("returned", str(each.id)) for each in page.rows]
    return [rule("The newest", width), heading(there), *(rows or [line(("nothing came back", Ink.DIM))])]


def newest_suppressed(page: SuppressionPage, width: int) -> list[Line]:
    """Who is not written to, the youngest first."""
    there = layout(SUPPRESSED[:2], width)
    rows = [drawn_row(there, each, page.now_ms).opens("person", each.address) for each in page.rows]
    return [rule("The newest", width), heading(there), *(rows or [line(("everybody may be written to", Ink.DIM))])]


def of_class(found: BounceDays, klass: str, width: int) -> list[Line]:
    """One class, day by day."""
    row = next((each for each in found.classes if each.klass == klass), ClassRow(klass))
    lines = [
        rule(klass, width),
        *_fact("refused", number(row.bounced), width),
        *_fact("put off", number(row.deferred), width),
    ]
    lines += [*_fact("last reply", row.reply, width), *_fact("judged by", f"{row.rule}  {row.place}".strip(), width)]
    if row.message_id:
        lines.append(
            line((f"{'such as':<12}", Ink.DIM), f"message {row.message_id}").opens("message", str(row.message_id))
        )
    lines += [rule("Days", width, "refused, put off"), line((f"{'day':<12}{'no':>9}{'off':>9}", Ink.DIM))]
    for day in reversed(found.days):
        counts = (day.bounced.get(klass, 0), day.deferred.get(klass, 0))
        lines.append(line((f"{_day(day.day_ms):<12}", Ink.DIM), *(_count(each) for each in counts)))
    return lines


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%a %b %d")


def _count(count: int) -> tuple[str, Ink]:
    return (f"{short(count) if count else '·':>9}", Ink.TEXT if count else Ink.RULE)


def _fact(name: str, text: str, width: int) -> list[Line]:
    if not text:
        return []
    start, *rest = wrap(text, max(width - 12, 10))
    return [line((f"{name:<12}", Ink.DIM), start), *(line(" " * 12, each) for each in rest)]


def mail(found: ReceivedMail, width: int) -> list[Line]:
    """A mail that came back: what was concluded and why, what it says, its head as it came."""
    row = found.mail
    lines = [line((each, Ink.STRONG)) for each in wrap(row.subject or "(no subject)", width)[:3]]
    lines += _fact("came", f"{clock(row.at_ms, found.now_ms)}, {size(found.size)}", width)
    lines += [*_fact("from", row.reverse_path or "<> (null)", width), *_fact("to", row.forward_path, width)]
    lines += [*_fact("concluded", row.concluded, width)]
    if found.message_id is not None:
        about = f"message {found.message_id}, delivery {row.delivery_id}"
        lines.append(line((f"{'about':<12}", Ink.DIM), (about, Ink.HORN)).opens("message", str(found.message_id)))
    lines += [rule("What it says of whom", width, found.kind)]
    lines += [each for one in found.findings for each in finding(one, width)] or [line(("of nobody", Ink.DIM))]
    if found.words:
        lines += [rule("Its words", width), *_text(found.words, width)]
    return [*lines, rule("As it came", width, "its head"), *_text(found.content, width)]


def finding(each: FindingRow, width: int) -> list[Line]:
    hard = {True: "for good", False: "not for good", None: "nothing was refused"}[each.hard]
    codes = f" ({each.status})" if each.status else ""
    return [
        line((cut(each.address or "somebody (left out)", width - 2), Ink.STRONG)),
        *_fact("class", f"{each.klass}{codes}, {hard}" + (f"; {each.blame} to blame" if each.blame else ""), width),
        *_fact("suppress", each.suppress, width),
        *_fact("judged by", f"{each.rule}  {each.place}".strip(), width),
        *_fact("said", each.said, width),
    ]


def _text(text: str, width: int) -> list[Line]:
    return [line((piece, Ink.DIM)) for each in text.split("\n") for piece in wrap(each, width)]


def suppressed(row: SuppressionRow, now_ms: int, width: int) -> list[Line]:
    """One address that is not written to: why, since when, and who may lift it."""
    until = f", until {clock(row.until_ms, now_ms)}" if row.until_ms else ""
    lines = [
        line((each, Ink.STRONG)) for each in wrap(row.address, width)
    ] + [
        *_fact("reason", row.reason, width),
        *_fact("stops", f"mail of the list {row.list}" if row.list else f"{row.scope} mail", width),
        *_fact("since", f"{clock(row.at_ms, now_ms)}{until}", width),
        *_fact("brought by", row.source, width),
        *_fact("evidence", row.evidence, width),
        *_fact("may lift it", row.lift, width),
    ]  # fmt: skip
    if row.message_id:
        lines.append(line((f"{'because of':<12}", Ink.DIM), (f"message {row.message_id}", Ink.HORN)))
    return lines


def plain_bounces(control: Control, words: Sequence[str], width: int) -> list[Line]:
    found = control.get(BounceDays, "/v1/bounces")
    return [rule("Bounces", width, f"{counted(len(found.days), 'day')}, UTC"), *classes(found, width)]


def plain_received(control: Control, words: Sequence[str], width: int) -> list[Line]:
    if words and words[0].isdigit():
        return mail(control.get(ReceivedMail, f"/v1/bounces/received/{part(words[0])}"), width)
    kind = words[0] if words else "all"
    found = control.get(ReceivedPage, "/v1/bounces/received", {"kind": kind})
    return table("What came back", "mail", RECEIVED, found.rows, found.now_ms, width)


def plain_suppression(control: Control, words: Sequence[str], width: int) -> list[Line]:
    found = control.get(SuppressionPage, "/v1/suppression", {"q": words[0]} if words else {})
    lines = table("Suppression", "row", SUPPRESSED, found.rows, found.now_ms, width)
    return [*lines, line((f"{number(found.total)} in all", Ink.DIM))] if found.after else lines
