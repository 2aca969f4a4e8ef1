"""How marketing mail of each From domain was received lately: the figures that the relay keeps by day, added up."""

from datetime import datetime, timedelta
from typing import Final

from deliverability.doctor.facts import Figures
from deliverability.reputation import figures
from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream

DAYS: Final = 30
_DAY_MS: Final = timedelta(days=1) // timedelta(milliseconds=1)


def of_marketing(tx: Tx, now: datetime) -> dict[str, Figures]:
    """By From domain. A bounce counts where the mailbox, or its domain, will never take mail."""
    counts: dict[str, dict[str, int]] = {}
    for domain, word, count in tx.query(
        "SELECT domain, what, sum(count) FROM reputation_day WHERE day >= ? AND stream = ? GROUP BY domain, what",
        (to_ms(now) // _DAY_MS - DAYS, int(Stream.MARKETING)),
    ):
        counts.setdefault(domain.lower(), {})[word] = int(count)
    hard = [figures.by_class(figures.BOUNCED, each) for each in sorted(figures.HARD)]
    return {
        domain: Figures(
            DAYS, of.get(figures.ACCEPTED, 0), of.get(figures.COMPLAINED, 0), sum(of.get(each, 0) for each in hard)
        )
        for domain, of in counts.items()
    }
