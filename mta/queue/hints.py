"""Destinations: when a domain is to be looked at, and which site it folds into. Hints, written at the end of a commit."""

from mta.ports import Tx


def hint(tx: Tx, domain: str, due_ms: int) -> None:
    """Let nobody look at `domain` later than `due_ms`."""
    soonest = tx.at_commit(Destinations).soonest
    soonest[domain] = min(due_ms, soonest.get(domain, due_ms))


def note_site(tx: Tx, domain: str, site: str) -> None:
    """Remember which site a domain was folded into."""
    tx.at_commit(Destinations).sites[domain] = site


class Destinations:
    """What a transaction has to say about destinations. Everybody writes these rows, so they are written last and in
    the order of their names: each is locked for a moment, and no two transactions wait for each other."""

    def __init__(self) -> None:
        self.soonest: dict[str, int] = {}
        self.drained: set[str] = set()
        self.sites: dict[str, str] = {}

    def __call__(self, tx: Tx) -> None:
        for domain in sorted({*self.soonest, *self.drained, *self.sites}):
            if domain in self.soonest:
                tx.put(_HINT, (domain, self.soonest[domain]))
            if domain in self.drained:
                _set_next(tx, domain)
            if domain in self.sites:
                site = self.sites[domain]
                tx.put("UPDATE destination SET site = ? WHERE domain = ? AND site <> ?", (site, domain, site))


_HINT = (
    "INSERT INTO destination (domain, site, next_ms) VALUES (?,'',?) ON CONFLICT (domain) DO UPDATE"
    " SET next_ms = excluded.next_ms WHERE destination.next_ms IS NULL OR destination.next_ms > excluded.next_ms"
)


def _set_next(tx: Tx, domain: str) -> None:
    """The truth instead of a hint. Locked first, then looked: what is committed later comes with a hint of its own."""
    if lock := tx.for_update():
        tx.one("SELECT 1 FROM destination WHERE domain = ?" + lock, (domain,))
    tx.execute(
        "UPDATE destination SET next_ms = (SELECT min(due_ms) FROM delivery WHERE state = 0 AND domain = ?) WHERE domain = ?",
        (domain, domain),
    )
