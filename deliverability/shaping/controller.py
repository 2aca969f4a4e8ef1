"""The controller: learns from replies how fast one site takes mail from one source. Pure; times are seconds since 1970.

What it promises:

- **recipient-level replies never slow a site**: only a verdict's `slow_down` counts, and it is 0 for those;
- the first word of a site that it is too much stops everything to it at once, for a pause that grows while the site
  goes on saying so;
- after that the site is paced: **multiplicative decrease**, by the weight of the reply, from what the site really took
  in the last minute; **additive increase**, quick up to nine tenths of where it refused, slow beyond, and quicker again
  once that point is left behind;
- **slow start**: connections to a provider begin with two and grow by one for each delivery;
- other signs (a server in trouble, a mail taken for spam) act only when they come thick: a site that puts off one mail
  in ten is not slowed.

A site that never complained and has no known provider is not paced at all. State goes to and from a plain dict, so that
what was learnt survives restarts.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from deliverability.bounces.classify import Blame, BounceClass, Then, Verdict
from deliverability.settings import BackOff
from deliverability.shaping.ledger import SLICES, Ledger
from deliverability.shaping.retry import wait_after

FIRST_CONNECTIONS: Final = 2
CUT_FIRST: Final = 0.2  # of the rate, for a reply of weight 1 after deliveries ...
CUT_AGAIN: Final = 0.5  # ... and when the site says so again before it took anything
FADE: Final = 0.05  # how much evidence of weak signs one delivery takes away
RECOVER_SECONDS: Final = 60.0  # from eight to nine tenths of where it refused
PROBE_SECONDS: Final = 60.0  # for one hundredth beyond that
NEAR: Final = 0.9  # of the refused rate: from here on slowly
BEYOND: Final = 1.1  # of the refused rate: it no longer tells anything
UNPACED: Final = 500.0  # attempts a second: whoever takes so much needs no pace
SLOWEST: Final = 1 / 3600  # attempts a second
SHORT: Final = 0.25  # of a whole pause: enough for a site that was paced already
USED: Final = 0.6  # of the rate must have been used, or its being borne proves nothing
LATE_SECONDS: Final = 5.0  # after a complaint: what is told of until then was taken before it
GRAIN: Final = 5.0  # seconds: what one look at the growth may count at most


@dataclass(slots=True)
class Learnt:
    """What a site taught us. None: nothing yet."""

    rate: float | None = None  # attempts a second
    refused_rate: float | None = None  # where it last said too much
    connections: int | None = None
    refused_connections: int | None = None
    per_connection: int | None = None
    recipients: int | None = None  # in one transaction
    strikes: int = 0  # times it said too much since it last took a mail
    paused_until: float = 0.0
    slowed_at: float = 0.0
    reason: str = ""  # the reply that slowed it last
    rule: str = ""
    is_blocked: bool = False  # it refuses our address, as far as we know


@dataclass(slots=True)
class Controller:
    """One (source, site). `known`: a provider is known, so connections start slowly."""

    back_off: BackOff
    known: bool = False
    learnt: Learnt = field(default_factory=Learnt)
    evidence: float = 0.0
    _taken: Ledger = field(default_factory=lambda: Ledger(0, 60.0))  # what the site accepted in the last minute
    _taken_since: float | None = 0.0  # from when on that is known; None: from the next report on
    _base: tuple[float, float | None] | None = None  # of the last cut: how much is left, and the rate before
    _grown_at: float = 0.0
    _connections_grown_at: float = 0.0

    def __post_init__(self) -> None:
        if self.known and self.learnt.connections is None:
            self.learnt.connections = FIRST_CONNECTIONS

    # -- what came of attempts

    def delivered(self, count: int, now: float, *, limit: int) -> None:
        """The site took `count` mails. `limit`: how many connections its settings allow."""
        if self._taken_since is None:
            self._taken_since = now
        if not count:
            return
        self._taken.spend(count, now)
        self.evidence = max(0.0, self.evidence - FADE * count)
        if now < self.learnt.paused_until:  # it was under way, or another carrier tells of it only now
            if self._base is not None and now < self.learnt.slowed_at + LATE_SECONDS:
                self._cut_rate(now)
            return
        self.learnt.strikes, self.learnt.is_blocked = 0, False
        self._grow_rate(now)
        self._grow_connections(count, now, limit)

    def judged(self, verdict: Verdict, reason: str, now: float, *, open_now: int, jitter: float = 0.0) -> bool:
        """A reply that is no acceptance. True when it changed what may be sent; `open_now`: connections at that time."""
        if verdict.blame is Blame.RECIPIENT or verdict.slow_down <= 0 or now < self.learnt.paused_until:
            return False  # while it rests, only answers to what was under way can come
        self.evidence += 1.0 if verdict.is_too_much else verdict.slow_down
        if self.evidence < 1.0:
            return False
        self.evidence = 0.0
        self._slow(verdict, now, open_now, jitter)
        self.learnt.reason, self.learnt.rule = reason, verdict.rule
        return True

    def session_ended(self, deliveries: int) -> bool:
        """The site said that a session had enough after so many. True when that is news."""
        known = self.learnt.per_connection
        if deliveries < 1 or (known is not None and known <= deliveries):
            return False
        self.learnt.per_connection = deliveries
        return True

    def transaction_full(self, recipients: int) -> bool:
        """The site took so many recipients in one transaction, and had enough. True when that is news."""
        known = self.learnt.recipients
        if recipients < 1 or (known is not None and known <= recipients):
            return False
        self.learnt.recipients = recipients
        return True

    def _slow(self, verdict: Verdict, now: float, open_now: int, jitter: float) -> None:
        learnt = self.learnt
        learnt.strikes += 1
        learnt.is_blocked = verdict.then is Then.OTHER_SOURCE
        self._base = None
        cut = 1 - verdict.slow_down * (CUT_FIRST if learnt.strikes == 1 else CUT_AGAIN)
        pause = wait_after(learnt.strikes, self.back_off, jitter=jitter).total_seconds() * verdict.slow_down
        if verdict.klass is BounceClass.TOO_MANY_CONNECTIONS:
            learnt.refused_connections = max(1, min(open_now, learnt.connections or open_now))
            learnt.connections = max(1, int(learnt.refused_connections * cut) if open_now > 1 else 1)
            if learnt.connections == learnt.refused_connections:
                learnt.connections = max(1, learnt.connections - 1)
            pause *= SHORT  # a connection less is what it asked for
        else:
            if learnt.rate is not None and learnt.strikes == 1:
                pause *= SHORT
            self._base = (cut, learnt.rate)
            self._cut_rate(now)
        learnt.slowed_at, learnt.paused_until = now, now + pause
        self._grown_at = self._connections_grown_at = learnt.paused_until

    def _cut_rate(self, now: float) -> None:
        """From what the site took of late, which is what it can bear; or, when it takes nothing, from where we were."""
        assert self._base is not None
        learnt, (cut, before) = self.learnt, self._base
        seen = self.taken_rate(now)
        if before is not None and (self._taken_since is None or now - self._taken_since < self._taken.window):
            seen = before  # the site counts what it took before our restart, too, of which we know nothing
        if learnt.strikes == 1 and seen > 0:
            # A rate below the pace says that the pace was not what it minded.
            base = seen if before is None else min(seen, before)
            learnt.refused_rate = base
        else:
            base = before or seen or 1.0
            learnt.refused_rate = learnt.refused_rate or base
        learnt.rate = max(SLOWEST, base * cut)

    def _grow_rate(self, now: float) -> None:
        learnt = self.learnt
        seconds = min(GRAIN, max(0.0, now - self._grown_at))
        self._grown_at = now
        if learnt.rate is None:
            return
        refused = learnt.refused_rate or learnt.rate
        if now - learnt.paused_until > self._taken.window and self.taken_rate(now) < USED * learnt.rate:
            return
        if learnt.rate < NEAR * refused:
            learnt.rate += (1 - NEAR) * refused * seconds / RECOVER_SECONDS
        elif learnt.rate < BEYOND * refused:
            learnt.rate += 0.01 * refused * seconds / PROBE_SECONDS
        else:
            learnt.rate += 0.1 * learnt.rate * seconds / PROBE_SECONDS
        if learnt.rate > UNPACED:
            learnt.rate = learnt.refused_rate = None

    def _grow_connections(self, count: int, now: float, limit: int) -> None:
        learnt = self.learnt
        if learnt.connections is None:
            return
        refused = learnt.refused_connections
        if refused is None:
            learnt.connections = min(limit, learnt.connections + count)
        elif now - self._connections_grown_at >= RECOVER_SECONDS * (1 if learnt.connections < refused - 1 else 10):
            learnt.connections = min(limit, learnt.connections + 1)
            self._connections_grown_at = now
            if learnt.connections > refused:
                learnt.refused_connections = learnt.connections
        if learnt.connections >= limit and not self.known:
            learnt.connections = learnt.refused_connections = None

    # -- what follows from it

    def taken_rate(self, now: float) -> float:
        """Mails a second that the site took in the last minute."""
        return self._taken.used(now) / (self._taken.window * (1 + 1 / SLICES))

    def is_paused(self, now: float) -> bool:
        return now < self.learnt.paused_until

    # -- across restarts, and clocks that were set back

    def heed_clock(self, now: float) -> bool:
        """A pause that began in a time to come, since the clock was set back, begins now and lasts as long as it was to. True
        when there was one."""
        learnt, ahead = self.learnt, self.learnt.slowed_at - now
        if ahead > 0:
            learnt.slowed_at, learnt.paused_until = now, max(0.0, learnt.paused_until - ahead)
        latest = max(now, learnt.paused_until)
        self._grown_at, self._connections_grown_at = (
            min(self._grown_at, latest),
            min(self._connections_grown_at, latest),
        )
        self._taken_since = None if self._taken_since is None else min(self._taken_since, now)
        return ahead > 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self.learnt)

    def restore(self, kept: dict[str, Any]) -> None:
        """Go on from what `to_dict` gave; keys of another version are left out."""
        names = Learnt.__dataclass_fields__
        self.learnt = Learnt(**{key: value for key, value in kept.items() if key in names})
        self._taken_since = None
        if self.known and self.learnt.connections is None:
            self.learnt.connections = FIRST_CONNECTIONS
