"""What TLS reports will say (RFC 8460): how the sessions of a day came out, by domain, policy, result and host.

Only domains with an MTA-STS policy, or that ask for reports, are counted. Counts are kept in memory for a second or so;
what a crash takes of them is missed by nobody but the statistics.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from mta.ports import Tx, from_ms, to_ms
from mta.routing.policy import Reported

DAY: Final = timedelta(days=1)
KEEP: Final = 14 * DAY  # longer than any report waits to be sent

_Key = tuple[int, Reported, str, str, str, str]  # day, policy, result, host, address, source


class TlsLedger:
    """One carrier's counts since they were written last."""

    def __init__(self) -> None:
        self._counts: dict[_Key, tuple[int, str]] = {}

    def note(
        self, reported: Reported, result: str, *, host: str, address: str, source: str, detail: str, now: datetime
    ) -> None:
        """One session. `result` is "" for success, else a result type of RFC 8460 section 4.3."""
        key = (_day(now), reported, result, host, address, source)
        count, first = self._counts.get(key, (0, detail[:500] if result else ""))
        self._counts[key] = (count + 1, first)

    def take(self) -> list[tuple[object, ...]]:
        """The rows to write, which are then forgotten here."""
        counts, self._counts = self._counts, {}
        return [
            (day, of.domain, of.kind, of.policy_id, result, host, address, source, count, of.policy, detail)
            for (day, of, result, host, address, source), (count, detail) in counts.items()
        ]


def _day(moment: datetime) -> int:
    return to_ms(moment) // to_ms(from_ms(0) + DAY)


def write(tx: Tx, rows: Iterable[tuple[object, ...]]) -> None:
    """Add to what stands there."""
    tx.executemany(
        "INSERT INTO tls_result (day, domain, kind, policy_id, result, host, address, source, sessions, policy, detail)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (day, domain, kind, policy_id, result, host, address, source)"
        " DO UPDATE SET sessions = tls_result.sessions + excluded.sessions",
        rows,
    )


# -- the memory of TLS that does not work


def remember_broken(tx: Tx, site: str, until_ms: int, why: str) -> None:
    """Do not begin TLS with a site before then, where nobody demands it."""
    tx.execute(
        "INSERT INTO tls_trouble (site, until_ms, why) VALUES (?,?,?)"
        " ON CONFLICT (site) DO UPDATE SET until_ms = excluded.until_ms, why = excluded.why",
        (site, until_ms, why),
    )


def broken(tx: Tx, site: str) -> tuple[int, str]:
    """Until when a site's TLS is taken for broken, and why; (0, "") when it is not."""
    row = tx.one("SELECT until_ms, why FROM tls_trouble WHERE site = ?", (site,))
    return (row[0], row[1]) if row else (0, "")


# -- housekeeping

_OVER: Final = (
    "FROM tls_result WHERE day < ?",
    "FROM tls_trouble WHERE until_ms <= ?",
    "FROM sts_policy WHERE expires_ms <= ?",
)


def has_over(tx: Tx, now: datetime) -> bool:
    """Whether anything is kept of TLS whose time is over."""
    pairs = zip(_OVER, _bounds(now), strict=True)
    return any(tx.one(f"SELECT 1 {which} LIMIT 1", (bound,)) is not None for which, bound in pairs)


def drop_over(tx: Tx, now: datetime) -> None:
    """Clear results that nobody reports on any more, sites to be tried again, policies that ended."""
    for which, bound in zip(_OVER, _bounds(now), strict=True):
        tx.execute(f"DELETE {which}", (bound,))


def _bounds(now: datetime) -> tuple[int, int, int]:
    return _day(now - KEEP), to_ms(now), to_ms(now)
