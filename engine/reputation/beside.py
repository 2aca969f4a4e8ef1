"""What others say of our mail: DMARC by the reports that they sent us."""

from collections.abc import Set
from datetime import datetime
from typing import Final

from deliverability.reputation.index import Share
from engine.config import Config
from mta.ports import Tx, to_ms

MOST: Final = 5_000  # senders that are looked at


def sending_addresses(config: Config) -> frozenset[str]:
    """The addresses that this house sends from, as it is configured; none where the system chooses."""
    named = {str(address) for each in config.sources.values() for address in each.address}
    return frozenset(named | {config.outbound.source}) - {""}


def dmarc(tx: Tx, since: datetime, ours: Set[str]) -> dict[str, Share]:
    """By From domain, how much of the mail from our own addresses failed DMARC, by the reports that came since.

    Where our addresses are not configured, those are ours from which some mail passed.
    """
    rows = tx.query(
        "SELECT s.source_ip, s.header_from, sum(s.count),"
        " sum(CASE WHEN s.dkim = 'pass' OR s.spf = 'pass' THEN s.count ELSE 0 END)"
        " FROM reported_sender s JOIN received_report r ON r.id = s.report WHERE r.at_ms >= ?"
        " GROUP BY s.source_ip, s.header_from ORDER BY 3 DESC, 1, 2 LIMIT ?",
        (to_ms(since), MOST),
    )
    own = ours or {str(ip) for ip, _, _, passed in rows if passed}
    found: dict[str, Share] = {}
    for ip, domain, count, passed in rows:
        if ip in own:
            before = found.get(str(domain).lower(), Share(0, 0))
            found[str(domain).lower()] = Share(before.count + int(count - passed), (before.of or 0) + int(count))
    return found
