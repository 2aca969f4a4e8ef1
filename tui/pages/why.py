"""Why mail waits, and why it was written: the chain of causes, with the file and line of each rule. Pure."""

from collections.abc import Iterable, Iterator

from engine.control.protocol.reasons import OriginRow
from engine.control.protocol.shaping import Wait, Why, WhyDelivery, WhyMessage
from tui.format import clock, number, span
from tui.ink import BLANK, Ink, Line, line


def of_site(found: Why) -> list[Line]:
    """What mail to a site or a domain waits for, the longest first: that one binds."""
    site = f" (site {found.site})" if found.site not in ("", found.name) else ""
    later = f", {number(found.later)} later" if found.later else ""
    lines = [line((found.name + site, Ink.STRONG)), line((f"{number(found.waiting)} due now{later}", Ink.DIM))]
    if found.later_ms is not None and found.later:
        after = f", after: {found.later_reply}" if found.later_reply else ""
        lines.append(line((f"the first of those in {span(found.later_ms - found.now_ms)}{after}", Ink.DIM)))
    lines += [BLANK, *_waits(found.waits, found.what_if, found.now_ms)]
    if found.slowed_rule:
        lines += _rule("slowed by", found.slowed_rule, found.slowed_place)
    return [*lines, BLANK, *_how(found.how)]


def of_message(found: WhyMessage) -> list[Line]:
    """Why it was written, then what each of its deliveries waits for."""
    lines = list(_origin(found.origin)) if found.origin.kind else []
    for each in found.deliveries:
        lines += [BLANK, *_delivery(each, found.now_ms)]
    return lines[1:] if lines and lines[0] == BLANK else lines


def _delivery(each: WhyDelivery, now_ms: int) -> Iterator[Line]:
    yield line((each.forward_path, Ink.STRONG), (f"  {each.state}, site {each.site}", Ink.DIM))
    if each.last_reply:
        yield line(("last reply  ", Ink.DIM), each.last_reply)
        yield from _rule("judged by", each.rule, each.place)
    if each.state in ("queued", "held"):
        yield from _waits(each.waits, each.what_if, now_ms)
        left = f"expires in {span(each.expires_ms - now_ms)}"
        yield line((left + (": before it can leave" if each.expires_first else ""), Ink.DIM))
        yield from _how(each.how)
    elif each.carried_by:
        yield line((f"carried by {each.carried_by}", Ink.CALM))


def _rule(word: str, rule: str, place: str) -> list[Line]:
    if not rule:
        return []
    return [line((f"{word:<12}", Ink.DIM), (rule, Ink.HORN), (f"  {place}" if place else "", Ink.DIM))]


def _waits(waits: Iterable[Wait], what_if: str, now_ms: int) -> Iterator[Line]:
    rows = list(waits)
    if not rows:
        yield line(("✓ nothing holds it back", Ink.GOOD))
    for place, each in enumerate(rows):
        word = "held by" if place == 0 else "also by"
        yield line((f"{word:<12}", Ink.DIM), (each.limit, Ink.WAIT), f": {each.text}")
        yield line((f"{'set by':<12}", Ink.DIM), each.origin)
        if each.frees_ms is not None:
            yield line((f"{'frees':<12}", Ink.DIM), f"in {span(each.frees_ms - now_ms)}")
    if rows and what_if:
        yield line((f"{'what if':<12}", Ink.DIM), what_if)


def _how(how: Iterable[str]) -> Iterator[Line]:
    for each in how:
        yield line((each, Ink.DIM))


def _origin(origin: OriginRow) -> Iterator[Line]:
    by = f" {origin.by}" if origin.by else ""
    yield line(
        ("written", Ink.STRONG), f" by {origin.kind}{by}: {origin.stream}", (f"  {clock(origin.at_ms)}", Ink.DIM)
    )
    if origin.version:
        yield line((f"{'version':<12}", Ink.DIM), f"{origin.version[:12]}, step {origin.step}")
    if origin.event:
        key = f" {origin.event_key}" if origin.event_key else ""
        yield line((f"{'event':<12}", Ink.DIM), f"{origin.event}{key} ({origin.event_source})")
    for row in origin.passed:
        yield line((f"{'passed':<12}", Ink.DIM), f"{row.kind} {row.step}: {row.result}")
        for text, value in row.values.items():
            yield line(" " * 12, (f"{text} = {'missing' if value is None else value}", Ink.DIM))
    if origin.consent:
        yield line((f"{'consent':<12}", Ink.DIM), origin.consent)
    if origin.arbiter:
        yield line((f"{'arbiter':<12}", Ink.DIM), origin.arbiter)
