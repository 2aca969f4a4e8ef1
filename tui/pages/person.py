"""One person: who they are, where they stand, what stops mail to them, what they got and did. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.people import HappenedRow, Person, RunRow, SeatRow, SentRow, StopRow
from tui import words
from tui.format import clock, cut, fit, number, span, wrap
from tui.ink import BLANK, Ink, Line, line, rule
from tui.pages.lists import standing

LABEL: Final = 10
WHEN: Final = 13


def person(found: Person, width: int) -> list[Line]:
    """The whole page, in one column."""
    parts = (
        head(found, width), _stops(found, width), _seats(found, width), _runs(found, width), _mails(found, width),
        _events(found, width),
    )  # fmt: skip
    return [each for one in parts for each in one]


def head(found: Person, width: int) -> list[Line]:
    """Name and values."""
    if not found.contact_id:
        return [line((found.address, Ink.STRONG)), line(("no contact: A writes them down", Ink.DIM)), BLANK]
    name = f"{found.name} <{found.address}>" if found.name else found.address
    lines = [line((cut(name, width), Ink.STRONG))]
    for label, value in _values(found):
        if value:
            lines += [
                line((fit(label if index == 0 else "", LABEL), Ink.DIM), text)
                for index, text in enumerate(wrap(value, width - LABEL))
            ]
    return [*lines, BLANK]


def _values(found: Person) -> Iterator[tuple[str, str]]:
    now = found.now_ms
    yield (
        "language" if found.locale else "clock",
        " · ".join(filter(None, (found.locale, found.zone, f"it is {found.clock} there" if found.clock else ""))),
    )
    yield "known", " · ".join(
        filter(None, (f"for {span(now - found.created_ms)}", f"from {found.source}" if found.source else "",
                      f"birthday {found.birthday}" if found.birthday else "",
                      f"the shop's {found.external_id}" if found.external_id else ""))
    )  # fmt: skip
    yield "tags", ", ".join(found.tags)
    for each in found.fields:
        yield each.name, f"{each.value}{f'  ({each.title})' if each.title else ''}"
    yield "segments", ", ".join(found.segments)
    yield "orders", _orders(found)
    yield "engaged", _engaged(found)
    yield "pace", f"at most: {found.pace}" if found.pace else ""
    yield "merged", ", ".join(found.merged)
    for each in found.coupons:
        yield "coupon", f"{each.value} of {each.name}{f', {each.title}' if each.title else ''}"


def _orders(found: Person) -> str:
    if not found.orders:
        return ""
    last = f", the last {span(found.now_ms - found.last_order_ms)} ago" if found.last_order_ms else ""
    return f"{number(found.orders)}, {found.spent} in all{last}"


def _engaged(found: Person) -> str:
    counts = ((found.opens, "opened"), (found.clicks, "clicked"), (found.replies, "replied"), (found.visits, "visited"))
    said = ", ".join(f"{what} {number(count)}×" for count, what in counts if count)
    last = f", last {span(found.now_ms - found.engaged_ms)} ago" if found.engaged_ms is not None else ""
    return f"{found.level}{last}{f' · {said}' if said else ''}"


def _stops(found: Person, width: int) -> list[Line]:
    if not found.stops and not found.held:
        return []
    lines = [rule("No mail", width, str(len(found.stops) + len(found.held)))]
    for each in found.stops:
        lines += _stop(each, found.now_ms, width)
    for held in found.held:
        until = f" until {clock(held.until_ms, found.now_ms)}" if held.until_ms else ""
        lines.append(line(("■ held      ", Ink.WAIT), held.of, (f"  {held.why}{until}", Ink.DIM)).cropped(width))
    return [*lines, BLANK]


def _stop(each: StopRow, now_ms: int, width: int) -> list[Line]:
    of = f"mail of list {each.list}" if each.list else "all mail" if each.scope == "all" else "marketing mail"
    until = f" until {clock(each.until_ms, now_ms)}" if each.until_ms else ""
    what = line(
        (f"⊘ {each.reason}", Ink.BAD), f"  {of}{until}", (f"  {clock(each.at_ms, now_ms)} by {each.source}", Ink.DIM)
    )
    more = [line("  ", (text, Ink.DIM)) for text in wrap(each.evidence, width - 2)[:3] if text]
    return [what.cropped(width), *more, line(("  lifted by ", Ink.DIM), each.lift).cropped(width)]


def _seats(found: Person, width: int) -> list[Line]:
    if not found.contact_id:
        return []
    lines = [rule("Lists", width, str(len(found.seats)))]
    lines += [seat(each, found.now_ms, width) for each in found.seats]
    if not found.seats:
        lines.append(line(("on no list: A asks them for one", Ink.DIM)))
    return [*lines, BLANK]


def seat(each: SeatRow, now_ms: int, width: int) -> Line:
    """A list, and since when they stand there."""
    row = each.standing
    times = [
        ("asked", row.asked_ms),
        ("reminded", row.reminded_ms),
        ("confirmed", row.confirmed_ms),
        ("ended", row.ended_ms),
    ]
    said = ", ".join(f"{name} {clock(at, now_ms)}" for name, at in times if at is not None)
    rests = f" · rests on entry {each.entry}" if each.entry is not None else ""
    why = f" · {row.why}" if row.why and row.state == "unsubscribed" else ""
    parts = (
        standing(row).run(12),
        (fit(each.list, 18), Ink.STRONG),
        (f" {said} · by {row.source}{rests}{why}", Ink.DIM),
    )
    return line(*parts).cropped(width).opens("list", each.list, key=("list", each.list))


def _runs(found: Person, width: int) -> list[Line]:
    if not found.runs:
        return []
    return [
        rule("Flows", width, str(len(found.runs))),
        *(_run(each, found.now_ms, width) for each in found.runs),
        BLANK,
    ]


def _run(each: RunRow, now_ms: int, width: int) -> Line:
    if each.state == "waiting":
        due = f", on in {span(each.due_ms - now_ms)}" if each.due_ms is not None and each.due_ms > now_ms else ""
        mark, said = ("◔ under way", Ink.WAIT), f"at {each.step}{due}"
    else:
        mark, said = ("✓ ended    ", Ink.DIM), f"{each.how} at {each.step}"
    entered = f"  entered {clock(each.entered_ms, now_ms)}"
    drawn = line(mark, " ", (fit(each.flow, 18), Ink.STRONG), " ", said, (entered, Ink.DIM))
    return drawn.cropped(width).opens("flow", each.flow, key=("run", each.flow, each.entered_ms))


def _mails(found: Person, width: int) -> list[Line]:
    if not found.mails:
        return []
    lines = [rule("Mail", width, f"{len(found.mails)} newest")]
    return [*lines, *(_mail(each, found.now_ms, width) for each in found.mails), BLANK]


def _mail(each: SentRow, now_ms: int, width: int) -> Line:
    mark = words.delivery(each.state) if each.state else words.Mark("·", "gone", Ink.DIM)
    seen = [name for name, at in (("opened", each.opened_ms), ("clicked", each.clicked_ms)) if at is not None]
    tail = f"  {each.of}" + (f"  ✦ {', '.join(seen)}" if seen else "")
    room = max(width - WHEN - 13 - 30, 14)
    drawn = line(
        (fit(clock(each.at_ms, now_ms), WHEN), Ink.DIM),
        mark.run(12),
        " ",
        fit(each.subject or "(no subject)", room),
        (tail, Ink.DIM),
    )
    return drawn.cropped(width).opens("message", str(each.message_id), key=("message", each.message_id))


def _events(found: Person, width: int) -> list[Line]:
    if not found.events:
        return []
    lines = [rule("Events", width, f"{len(found.events)} newest")]
    return [*lines, *(_event(each, found.now_ms, width) for each in found.events)]


def _event(each: HappenedRow, now_ms: int, width: int) -> Line:
    parts = (
        (fit(clock(each.at_ms, now_ms), WHEN), Ink.DIM),
        ("◆ ", Ink.HORN),
        fit(each.name, 22),
        (f" {each.text}", Ink.DIM),
    )
    return line(*parts).cropped(width)


def plain_person(control: Control, names: Sequence[str], width: int) -> list[Line]:
    return person(control.get(Person, f"/v1/people/{part(names[0])}"), width)
