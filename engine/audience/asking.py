"""How often people may be asked: against those who type other people's addresses into forms (list bombing).

Counted in the database, so that no restart and no second process begins anew: what one address is asked in a day by what
the ledger of consent knows, what one neighbourhood of the Internet makes us ask in an hour by a row for each asking.
"""

import ipaddress
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from pydantic import Field

from deliverability.settings import Settings
from mta.ports import Tx, to_ms

HOUR: Final = timedelta(hours=1)
ASKED_ENOUGH: Final = "asked often enough today"
NETWORK_ENOUGH: Final = "its network asked often enough"


class AskingSettings(Settings):
    """`[asking]`: how often somebody may be asked whether they want a list."""

    per_address: int = Field(
        default=2, ge=1, le=100, description="Confirmation mails to one address in 24 hours, whatever the list."
    )
    per_network: int = Field(
        default=50,
        ge=0,
        description="Confirmation mails that one IPv4 address, or IPv6 /64, may cause in an hour; 0 is no limit.",
    )


@lru_cache(4096)
def neighbourhood(peer: str) -> str:
    """Whom an address stands for: an IPv4 address itself, an IPv6 /64 (one customer has all of it)."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def is_network_over(tx: Tx, peer: str, settings: AskingSettings, now: datetime) -> bool:
    """Whether the network of `peer` has caused all the askings of an hour. Nobody's ("") never has."""
    if not peer or not settings.per_network:
        return False
    row = tx.one(
        "SELECT count(*) FROM asking WHERE network = ? AND at_ms > ?", (neighbourhood(peer), to_ms(now - HOUR))
    )
    return row is not None and row[0] >= settings.per_network


def note(tx: Tx, peer: str, now: datetime) -> None:
    """Count one asking for the network of `peer`."""
    if peer:
        tx.execute("INSERT INTO asking (network, at_ms) VALUES (?,?)", (neighbourhood(peer), to_ms(now)))


def has_old(tx: Tx, now: datetime) -> bool:
    """Whether any asking is older than anybody counts."""
    return tx.one("SELECT 1 FROM asking WHERE at_ms <= ? LIMIT 1", (to_ms(now - HOUR),)) is not None


def drop_old(tx: Tx, now: datetime, limit: int = 500) -> None:
    """Forget up to `limit` of them."""
    rows = tx.query("SELECT id FROM asking WHERE at_ms <= ? ORDER BY at_ms LIMIT ?", (to_ms(now - HOUR), limit))
    tx.executemany("DELETE FROM asking WHERE id = ?", rows)
