"""Tidings: what a carrier tells the conductor of its sites and domains, and how soon.

Figures go with the next beat; what others must act on (a complaint, a new site, a grant that is nearly spent, a slot
that came free) goes at once, together with whatever else there is by then.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol

from deliverability.bounces.classify import Verdict
from deliverability.shaping.share import Report
from mta.outbound.lane import Lane

SOON_SECONDS: Final = 0.02
CHUNK: Final = 300  # sites or domains in one message; the link's lines are at most 1 MiB


class Tell(Protocol):
    """Says something to the front office; never waits."""

    def __call__(self, **message: Any) -> None: ...


@dataclass(slots=True)
class _News:
    lane: Lane
    delivered: int = 0
    refused: int = 0
    session: int = 0
    recipients: int = 0
    complaints: list[tuple[str, str, float, str, str]] = field(default_factory=list)


class Tidings:
    """Collects, and tells. Without anybody to tell (`tell` is None) it forgets."""

    def __init__(self, tell: Tell | None) -> None:
        self._tell = tell
        self._news: dict[str, _News] = {}
        self._fates: dict[str, list[int]] = {}  # by domain: attempts, bounces
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_heard(self) -> bool:
        """Whether a conductor answers."""
        return self._tell is not None

    # -- what happened

    def changed(self, lane: Lane) -> None:
        """Something about the lane is other than it was; said soon where a share depends on it."""
        self._of(lane)
        if lane.share.by_demand:
            self._soon()

    def took(self, lane: Lane) -> None:
        """A delivery was taken out of the lane; a grant that comes to its end is told of."""
        upto = lane.share.upto
        if upto is not None and upto - lane.spent <= 1:
            self._of(lane)
            self._soon()

    def delivered(self, lane: Lane, domain: str) -> None:
        self._of(lane).delivered += 1
        self._fate(domain, 0)

    def refused(self, lane: Lane) -> None:
        """The site put a delivery off or refused it, in its own words."""
        self._of(lane).refused += 1

    def failed(self, lane: Lane, domain: str, *, is_hard: bool) -> None:
        self._of(lane)
        self._fate(domain, int(is_hard))

    def complained(self, lane: Lane, verdict: Verdict, reply: str) -> None:
        """The site said something that may concern everybody's pace."""
        facts = (str(verdict.klass), str(verdict.blame), verdict.slow_down, verdict.rule, reply[:500])
        self._of(lane).complaints.append(facts)
        self._soon()

    def session_ended(self, lane: Lane, deliveries: int) -> None:
        """The site said that a session had enough."""
        self._of(lane).session = deliveries
        self._soon()

    def transaction_full(self, lane: Lane, recipients: int) -> None:
        """The site had enough recipients in one transaction."""
        self._of(lane).recipients = recipients
        self._soon()

    def new_lane(self, lane: Lane) -> None:
        """A share is asked for."""
        self._of(lane)
        self.flush()

    # -- telling

    def flush(self) -> None:
        """Tell all there is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        news, self._news = list(self._news.values()), {}
        fates, self._fates = self._fates, {}
        if self._tell is None:
            return
        for begin in range(0, len(news), CHUNK):
            self._tell(sites=[_report(each).to_dict() for each in news[begin : begin + CHUNK]])
        rows = iter(fates.items())
        while chunk := dict(islice(rows, CHUNK)):
            self._tell(fates=chunk)

    def _of(self, lane: Lane) -> _News:
        found = self._news.get(lane.site)
        if found is None:
            found = self._news[lane.site] = _News(lane)
        return found

    def _fate(self, domain: str, hard: int) -> None:
        counts = self._fates.setdefault(domain, [0, 0])
        counts[0] += 1
        counts[1] += hard
        if hard:
            self._soon()

    def _soon(self) -> None:
        if self._timer is None and self._tell is not None:
            self._timer = asyncio.get_running_loop().call_later(SOON_SECONDS, self.flush)


def _report(news: _News) -> Report:
    lane = news.lane
    return Report(
        site=lane.site, hosts=lane.exchangers, spent=lane.spent, delivered=news.delivered, refused=news.refused,
        open=lane.connections,
        waiting=len(lane) + len(lane.domains), version=lane.share.version, complaints=tuple(news.complaints),
        session=news.session, recipients=news.recipients,
    )  # fmt: skip
