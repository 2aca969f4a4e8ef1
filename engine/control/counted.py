"""The queue as figures: by site, domain, stream or campaign, and its picture by age. All of it from the census."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from engine.control.protocol.queue import Queue, Shape, ShapeRow, SiteRow
from mta.ports import to_ms
from mta.queue.census import AGES, Census, Group
from mta.queue.delivery import State, Stream
from mta.queue.listing import Wanted
from mta.queue.shaping import Suspension

Suspended = Mapping[tuple[str, str], Suspension]  # by scope and name, as the conductor keeps them

BY: Final = ("site", "domain", "stream", "campaign")
SORTS: Final = ("trouble", "name", "queued", "age", "next")
ROWS_MAX: Final = 1_000


def queue_rows(
    census: Census, now: datetime, suspended: Suspended, *, by: str = "site", sort: str = "trouble",
    limit: int = ROWS_MAX, offset: int = 0,
) -> Queue:  # fmt: skip
    """What has no end yet, by one thing."""
    now_ms = to_ms(now)
    until = {name: each.until_ms for (scope, name), each in suspended.items() if scope == by and each.until_ms > now_ms}
    rows = [
        row if row.retry_ms is None or row.retry_ms > now_ms else replace(row, retry_ms=None, last_reply="")
        for row in census.made(by, lambda: _rows(census, by))
    ]
    if until:
        rows = [replace(row, suspended_ms=until.get(row.site)) for row in rows]
    rows.sort(key=_ORDERS[sort])
    return Queue(now_ms, tuple(rows[offset : offset + limit]), by, len(rows), census.total, census.at_ms)


def shape(census: Census, now: datetime, *, by: str = "domain", limit: int = 20, stream: Stream | None = None) -> Shape:
    """The queue's picture, as Postfix's qshape draws it: the longest rows first."""
    queued = [
        group for group in census.groups if group.state in (State.QUEUED, State.HELD) and stream in (None, group.stream)
    ]
    rows = [_shape_row(name, them) for name, them in _grouped(census, by, queued).items()]
    rows.sort(key=lambda row: (-row.total, row.name))
    return Shape(
        to_ms(now), by, AGES, _shape_row("all", queued), tuple(rows[:limit]), census.at_ms
    )  # fmt: skip


def counts_by_group(wanted: Wanted) -> bool:
    """Whether the census can tell how many these are."""
    times = (wanted.accepted_before, wanted.accepted_since, wanted.due_before)
    return times == (None, None, None) and not wanted.text and not wanted.is_ended


def counted_total(census: Census, wanted: Wanted) -> int:
    """How many deliveries are wanted, as they were counted last."""

    def is_one(group: Group) -> bool:
        return (
            wanted.site in ("", census.site(group.domain))
            and wanted.domain in ("", group.domain)
            and wanted.stream in (None, group.stream)
            and wanted.campaign in ("", group.campaign)
            and wanted.state in (None, group.state)
        )

    return census.count(is_one)


_NAMES: Final[dict[str, Callable[[Census, Group], str]]] = {
    "site": lambda census, group: census.site(group.domain),
    "domain": lambda _, group: group.domain,
    "stream": lambda _, group: group.stream.word,
    "campaign": lambda _, group: group.campaign,
}


def _grouped(census: Census, by: str, groups: Iterable[Group]) -> dict[str, list[Group]]:
    found: dict[str, list[Group]] = {}
    for group in groups:
        found.setdefault(_NAMES[by](census, group), []).append(group)
    return found


@dataclass(slots=True)
class _Tally:
    """What a row is made of."""

    site: str
    queued: int = 0
    in_flight: int = 0
    in_doubt: int = 0
    held: int = 0
    oldest_ms: int = 1 << 62
    domains: set[str] = field(default_factory=set)

    def add(self, group: Group) -> None:
        match group.state:
            case State.QUEUED:
                self.queued += group.count
            case State.HELD:
                self.held += group.count
            case State.IN_DOUBT:
                self.in_doubt += group.count
            case _:
                self.in_flight += group.count
        self.oldest_ms = min(self.oldest_ms, group.oldest_ms)
        self.domains.add(group.domain)


def _rows(census: Census, by: str) -> list[SiteRow]:
    """A row for each, with its trouble also where that is over by now."""
    name_of = _NAMES[by]
    tallies: dict[str, _Tally] = {}
    for group in census.groups:
        name = name_of(census, group)
        tally = tallies.get(name)
        if tally is None:
            tally = tallies[name] = _Tally(census.site(group.domain) if by in ("site", "domain") else "")
        tally.add(group)
    return [_row(name, tally, census) for name, tally in tallies.items()]


def _row(name: str, tally: _Tally, census: Census) -> SiteRow:
    trouble = census.troubles.get(tally.site)
    return SiteRow(
        site=name, domains=len(tally.domains), queued=tally.queued, in_flight=tally.in_flight, in_doubt=tally.in_doubt,
        held=tally.held, oldest_ms=tally.oldest_ms, retry_ms=trouble.retry_ms if trouble else None,
        last_reply=trouble.reply if trouble else "",
        next_ms=min((census.nexts[each] for each in tally.domains if each in census.nexts), default=None),
    )  # fmt: skip


_FAR: Final = 1 << 62
_ORDERS: Final[dict[str, Callable[[SiteRow], tuple[object, ...]]]] = {
    "trouble": lambda row: (row.retry_ms is None and row.suspended_ms is None, -row.queued, row.site),
    "name": lambda row: (row.site,),
    "queued": lambda row: (-row.queued, row.site),
    "age": lambda row: (row.oldest_ms, row.site),
    "next": lambda row: (row.next_ms if row.next_ms is not None else _FAR, row.site),
}


def _shape_row(name: str, groups: Iterable[Group]) -> ShapeRow:
    counts = [0] * (len(AGES) + 1)
    for group in groups:
        counts = [one + other for one, other in zip(counts, group.ages, strict=True)]
    return ShapeRow(name, sum(counts), tuple(counts))
