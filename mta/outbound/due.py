"""What a scheduler asks the store of domains and sites, and what it notes there."""

from collections.abc import Mapping, Sequence
from typing import Final

from mta.outbound.sources import Way
from mta.ports import Store, Tx
from mta.queue import claiming, hints, shaping
from mta.queue.places import place, site_and_source

DUE_MAX: Final = 500  # domains looked at in one poll
BUSY_MAX: Final = 500  # sites that a poll passes over because they are busy
_BEGINNING: Final = (0, "")  # of the pages: the time and the domain that were seen last


class Pages:
    """What is due, a page at a time; after the last one the first again."""

    def __init__(self, store: Store, way: Way) -> None:
        self._store, self._way = store, way
        self._seen = _BEGINNING

    async def next(self, now_ms: int, busy: Sequence[str], blocked: Sequence[str]) -> dict[str, str]:
        """Domains to look at, with the site that each was folded into: the next page, and all of the `blocked` sites.
        StoreTrouble."""
        rows = await self._store.read(lambda tx: due_domains(tx, now_ms, busy, self._seen, self._way))
        overflow = await self._store.read(lambda tx: due_at(tx, blocked, now_ms, self._way)) if blocked else []
        self._seen = (rows[-1][2], rows[-1][0]) if len(rows) == DUE_MAX else _BEGINNING
        return {domain: site for domain, site, _ in rows} | dict(overflow)

    @property
    def has_more(self) -> bool:
        """Whether the page that came last was not the last."""
        return self._seen != _BEGINNING


def due_domains(
    tx: Tx, now_ms: int, busy: Sequence[str], page: tuple[int, str], way: Way
) -> list[tuple[str, str, int]]:
    """Domains to look at after `page`, with the site that each was folded into and its time; none of a site that waits,
    or is busy anyway, or has nothing due for this source."""
    others = f" AND d.site NOT IN ({','.join('?' * len(busy))})" if busy else ""
    others += claiming.has_due(way.buckets, now_ms)
    return tx.query(
        "SELECT d.domain, d.site, d.next_ms FROM destination d LEFT JOIN site s ON s.name = d.site || ?"
        " LEFT JOIN suspension x ON x.scope = 'domain' AND x.name = d.domain WHERE d.next_ms BETWEEN ? AND ?"
        " AND (d.next_ms > ? OR d.domain > ?)"
        f" AND COALESCE(s.retry_ms, 0) <= ? AND COALESCE(x.until_ms, 0) <= ?{others} ORDER BY d.next_ms, d.domain LIMIT ?",
        (place("", way.source.name), page[0], now_ms, page[0], page[1], now_ms, now_ms, *busy, DUE_MAX),
    )


def due_at(tx: Tx, sites: Sequence[str], now_ms: int, way: Way) -> list[tuple[str, str]]:
    """Domains of these sites that have something due for this source, be it that they rest."""
    some = sites[:BUSY_MAX]
    return tx.query(
        f"SELECT d.domain, d.site FROM destination d WHERE d.site IN ({','.join('?' * len(some))}) AND d.next_ms <= ?"
        f"{claiming.has_due(way.buckets, now_ms)} ORDER BY d.domain LIMIT ?",
        (*some, now_ms, DUE_MAX),
    )


def note_sites(tx: Tx, sites: Mapping[str, str]) -> None:
    for domain, site in sites.items():
        hints.note_site(tx, domain, site_and_source(site)[0])


def site_row(tx: Tx, name: str) -> tuple[int, int]:
    row = tx.one("SELECT retry_ms, failures FROM site WHERE name = ?", (name,))
    return (row[0], row[1]) if row else (0, 0)


def write_site(tx: Tx, row: tuple[str, int, int, str, int]) -> None:
    site, source = site_and_source(row[0])
    if source:  # the site itself, for those who look: it waits only as it is seen from this source
        shaping.note_reply(tx, site, row[3], row[4])
    tx.execute(
        "INSERT INTO site (name, retry_ms, failures, last_reply, changed_ms) VALUES (?,?,?,?,?) ON CONFLICT (name) DO UPDATE"
        " SET retry_ms = excluded.retry_ms, failures = excluded.failures, last_reply = excluded.last_reply,"
        " changed_ms = excluded.changed_ms",
        row,
    )
