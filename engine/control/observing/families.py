"""Every metric with its figures, made of what was seen."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from deliverability.bounces.classify import BounceClass
from deliverability.doctor.model import Verdict
from deliverability.reputation import figures as words
from deliverability.reputation.alarms import Level
from engine.audience.figures import What
from engine.control.observing import catalogue as all_of
from engine.control.observing.exposition import Family, Histogram, Values, added_up, by, first, one
from engine.control.observing.facts import certificates
from engine.control.observing.gathering import Observer, Seen
from engine.control.protocol.health import STATES, Health
from engine.release import version
from mta.queue.delivery import State, Stream

LONGEST_BUCKET: Final = 18  # 2 ** 18 s are three days
SCOPES: Final = ("site", "domain", "stream", "campaign")


def families(observer: Observer, seen: Seen, health: Health) -> Iterator[Family]:
    """All of them."""
    yield one(all_of.UP, 1)
    yield from _daemon(observer, seen, health)
    yield from _disk(seen)
    yield from _queue(observer, seen)
    yield from _happened(observer, seen)
    yield from _people(seen)
    yield from _judged(observer, seen)


def without_database(observer: Observer, health: Health) -> Iterator[Family]:
    """What can be said while it does not answer."""
    yield one(all_of.UP, 0)
    yield one(all_of.HEALTH, STATES.index(health.state))
    yield one(all_of.DEATHS, observer.office.deaths)


def _daemon(observer: Observer, seen: Seen, health: Health) -> Iterator[Family]:
    office, house = observer.office, observer.house
    kind = "sqlite" if isinstance(house.config.database_place, Path) else "postgresql"
    yield Family(all_of.INFO, {(version(), kind): 1})
    yield one(all_of.STARTED, _seconds(seen.started))
    yield one(all_of.HEALTH, STATES.index(health.state))
    yield Family(all_of.REASONS, {(each.reason, each.state): 1 for each in health.reasons})
    hands = list(office.hands.values())
    yield one(all_of.CARRIERS, sum(hand.is_ready for hand in hands))
    yield one(all_of.CONFIGURED, house.config.carriers)
    yield one(all_of.DEATHS, office.deaths)
    for metric, figure, unit in (
        (all_of.CARRIER_DELIVERED, "delivered", 1), (all_of.CARRIER_CONNECTIONS, "connections", 1),
        (all_of.CARRIER_MEMORY, "memory_kib", 1024),
    ):  # fmt: skip
        yield by(metric, {hand.name: hand.figures.get(figure, 0) * unit for hand in hands})
    yield from _known(all_of.OFFICE_MEMORY, seen.looked.machine.memory)
    yield one(all_of.FENCE, int(office.fence_watch.standing is not None))
    yield one(all_of.ALERTS, seen.alerts)
    asked = {
        tuple(dict(labels)[name] for name in all_of.WEB_REQUESTS.labels): n for labels, n in office.counted.items()
    }
    yield Family(all_of.WEB_REQUESTS, asked)


def _disk(seen: Seen) -> Iterator[Family]:
    yield from _known(all_of.DISK_FREE, seen.looked.machine.disk_free)
    yield from _known(all_of.DISK_SIZE, seen.looked.machine.disk_size)
    yield one(all_of.DATABASE, seen.looked.database_size)
    yield from _known(all_of.DATABASE_LOG, seen.looked.machine.database_log)
    yield one(all_of.BACKUP, _seconds(seen.looked.machine.backup) if seen.looked.machine.backup else 0)


def _queue(observer: Observer, seen: Seen) -> Iterator[Family]:
    counts: Counter[Values] = Counter()
    sites: Counter[Values] = Counter()
    oldest: dict[str, float] = {}
    now_ms = seen.now.timestamp() * 1000
    for group in seen.census.groups:
        stream = group.stream.word
        counts[State(group.state).word, stream] += group.count
        sites[(seen.census.site(group.domain),)] += group.count
        oldest[stream] = max(oldest.get(stream, 0), (now_ms - group.oldest_ms) / 1000)
    yield Family(all_of.QUEUE, counts)
    yield by(all_of.OLDEST, oldest)
    yield added_up(all_of.SITES, sites)
    yield one(all_of.TROUBLES, sum(each.retry_ms > now_ms for each in seen.census.troubles.values()))
    stopped = Counter(scope for scope, _ in observer.office.conductor.suspensions)
    yield by(all_of.SUSPENSIONS, dict.fromkeys(SCOPES, 0) | stopped)


@dataclass(frozen=True, slots=True)
class _Said:
    """What was gathered since the start: table, stream and word."""

    counted: Mapping[tuple[str, int, str], int]

    def of(self, *tables: str, word: str, stream: int | None = None) -> int:
        """The counts of a word, or of all that begin with it where it ends in a colon."""
        return sum(
            count
            for (table, its, each), count in self.counted.items()
            if table in tables
            and stream in (None, its)
            and (each.startswith(word) if word[-1] == ":" else each == word)
        )


def _happened(observer: Observer, seen: Seen) -> Iterator[Family]:
    said = _Said(observer.office.gatherer.counted)
    yield one(all_of.ACCEPTED, seen.since["message"])
    yield Family(all_of.ATTEMPTS, {pair: n for stream in Stream for pair, n in _attempts(said, stream)})
    took_ms = observer.office.gatherer.took_ms
    yield Family(all_of.LATENCY, {(each.word,): _latency(said, each, took_ms[int(each)] / 1000) for each in Stream})
    tables = ("attempt", "inbound")
    for metric, what in ((all_of.DEFERRALS, words.DEFERRED), (all_of.BOUNCES, words.BOUNCED)):
        yield by(metric, {str(each): said.of(*tables, word=words.by_class(what, each)) for each in BounceClass})
    complained = {each.word: said.of("inbound", word=words.COMPLAINED, stream=int(each)) for each in Stream}
    yield by(all_of.COMPLAINTS, complained)
    yield one(all_of.UNSUBSCRIBES, said.of("event", word=words.UNSUBSCRIBED))
    yield one(all_of.DOUBTS, seen.since["doubt"])
    yield one(all_of.EVENTS, seen.since["event"])
    yield one(all_of.RETURNED, seen.since["inbound"])
    yield by(all_of.LIST_PEOPLE, {str(each): seen.since.get(f"list {each}", 0) for each in What})


def _attempts(said: _Said, stream: Stream) -> Iterable[tuple[Values, int]]:
    """By outcome. What our own patience ended was deferred by its reply, too: it counts once."""

    def of(word: str) -> int:
        return said.of("attempt", word=word, stream=int(stream))

    deferred, bounced, accepted, expired = (
        of(f"{words.DEFERRED}:"), of(f"{words.BOUNCED}:"), of(words.ACCEPTED), of(words.EXPIRED),
    )  # fmt: skip
    outcomes = {
        "delivered": accepted, "deferred": deferred - expired, "bounced": bounced, "expired": expired,
        "other": of(words.TRIED) - accepted - deferred - bounced,
    }  # fmt: skip
    return [((stream.word, name), count) for name, count in outcomes.items()]


def _latency(said: _Said, stream: Stream, total: float) -> Histogram:
    counts: dict[float, int] = {}
    for power in range(words.LONGEST + 1):
        count = said.of("attempt", word=f"{words.TOOK}:{power}", stream=int(stream))
        bound = float(2**power) if power <= LONGEST_BUCKET else float("inf")
        counts[bound] = counts.get(bound, 0) + count
    return Histogram(counts, total)


def _people(seen: Seen) -> Iterator[Family]:
    yield one(all_of.CONTACTS, seen.day.contacts)
    yield by(all_of.SUBSCRIPTIONS, seen.day.subscriptions)
    yield one(all_of.SUPPRESSED, seen.day.suppressed)
    yield by(all_of.FLOWS, Counter(each.state for each in seen.flows))
    runs: dict[Values, float] = {}
    for each in seen.flows:
        for state, count in (("waiting", each.waiting), ("completed", each.completed), ("goal", each.goals)):
            runs[each.name, state] = count
    yield added_up(all_of.FLOW_RUNS, runs)
    yield added_up(all_of.FLOW_MAILS, {(each.name,): each.mails for each in seen.flows})
    yield one(all_of.FLOW_LAG, seen.looked.flow_lag.total_seconds())


def _judged(observer: Observer, seen: Seen) -> Iterator[Family]:
    yield first(all_of.INDEX, seen.indexes)
    levels = Counter(each.level.word for each in observer.office.watcher.now_standing)
    yield by(all_of.ALARMS, {each.word: levels[each.word] for each in (Level.WARN, Level.ALARM)})
    last = observer.office.doctor.last
    verdicts = Counter(str(each.verdict) for each in last.findings) if last else Counter()
    yield by(all_of.RULES, {str(each): verdicts[str(each)] for each in Verdict})
    yield one(all_of.DOCTOR, _seconds(last.at) if last else 0)
    yield first(all_of.KEY_DUE, {domain: _seconds(due) for domain, due in seen.looked.keys_due.items()})
    shown = certificates(observer.office, seen.looked)
    yield by(all_of.CERTIFICATE, {door: _seconds(ends) for door, ends in shown.items()})


def _known(metric: all_of.Metric, figure: float | None) -> Iterator[Family]:
    """Nothing where it is not known: an absent figure says so, and 0 would be a lie."""
    if figure is not None:
        yield one(metric, figure)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
