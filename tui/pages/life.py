"""A message's life: what it is, who gets it, every moment in order, and the head of its content. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.queue import MessageLife, Moment
from engine.counts import counted
from tui import words
from tui.format import clock, cut, fit, size, span, wrap
from tui.ink import BLANK, Ink, Line, line, rule


def life(message: MessageLife, width: int, *, whole: bool = False) -> list[Line]:
    """The whole page, in one column. whole: what was said at every attempt, and not only at the last of each delivery."""
    return [*envelope(message, width), *moments(message, width, whole=whole), *content(message, width)]


def envelope(message: MessageLife, width: int) -> list[Line]:
    """The subject, the facts, and each delivery with its state."""
    facts = [
        ("from", message.header_from),
        ("reverse-path", message.reverse_path or "<> (null)"),
        ("stream", f"{message.stream} · {size(message.size)} · {message.origin}"),
    ]
    subject = message.subject or "(no subject)"
    return [
        *(line((each, Ink.STRONG)) for each in wrap(subject, width)[:3]),
        *(line((f"{name:<13}", Ink.DIM), cut(fact, width - 13)) for name, fact in facts),
        rule("Deliveries", width, str(len(message.recipients))),
        *_deliveries(message, width),
    ]


def _deliveries(message: MessageLife, width: int) -> list[Line]:
    if not message.deliveries:
        return [line(cut(each, width)) for each in message.recipients]
    lines = []
    for each in message.deliveries:
        head = line(words.delivery(each.state).run(12), " ", (cut(each.forward_path, width - 13), Ink.STRONG))
        tries = counted(each.attempts, "attempt")
        due = f" · next {_in(each.due_ms - message.now_ms)}" if each.state == "queued" else ""
        reply = f" · {each.last_reply}" if each.last_reply else ""
        told = wrap(tries + due + reply, width - 13)[:3]  # all of it is among the moments
        lines += [head, *(line(" " * 13, (text, Ink.DIM)) for text in told)]
    return lines


def _in(milliseconds: int) -> str:
    return "in " + span(milliseconds) if milliseconds > 0 else "now"


def moments(message: MessageLife, width: int, *, whole: bool = False) -> list[Line]:
    heading = rule("Life", width, f"message {message.message_id}")
    first = message.moments[0].at_ms if message.moments else 0
    cells = words.happening_cells((words.happening(each.what, each.glyph) for each in message.moments), width)
    last = {each.delivery_id: each for each in message.moments if each.lines}
    lines = [heading]
    for each in message.moments:
        lines += _moment(each, first, message, cells, width)
        lines += _judged(each, width)
        if each.lines and (whole or last.get(each.delivery_id) is each):
            lines += _transcript(each, width)
        elif each.lines:
            lines.append(
                line("    ", (f"{counted(len(each.lines), 'line was', 'lines were')} said: i shows all", Ink.RULE))
            )
    return [*lines, BLANK]


def _judged(moment: Moment, width: int) -> list[Line]:
    """By which rule a reply was judged, and where that stands."""
    if not moment.rule:
        return []
    place = f"  {moment.place}" if moment.place else ""
    return [line("    judged by ", (moment.rule, Ink.HORN), (place, Ink.DIM)).cropped(width)]


def _transcript(moment: Moment, width: int) -> list[Line]:
    """What was said, line by line, with the seconds since the attempt began."""
    return [
        line("    ", ("│ ", Ink.RULE), (piece, Ink.BAD if _is_refusal(said) else Ink.DIM))
        for said in moment.lines
        for piece in wrap(said, max(width - 6, 10))
    ]


def _is_refusal(said: str) -> bool:
    """Whether a line of a transcript is a server's 4xx or 5xx: `0.120 S: 550 5.1.1 no such user`."""
    return _REFUSAL.search(said) is not None


_REFUSAL: Final = re.compile(r"(?:^|[<:]\s?)[45]\d\d[ -]")


def _moment(moment: Moment, first_ms: int, message: MessageLife, cells: int, width: int) -> list[Line]:
    when = fit(clock(moment.at_ms, message.now_ms), 12)
    since = fit("+" + span(moment.at_ms - first_ms), 11, right=True) if width >= 90 else ""
    mark = words.happening(moment.what, moment.glyph).run(cells)
    indent = 12 + len(since) + 1 + cells + 2
    texts = wrap(moment.text + _whose(moment, message), max(width - indent, 10))
    head = line((when, Ink.DIM), (since, Ink.DIM), " ", mark, "  ", texts[0])
    return [head, *(line(" " * indent, text) for text in texts[1:])]


def _whose(moment: Moment, message: MessageLife) -> str:
    """To whom, where a message has several deliveries and the moment is one's own."""
    if len(message.deliveries) < 2 or moment.delivery_id is None:
        return ""
    own = [each.forward_path for each in message.deliveries if each.delivery_id == moment.delivery_id]
    return f" [{own[0]}]" if own and own[0] not in moment.text else ""


def content(message: MessageLife, width: int) -> list[Line]:
    """The head of the content as text, as far as the daemon sent it."""
    if not message.content:
        return []
    lines = [line((wrapped, Ink.DIM)) for each in message.content.split("\n") for wrapped in wrap(each, width)]
    return [rule("Content", width, "its head"), *lines]


def plain_message(control: Control, ids: Sequence[str], width: int) -> list[Line]:
    return life(control.get(MessageLife, f"/v1/messages/{part(ids[0])}"), width)
