"""The queue as figures: by site, domain, stream or campaign, and its picture by age. All of it from the census."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from engine.control.protocol import Queue, Shape, ShapeRow, SiteRow
from mta.ports import to_ms
from mta.queue.census import AGES, Census, Group
from mta.queue.delivery import State, Stream
from mta.queue.listing import Wanted

BY: Final = ("site", "domain", "stream", "campaign")
SORTS: Final = ("trouble", "name", "queued", "age", "next")
ROWS_MAX: Final = 1_000


def queue_rows(
    census: Census, now: datetime, *, by: str = "site", sort: str = "trouble", limit: int = ROWS_MAX, offset: int = 0
) -> Queue:
    """What has no end yet, by one thing."""
    groups = _grouped(census, by, census.groups)
    rows = [_row(name, them, census, to_ms(now), is_site=by in ("site", "domain")) for name, them in groups.items()]
    rows.sort(key=_ORDERS[sort])
    return Queue(
        to_ms(now), tuple(rows[offset : offset + limit]), by, len(rows), census.total, census.at_ms
    )  # fmt: skip


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
    times = (wanted.accepted_before, wanted.due_before)
    return times == (None, None) and not wanted.text and not wanted.is_ended


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


def _grouped(census: Census, by: str, groups: Iterable[Group]) -> dict[str, list[Group]]:
    name_of: dict[str, Callable[[Group], str]] = {
        "site": lambda group: census.site(group.domain),
        "domain": lambda group: group.domain,
        "stream": lambda group: group.stream.word,
        "campaign": lambda group: group.campaign,
    }
    found: dict[str, list[Group]] = {}
    for group in groups:
        found.setdefault(name_of[by](group), []).append(group)
    return found


def _row(name: str, groups: list[Group], census: Census, now_ms: int, *, is_site: bool) -> SiteRow:
    domains = {group.domain for group in groups}
    trouble = census.troubles.get(census.site(groups[0].domain)) if is_site else None
    is_waiting = trouble is not None and trouble.retry_ms > now_ms
    return SiteRow(
        site=name, domains=len(domains), queued=_sum(groups, State.QUEUED),
        in_flight=_sum(groups, State.IN_FLIGHT, State.AT_THE_DOT), in_doubt=_sum(groups, State.IN_DOUBT),
        held=_sum(groups, State.HELD), oldest_ms=min(group.oldest_ms for group in groups),
        retry_ms=trouble.retry_ms if trouble and is_waiting else None,
        last_reply=trouble.reply if trouble and is_waiting else "",
        next_ms=min((census.nexts[each] for each in domains if each in census.nexts), default=None),
    )  # fmt: skip


def _sum(groups: Iterable[Group], *states: State) -> int:
    return sum(group.count for group in groups if group.state in states)


_FAR: Final = 1 << 62
_ORDERS: Final[dict[str, Callable[[SiteRow], tuple[object, ...]]]] = {
    "trouble": lambda row: (row.retry_ms is None, -row.queued, row.site),
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
