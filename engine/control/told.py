"""Replies of late as answers: cells of five minutes, and clusters with what they mean and what can be done."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from deliverability.bounces.classify import classify
from deliverability.bounces.meaning import MEANS, cures
from deliverability.reply import Reply, ReplyError
from deliverability.shaping.providers import provider_of
from engine.control.lately import ACCEPTED, BOUNCED, CELL_MS, CELLS, DEFERRED, Cluster, Kind, Known
from engine.control.protocol.lately import CureRow, Replies, ReplyRow, Weather, WeatherRow
from engine.own_rules import place_of_rule

SITES_SHOWN: Final = 5
_REFUSED: Final = (DEFERRED, BOUNCED)

SiteOf = Callable[[str], str]


def replies(
    known: Known, site_of: SiteOf, now_ms: int, *, site: str = "", since_ms: int = 0, limit: int = 50, state: Path
) -> Replies:
    """Clusters of a site's or a domain's replies, or of all."""
    chosen = [
        (kind, each)
        for kind, each in known.clusters.items()
        if site in ("", kind.domain, site_of(kind.domain)) and each.last_ms >= since_ms
    ]
    groups: dict[tuple[str, str, str], list[tuple[Kind, Cluster]]] = {}
    for kind, each in chosen:
        groups.setdefault((kind.outcome, kind.text, kind.rule), []).append((kind, each))
    totals = Counter(dict.fromkeys(("deferred", "failed"), 0))
    for kind, each in chosen:
        totals[kind.outcome] += each.count
    rows = sorted((_row(those, totals.total(), site_of, state) for those in groups.values()), key=_order)
    taken = sum(
        counts[ACCEPTED]
        for (cell, domain), counts in known.cells.items()
        if site in ("", domain, site_of(domain)) and (cell + 1) * CELL_MS > since_ms
    )
    return Replies(
        now_ms, site, tuple(rows[:limit]), len(rows), taken, totals["deferred"], totals["failed"],
        max(known.since_ms, since_ms),
    )  # fmt: skip


def _order(row: ReplyRow) -> tuple[int, str]:
    return -row.count, row.text


def _row(those: list[tuple[Kind, Cluster]], total: int, site_of: SiteOf, state: Path) -> ReplyRow:
    kind, latest = max(those, key=lambda each: each[1].last_ms)
    count = sum(each.count for _, each in those)
    sites: Counter[str] = Counter()
    for its, each in those:
        sites[site_of(its.domain)] += each.count
    row = ReplyRow(
        kind.text, count, round(100 * count / max(1, total), 1), kind.outcome, latest.example, kind.rule,
        place_of_rule(state, kind.rule), first_ms=min(each.first_ms for _, each in those), last_ms=latest.last_ms,
        message_id=latest.message_id, sites=tuple(name for name, _ in sites.most_common(SITES_SHOWN)),
    )  # fmt: skip
    return _judged(row, kind.stage, latest.host)


def _judged(row: ReplyRow, stage: str, host: str) -> ReplyRow:
    """With what our rules say of it, where a server said it."""
    try:
        verdict = classify(Reply.parse(row.example), stage, provider_of((host,)) if host else "")
    except ReplyError:
        return row
    return replace(
        row, klass=str(verdict.klass), blame=str(verdict.blame), means=MEANS[verdict.then], judged_now=verdict.rule,
        cures=tuple(CureRow(each.verb, each.why) for each in cures(verdict)),
    )  # fmt: skip


def is_known(row: ReplyRow) -> bool:
    """Whether a rule knows such replies now; one that knows no more than their code does not."""
    return row.judged_now != "unclassified" and not row.judged_now.startswith("code ")


def weather(known: Known, site_of: SiteOf, now_ms: int, *, by: str = "site", limit: int = 20) -> Weather:
    """The last three hours, those with most trouble first, then those with most mail."""
    first = now_ms // CELL_MS - CELLS + 1
    tallies: dict[str, list[list[int]]] = {}
    for (cell, domain), counts in known.cells.items():
        name = site_of(domain) if by == "site" else domain
        if 0 <= cell - first < CELLS:
            columns = tallies.setdefault(name, [[0] * CELLS for _ in range(3)])
            for column, count in zip(columns, counts, strict=True):
                column[cell - first] += count
    rows = sorted((_weather_row(name, columns) for name, columns in tallies.items()), key=_trouble)
    whole = [[sum(each) for each in zip(*parts, strict=True)] for parts in zip(*tallies.values(), strict=True)]
    return Weather(
        now_ms, by, first * CELL_MS, CELL_MS, _weather_row("all", whole or [[0] * CELLS for _ in range(3)]),
        tuple(rows[:limit]), len(rows), max(known.since_ms, first * CELL_MS),
    )  # fmt: skip


def _weather_row(name: str, columns: Iterable[list[int]]) -> WeatherRow:
    accepted, deferred, bounced = columns
    return WeatherRow(name, tuple(accepted), tuple(deferred), tuple(bounced))


def _trouble(row: WeatherRow) -> tuple[int, int, str]:
    return -(sum(row.deferred) + sum(row.bounced)), -sum(row.accepted), row.name
