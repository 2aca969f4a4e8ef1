"""A site's book: its limits, what was learnt, and how both are shared out among the carriers. Pure.

What it promises, whatever the carriers do and whenever one dies: the connections that all of them may hold never
exceed the limit (a slot moves only when its holder reported it closed), and no minute, hour or day holds more attempts
than its limit (attempts are granted, and a grant counts as spent until it is known not to be). Rates are divided among
those who have something to carry.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Final

from deliverability.bounces.classify import Blame, BounceClass, Suppress, Verdict, then
from deliverability.shaping.controller import Controller, Learnt
from deliverability.shaping.ledger import Ledger
from deliverability.shaping.limits import WINDOWS, Said
from deliverability.shaping.seconds import Seconds, pace
from deliverability.shaping.share import Report, Share

ALONE: Final = 5.0  # a carrier needs a fifth of an attempt a second, or another has it all
AHEAD: Final = 2.0  # seconds' worth of attempts that are granted at once


@dataclass(slots=True)
class Peer:
    """A carrier, as one site's book knows it."""

    spent: int = 0
    open: int = 0
    waiting: int = 0
    share: Share = Share()  # noqa: RUF009 - frozen
    old_slots: int = 0  # more than it has now, as long as it may not know
    must_hear: bool = False  # it waits for a share, be it the same

    @property
    def is_active(self) -> bool:
        return self.waiting > 0 or self.open > 0

    @property
    def outstanding(self) -> int:
        """Attempts that were granted and not reported yet."""
        return 0 if self.share.upto is None else max(0, self.share.upto - self.spent)

    @property
    def held(self) -> int:
        """Connections that it may have, for all we know."""
        return max(self.share.slots, self.old_slots, self.open)


