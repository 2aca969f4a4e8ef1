"""A campaign's mail as a reader gets it, its file, its recipients and what came of it. Pure."""

from collections.abc import Iterable
from typing import Final

from engine.control.protocol.calendar import CampaignMail
from engine.control.protocol.campaigns import RecipientRow
from engine.control.protocol.reasons import WhyNotAnswer
from engine.control.protocol.reports import ArmRow, ReportAnswer
from tui import words
from tui.columns import Column
from tui.format import cells, clock, cut, fit, number, size, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule

_FROM_THE_RIGHT: Final = frozenset({"ar", "fa", "he", "ur", "yi"})


def mail(shown: CampaignMail, width: int) -> list[Line]:
    """Its languages, its head, and its text part, or what is wrong with it."""
    lines = [*_tongues(shown, width), BLANK]
    if shown.fault:
        return [*lines, *(line(("✗ ", Ink.BAD), (each, Ink.BAD)) for each in wrap(shown.fault, width - 2))]
    facts = (("subject", shown.subject, Ink.STRONG), ("from", shown.sender, Ink.TEXT), ("as", shown.who, Ink.DIM))
    for name, told, ink in facts:
        lines += [
            line((fit(name if at == 0 else "", 9), Ink.DIM), (each, ink))
            for at, each in enumerate(wrap(told, width - 9))
        ]
    lines.append(rule("What will stand around it" if shown.is_frame else "Text", width, f"{size(shown.octets)} in all"))
    is_right = shown.locale.partition("-")[0] in _FROM_THE_RIGHT
    return [*lines, *(_sided(each, width, is_right) for text in shown.text.split("\n") for each in wrap(text, width))]


def _tongues(shown: CampaignMail, width: int) -> list[Line]:
    """All languages, with a mark on those that it is written in; and what the shown one says nothing of."""
    tabs: list[tuple[str, Ink]] = []
    for each in shown.languages:
        is_written = each in shown.written
        ink = Ink.TAB if each == shown.locale else Ink.TEXT if is_written else Ink.DIM
        tabs += [(f" {'✓' if is_written else '○'} {each} ", ink), (" ", Ink.TEXT)]
    lines = line(*tabs).folded(width)
    if shown.missing:
        theirs = f"the {shown.instead} one" if shown.instead else "what the mail says in all languages"
        told = f"no {' and no '.join(shown.missing)} in {shown.locale} yet: its readers get {theirs}; W writes it"
        lines += [BLANK, *line(("○ ", Ink.WAIT), (told, Ink.WAIT)).folded(width)]
    return lines


def _sided(text: str, width: int, is_right: bool) -> Line:
    """At the side where its readers begin."""
    return line(" " * max(width - cells(text), 0), text) if is_right else line(text)


def source(text: str, width: int) -> list[Line]:
    """A file, line by line, with keys in another ink."""
    lines = []
    for each in text.split("\n"):
        key, colon, rest = each.partition(":")
        is_key = bool(colon) and not key.lstrip(" -").startswith(("#", '"', "{")) and " " not in key.strip(" -")
        parts = (
            ((key + colon, Ink.HORN), (rest, Ink.TEXT))
            if is_key
            else ((each, Ink.DIM if "#" in each[:2] else Ink.TEXT),)
        )
        lines.append(line(*parts).cropped(width))
    return lines


RECIPIENTS: Final[tuple[Column[RecipientRow], ...]] = (
    Column("state", 11, lambda row, _: words.recipient(row.state).run()),
    Column("address", 24, lambda row, _: Run(row.address or "(erased)", Ink.STRONG), flex=2),
    Column("since", 12, lambda row, now: Run(clock(row.at_ms, now) if row.at_ms else "", Ink.DIM)),
    Column("variant", 8, lambda row, _: Run("for the winner" if row.variant == "?" else row.variant), since=110),
    Column("did", 8, lambda row, _: Run(_did(row), Ink.GOOD)),
    Column("reason", 10, lambda row, _: Run(row.reason, Ink.DIM), flex=3),
)


def _did(row: RecipientRow) -> str:
    return "ordered" if row.ordered_ms else "clicked" if row.clicked_ms else "opened" if row.opened_ms else ""


def why_recipient(row: RecipientRow, found: WhyNotAnswer | None, width: int) -> list[Line]:
    """Why one person stands where they stand; where they have no mail, each condition with its value."""
    lines = [line((row.address or "(erased)", Ink.STRONG)), words_of(row)]
    if row.reason:
        lines += line("  ", (row.reason, Ink.WAIT)).folded(width)
    for each in found.reasons if found is not None else ():
        until = f" until {clock(each.until_ms, found.now_ms)}" if found is not None and each.until_ms else ""
        lines += line(("· ", Ink.HORN), (each.word, Ink.WAIT), f": {each.text}{until}").folded(width)
        lines += [
            line(("    ", Ink.DIM), (f"{name} = {value}", Ink.DIM)).cropped(width)
            for name, value in each.values.items()
        ]
    return lines


def words_of(row: RecipientRow) -> Line:
    mark = words.recipient(row.state)
    return line(mark.run(), (f" since {clock(row.at_ms)}" if row.at_ms else "", Ink.DIM))


# -- what came of it


_FIGURES: Final = (
    "sent", "delivered", "bounced", "expired", "waiting", "opened", "machines", "clicked", "replied", "unsubscribed",
    "complained", "orders", "held", "refused", "left_out",
)  # fmt: skip


def report(shown: ReportAnswer, width: int) -> list[Line]:
    """Figures by variant, reasons, and the lift."""
    groups = [each.group or "all" for each in shown.rows]
    lines = [line(" " * 13, *((fit(each, 11, right=True), Ink.DIM) for each in groups[:5])).cropped(width)]
    for name in _FIGURES:
        values = [getattr(each, name) for each in shown.rows[:5]]
        if any(values):
            told = [(fit(number(each), 11, right=True), Ink.STRONG if each else Ink.DIM) for each in values]
            lines.append(line((fit(name.replace("_", " "), 13), Ink.DIM), *told).cropped(width))
    for row in shown.rows[:1]:
        lines += [
            line((fit("revenue", 13), Ink.DIM), f"{amount} {currency}") for currency, amount in row.revenue.items()
        ]
    if shown.reasons:
        lines += [BLANK, rule("Not written, and why", width)]
        lines += [
            line(
                (fit(number(each.mails), 9, right=True), Ink.STRONG),
                f"  {each.what}: ",
                (cut(each.reason, width - 30), Ink.DIM),
            )
            for each in shown.reasons
        ]
    return [*lines, *_lift(shown, width)]


def _lift(shown: ReportAnswer, width: int) -> Iterable[Line]:
    for each in shown.lift:
        yield BLANK
        yield rule("Lift", width, f"goal {each.goal}")
        for name, arm in (("entered", each.entered), ("held out", each.held_out)):
            yield line((fit(name, 13), Ink.DIM), _arm(arm))
        if each.difference is not None and each.low is not None and each.high is not None:
            told = f"{each.difference:+.1%} (95 %: {each.low:+.1%} to {each.high:+.1%})"
            yield line((fit("difference", 13), Ink.DIM), (told, Ink.STRONG))


def _arm(arm: ArmRow) -> str:
    share = f" · {arm.share:.1%}" if arm.share is not None else ""
    return f"{number(arm.reached)} of {number(arm.people)} reached it{share}"
