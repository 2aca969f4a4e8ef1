"""What a limit can be about, besides one site: a provider over all its sites, a source, a stream, a campaign, and what a
source that is warming up may send to a provider.

A scope is written as its kind and its name: "campaign:spring-sale". Its book is kept as a site's is: attempts are granted
to the carriers that have something for it, and a grant counts as spent until it is known not to be, so that no window
ever holds more attempts than its limit, whatever carriers do and whenever one dies. Pure; times are seconds.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Final

from deliverability.shaping.ledger import Ledger
from deliverability.shaping.limits import ATTEMPTS, Said

UNLIMITED: Final = 1_000_000  # attempts that are granted where no window counts them
_CAMPAIGN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def parse_campaign(text: str) -> str:
    """A campaign's name. ValueError when it is none."""
    if not _CAMPAIGN.fullmatch(text):
        raise ValueError("a campaign's name is up to 64 letters, digits and . _ -, a letter or digit first")
    return text


def warming(source: str, provider: str) -> str:
    """What a source that is warming up may send to a provider."""
    return f"warm-up:{source}/{provider}"


@dataclass(frozen=True, slots=True)
class Use:
    """What a carrier says of a scope. `upto`: how far it goes by its grant, which may be less than it was given."""

    spent: int
    upto: int
    waiting: int
    version: int


@dataclass(slots=True)
class _Peer:
    spent: int = 0
    upto: int = 0
    waiting: int = 0
    version: int = 0
    is_dry: bool = False  # it was told that nothing is left

    @property
    def outstanding(self) -> int:
        return max(0, self.upto - self.spent)


@dataclass(slots=True)
class ScopeBook:
    """One scope. `said`: its limits with who set them."""

    name: str
    said: dict[str, Said]
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    is_news: bool = False  # something was spent since it was written down
    _peers: dict[int, _Peer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.use(self.said)

    def use(self, said: dict[str, Said]) -> None:
        """These limits from now on; what was spent stays spent."""
        self.said = said
        self.ledgers = {
            name: self.ledgers.get(name, Ledger(0, window)) for name, window in ATTEMPTS.items() if name in said
        }
        for name, ledger in self.ledgers.items():
            ledger.limit = said[name].value

    def hear(self, carrier: int, use: Use, now: float) -> None:
        """Take a carrier's word in."""
        peer = self._peers.setdefault(carrier, _Peer())
        self._spend(use.spent - peer.spent, now)
        peer.spent, peer.waiting = use.spent, use.waiting
        if use.version == peer.version:  # else a grant of ours is under way: what it knows of is less
            peer.upto = min(peer.upto, use.upto)

    def forget(self, carrier: int, now: float) -> None:
        """A carrier is gone. What it was granted counts as spent."""
        peer = self._peers.pop(carrier, None)
        if peer is not None:
            self._spend(peer.outstanding, now)

    def grants(self, now: float) -> dict[int, tuple[int, int, bool]]:
        """The grants that changed, by carrier: up to how many in all, the version, and whether nothing is left for who
        asked. They count as given."""
        free = self.free(now)
        hungry = [(carrier, peer) for carrier, peer in self._peers.items() if peer.waiting and not peer.outstanding]
        changed = {}
        for place, (carrier, peer) in enumerate(hungry):
            part = min(math.ceil(max(0, free) / (2 * (len(hungry) - place))), max(peer.waiting, self._ahead))
            if part:
                free -= part
                peer.upto, peer.version = peer.spent + part, peer.version + 1
                changed[carrier] = (peer.upto, peer.version, False)
            elif not peer.is_dry:
                changed[carrier] = (peer.upto, peer.version, True)
        for carrier, peer in self._peers.items() if free > 0 else ():
            if peer.is_dry and carrier not in changed:
                changed[carrier] = (peer.upto, peer.version, False)
        for carrier, (_, _, is_dry) in changed.items():
            self._peers[carrier].is_dry = is_dry
        return changed

    def free(self, now: float) -> int:
        """Attempts that nobody was granted yet."""
        given = sum(peer.outstanding for peer in self._peers.values())
        return min((ledger.free(now) for ledger in self.ledgers.values()), default=UNLIMITED) - given

    def binding(self, now: float) -> tuple[str, float] | None:
        """The window that lets nothing through now, and when it does; None when all have room."""
        waits = [(frees, name) for name, ledger in self.ledgers.items() if (frees := ledger.frees_at(now)) is not None]
        return (max(waits)[1], max(waits)[0]) if waits else None

    @property
    def _ahead(self) -> int:
        """Attempts of two seconds at the slowest of its limits: what may be granted to whoever asks for one."""
        return math.ceil(2 * min((each.limit / each.window for each in self.ledgers.values()), default=UNLIMITED))

    @property
    def waiting(self) -> int:
        return sum(peer.waiting for peer in self._peers.values())

    def to_dict(self, now: float) -> dict[str, list[list[int]]]:
        """What was spent, to be kept over a restart; what is granted counts as spent now."""
        self.is_news = False
        given = sum(peer.outstanding for peer in self._peers.values())
        return {name: ledger.rows_with(given, now) for name, ledger in self.ledgers.items()}

    def restore(self, kept: dict[str, list[list[int]]]) -> None:
        for name, rows in kept.items():
            if name in self.ledgers:
                self.ledgers[name].restore(rows)

    def _spend(self, count: int, now: float) -> None:
        self.is_news |= count > 0
        for ledger in self.ledgers.values():
            ledger.spend(max(0, count), now)
