"""What all sessions of one host share: its settings, its memory of who came when, and where it keeps mail."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from engine.lab.keep import Kept, Receipt, Refusal
from engine.lab.moods import Act, Aftermath, Catalogue, Host, Mood, Stage
from mta.ports import Chance, Clock, to_ms

_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Rcpt:
    """One recipient, and the mood of its mailbox."""

    path: str
    parameters: str
    mood: Mood | None


@dataclass(frozen=True, slots=True)
class Occasion:
    """Who asks for what: what the conditions of moods look at."""

    host: str
    client: str
    nth: int  # mails begun in this session, this one included
    sender: str = ""
    rcpt: str = ""


@dataclass(frozen=True, slots=True)
class Meeting:
    """What moods make of one stage."""

    delay: timedelta = timedelta(0)
    mood: Mood | None = None  # the one that takes the stage over; None: the ordinary reply is due
    rcpt: str = ""  # whom it is about


@dataclass(slots=True)
class Memory:
    """Remembers, for all hosts of a lab, whom they greylisted and how many came in the last minute of lab time."""

    clock: Clock
    chance: Chance
    _first_seen: dict[Occasion, datetime] = field(default_factory=dict)
    _lately: dict[tuple[str, str, str], deque[datetime]] = field(default_factory=dict)

    def shows(self, mood: Mood, occasion: Occasion) -> bool:
        """Whether every condition of the mood holds now. Counts this occasion where the mood counts."""
        if mood.above_per_session is not None and occasion.nth <= mood.above_per_session:
            return False
        if mood.greylist is not None and not self._is_grey(mood.greylist, occasion):
            return False
        if mood.above_per_minute is not None and not self._is_above(mood, mood.above_per_minute, occasion):
            return False
        return mood.chance >= 1 or self.chance.uniform(0, 1) < mood.chance

    def _is_grey(self, wait: timedelta, occasion: Occasion) -> bool:
        now = self.clock.now()
        triplet = Occasion(occasion.host, occasion.client, 0, occasion.sender, occasion.rcpt)
        return now - self._first_seen.setdefault(triplet, now) < wait

    def _is_above(self, mood: Mood, limit: int, occasion: Occasion) -> bool:
        """Only those that were let through count, so that whoever comes too fast still gets through at the rate."""
        now = self.clock.now()
        lately = self._lately.setdefault((occasion.host, mood.name, occasion.rcpt or occasion.client), deque())
        while lately and not timedelta(0) <= now - lately[0] < _MINUTE:
            lately.popleft()
        if len(lately) >= limit:
            return True
        lately.append(now)
        return False


class Reception:
    """One host, as its sessions see it."""

    def __init__(self, catalogue: Catalogue, host: Host, memory: Memory, kept: Kept) -> None:
        self.host = host
        self._catalogue = catalogue
        self._memory = memory
        self._kept = kept
        self._moods: dict[Stage, list[Mood]] = {stage: [] for stage in Stage}
        for name in host.moods:
            self._moods[catalogue.mood[name].at].append(catalogue.mood[name])

    def now_ms(self) -> int:
        """Lab time."""
        return to_ms(self._memory.clock.now())

    def rcpt(self, path: str, parameters: str) -> Rcpt:
        """The recipient with the mood of its mailbox."""
        return Rcpt(path, parameters, self._catalogue.of_mailbox(self.host, path.rpartition("@")[0]))

    def meet(self, stage: Stage, client: str, nth: int, sender: str, rcpts: Sequence[Rcpt]) -> Meeting:
        """What the host's moods, and then those of the recipients' mailboxes, make of this stage."""
        delay = timedelta(0)
        for mood, rcpt in self._candidates(stage, rcpts):
            if self._memory.shows(mood, Occasion(self.host.name, client, nth, sender, rcpt)):
                delay += mood.delay
                if mood.reply or mood.act is not Act.REPLY:
                    return Meeting(delay, mood, rcpt)
        return Meeting(delay)

    def aftermaths(self, rcpt: Rcpt) -> Iterator[Mood]:
        """The moods by which something comes back after a mail to this recipient was accepted."""
        moods = [*self._moods[Stage.DOT], *([rcpt.mood] if rcpt.mood else [])]
        return (mood for mood in moods if mood.aftermath is not Aftermath.NOTHING)

    def keep(self, receipt: Receipt, raw: bytes) -> None:
        """OSError when the disk refuses."""
        self._kept.keep(receipt, raw)

    def refuse(self, refusal: Refusal) -> None:
        self._kept.refuse(refusal)

    def _candidates(self, stage: Stage, rcpts: Sequence[Rcpt]) -> Iterator[tuple[Mood, str]]:
        first = rcpts[0].path if rcpts else ""
        yield from ((mood, first) for mood in self._moods[stage])
        yield from ((rcpt.mood, rcpt.path) for rcpt in rcpts if rcpt.mood is not None and rcpt.mood.at is stage)
