"""Shaping as the database keeps it: what was learnt of sites, and what is suspended. All inside a caller's transaction.

The pause of a site that said too much stands in the site's own row beside its back-off, so that one question finds
what may be tried.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mta.ports import Tx, to_ms

GUARD: Final = "bounce guard"


@dataclass(frozen=True, slots=True)
class Suspension:
    """A site or a domain that waits because somebody says so."""

    scope: str  # site, domain
    name: str
    until_ms: int
    by: str
    why: str
    at_ms: int

    @property
    def is_guard(self) -> bool:
        return self.by == GUARD


def learnt(tx: Tx, source: str, sites: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What one source knows of these sites."""
    found = {}
    for site in sites:
        row = tx.one("SELECT learnt FROM shaping WHERE source = ? AND site = ?", (source, site))
        if row is not None:
            found[site] = json.loads(row[0])
    return found


def keep(tx: Tx, source: str, site: str, what: dict[str, Any], now: datetime) -> None:
    """Keep what a source learnt of a site."""
    tx.execute(
        "INSERT INTO shaping (source, site, learnt, changed_ms) VALUES (?,?,?,?) ON CONFLICT (source, site) DO UPDATE"
        " SET learnt = excluded.learnt, changed_ms = excluded.changed_ms",
        (source, site, json.dumps(what), to_ms(now)),
    )


def rest(tx: Tx, site: str, until_ms: int, strikes: int, reply: str, now: datetime) -> None:
    """Note that a site rests until then (0: no longer)."""
    tx.execute(
        "INSERT INTO site (name, retry_ms, failures, last_reply, changed_ms) VALUES (?,?,?,?,?) ON CONFLICT (name) DO UPDATE"
        " SET retry_ms = excluded.retry_ms, failures = excluded.failures, last_reply = excluded.last_reply,"
        " changed_ms = excluded.changed_ms",
        (site, until_ms, strikes, reply, to_ms(now)),
    )


def note_reply(tx: Tx, site: str, reply: str, now_ms: int) -> None:
    """Note what a site said last, and nothing of when it is tried again."""
    tx.execute(
        "INSERT INTO site (name, last_reply, retry_ms, failures, changed_ms) VALUES (?,?,0,0,?) ON CONFLICT (name)"
        " DO UPDATE SET last_reply = excluded.last_reply, changed_ms = excluded.changed_ms",
        (site, reply, now_ms),
    )


def suspend(tx: Tx, each: Suspension) -> None:
    """Let nothing go there until its time; a newer word replaces an older one."""
    tx.execute(
        "INSERT INTO suspension (scope, name, until_ms, set_by, why, at_ms) VALUES (?,?,?,?,?,?) ON CONFLICT (scope, name)"
        " DO UPDATE SET until_ms = excluded.until_ms, set_by = excluded.set_by, why = excluded.why, at_ms = excluded.at_ms",
        (each.scope, each.name, each.until_ms, each.by, each.why, each.at_ms),
    )


def resume(tx: Tx, scope: str, name: str) -> bool:
    """End a suspension. False when there is none."""
    return tx.execute("DELETE FROM suspension WHERE scope = ? AND name = ?", (scope, name)) == 1


def suspensions(tx: Tx, now: datetime) -> list[Suspension]:
    """Those that hold now."""
    rows = tx.query(
        "SELECT scope, name, until_ms, set_by, why, at_ms FROM suspension WHERE until_ms > ? ORDER BY scope, name",
        (to_ms(now),),
    )
    return [Suspension(*row) for row in rows]


def drop_ended(tx: Tx, now: datetime) -> int:
    """Clear suspensions whose time is over; how many."""
    return tx.execute("DELETE FROM suspension WHERE until_ms <= ?", (to_ms(now),))


def is_doubted(tx: Tx, domain: str, now: datetime) -> bool:
    """Whether the bounce guard holds a domain: what it refuses is not believed then."""
    row = tx.one(
        "SELECT 1 FROM suspension WHERE scope = 'domain' AND name = ? AND set_by = ? AND until_ms > ?",
        (domain, GUARD, to_ms(now)),
    )
    return row is not None


def site_of(tx: Tx, name: str) -> str:
    """The site that a name stands for: itself, or the one a domain was last folded into; "" when nothing is known."""
    row = tx.one("SELECT site FROM destination WHERE domain = ? AND site <> ''", (name,))
    if row is not None:
        return str(row[0])
    known = tx.one(
        "SELECT name FROM site WHERE name = ? UNION SELECT site FROM shaping WHERE site = ?"
        " UNION SELECT site FROM destination WHERE site = ?",
        (name, name, name),
    )
    return name if known else ""
