"""The log of what the cursor is on, below its reasons in a very wide terminal: what happened to a person, and what
operators did."""

from typing import Final

from engine.control.client import ControlError
from engine.control.protocol.journal import Acts, Happenings
from tui import words
from tui.format import clock
from tui.ink import Ink, Line, line
from tui.pages import journal
from tui.session import Session

_ROWS: Final = 12


async def log_of(session: Session, address: str, name: str) -> list[Line]:
    """The newest first; none where the line is about nobody (`address`) and opens nothing (`name`)."""
    if not address and not name:
        return []
    try:
        happened = await _happened(session, address) if address else []
        acts = await _acts(session, name or address)
    except ControlError as error:
        return [line(("✗ " + error.text, Ink.BAD))]
    told = [*happened, *([line(("what operators did", Ink.STRONG)), *acts] if acts else [])]
    return told or [line(("nothing is written down of it", Ink.DIM))]


async def _happened(session: Session, address: str) -> list[Line]:
    found = await session.ask(Happenings, "/v1/journal", {"person": address, "limit": _ROWS})
    return [
        line((clock(row.at_ms, found.now_ms) + " ", Ink.DIM), words.happening(row.kind).run(), " ", (row.text, Ink.DIM))
        for row in found.rows
    ]


async def _acts(session: Session, name: str) -> list[Line]:
    found = await session.ask(Acts, "/v1/acts", {"about": name, "limit": _ROWS})
    return [
        line((clock(row.at_ms, found.now_ms) + " ", Ink.DIM), f"{journal.who(row)}: {row.done or row.what}")
        for row in found.rows
    ]
