"""The states of runs and of their recipients, and what leads from one to another."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from mta.queue.delivery import State as Delivery


class RunState(StrEnum):
    """Where a run of a campaign stands."""

    SCHEDULED = "scheduled"  # its time is to come
    RUNNING = "running"
    PAUSED = "paused"  # by an operator, or because nobody was there when it was due: `why` says which
    STOPPED = "stopped"  # by an operator, for good, until `retry`
    RECALLED = "recalled"  # stopped, and what had not left was taken back
    DONE = "done"  # every recipient has an end

    @property
    def is_open(self) -> bool:
        """Whether it may still write."""
        return self in (RunState.SCHEDULED, RunState.RUNNING, RunState.PAUSED)


class Fate(StrEnum):
    """Where a recipient of a run stands: the ledger that says who has it."""

    WAITING = "waiting"  # no mail was written yet
    CLAIMED = "claimed"  # a carrier writes it
    QUEUED = "queued"  # the mail is in the queue, or on its way
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    CANCELLED = "cancelled"  # taken out of the queue: by an operator, or because its reader had left
    RECALLED = "recalled"  # taken back before it left
    EXCLUDED = "excluded"  # the arbiter said no, or its hour was over: `reason` says why
    FAILED = "failed"  # the mail could not be written: `reason` says why


HELD_OUT: Final = "held out"
"""Why somebody is excluded who would have got it, but for the holdout."""

ENDS: Final = frozenset(Fate) - {Fate.WAITING, Fate.CLAIMED, Fate.QUEUED}
LEFT: Final = (Fate.DELIVERED, Fate.BOUNCED)  # it went out
AGAIN: Final[Mapping[str, tuple[Fate, ...]]] = {
    "rest": (Fate.RECALLED, Fate.CANCELLED, Fate.FAILED),
    "failed": (Fate.FAILED, Fate.EXPIRED),
    "bounced": (Fate.BOUNCED,),
}
"""What `retry` takes up again, by the word it is asked with."""

OF_DELIVERY: Final[Mapping[Delivery, Fate]] = {
    Delivery.DELIVERED: Fate.DELIVERED,
    Delivery.BOUNCED: Fate.BOUNCED,
    Delivery.EXPIRED: Fate.EXPIRED,
    Delivery.CANCELLED: Fate.CANCELLED,
}
