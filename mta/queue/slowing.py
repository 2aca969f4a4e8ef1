"""Sites that an operator slows for a while, as the database keeps them."""

from dataclasses import dataclass
from datetime import datetime

from mta.ports import Tx, to_ms


@dataclass(frozen=True, slots=True)
class Slowing:
    """A site that gets no more than so many attempts a minute from each of our sources."""

    site: str
    per_minute: int
    until_ms: int
    by: str
    why: str
    at_ms: int


def slow(tx: Tx, each: Slowing) -> None:
    """Slow a site until its time; a newer word replaces an older one."""
    tx.execute(
        "INSERT INTO slowing (site, per_minute, until_ms, set_by, why, at_ms) VALUES (?,?,?,?,?,?) ON CONFLICT (site)"
        " DO UPDATE SET per_minute = excluded.per_minute, until_ms = excluded.until_ms, set_by = excluded.set_by,"
        " why = excluded.why, at_ms = excluded.at_ms",
        (each.site, each.per_minute, each.until_ms, each.by, each.why, each.at_ms),
    )


def free(tx: Tx, site: str) -> bool:
    """Slow it no longer. False where nobody did."""
    return tx.execute("DELETE FROM slowing WHERE site = ?", (site,)) == 1


def slowings(tx: Tx, now: datetime) -> list[Slowing]:
    """Those that hold now."""
    rows = tx.query(
        "SELECT site, per_minute, until_ms, set_by, why, at_ms FROM slowing WHERE until_ms > ? ORDER BY site",
        (to_ms(now),),
    )
    return [Slowing(*row) for row in rows]


def drop_ended(tx: Tx, now: datetime) -> int:
    """Clear those whose time is over; how many."""
    return tx.execute("DELETE FROM slowing WHERE until_ms <= ?", (to_ms(now),))
