"""Who writes instead of the shop: what is noted at a mail that tells events.

An application that keeps its own mail back (`X-Posthouse-Deliver: no`) counts on a flow to write; a flow that says
`writes: instead` counts on the shop's mail being kept back. Where one of them counts in vain, nobody is written to, or
somebody twice: that is said at the mail, and in the log. Whether the flow's `where` holds is known later.
"""

from collections.abc import Iterable
from typing import Final

from engine.flow.events import Event
from engine.flow.model import Writes
from engine.flow.triggers import EventTrigger
from engine.running.book import FlowBook
from mta.ports import Tx

KEPT_BACK: Final = "kept back"  # how these notes begin
TWICE: Final = "two mails"


def note(tx: Tx, book: FlowBook, events: Iterable[Event], *, is_kept_back: bool) -> str:
    """What to note at a mail that tells these events; "" for nothing."""
    told = list(events)
    flows = book.flows(tx)
    found = {
        flow.definition.name: flow.definition.writes
        for event in told
        if event.name in flows
        for flow in flows[event.name].through(event.data)
        if isinstance(trigger := flow.definition.trigger, EventTrigger) and trigger.is_met(event.name, event.data)
    }
    if is_kept_back:
        names = [name for name, writes in found.items() if writes is not Writes.BESIDE]
        if names:
            return f"{KEPT_BACK}: {', '.join(names)} writes instead"
        return f"{KEPT_BACK}: nobody writes instead, for no flow that does begins with {told[0].name}"
    instead = [name for name, writes in found.items() if writes is Writes.INSTEAD]
    if instead:
        return f"{TWICE}: {', '.join(instead)} writes instead of this one; X-Posthouse-Deliver: no keeps it back"
    return ""
