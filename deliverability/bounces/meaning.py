"""What a verdict means for people: what follows from it, and what an operator can do about many of its kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from deliverability.bounces.classify import BounceClass, Then, Verdict

MEANS: Final[Mapping[Then, str]] = {
    Then.RETRY_RECIPIENT: "it is tried again (retry recipient)",
    Then.RETRY_SITE: "the site rests, then it is tried again (retry site)",
    Then.OTHER_SOURCE: "another source tries it, or it waits until the block is lifted (other source)",
    Then.FAIL: "the delivery ends (fail)",
}


@dataclass(frozen=True, slots=True)
class Cure:
    """What an operator can do. verb: slow, suspend, hold, classify, doctor, wait; why: when that helps."""

    verb: str
    why: str


_LESS: Final = Cure("slow", "it asks for less: give it about half of what it takes now")
_MEND: Final = Cure("suspend", "each try makes it worse: stop until what it names is mended")
_DOCTOR: Final = Cure("doctor", "records, keys and blocklists: `posthouse doctor` says what to publish")
_WAIT: Final = Cure("wait", "it is tried again by itself, and this is no fault of ours")
_ALIKE: Final = Cure("hold", "the mail itself is refused: hold what is alike and look at one")
_LIST: Final = Cure("wait", "the address is to blame: it is suppressed when that is certain, or repeats")

_OF: Final[Mapping[BounceClass, tuple[Cure, ...]]] = {
    **dict.fromkeys((BounceClass.RATE_LIMITED, BounceClass.TOO_MANY_CONNECTIONS), (_LESS,)),
    BounceClass.SESSION_LIMIT: (Cure("wait", "we learn how much one session may carry, and keep to it"),),
    **dict.fromkeys((BounceClass.IP_BLOCKED, BounceClass.DOMAIN_BLOCKED), (_MEND, _DOCTOR)),
    BounceClass.AUTHENTICATION: (_DOCTOR, _MEND),
    **dict.fromkeys((BounceClass.SENDER_REFUSED, BounceClass.POLICY), (_LESS, _DOCTOR)),
    **dict.fromkeys((BounceClass.SPAM, BounceClass.CONTENT, BounceClass.TOO_LARGE), (_ALIKE, _LESS)),
    BounceClass.UNKNOWN: (Cure("classify", "no rule knows it: make one of it (6 Bounces, unclassified)"), _LESS),
}
_RECIPIENT: Final = frozenset({
    BounceClass.INVALID_RECIPIENT, BounceClass.BAD_DOMAIN, BounceClass.DISABLED, BounceClass.MOVED,
    BounceClass.MAILBOX_FULL, BounceClass.RECIPIENT_BUSY, BounceClass.RECIPIENT_REFUSES,
})  # fmt: skip


def cures(verdict: Verdict) -> tuple[Cure, ...]:
    """What helps against many such replies, the best first."""
    return _OF.get(verdict.klass) or ((_LIST,) if verdict.klass in _RECIPIENT else (_WAIT,))
