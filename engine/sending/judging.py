"""The arbiter's judgement: may this mail be written to this person now, later, or not at all? Pure.

All marketing mail to a person, from flows and campaigns, is judged here, and what the shop sends beside is counted. A
transactional mail needs only what permission says (a mailbox that is there): it is never capped, nor held.

    permission      consent, suppression, trials: refused at once, with the word that says why
    merged          a newer mail of the same step or campaign is held: this one is not sent
    quiet hours     held until they are over, on the reader's clock
    caps, pace      at most so many in so long, rolling: held until there is room again
    distance        at least so long between two
    gives way       places that held mail of a higher priority, or of the same and held for longer, will take

What is held has a best-before. At its release it is judged anew: sent, held again, merged, or expired. What could not be
sent before its best-before anyhow is refused at once, with the reason that binds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from deliverability.settings import format_duration
from engine.sending.quiet import Quiet
from engine.sending.refusals import Refusal
from mta.queue.delivery import Stream

ALL: Final = "all"  # the subject of every marketing mail
NO_DISTANCE: Final = timedelta()
NEVER_QUIET: Final = Quiet()
LATE: Final = timedelta(minutes=15)  # a release may come so late, by our own doing, that its best-before is just over


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `most` mails of `subject` in any `window`; `reason` is said of what is over."""

    most: int
    window: timedelta
    subject: str = ALL
    reason: Refusal = Refusal.CAP

    def __str__(self) -> str:
        return f"{self.most} in {format_duration(self.window)} of {self.subject}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the installation says. Without anything, only permission and the person's own pace count."""

    caps: tuple[Cap, ...] = ()
    distance: timedelta = NO_DISTANCE
    quiet: Quiet = NEVER_QUIET
    best_before: timedelta = timedelta(days=3)
    priorities: Mapping[str, int] = field(default_factory=dict)  # by subject: "flow NAME" before "flows"
    counts_all: bool = False  # transactional mail takes places too, though it is never held

    def priority_of(self, subjects: Iterable[str]) -> int:
        """The priority that the closest of these subjects has, closest first."""
        return next((self.priorities[each] for each in subjects if each in self.priorities), 0)


@dataclass(frozen=True, slots=True)
class Place:
    """A mail that takes a place at a time: one that was sent, or a held one that goes first."""

    at: datetime
    subjects: frozenset[str]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A mail to the same person that is held: since when, until when, and how it ranks."""

    ref: int  # tells two that began to wait at once apart
    source: str  # the step or campaign it is of: of two with the same source the newer stands for both
    subjects: frozenset[str]
    priority: int
    since: datetime
    until: datetime
    best_before: datetime

    @property
    def rank(self) -> tuple[int, datetime, int]:
        """Who goes first, the smallest."""
        return -self.priority, self.since, self.ref


@dataclass(frozen=True, slots=True)
class Case:
    """One mail that somebody wants to write to one person, and all that is looked at."""

    stream: Stream
    zone: ZoneInfo  # the reader's clock
    subjects: frozenset[str] = frozenset()
    source: str = ""
    priority: int = 0
    permission: str = ""  # "" or the word of Refusal that permission answers
    pace: Cap | None = None  # what the person wants at most
    sent: tuple[Place, ...] = ()
    waiting: tuple[Held, ...] = ()  # other held mails to the person
    held: Held | None = None  # this one, where it was held before
    best_before: datetime | None = None  # None: as the policy says, from now on


@dataclass(frozen=True, slots=True)
class Send:
    """It may be written now."""

    held_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now: judge it again at `until`. `why` says what binds, for people."""

    until: datetime
    reason: Refusal
    best_before: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """It is not written at all. `reason` is a word of Refusal."""

    reason: str
    why: str = ""
    held_since: datetime | None = None


Verdict: TypeAlias = Send | Hold | Refuse
_Bind: TypeAlias = tuple[Refusal, str]  # what is in the way, and the words for people


def judge(case: Case, policy: Policy, now: datetime) -> Verdict:
    """What is to become of this mail now. The same case at the same time is always judged the same."""
    since = case.held.since if case.held else None
    if case.permission:
        return Refuse(case.permission, held_since=since)
    if case.stream is not Stream.MARKETING:
        return Send()
    best_before = case.held.best_before if case.held else case.best_before or now + policy.best_before
    if newer := _newer(case):
        return Refuse(Refusal.MERGED, f"a newer one has been held since {_shown(newer.since)}", since)
    ahead = _ahead(case, now)
    binds = _obstacle(case, policy, case.sent, now) or (_way(case, policy, ahead, now) if ahead else None)
    if now > best_before + LATE:
        return Refuse(Refusal.EXPIRED, _over(best_before, binds), since)
    if binds is None:
        return Send(since)
    reason, why = binds
    if _room(case, policy, case.sent, now) > best_before or now >= best_before:
        return Refuse(Refusal.EXPIRED, _over(best_before, binds), since) if case.held else Refuse(reason, why)
    room = _room(case, policy, (*case.sent, *ahead), now)
    if room > best_before:
        return Hold(best_before, reason, best_before, f"{why}; those that go first leave no room before it is too late")
    return Hold(room, reason, best_before, why + _after_quiet(case, policy, ahead, binds, now))


