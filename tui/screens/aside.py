"""The log of what the cursor is on, below its reasons in a very wide terminal: what happened to a person, and what
operators did."""

from typing import Final

from engine.control.client import ControlError
from engine.control.protocol.journal import Acts, Happenings
from tui import words
from tui.format import clock
from tui.ink import BLANK, Ink, Line, line, rule
from tui.pages import journal
from tui.session import Session

_ROWS: Final = 12


async def log_of(session: Session, address: str, name: str, width: int) -> list[Line]:
    """The newest first. `address`: the person on the line, if anybody; `name`: what the line opens."""
    try:
        happened = await _happened(session, address) if address else []
        acts = await _acts(session, name or address) if name or address else []
    except ControlError as error:
        return [BLANK, rule("Log", width), line(("✗ " + error.text, Ink.BAD))]
    told = [*happened, *([line(("what operators did", Ink.STRONG)), *acts] if acts else [])]
    return [BLANK, rule("Log", width), *(told or [line(("nothing is written down of it", Ink.DIM))])]


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
