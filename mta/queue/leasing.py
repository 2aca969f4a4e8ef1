"""Owners and their leases: who may hold deliveries, and what becomes of those whose owner is gone.

An owner is a row of `carrier`; its id is the fence.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mta.ports import Tx, to_ms
from mta.queue.delivery import Event, State, after
from mta.queue.doubting import note_doubt
from mta.queue.hints import hint


@dataclass(frozen=True, slots=True)
class Host:
    """Who counts lease time: one boot of one machine."""

    boot_id: str
    boottime_ms: int = field(default=0)


LEASE = timedelta(seconds=30)


def register(tx: Tx, name: str, pid: int, host: Host, now: datetime, process: str = "") -> int:
    """A new owner with a lease; its id was never used before. `process`: by what its machine can tell whether it still
    runs."""
    return tx.insert(
        "INSERT INTO carrier (name, boot_id, pid, started_ms, lease_until_ms, process) VALUES (?,?,?,?,?,?)",
        (name, host.boot_id, pid, to_ms(now), host.boottime_ms + LEASE // timedelta(milliseconds=1), process),
    )


def renew(tx: Tx, owner: int, host: Host) -> bool:
    """Keep the lease. False when it had been taken away: the owner must stop at once."""
    until = host.boottime_ms + LEASE // timedelta(milliseconds=1)
    return tx.execute("UPDATE carrier SET lease_until_ms = ? WHERE id = ? AND lease_until_ms > 1", (until, owner)) == 1


def has_lease(tx: Tx, owner: int) -> bool:
    """Whether nobody has taken this owner's lease away; it may have lapsed, but then its sweep is still to come."""
    found = tx.one("SELECT 1 FROM carrier WHERE id = ? AND lease_until_ms > 1" + tx.for_update(), (owner,))
    return found is not None


def take_away(tx: Tx, owner: int) -> None:
    """End a lease early, because its owner is known to be dead."""
    tx.execute("UPDATE carrier SET lease_until_ms = 1 WHERE id = ? AND lease_until_ms > 0", (owner,))


def lapsed(tx: Tx, host: Host, *, only_ended: bool = False) -> list[int]:
    """Owners whose lease ran out, or belongs to another boot, and whose deliveries wait to be swept. `only_ended`: of one
    that merely ran out, its owner may still renew it."""
    rows = tx.query(
        "SELECT id FROM carrier WHERE lease_until_ms > 0 AND (boot_id <> ? OR lease_until_ms < ?) ORDER BY id"
        + tx.for_update(),
        (host.boot_id, 2 if only_ended else host.boottime_ms),
    )
    return [row[0] for row in rows]


def processes(tx: Tx) -> dict[int, str]:
    """Owners with a lease, and by what their machines can tell whether they still run."""
    return dict(tx.query("SELECT id, process FROM carrier WHERE lease_until_ms > 1 AND process <> ''"))


def living(tx: Tx) -> set[int]:
    """Owners whose lease nobody has taken away."""
    return {row[0] for row in tx.query("SELECT id FROM carrier WHERE lease_until_ms > 1")}


def sweep(tx: Tx, owner: int, now: datetime, limit: int = 200) -> bool:
    """Take up to `limit` deliveries from a lapsed owner. True when none is left; then the owner is done with for
    good."""
    now_ms = to_ms(now)
    tx.execute("UPDATE carrier SET lease_until_ms = 1 WHERE id = ?", (owner,))
    rows = tx.query(
        "SELECT id, state, domain FROM delivery WHERE state < 10 AND state IN (1, 2) AND owner = ? ORDER BY id LIMIT ?"
        + tx.for_update(),
        (owner, limit),
    )
    for delivery_id, state, domain in rows:
        new = after(State(state), Event.ORPHANED)
        tx.execute("UPDATE delivery SET state = ?, owner = NULL WHERE id = ?", (int(new), delivery_id))
        if new is State.IN_DOUBT:
            note_doubt(tx, delivery_id, str(Event.ORPHANED), now_ms)
        else:
            hint(tx, domain, now_ms)
    if len(rows) == limit:
        return False
    tx.execute("UPDATE carrier SET lease_until_ms = 0 WHERE id = ?", (owner,))
    return True