def _after_quiet(case: Case, policy: Policy, ahead: tuple[Place, ...], binds: _Bind, now: datetime) -> str:
    """Quiet hours are looked at first: what is in the way when they are over, in words to go on with."""
    if binds[0] is not Refusal.QUIET:
        return ""
    over = policy.quiet.over(now, case.zone)
    found = _obstacle(case, policy, case.sent, over) or (_way(case, policy, ahead, over) if ahead else None)
    return f"; then {found[0]}: {found[1]}" if found else ""


def _newer(case: Case) -> Held | None:
    """A mail of the same source that began to wait after this one did."""
    mine = case.held
    if mine is None or not case.source:
        return None
    found = (
        each for each in case.waiting if each.source == case.source and (each.since, each.ref) > (mine.since, mine.ref)
    )
    return next(found, None)


def _ahead(case: Case, now: datetime) -> tuple[Place, ...]:
    """The places that held mails take which go first."""
    mine = case.held.rank if case.held else (-case.priority, now, 0)
    return tuple(
        Place(max(each.until, now), each.subjects, each.source)
        for each in case.waiting
        if each.rank < mine and each.source != case.source and each.best_before >= now
    )


def _way(case: Case, policy: Policy, ahead: tuple[Place, ...], now: datetime) -> _Bind | None:
    """Whether the mails ahead are in the way of this one."""
    found = _obstacle(case, policy, (*case.sent, *ahead), now)
    if found is None:
        return None
    return Refusal.GIVES_WAY, f"to {', '.join(each.name for each in ahead)}, by {found[1]}"


def _obstacle(case: Case, policy: Policy, places: tuple[Place, ...], at: datetime) -> _Bind | None:
    """What is in the way at this time, were these places taken: quiet hours, then caps, then distance."""
    if policy.quiet.holds(at, case.zone):
        over = policy.quiet.over(at, case.zone)
        return Refusal.QUIET, f"until {over.astimezone(case.zone):%H:%M} on the reader's clock ({case.zone.key})"
    for cap in _caps(case, policy):
        if (count := _most_around(cap, places, at)) >= cap.most:
            return cap.reason, f"{cap}: {count} already"
    near = [each for each in places if abs(each.at - at) < policy.distance]
    if near:
        closest = min(near, key=lambda each: abs(each.at - at))
        return Refusal.DISTANCE, f"less than {format_duration(policy.distance)} from the one at {_shown(closest.at)}"
    return None


def _room(case: Case, policy: Policy, places: tuple[Place, ...], now: datetime) -> datetime:
    """The first time from now on at which nothing is in the way, were these places taken.

    Room begins where a place leaves a window or is far enough away, or where quiet hours end: these are tried in order.
    """
    spans = {cap.window for cap in _caps(case, policy)} | {policy.distance}
    begins = {now, *(each.at + span for each in places for span in spans)}
    tries = sorted({policy.quiet.over(begin, case.zone) for begin in begins if begin >= now})
    for at in tries:
        if _obstacle(case, policy, places, at) is None:
            return at
    raise AssertionError("no room is found after all places have left all windows")


def _caps(case: Case, policy: Policy) -> tuple[Cap, ...]:
    """The caps that this mail comes under."""
    own = tuple(cap for cap in policy.caps if cap.subject == ALL or cap.subject in case.subjects)
    return (*own, case.pace) if case.pace else own


def _most_around(cap: Cap, places: tuple[Place, ...], at: datetime) -> int:
    """The most places that any window of this cap holds which holds `at` too. A window is half open: what is exactly one
    window away does not count."""
    near = sorted(
        each.at
        for each in places
        if abs(each.at - at) < cap.window and (cap.subject == ALL or cap.subject in each.subjects)
    )
    starts = [at, *(each for each in near if each < at)]
    return max(sum(start <= each < start + cap.window for each in near) for start in starts)


def _over(best_before: datetime, binds: _Bind | None) -> str:
    words = f"it was {_shown(best_before)}"
    return f"{words}; {binds[0]}: {binds[1]}" if binds else words


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
