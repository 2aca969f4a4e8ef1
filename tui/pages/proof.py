"""The proof of one person's consent: each entry with the words that were shown, and what the arithmetic says. Pure."""

from collections.abc import Sequence
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.people import ConsentProof, ConsentRow
from engine.counts import counted
from tui.format import clock, cut, fit, number, wrap
from tui.ink import BLANK, Ink, Line, line, rule
from tui.pages.lists import act

LABEL: Final = 10


def proof(found: ConsentProof, width: int) -> list[Line]:
    """The whole page."""
    lines = [*verdict(found, width), BLANK]
    for each in found.rows:
        lines += [*_entry(each, found.now_ms, width), BLANK]
    if not found.rows:
        lines.append(line(("the ledger holds nothing about them", Ink.DIM)))
    return lines


def verdict(found: ConsentProof, width: int) -> list[Line]:
    """Whether the ledger holds."""
    bad = [each for each in found.rows if not each.is_true]
    if found.fault or bad:
        words = found.fault or f"entry {bad[0].entry} is not what it committed to"
        said = line(("✗ the ledger does not hold: ", Ink.BAD), (words, Ink.BAD))
    elif found.checked < found.entries:
        share = found.checked * 100 // max(found.entries, 1)
        said = line(
            (
                f"… {number(found.checked)} of {counted(found.entries, 'entry', 'entries')} gone over ({share} %)",
                Ink.WAIT,
            )
        )
    else:
        said = line(
            ("✓ the chain holds: ", Ink.GOOD),
            f"{counted(found.entries, 'entry', 'entries')}, each hash and all facts gone over",
        )
    head = line((fit("head", LABEL), Ink.DIM), (cut(found.head, width - LABEL), Ink.DIM))
    return [*said.folded(width), head]


def _entry(each: ConsentRow, now_ms: int, width: int) -> list[Line]:
    mark = act(each.act, each.source)
    title = f"entry {each.entry} · {each.act} · {each.lists}"
    told = line(mark.run(12), " ", (clock(each.at_ms, now_ms), Ink.STRONG), (f"  by {each.source or '?'}", Ink.TEXT))
    lines = [rule(title, width, "✓ fits" if each.is_true else "✗ does not fit"), told.cropped(width)]
    for label, value in (
        ("words", each.wording), ("purpose", each.purpose if each.purpose != each.wording else ""), ("language", each.locale),
        ("IP", each.ip), ("browser", each.agent), ("evidence", each.evidence), ("mail", each.subject),
        ("Message-ID", each.mail_id),
    ):  # fmt: skip
        if value:
            lines += _fact(label, value, width)
    lines += [drawn for said in each.said for drawn in _fact("import", said, width)]
    lines += _fact("hash", each.hash, width)
    if each.text:
        lines.append(line(("the mail that asked, as it was sent:", Ink.DIM)))
        lines += [line(("│ ", Ink.RAIL), text) for row in each.text.splitlines() for text in wrap(row, width - 2)]
    return lines


def _fact(label: str, value: str, width: int) -> list[Line]:
    rows = [text for one in value.splitlines() or [""] for text in wrap(one, width - LABEL - 1)]
    return [line((fit(label if index == 0 else "", LABEL + 1), Ink.DIM), text) for index, text in enumerate(rows)]


def plain_proof(control: Control, names: Sequence[str], width: int) -> list[Line]:
    return proof(control.get(ConsentProof, f"/v1/people/{part(names[0])}/consent"), width)
