"""What is counted of mail, for one provider, source, From domain, stream and day, and the shares that follow.

Counts are kept by a word each, so that days, providers and domains add up by adding words.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from deliverability.bounces.classify import BounceClass

TRIED: Final = "tried"  # attempts
SENT: Final = "sent"  # deliveries, when they were tried first
ACCEPTED: Final = "accepted"
ENCRYPTED: Final = "encrypted"  # of these
EXPIRED: Final = "expired"  # given up at an attempt, after deferrals
COMPLAINED: Final = "complained"
UNSUBSCRIBED: Final = "unsubscribed"
DEFERRED: Final = "deferred"  # "deferred:greylisted": with the class of the reply
BOUNCED: Final = "bounced"  # the same, refused in our session or by a report
TOOK: Final = "took"  # "took:3": accepted within 2 ** 3 seconds of being handed over, and not within half of that
LONGEST: Final = 23  # 2 ** 23 seconds are 97 days

HARD: Final = frozenset({BounceClass.INVALID_RECIPIENT, BounceClass.BAD_DOMAIN, BounceClass.MOVED})
"""The mailbox or the domain will never take mail: the list is to blame."""
BLOCKS: Final = frozenset(
    {BounceClass.IP_BLOCKED, BounceClass.DOMAIN_BLOCKED, BounceClass.AUTHENTICATION, BounceClass.SPAM}
)
"""We are to blame: our address, our name, our records, what we write."""
PRESSURE: Final = frozenset(
    {
        BounceClass.RATE_LIMITED, BounceClass.TOO_MANY_CONNECTIONS, BounceClass.POLICY, BounceClass.SENDER_REFUSED,
    }
)  # fmt: skip
"""They take less than we send, without saying that we are bad. What no rule knows may be anything, a trouble of ours too:
it counts for nothing.
"""


def by_class(what: str, klass: BounceClass) -> str:
    return f"{what}:{klass}"


def took(seconds: float) -> str:
    """The word for a mail that was accepted so long after it was handed over."""
    power = 0
    while power < LONGEST and seconds > 2**power:
        power += 1
    return f"{TOOK}:{power}"


@dataclass(slots=True)
class Figures:
    """Counts by word. The parts are added into one another."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, counts: Mapping[str, int]) -> None:
        self.counts.update(counts)

    @property
    def tried(self) -> int:
        return self.counts[TRIED]

    @property
    def sent(self) -> int:
        return self.counts[SENT]

    @property
    def accepted(self) -> int:
        return self.counts[ACCEPTED]

    @property
    def in_clear(self) -> int:
        """Accepted without TLS."""
        return max(0, self.accepted - self.counts[ENCRYPTED])

    @property
    def complaints(self) -> int:
        return self.counts[COMPLAINED]

    @property
    def unsubscribes(self) -> int:
        return self.counts[UNSUBSCRIBED]

    @property
    def hard(self) -> int:
        return self._of(BOUNCED, HARD)

    @property
    def blocked(self) -> int:
        return self._of(BOUNCED, BLOCKS) + self._of(DEFERRED, BLOCKS)

    @property
    def pressed(self) -> int:
        """Deferred because it was too much, or for no reason that they said."""
        return self._of(DEFERRED, PRESSURE)

    def classes(self, what: str) -> dict[str, int]:
        """The counts of DEFERRED or BOUNCED by class, the largest first."""
        found = {word.partition(":")[2]: count for word, count in self.counts.items() if word.startswith(f"{what}:")}
        return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))

    @property
    def median_seconds(self) -> int | None:
        """Half of what was accepted was accepted within so many seconds (a power of two); None where nothing was."""
        spans = sorted((int(power), count) for power, count in self.classes(TOOK).items())
        total, so_far = sum(count for _, count in spans), 0
        for power, count in spans:
            so_far += count
            if 2 * so_far >= total:
                return int(2**power)
        return None

    def _of(self, what: str, classes: Iterable[BounceClass]) -> int:
        return sum(self.counts[by_class(what, each)] for each in classes)
