"""The books of deliveries over the control socket: gone over when somebody asks, beside everything else."""

import asyncio
from typing import Any

from engine.control.protocol.acts import Done
from engine.control.protocol.journal import BookFinding, Books, BookState
from engine.control.work import Office
from engine.counts import counted
from engine.house import House
from mta.ports import to_ms
from mta.queue.audit import Audit, audit


async def go_over(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Prove that every accepted delivery has exactly one end, or is still there."""
    began, now = house.clock.monotonic(), house.clock.now()
    found = await asyncio.to_thread(_audited, house)
    took_ms = int((house.clock.monotonic() - began) * 1000)
    books = Books(
        to_ms(now), to_ms(now), took_ms, found.balances, found.messages, found.accepted,
        tuple(BookState(state, count) for state, count in found.states.items()), found.doubts.total, found.doubts.open,
        tuple(BookFinding(each.what, each.ids) for each in found.findings),
    )  # fmt: skip
    words = "the books balance" if found.balances else "THE BOOKS DO NOT BALANCE"
    return Done(f"{words}: {counted(found.accepted, 'accepted delivery', 'accepted deliveries')}", {"books": books})


def _audited(house: House) -> Audit:
    """Over a connection of its own: it reads everything."""
    with house.store.apart() as line:
        return line.read(lambda tx: audit(tx, house.clock.now))
