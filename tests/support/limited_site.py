"""A site that limits what it takes in a minute, and two carriers that send to it as a book's shares say: pure, in steps
of a tenth of a second, with reports that come late.

    town = LimitedSite(Fixed(60, random.Random(1)), random.Random(1))
    town.run(15)          # minutes
    town.taken(10, 15)    # mails taken from minute 10 to 15
"""

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from deliverability.bounces.classify import classify
from deliverability.reply import Reply
from deliverability.shaping.book import Book
from deliverability.shaping.controller import Controller
from deliverability.shaping.limiter import TokenBucket
from deliverability.shaping.limits import Said, ShapingSettings
from deliverability.shaping.share import Report, Share

STEP = 0.1
SAID = Reply.parse("421 4.7.0 Too many messages, slow down")
_VERDICT = classify(SAID, "mail")
COMPLAINT = (str(_VERDICT.klass), str(_VERDICT.blame), _VERDICT.slow_down, _VERDICT.rule, str(SAID))


class Limiter(Protocol):
    def takes(self, now: float) -> bool: ...


class Fixed:
    """So many in each minute of its own clock; what it refuses counts too."""

    def __init__(self, limit: int, chance: random.Random) -> None:
        self.limit, self._phase, self._minute, self._count = limit, chance.uniform(0, 60), -1, 0

    def takes(self, now: float) -> bool:
        minute = int((now + self._phase) // 60)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        return self._count <= self.limit


class Sliding:
    """So many in any 60 seconds."""

    def __init__(self, limit: int, chance: random.Random) -> None:
        self.limit = limit
        self._taken: deque[float] = deque()

    def takes(self, now: float) -> bool:
        while self._taken and self._taken[0] <= now - 60:
            self._taken.popleft()
        if len(self._taken) >= self.limit:
            return False
        self._taken.append(now)
        return True


@dataclass
class Sender:
    """A carrier with more to send than it may."""

    share: Share = field(default_factory=Share)
    pace: TokenBucket | None = None
    spent: int = 0
    delivered: int = 0
    is_hushed: bool = True
    complaints: list[tuple[str, str, float, str, str]] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    told: float = 0.0

    def use(self, share: Share, now: float) -> None:
        self.share, self.is_hushed = share, False
        if share.rate is None:
            self.pace = None
        elif self.pace is None:
            self.pace = TokenBucket(share.rate, share.burst)
        else:
            self.pace.set_rate(share.rate, now)
            self.pace.burst = share.burst

    def may(self, now: float) -> bool:
        is_open = len(self.busy) < self.share.slots and now * 1000 >= self.share.paused_ms and not self.is_hushed
        return is_open and (self.pace is None or self.pace.take(now, 1.0, self.share.reserve))

    def report(self) -> Report:
        said = Report(
            "s", (), self.spent, self.delivered, len(self.busy), 50, self.share.version, tuple(self.complaints)
        )
        self.delivered, self.complaints = 0, []
        return said


class LimitedSite:
    def __init__(self, site: Limiter, chance: random.Random) -> None:
        settings = ShapingSettings()
        self._site, self._chance = site, chance
        self._began = self._now = 1e9 + chance.uniform(0, 60)
        self.book = Book("s", "", {"connections": Said(20, "")}, Controller(settings.pause), settings.reserve, 2)
        self._senders = [Sender(), Sender()]
        self._to_book = [(self._now, number) for number in (0, 1)]
        self._to_senders: list[tuple[float, int, Share]] = []
        self.accepted: list[float] = []  # seconds since the beginning
        self.refused: list[float] = []

    def run(self, minutes: float) -> None:
        while self._now < self._began + 60 * minutes:
            self._now += STEP
            for number, sender in enumerate(self._senders):
                self._send(number, sender)
            self._conduct()

    def taken(self, first: float, last: float) -> int:
        return sum(60 * first <= at < 60 * last for at in self.accepted)

    def _send(self, number: int, sender: Sender) -> None:
        now = self._now
        sender.busy = [until for until in sender.busy if until > now]
        while sender.may(now):
            sender.spent += 1
            sender.busy.append(now + 0.15 * self._chance.uniform(0.7, 1.5))
            if self._site.takes(now):
                sender.delivered += 1
                self.accepted.append(now - self._began)
            else:
                self.refused.append(now - self._began)
                sender.complaints.append(COMPLAINT)
                sender.is_hushed = True
                self._to_book.append((now + self._chance.uniform(0, 0.3), number))
        if now - sender.told > 1:
            sender.told = now
            late = self._chance.uniform(0, 3) if self._chance.random() < 0.2 else 0.02
            self._to_book.append((now + late, number))

    def _conduct(self) -> None:
        now = self._now
        heard = sorted(each for each in self._to_book if each[0] <= now)
        self._to_book = [each for each in self._to_book if each[0] > now]
        for _, number in heard:
            said = self._senders[number].report()
            self.book.hear(number, said, now, jitter=self._chance.uniform(-1, 1))
            self.book.peers[number].must_hear |= bool(said.complaints)
        if heard or int(2 * now) != int(2 * (now - STEP)):
            shares = self.book.shares(now).items()
            self._to_senders += [(now + self._chance.uniform(0.01, 0.2), number, share) for number, share in shares]
        for _, number, share in [each for each in self._to_senders if each[0] <= now]:
            self._senders[number].use(share, now)
        self._to_senders = [each for each in self._to_senders if each[0] > now]
