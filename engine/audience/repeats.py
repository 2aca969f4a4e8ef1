"""Bounces that are no reason to stop by themselves, and are one when they repeat over weeks: full and disabled mailboxes,
and users whom a server calls unknown in a way that may be about something else.

Each delivery counts once. What arrives meanwhile ends the count: at once where the address refuses in our session, and
after a day without a report where it takes mail first and returns it later, since then its "250" says little.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from deliverability.bounces.classify import BounceClass
from deliverability.settings import LaterSettings, Repeat
from engine.audience.suppression import Reason, Scope, suppress
from mta.ports import Tx, from_ms, to_ms

SILENCE: Final = timedelta(days=1)  # what was taken so long ago, and not reported, has arrived
_CHUNK: Final = 400


def count(
    tx: Tx, key: str, klass: BounceClass, *, delivery_id: int, evidence: str, said_later: bool, settings: LaterSettings,
    now: datetime,
) -> str:  # fmt: skip
    """One more bounce of this class; suppresses when it is enough. How far it is, in words."""
    rule = settings.of(klass)
    found = _standing(tx, key, klass, delivery_id, now)
    times, first_ms, before = found or (0, to_ms(now), False)
    times += 1
    over = now - from_ms(first_ms)
    told = f"{times} of {rule.times} times and {over.days} of {rule.over.days} days"
    if not rule.times:
        return "is off"
    if times >= rule.times and over >= rule.over:
        tx.execute("DELETE FROM repeated_bounce WHERE key = ?", (key,))
        suppress(
            tx, key, Reason.HARD_BOUNCE, scope=_scope(rule), evidence=f"{klass}, {times} times in {over.days} days: {evidence}",
            source="repeated", delivery_id=delivery_id, now=now,
        )  # fmt: skip
        return f"{told}: now"
    tx.execute(
        "INSERT INTO repeated_bounce (key, klass, count, first_ms, last_ms, said_later) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (key, klass) DO UPDATE SET count = excluded.count, first_ms = excluded.first_ms,"
        " last_ms = excluded.last_ms, said_later = excluded.said_later, arrived = NULL, arrived_ms = NULL",
        (key, str(klass), times, first_ms, to_ms(now), int(said_later or before)),
    )
    return told


def _standing(tx: Tx, key: str, klass: BounceClass, delivery_id: int, now: datetime) -> tuple[int, int, bool] | None:
    """(times, the first, whether one was reported later) that still count; None when something arrived meanwhile."""
    sql = "SELECT count, first_ms, said_later, arrived, arrived_ms FROM repeated_bounce WHERE key = ? AND klass = ?"
    row = tx.one(sql + tx.for_update(), (key, str(klass)))
    if row is None:
        return None
    times, first_ms, said_later, arrived, arrived_ms = row
    has_arrived = arrived not in (None, delivery_id) and arrived_ms <= to_ms(now - SILENCE)
    return None if has_arrived else (times, first_ms, bool(said_later))


def arrived(tx: Tx, deliveries: Iterable[tuple[str, int]], now: datetime) -> None:
    """These (key, delivery) were taken: what was counted against them is over, or will be when nothing is reported."""
    of = dict(deliveries)
    keys = list(of)
    for start in range(0, len(keys), _CHUNK):
        some = keys[start : start + _CHUNK]
        marks = ",".join("?" * len(some))
        sql = f"SELECT key, klass, said_later, arrived_ms FROM repeated_bounce WHERE key IN ({marks})"
        for key, klass, said_later, arrived_ms in tx.query(sql + tx.for_update(), some):
            if said_later and _is_reported(tx, of[key]):
                continue
            if not said_later or (arrived_ms is not None and arrived_ms <= to_ms(now - SILENCE)):
                tx.execute("DELETE FROM repeated_bounce WHERE key = ? AND klass = ?", (key, klass))
            elif arrived_ms is None:
                tx.execute(
                    "UPDATE repeated_bounce SET arrived = ?, arrived_ms = ? WHERE key = ? AND klass = ?",
                    (of[key], to_ms(now), key, klass),
                )


def _is_reported(tx: Tx, delivery_id: int) -> bool:
    """Whether what was taken has come back already: a bounce by a host next door can be quicker than our own record."""
    asked = "SELECT 1 FROM inbound WHERE delivery_id = ? AND verdict LIKE ? LIMIT 1"
    row = tx.one(asked, (delivery_id, "bounce: %"))
    return row is not None


def forget(tx: Tx, key: str) -> None:
    """Somebody's data is erased."""
    tx.execute("DELETE FROM repeated_bounce WHERE key = ?", (key,))


def has_old(tx: Tx, before: datetime) -> bool:
    """Whether `drop_old` would find any."""
    return tx.one("SELECT 1 FROM repeated_bounce WHERE last_ms < ? LIMIT 1", (to_ms(before),)) is not None


def drop_old(tx: Tx, before: datetime) -> None:
    """Let go of some counts to which nothing was added for long."""
    rows = tx.query("SELECT key, klass FROM repeated_bounce WHERE last_ms < ? LIMIT ?", (to_ms(before), _CHUNK))
    tx.executemany("DELETE FROM repeated_bounce WHERE key = ? AND klass = ?", rows)


def _scope(rule: Repeat) -> Scope:
    return Scope.MARKETING if rule.marketing_only else Scope.ALL
