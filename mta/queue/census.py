"""The census: what waits, counted by domain, stream, campaign, state and age, in parts that hold nobody up.

A million deliveries are counted in fifty parts of some 20 ms, each a transaction of its own over an index that holds all
it needs. So a census of a long queue is no snapshot: what moves while it is taken is counted before or after its move.
A queue that fits into one part is counted in one snapshot, exactly.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from mta.ports import Store, Tx, to_ms
from mta.queue.delivery import State, Stream

T = TypeVar("T")

PART: Final = 20_000  # deliveries that one transaction counts
AGES: Final = (5, 10, 20, 40, 80, 160, 320, 640, 1280)  # minutes; a column for each, and one for what is older
MINUTE_MS: Final = 60_000

Key = tuple[str, int, str, int, int, int]
FIRST: Final[Key] = ("", -1, "", 0, 0, 0)
_KEYS: Final = "domain, stream, campaign, state, created_ms, id"
_WAITS: Final = f"FROM delivery WHERE state IN (0, 4) AND ({_KEYS}) > (?,?,?,?,?,?)"
_YOUNGER: Final = ", ".join("count(CASE WHEN created_ms > ? THEN 1 END)" for _ in AGES)


@dataclass(frozen=True, slots=True)
class Group:
    """Deliveries that are alike in all that is counted by. `ages`: how many are at most 5 min old, at most 10 ..., and
    how many are older than all that."""

    domain: str
    stream: Stream
    campaign: str
    state: State
    count: int
    oldest_ms: int
    ages: tuple[int, ...]


class Trouble(NamedTuple):
    """A site's back-off."""

    retry_ms: int
    reply: str


class _Rest(NamedTuple):
    """What is counted beside what waits."""

    moving: list[Group]
    destinations: list[tuple[str, str, int | None]]
    troubles: dict[str, Trouble]


@dataclass(frozen=True, slots=True)
class Census:
    """All that has no end yet, as it stood at about `at_ms`; by domain its site and when it is looked at next, by site
    its trouble."""

    at_ms: int
    groups: tuple[Group, ...]
    sites: dict[str, str] = field(default_factory=dict)
    nexts: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    _made: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def made(self, name: str, make: Callable[[], T]) -> T:
        """What `make` makes of it, made once for each name: a census stands for seconds, and several look at it."""
        if name not in self._made:
            self._made[name] = make()
        found: T = self._made[name]
        return found

    def site(self, domain: str) -> str:
        return self.sites.get(domain) or domain

    def count(self, chosen: Callable[[Group], bool]) -> int:
        return sum(group.count for group in self.groups if chosen(group))

    def in_state(self, *states: State) -> int:
        """How many are in one of these states."""
        counts = self.made("states", self._by_state)
        return sum(counts.get(each, 0) for each in states)

    def _by_state(self) -> dict[State, int]:
        counts: dict[State, int] = {}
        for group in self.groups:
            counts[group.state] = counts.get(group.state, 0) + group.count
        return counts

    @property
    def total(self) -> int:
        return self.in_state(*State)


async def take(store: Store, now: datetime) -> Census:
    """Count everything, part by part; with the last part, what else there is to count."""
    groups: list[Group] = []
    at: Key | None = FIRST
    while at is not None:
        found, at, rest = await store.read(partial(_some, after=at, now=now))
        groups += found
    moving, destinations, troubles = rest
    sites = {domain: site for domain, site, _ in destinations if site}
    nexts = {domain: next_ms for domain, _, next_ms in destinations if next_ms is not None}
    return Census(to_ms(now), (*_joined(groups), *moving), sites, nexts, troubles)


def _some(tx: Tx, after: Key, now: datetime) -> tuple[list[Group], Key | None, _Rest]:
    """The next part. What is in a carrier's hands is counted in the snapshot of the last one: between two, a delivery of a
    short queue could be counted twice, or not at all."""
    found, at = part(tx, after, now)
    return found, at, _Rest([], [], {}) if at else _Rest(_moving(tx, now), _destinations(tx), _troubles(tx))


def part(tx: Tx, after: Key, now: datetime, limit: int = PART) -> tuple[list[Group], Key | None]:
    """The next `limit` deliveries that wait, counted; and where to go on, None at the end."""
    last = tx.one(f"SELECT {_KEYS} {_WAITS} ORDER BY {_KEYS} LIMIT 1 OFFSET ?", (*after, limit - 1))
    upto = f" AND ({_KEYS}) <= (?,?,?,?,?,?)" if last else ""
    rows = tx.query(
        f"SELECT domain, stream, campaign, state, count(*), min(created_ms), {_YOUNGER} {_WAITS}{upto}"
        " GROUP BY domain, stream, campaign, state",
        (*_bounds(now), *after, *(last or ())),
    )
    return [_group(row) for row in rows], last


def _moving(tx: Tx, now: datetime) -> list[Group]:
    """What is in a carrier's hands or in doubt: never many."""
    rows = tx.query(
        f"SELECT domain, stream, campaign, state, count(*), min(created_ms), {_YOUNGER} FROM delivery"
        " WHERE state < 10 AND state IN (1, 2, 3) GROUP BY domain, stream, campaign, state",
        _bounds(now),
    )
    return [_group(row) for row in rows]


def _bounds(now: datetime) -> list[int]:
    return [to_ms(now) - minutes * MINUTE_MS for minutes in AGES]


def _group(row: tuple[object, ...]) -> Group:
    domain, stream, campaign, state, count, oldest, *younger = row
    sums = [*younger, count]
    ages = tuple(each - before for each, before in zip(sums, [0, *sums[:-1]], strict=True))  # type: ignore[operator]
    return Group(domain, Stream(stream), campaign, State(state), count, oldest, ages)  # type: ignore[arg-type]


def _destinations(tx: Tx) -> list[tuple[str, str, int | None]]:
    return [(row[0], row[1], row[2]) for row in tx.query("SELECT domain, site, next_ms FROM destination")]


def _troubles(tx: Tx) -> dict[str, Trouble]:
    rows = tx.query("SELECT name, retry_ms, last_reply FROM site WHERE retry_ms > 0")
    return {row[0]: Trouble(row[1], row[2]) for row in rows}


def _joined(groups: Iterable[Group]) -> list[Group]:
    """Groups that two parts share are one."""
    same: dict[tuple[str, Stream, str, State], list[Group]] = defaultdict(list)
    for each in groups:
        same[each.domain, each.stream, each.campaign, each.state].append(each)
    return [
        Group(
            *key, sum(each.count for each in them), min(each.oldest_ms for each in them),
            tuple(map(sum, zip(*(each.ages for each in them), strict=True))),
        )
        for key, them in same.items()
    ]  # fmt: skip


def waits_of_campaign(tx: Tx, domain: str, stream: Stream, campaign: str, most: int) -> int:
    """How many of a campaign's mails to a domain wait, counted up to `most`."""
    row = tx.one(
        "SELECT count(*) FROM (SELECT id FROM delivery WHERE domain = ? AND stream = ? AND campaign = ?"
        " AND state IN (0, 4) LIMIT ?) AS w",
        (domain, int(stream), campaign, most),
    )
    return int(row[0]) if row else 0
