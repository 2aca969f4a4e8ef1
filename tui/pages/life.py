"""A message's life: what it is, who gets it, every moment in order, and the head of its content. Pure."""

from engine.control.protocol.queue import MessageLife, Moment
from tui import words
from tui.format import clock, cut, fit, size, span, wrap
from tui.ink import BLANK, Ink, Line, line, rule


def life(message: MessageLife, width: int) -> list[Line]:
    """The whole page, in one column."""
    return [*envelope(message, width), *moments(message, width), *content(message, width)]


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
        tries = f"{each.attempts} attempt{'' if each.attempts == 1 else 's'}"
        due = f" · next {_in(each.due_ms - message.now_ms)}" if each.state == "queued" else ""
        reply = f" · {each.last_reply}" if each.last_reply else ""
        told = wrap(tries + due + reply, width - 13)[:3]  # all of it is among the moments
        lines += [head, *(line(" " * 13, (text, Ink.DIM)) for text in told)]
    return lines


def _in(milliseconds: int) -> str:
    return "in " + span(milliseconds) if milliseconds > 0 else "now"


def moments(message: MessageLife, width: int) -> list[Line]:
    heading = rule("Life", width, f"message {message.message_id}")
    first = message.moments[0].at_ms if message.moments else 0
    cells = words.happening_cells((words.happening(each.what, each.glyph) for each in message.moments), width)
    told = (drawn for each in message.moments for drawn in _moment(each, first, message, cells, width))
    return [heading, *told, BLANK]


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
