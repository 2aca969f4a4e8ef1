"""The words of `why-not`: a closed list. Those of permission and the arbiter (engine.sending.refusals) and of entering
(engine.flow.entering) stand beside these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from engine.flow.entering import Bar
from engine.running.standing import Kept
from engine.sending.refusals import Refusal


class Word(StrEnum):
    """What else there is to say of somebody and a flow, or a campaign."""

    UNKNOWN = "unknown address"  # nobody of this address is known
    ANOTHER = "another contact now"  # they were merged: what comes for them is the other's
    NO_EVENT = "no such event came"  # the flow begins with an event, and none came of this contact
    BEFORE_FLOW = "came before the flow"  # an event came, when the flow was not there yet
    NOT_LOOKED_AT = "not looked at yet"  # an event came a moment ago
    SET_ASIDE = "event set aside"  # an event could not be looked at without failing; the log says why
    RENEWED = "renewed a run"  # an event gave newer data to a run that waited
    WOULD_ENTER = "would enter now"  # what stood in the way when the event came does not any more
    NO_DATE = "date is not known"  # the flow begins on a date of the contact, and there is none
    NOT_ITS_AUDIENCE = "not in its audience"  # the flow is for a list or a segment that they are not in
    NO_OCCASION = "its time has not come"  # the flow begins on a day, and none of theirs came since it is there
    BY_HAND = "begun by hand"  # the flow begins only when somebody says so
    HELD_OUT = "held out"  # they are of the share that gets nothing, so that lift can be measured
    PAUSED = "flow paused"  # whoever is inside stays where they are
    ARCHIVED = "flow archived"  # nobody enters any more
    UNREADABLE = "flow can't be read"  # this program does not understand its text
    WAITS = "waits"  # the run stands at a wait
    NO_COUPON = "no coupon left"  # the run stands before a coupon whose pool has none; it goes on when there are some
    ASKS = "late, and asks"  # a mail is late, and its flow wants an operator to say whether it goes
    SKIPPED = "skipped as late"  # a mail was late, and its flow says that it does not go then
    CANT_BE_WRITTEN = "mail can't be written"  # a fault in the template, or a fact is missing; it is tried again
    CANT_BE_DONE = "step can't be done"  # another step than a mail; it is tried again
    DUE = "due now"  # the run's turn has come
    GOAL = "goal reached"  # the run ended: what the flow is for happened
    LEFT = "left the flow"  # the run ended: its exit condition held, or it came to an exit step
    FAILED = "run failed"  # the run ended by a fault
    ANOTHER_WAY = "went another way"  # the run went where no mail is sent
    NO_SEND = "sends no mail"  # the flow has no send step
    NOT_STARTED = "not started yet"  # the campaign has no run
    CAMPAIGN_PAUSED = "campaign paused"  # by an operator, or because nobody was there when it was due
    CAMPAIGN_STOPPED = "campaign stopped"  # by an operator, for good
    RECALLED = "recalled"  # the campaign was taken back before it left
    WRITTEN = "written"  # it was: the message is named
    NOTHING = "nothing is in the way"  # the next event, or day, lets them in


WORDS: Final = frozenset({*map(str, Word), *map(str, Bar), *map(str, Refusal)})
"""All of them."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that was found. `text` says it for people; `values` what each part of a condition was worth (None: it is
    missing); `until` when it ends, where that is known."""

    word: str
    text: str
    at: datetime | None = None
    until: datetime | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One enrolment."""

    id: int
    key: str
    version_id: int
    is_waiting: bool
    how: str
    entered: datetime
    ended: datetime | None
    awaits: str  # the event, or the coupons, that it waits for
    due: datetime | None
    kept: Kept


def shown(moment: datetime) -> str:
    """A moment, for people."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def missing(values: Mapping[str, Any]) -> str:
    """What of a condition's values is not there, for people; "" when all is."""
    absent = [name for name, value in values.items() if value is None]
    return f"; missing: {', '.join(absent)}" if absent else ""
