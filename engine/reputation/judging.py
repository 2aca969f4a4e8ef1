"""The figure of each rule for all whom it is about, over the last two days: each rule adds up what is its own business."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from deliverability.reputation import figures, index
from deliverability.reputation.alarms import Figure, Subject
from deliverability.reputation.figures import Figures
from deliverability.reputation.index import Share
from deliverability.reputation.settings import ReputationSettings
from engine.reputation.sources import day_of
from mta.ports import Tx
from mta.queue.delivery import Stream

WINDOW: Final = timedelta(days=2)
BEFORE_DAYS: Final = 7  # what the share of TLS is compared with
TLS_DROP: Final = "TLS drop"


@dataclass(slots=True)
class _Group:
    """The counts of one subject, and the last reply of each word."""

    figures: Figures = field(default_factory=Figures)
    said: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def add(self, row: tuple[Any, ...]) -> None:
        word, count, told = row[5], row[6], (row[0], row[9] or 0, row[7], row[8])
        self.figures.counts[word] += count
        if row[7]:
            self.said[word] = max(self.said.get(word, told), told)

    def last(self, has: Callable[[str], bool]) -> tuple[str, str, int]:
        """The last reply of a word of this sort: it, the rule that judged it, and its message."""
        told = max((each for word, each in self.said.items() if has(word)), default=None)
        return (told[2], told[3], told[1]) if told else ("", "", 0)


def figures_of(
    tx: Tx, now: datetime, reported: Mapping[str, Share], settings: ReputationSettings
) -> dict[Subject, Figure]:
    """What each rule finds of each subject. `reported`: DMARC by From domain."""
    first = day_of(now) - (WINDOW.days - 1)
    rows = tx.query(
        "SELECT day, provider, source, domain, stream, what, count, reply, rule, message_id FROM reputation_day"
        " WHERE day >= ?",
        (first,),
    )
    found = dict(_of_rows(rows, settings))
    found |= _tls(tx, rows, first, settings)
    for domain, share in reported.items():
        subject = Subject(index.DMARC, domain=domain)
        found[subject] = _figure(share, settings.least, settings.dmarc_fail_warn, settings.dmarc_fail_alarm)
    return found


def _of_rows(rows: list[tuple[Any, ...]], settings: ReputationSettings) -> Iterator[tuple[Subject, Figure]]:
    groups: dict[Subject, _Group] = {}
    for row in rows:
        _, provider, source, domain, stream = row[:5]
        for subject in (
            Subject(index.COMPLAINTS, provider=provider, domain=domain),
            Subject(index.HARD_BOUNCES, domain=domain, stream=Stream(stream).word),
            Subject(index.BLOCKED, provider=provider, source=source),
            Subject(index.DEFERRED, provider=provider, source=source),
        ):
            groups.setdefault(subject, _Group()).add(row)
    rules = {
        index.COMPLAINTS: (_is_complaint, settings.complaints_warn, settings.complaints_alarm),
        index.HARD_BOUNCES: (_is_hard, settings.hard_bounces_warn, settings.hard_bounces_alarm),
        index.BLOCKED: (_is_block, settings.blocked_warn, settings.blocked_alarm),
        index.DEFERRED: (_is_pressure, settings.deferred_warn, settings.deferred_alarm),
    }
    for subject, group in groups.items():
        tells, warn, alarm = rules[subject.rule]
        share = index.shares_of(group.figures, index.Beside())[subject.rule]
        yield subject, _figure(share, settings.least, warn, alarm, *group.last(tells))


def _tls(tx: Tx, rows: list[tuple[Any, ...]], first: int, settings: ReputationSettings) -> dict[Subject, Figure]:
    """How far the share of mail that was taken by TLS fell at each provider, against the week before."""
    now, before = dict[str, Figures](), dict[str, Figures]()
    for row in rows:
        now.setdefault(row[1], Figures()).counts[row[5]] += row[6]
    for provider, word, count in tx.query(
        "SELECT provider, what, sum(count) FROM reputation_day WHERE day >= ? AND day < ? AND what IN (?,?)"
        " GROUP BY provider, what",
        (first - BEFORE_DAYS, first, figures.ACCEPTED, figures.ENCRYPTED),
    ):
        before.setdefault(provider, Figures()).counts[word] += int(count)
    found = {}
    for provider, its in now.items():
        earlier = before.get(provider, Figures())
        subject = Subject(TLS_DROP, provider=provider)
        if min(its.accepted, earlier.accepted) < settings.least:
            continue
        fell = its.in_clear / its.accepted - earlier.in_clear / earlier.accepted
        found[subject] = Figure(
            its.in_clear, its.accepted, max(0.0, fell), settings.tls_drop_warn, settings.tls_drop_alarm
        )
    return found


def _figure(
    share: Share, least: int, warn: float, alarm: float, reply: str = "", judged_by: str = "", message_id: int = 0
) -> Figure:
    value = share.value if (share.of or 0) >= least else None
    return Figure(share.count, share.of or 0, value, warn, alarm, reply, judged_by, message_id)


def _is_complaint(word: str) -> bool:
    return word == figures.COMPLAINED


def _is_hard(word: str) -> bool:
    return word in _HARD


def _is_block(word: str) -> bool:
    return word in _BLOCKS


def _is_pressure(word: str) -> bool:
    return word in _PRESSURE


_HARD: Final = {figures.by_class(figures.BOUNCED, each) for each in figures.HARD}
_BLOCKS: Final = {
    figures.by_class(what, each) for what in (figures.BOUNCED, figures.DEFERRED) for each in figures.BLOCKS
}
_PRESSURE: Final = {figures.by_class(figures.DEFERRED, each) for each in figures.PRESSURE}
