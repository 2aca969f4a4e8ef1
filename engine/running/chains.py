"""Chains: flows that feed each other, by events, starts, tags and the like, must not go round for ever.

What comes from outside begins a chain at 0. Each run keeps the count of what let it in, and whatever it makes counts one
more; a run that rested long enough begins a new chain, so that flows may hand people round for years, by days. Past
`engine.flow.entering.MAX_CHAIN` nobody enters.
"""

from datetime import datetime, timedelta
from typing import Final

from engine.flow.actions import Action, AddTo, Emit, Join, Leave, SetFields, Tag, Untag
from engine.flow.entering import MAX_CHAIN
from mta.ports import Tx, to_ms

REST: Final = timedelta(hours=12)  # since the run began, or began anew
_MAKERS: Final = (Tag, Untag, Join, Leave, SetFields, AddTo, Emit)


def following(chain: int, since_ms: int, now: datetime) -> int:
    """The count of what a run makes now, that was let in by `chain`, at `since_ms`."""
    return 1 if since_ms <= to_ms(now - REST) else chain + 1


def makes_events(action: Action) -> bool:
    """Whether flows may begin with what the action does."""
    return isinstance(action, _MAKERS)


def newest(tx: Tx) -> int:
    """The youngest event's id: what is made after this in the transaction has a higher one."""
    row = tx.one("SELECT MAX(id) FROM event")
    return int(row[0] or 0) if row else 0


def mark(tx: Tx, contact_id: int, since: int, chain: int) -> None:
    """Give the contact's events that were made since `newest` said `since` their count."""
    tx.execute("UPDATE event SET chain = ? WHERE contact_id = ? AND matched = 0 AND id > ?", (chain, contact_id, since))


def told(flow: str, came: str) -> str:
    """For the alarm: that the chain is too long, and what to do."""
    return (
        f"the flow {flow} lets nobody in by the {came}: more than {MAX_CHAIN} runs in a row led to it, so flows feed each"
        " other; put a wait such as wait: 1d between"
    )
