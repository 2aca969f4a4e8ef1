"""Why a mail is not written, or not yet: the one closed list of words."""

from enum import StrEnum

from engine.audience.suppression import Reason


class Refusal(StrEnum):
    """Every reason there is for not writing a mail, or for writing it later. The same words stand in `why` and `why-not`,
    on screens and in reports."""

    HARD_BOUNCE = Reason.HARD_BOUNCE  # the mailbox does not exist: stops both streams
    COMPLAINT = Reason.COMPLAINT  # the person called our mail spam: stops marketing
    UNSUBSCRIBE = Reason.UNSUBSCRIBE  # the person wants no marketing mail: stops marketing
    MANUAL = Reason.MANUAL  # an operator says so: stops both, or marketing only, as the operator chose
    ERASED = Reason.ERASED  # the person had their data erased: stops marketing, and what stopped everything before
    PAUSED = Reason.PAUSED  # the person wants none for a while: stops marketing until then
    TOO_OFTEN = "more often than wanted"  # the person wants fewer: marketing waits until their period is over
    LEFT_LIST = "left the list"  # the person is not on the mail's list any more: stops mail of that list
    HELD = "import held back"  # all their lists rest on an import that is not whole, or bounced: stops marketing
    NO_CONSENT = "no confirmed subscription"  # the person never said yes, or took it back: stops marketing
    CAP = "frequency cap"  # as many as arbiter.caps allows were sent: marketing waits
    DISTANCE = "too soon after another"  # closer to another mail than arbiter.distance: marketing waits
    QUIET = "quiet hours"  # by the reader's clock: marketing waits
    GIVES_WAY = "gives way"  # a mail of a higher priority, or one held for longer, has the next place: marketing waits
    MERGED = "merged into a newer"  # a newer mail of the same step or campaign is held: this one is not sent
    EXPIRED = "best before is over"  # it was held, and there was no place for it in time: it is not sent