@dataclass(slots=True)
class Book:
    """One (source, site). `said`: its limits with who set them. `carriers`: how many share."""

    site: str
    provider: str
    said: dict[str, Said]
    controller: Controller
    reserve: float
    carriers: int
    hosts: tuple[str, ...] = ()
    suspended_until: float = 0.0  # an operator's word; seconds
    kept: Learnt = field(default_factory=Learnt)  # what was written down of what was learnt
    peers: dict[int, Peer] = field(default_factory=dict)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    is_spending: bool = False  # something was spent since it was written down
    _seconds: Seconds = field(default_factory=Seconds)
    _version: int = 0

    def __post_init__(self) -> None:
        self.kept = replace(self.controller.learnt)
        self.use(self.said)

    def use(self, said: dict[str, Said]) -> None:
        """These limits from now on; what was spent stays spent."""
        self.said = said
        for name, window in WINDOWS.items():
            if name not in said:
                self.ledgers.pop(name, None)
            else:
                self.ledgers.setdefault(name, Ledger(0, window)).limit = said[name].value

    # -- across restarts

    def to_dict(self, now: float) -> dict[str, Any]:
        """What was learnt, and what was spent in windows that last; what is granted counts as spent now."""
        self.is_spending = False
        given = sum(peer.outstanding for peer in self.peers.values())
        windows = {name: each.rows_with(given, now) for name, each in self.ledgers.items()}
        return {**self.controller.to_dict(), "windows": windows}

    def restore(self, windows: dict[str, list[list[int]]]) -> None:
        """Go on with what was spent."""
        for name, rows in windows.items():
            if name in self.ledgers:
                self.ledgers[name].restore(rows)

    # -- what carriers say

    def hear(self, carrier: int, report: Report, now: float, *, jitter: float = 0.0) -> bool:
        """Take a report in. True when a complaint changed what may be sent."""
        peer = self.peers.setdefault(carrier, Peer())
        self._spend(report.spent - peer.spent, now)
        peer.spent, peer.open, peer.waiting = report.spent, report.open, report.waiting
        if report.version == peer.share.version:
            peer.old_slots = 0
            self._seconds.heard(carrier, now)
        changed = report.session > 0 and self.controller.session_ended(report.session)
        changed |= self.controller.transaction_full(report.recipients)
        self.controller.delivered(report.delivered, now, limit=self.limit("connections") or 1000)
        open_now = sum(each.open for each in self.peers.values())
        for klass, blame, weight, rule, reply in report.complaints:
            verdict = _verdict(klass, blame, weight, rule)
            changed |= self.controller.judged(verdict, reply, now, open_now=max(1, open_now), jitter=jitter)
        return changed

    def forget(self, carrier: int, now: float) -> None:
        """A carrier is gone. What it was granted counts as spent."""
        peer = self.peers.pop(carrier, None)
        self._seconds.forget(carrier, now)
        if peer is not None:
            self._spend(peer.outstanding, now)

    def _spend(self, count: int, now: float) -> None:
        self.is_spending |= count > 0
        for ledger in self.ledgers.values():
            ledger.spend(max(0, count), now)

    # -- what holds

    def limit(self, name: str) -> int | None:
        found = self.said.get(name)
        return found.value if found else None

    @property
    def is_plain(self) -> bool:
        """Nothing but a number of connections holds, and every carrier gets its even part of it."""
        learnt = self.controller.learnt
        return (
            not self.provider
            and set(self.said) <= {"connections", "per_connection"}
            and (learnt.rate, learnt.connections) == (None, None)
            and (self.limit("connections") or self.carriers) >= self.carriers
        )

    @property
    def is_wanted(self) -> bool:
        """Whether any carrier has something for it."""
        return any(peer.is_active for peer in self.peers.values())

    @property
    def connections(self) -> int:
        """Connections over all carriers."""
        return min(self.limit("connections") or 1000, self.controller.learnt.connections or 1000)

    @property
    def per_connection(self) -> int:
        return min(self.limit("per_connection") or 1000, self.controller.learnt.per_connection or 1000)

    @property
    def rate(self) -> float | None:
        """Attempts a second over all carriers; None where nothing says."""
        per_second, per_minute = self.limit("per_second"), self.limit("per_minute")
        rates = [self.controller.learnt.rate, per_second, per_minute / 60 if per_minute else None]
        return min((each for each in rates if each is not None), default=None)

    def paused_until(self) -> float:
        return max(self.controller.learnt.paused_until, self.suspended_until)

    # -- shares

    def shares(self, now: float) -> dict[int, Share]:
        """The shares that changed, by carrier. They count as given."""
        wanted = self._plain() if self.is_plain else self._divided(now)
        changed: dict[int, Share] = {}
        for carrier, share in wanted.items():
            peer = self.peers[carrier]
            if replace(share, version=peer.share.version) == peer.share and not peer.must_hear:
                continue
            peer.must_hear = False
            self._version += 1
            peer.old_slots = max(peer.old_slots, peer.share.slots)
            peer.share = changed[carrier] = replace(share, version=self._version)
        return changed

    def _plain(self) -> dict[int, Share]:
        slots = max(1, self.connections // self.carriers)
        learnt = self.controller.learnt
        share = Share(
            slots, self.per_connection, learnt.recipients, paused_ms=self._paused_ms(), is_blocked=learnt.is_blocked
        )
        return dict.fromkeys(self.peers, share)

    def _paused_ms(self) -> int:
        return int(self.paused_until() * 1000)

    def _divided(self, now: float) -> dict[int, Share]:
        slots = self._slots()
        holders = [carrier for carrier, count in slots.items() if count]
        seconds = self._parts(holders, now)
        holders = [carrier for carrier in holders if seconds.get(carrier) != 0]
        rate = self._rate_of_one(len(holders))
        door = self.limit("connections_per_minute")
        grants = self._grants(holders, rate, now)
        paces = {carrier: self._pace(rate, seconds.get(carrier)) for carrier in self.peers}
        return {
            carrier: Share(
                slots=slots[carrier] if seconds.get(carrier) != 0 else 0, per_connection=self.per_connection,
                recipients=self.controller.learnt.recipients,
                rate=paces[carrier][0], burst=paces[carrier][1], reserve=paces[carrier][2],
                connection_rate=door / 60 / max(1, len(holders)) if door else None,
                upto=grants[carrier][0], bulk_upto=grants[carrier][1], paused_ms=self._paused_ms(),
                is_blocked=self.controller.learnt.is_blocked, by_demand=True,
            )
            for carrier in self.peers
        }  # fmt: skip

    def _slots(self) -> dict[int, int]:
        """Connections for each: even parts for those who have something to carry, those first who have them already."""
        total = self.connections
        if self.rate is not None:
            total = min(total, max(1, int(self.rate * ALONE)))
        active = [carrier for carrier, peer in self.peers.items() if peer.is_active]
        active.sort(key=lambda carrier: (-self.peers[carrier].open, -self.peers[carrier].share.slots, carrier))
        wanted = dict.fromkeys(self.peers, 0)
        for place, carrier in enumerate(active):
            wanted[carrier] = total // len(active) + (place < total % len(active))
        return self._granted(wanted)

    def _granted(self, wanted: dict[int, int]) -> dict[int, int]:
        """No slot to anybody while another may still hold it."""
        left = self.connections - sum(peer.held for peer in self.peers.values())
        granted = {}
        for carrier, count in wanted.items():
            peer = self.peers[carrier]
            more = max(0, min(count - peer.held, left))
            left -= more
            granted[carrier] = min(count, peer.held + more)
        return granted

    def _rate_of_one(self, holders: int) -> float | None:
        rate = self.rate
        return None if rate is None else rate / max(1, holders)

    def _parts(self, holders: list[int], now: float) -> dict[int, int]:
        """Attempts in a second for each, where they are limited."""
        limit = self.limit("per_second")
        return {} if limit is None else self._seconds.share(limit, holders, now)

    def _pace(self, rate: float | None, part: int | None) -> tuple[float | None, float, float]:
        """How fast one carrier goes, how much may come at once, and how much of that is reserved. `part`: of attempts in
        a second, where they are limited."""
        if rate is None:
            return None, 1.0, 0.0
        if part is not None:  # a bucket goes on at the slowest while it has no part: a new one would be full
            exact, burst, reserve = pace(max(1, part), self.reserve)
            return min(exact, rate), burst, reserve
        reserve = max(1.0, self.reserve * rate) if self.reserve else 0.0
        return rate, max(2.0, rate / 20) + reserve, reserve  # 2: room for what a late timer would lose

    def _grants(self, holders: list[int], rate: float | None, now: float) -> dict[int, tuple[int | None, int | None]]:
        if not self.ledgers:
            return dict.fromkeys(self.peers, (None, None))
        free = min(ledger.free(now) for ledger in self.ledgers.values())
        bulk_free = min(ledger.free(now) - int(self.reserve * ledger.limit) for ledger in self.ledgers.values())
        free -= sum(peer.outstanding for peer in self.peers.values())
        grants: dict[int, tuple[int | None, int | None]] = {}
        for carrier, peer in self.peers.items():
            ahead = peer.outstanding
            if carrier in holders:
                part = math.ceil(max(0, free) / (2 * len(holders)))
                if rate is not None:
                    part = min(part, max(0, math.ceil(rate * AHEAD) + 2 - ahead))
                free -= part
                ahead += part
            bulk = max(0, min(ahead, math.ceil(bulk_free / max(1, len(holders)))))
            grants[carrier] = (peer.spent + ahead, peer.spent + bulk)
        return grants


def _verdict(klass: str, blame: str, weight: float, rule: str) -> Verdict:
    """What a carrier says of a reply, as far as the pace is concerned."""
    of = BounceClass(klass)
    return Verdict(of, Blame(blame), then(of, weight, hard=False), Suppress.NEVER, weight, rule)
