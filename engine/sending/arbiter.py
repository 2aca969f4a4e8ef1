"""The arbiter: may this mail be written to this person, now?

Asked in the transaction that would write the mail, so that an unsubscription committed a moment before wins. Marketing
needs a confirmed subscription to some list and no suppression; transactional mail needs only a mailbox that is there.
"""

from enum import StrEnum

from engine.audience.lists import has_confirmed
from engine.audience.suppression import Reason, is_suppressed
from mta.ports import Tx
from mta.queue.delivery import Stream


class Refusal(StrEnum):
    """Every reason there is for not writing a mail. The same words stand in `why-not`, on screens and in reports."""

    HARD_BOUNCE = Reason.HARD_BOUNCE  # the mailbox does not exist: stops both streams
    COMPLAINT = Reason.COMPLAINT  # the person called our mail spam: stops marketing
    UNSUBSCRIBE = Reason.UNSUBSCRIBE  # the person wants no marketing mail: stops marketing
    MANUAL = Reason.MANUAL  # an operator says so: stops both, or marketing only, as the operator chose
    ERASED = Reason.ERASED  # the person had their data erased: stops marketing, and what stopped everything before
    NO_CONSENT = "no confirmed subscription"  # the person never said yes, or took it back: stops marketing


def may_send(tx: Tx, contact_id: int, key: str, stream: Stream) -> str:
    """ "" when a mail of this stream may go to the contact with this address key, else one of Refusal's words."""
    suppressed = is_suppressed(tx, [key], stream).get(key)
    if suppressed:
        return Refusal(suppressed)
    if stream is Stream.MARKETING and not has_confirmed(tx, contact_id):
        return Refusal.NO_CONSENT
    return ""
