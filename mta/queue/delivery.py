"""The life of a delivery, as one table.

A delivery is one message to one recipient: the unit of fate. Every accepted delivery ends in exactly one of delivered,
bounced, expired or cancelled. What a crash leaves, state by state:

    QUEUED, HELD          nothing happened yet; it is still here
    IN_FLIGHT             we were talking, the final dot had not been released: safe to try again (ORPHANED -> QUEUED)
    AT_THE_DOT            the dot may have left and no reply is recorded: ORPHANED -> IN_DOUBT, never silently retried
    IN_DOUBT              recorded and counted; the stream's policy settles it (resend, hold, assume delivered)
    DELIVERED, BOUNCED,
    EXPIRED, CANCELLED    the end; nothing leaves these states

The order on disk is: claim committed, then the dialogue, then AT_THE_DOT committed, then the dot, then the outcome
committed. RFC 1047 says why the fourth can't be closed by any sender.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final


class State(IntEnum):
    """Where a delivery is. The numbers are in the table; never reuse one."""

    QUEUED = 0
    IN_FLIGHT = 1
    AT_THE_DOT = 2
    IN_DOUBT = 3
    HELD = 4
    DELIVERED = 10
    BOUNCED = 11
    EXPIRED = 12
    CANCELLED = 13

    @property
    def is_end(self) -> bool:
        return self >= State.DELIVERED

    @property
    def word(self) -> str:
        """The word that screens, documents and reports use."""
        return self.name.lower().replace("_", " ")


class Event(StrEnum):
    """What can happen to a delivery."""

    CLAIMED = "claimed"  # a carrier took it, with a lease
    RELEASED = "released"  # the carrier gives it back untried (no connection to be had, draining)
    DEFERRED = "deferred"  # a transient reply, or a trouble of the route or of ours
    REJECTED = "rejected"  # a permanent reply
    DOT_GOING_OUT = "dot going out"  # committed before the dot leaves
    ACCEPTED = "accepted"  # the next hop took responsibility (RFC 5321 section 6.1)
    ANSWER_LOST = "answer lost"  # the connection ended between our dot and its reply
    ORPHANED = "orphaned"  # its carrier died
    RESENT = "resent"  # doubt settled: try again with the same bytes
    ASSUMED = "assumed delivered"  # doubt settled: never try again
    HELD_BACK = "held back"  # by an operator, or doubt settled by holding
    LET_GO = "let go"  # an operator releases what was held
    TIME_RAN_OUT = "time ran out"
    CANCELLED = "cancelled"  # by a named operator, or by a suppression that came while it was queued


class Stream(IntEnum):
    """Transactional mail never waits behind marketing mail; marketing mail obeys consent, caps and quiet hours."""

    TRANSACTIONAL = 0
    MARKETING = 1

    @property
    def word(self) -> str:
        return self.name.lower()


TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    (State.QUEUED, Event.CLAIMED): State.IN_FLIGHT,
    (State.QUEUED, Event.HELD_BACK): State.HELD,
    (State.QUEUED, Event.TIME_RAN_OUT): State.EXPIRED,
    (State.QUEUED, Event.CANCELLED): State.CANCELLED,
    (State.QUEUED, Event.REJECTED): State.BOUNCED,  # no route at all (null MX), or suppressed while queued
    (State.IN_FLIGHT, Event.RELEASED): State.QUEUED,
    (State.IN_FLIGHT, Event.DEFERRED): State.QUEUED,
    (State.IN_FLIGHT, Event.REJECTED): State.BOUNCED,
    (State.IN_FLIGHT, Event.TIME_RAN_OUT): State.EXPIRED,  # deferred once too often
    (State.IN_FLIGHT, Event.DOT_GOING_OUT): State.AT_THE_DOT,
    (State.IN_FLIGHT, Event.ORPHANED): State.QUEUED,
    (State.IN_FLIGHT, Event.CANCELLED): State.CANCELLED,  # taken back: its carrier is refused the dot
    (State.AT_THE_DOT, Event.ACCEPTED): State.DELIVERED,
    (State.AT_THE_DOT, Event.DEFERRED): State.QUEUED,
    (State.AT_THE_DOT, Event.REJECTED): State.BOUNCED,
    (State.AT_THE_DOT, Event.TIME_RAN_OUT): State.EXPIRED,
    (State.AT_THE_DOT, Event.RELEASED): State.QUEUED,  # marked, but the dot was never written
    (State.AT_THE_DOT, Event.ANSWER_LOST): State.IN_DOUBT,
    (State.AT_THE_DOT, Event.ORPHANED): State.IN_DOUBT,
    (State.IN_DOUBT, Event.RESENT): State.QUEUED,
    (State.IN_DOUBT, Event.HELD_BACK): State.HELD,
    (State.IN_DOUBT, Event.ASSUMED): State.DELIVERED,
    (State.HELD, Event.LET_GO): State.QUEUED,
    (State.HELD, Event.TIME_RAN_OUT): State.EXPIRED,
    (State.HELD, Event.CANCELLED): State.CANCELLED,
}

LIVE: Final = tuple(state for state in State if not state.is_end)


class IllegalTransition(Exception):
    """An event came to a delivery that cannot have it: a fault of ours, never of the mail."""


def after(state: State, event: Event) -> State:
    """The state that `event` leads to. IllegalTransition when the table has no such pair."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"a delivery that is {state.word} cannot be {event}") from None
