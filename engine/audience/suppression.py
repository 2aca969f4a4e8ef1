"""Suppression: who must not be written to, and which mail that stops.

The reason decides what it stops. An unsubscribe and a complaint stop marketing only: the order that somebody paid for
is still confirmed to them. A hard bounce stops everything, because the mailbox is not there: marketing silently, a
transactional submission with a recorded refusal (RFC 5321 leaves a relay free to say 550 for a known dead mailbox).
A row is keyed by `Address.key` and outlives its contact.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final

from deliverability.text import clean
from engine.audience.contacts import note_event
from mta.ports import Tx, from_ms, to_ms
from mta.queue.delivery import Stream


class Reason(StrEnum):
    """Why an address is suppressed, the strongest first. The words are in the table and on every screen."""

    HARD_BOUNCE = "hard bounce"  # the mailbox or its domain does not exist
    COMPLAINT = "complaint"  # its reader called our mail spam
    UNSUBSCRIBE = "unsubscribe"  # its reader wants no marketing mail
    MANUAL = "manual"  # an operator says so
    ERASED = "erased"  # the person had their data erased: only a salted hash of the address is left
    PAUSED = "paused"  # the person wants no marketing mail for a while


class Scope(StrEnum):
    """Which streams a suppression stops."""

    ALL = "all"
    MARKETING = "marketing"


SCOPES: Final[Mapping[Reason, Scope]] = {
    Reason.HARD_BOUNCE: Scope.ALL,
    Reason.COMPLAINT: Scope.MARKETING,
    Reason.UNSUBSCRIBE: Scope.MARKETING,
    Reason.MANUAL: Scope.ALL,
    Reason.ERASED: Scope.MARKETING,
    Reason.PAUSED: Scope.MARKETING,
}

BACK: Final = "this person had their data erased before: they are known again, and get no marketing mail all the same"
"""What whoever writes them down once more is told."""

_STRENGTH: Final = {str(reason): rank for rank, reason in enumerate(Reason)}
_SALT: Final = "erasure_salt"  # its name in meta
_CHUNK: Final = 500  # keys in one question; SQLite allows 32,766 parameters, older ones 999


ALL_LISTS: Final = 0  # the list_id of a suppression that holds whatever the list


def suppress(
    tx: Tx, key: str, reason: Reason, *, scope: Scope | None = None, evidence: str = "", source: str = "",
    delivery_id: int | None = None, list_id: int = ALL_LISTS, until: datetime | None = None, now: datetime,
) -> bool:  # fmt: skip
    """Stop mail to `key` (an `Address.key`), of one list or of all; False when it was already stopped for this reason.

    The scope is the reason's own unless given (an operator may suppress marketing only). The first evidence stays; a
    wider scope widens the row, and a later end, or none, puts its end off. `source` is who brings it.
    """
    wanted = scope or SCOPES[reason]
    until_ms = to_ms(until) if until else None
    which = (key, str(reason), list_id)
    row = tx.one("SELECT scope FROM suppression WHERE key = ? AND reason = ? AND list_id = ?" + tx.for_update(), which)
    if row is not None:
        if wanted is Scope.ALL and row[0] != Scope.ALL:
            tx.execute("UPDATE suppression SET scope = 'all' WHERE key = ? AND reason = ? AND list_id = ?", which)
        put_off = "UPDATE suppression SET expires_ms = ? WHERE key = ? AND reason = ? AND list_id = ?"
        if until_ms is None:
            tx.execute(put_off, (None, *which))
        else:
            tx.execute(f"{put_off} AND expires_ms < ?", (until_ms, *which, until_ms))
        return False
    tx.execute(
        "INSERT INTO suppression (key, reason, list_id, scope, evidence, source, delivery_id, at_ms, expires_ms)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        (*which, str(wanted), clean(evidence)[:1000], clean(source)[:100], delivery_id, to_ms(now), until_ms),
    )
    return True


def is_suppressed(tx: Tx, keys: Iterable[str], stream: Stream, list_id: int = ALL_LISTS) -> dict[str, str]:
    """Those of `keys` that may not get mail of this stream, or of this list, each with its strongest reason's words."""
    found: dict[str, str] = {}
    wanted = list(keys)
    rows, salt = _stops(tx, wanted, list_id)
    hidden = {hide(key, salt): key for key in wanted} if salt else {}
    for kept, reason, scope in [*rows, *_stops(tx, list(hidden), list_id)[0]]:
        key = hidden.get(kept, kept)
        stops = scope == Scope.ALL or stream is Stream.MARKETING
        if stops and (key not in found or _rank(reason) < _rank(found[key])):
            found[key] = reason
    return found


def _stops(tx: Tx, keys: list[str], list_id: int) -> tuple[list[tuple[Any, ...]], bytes | None]:
    """(key, reason, scope) of what there is about `keys`; and the salt of erased keys, for which nobody asks apart."""
    rows = [row for chunk in _chunks(keys) for row in tx.query(_stops_sql(len(chunk)), (*chunk, list_id, _SALT))]
    salts = [bytes.fromhex(value) for value, key, _ in rows if key == _SALT]
    return [row for row in rows if row[1] != _SALT], salts[0] if salts else None


@cache
def _stops_sql(count: int) -> str:
    marks = ",".join("?" * count)
    return (
        f"SELECT key, reason, scope FROM suppression WHERE key IN ({marks}) AND list_id IN (0, ?)"
        " UNION ALL SELECT value, key, '' FROM meta WHERE key = ?"
    )


def standing(tx: Tx, keys: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
    """Those of `keys` that marketing may not go to, each with (reason's words, list_id or ALL_LISTS) of every row."""
    found: dict[str, list[tuple[str, int]]] = {}
    wanted = list(keys)
    hidden = {hide(key, salt): key for key in wanted} if (salt := _salt(tx)) else {}
    for chunk in _chunks([*wanted, *hidden]):
        marks = ",".join("?" * len(chunk))
        for kept, reason, list_id in tx.query(
            f"SELECT key, reason, list_id FROM suppression WHERE key IN ({marks})", chunk
        ):
            found.setdefault(hidden.get(kept, kept), []).append((reason, list_id))
    return found


def about(tx: Tx, key: str) -> list[dict[str, Any]]:
    """All that stands against mail to this address, oldest first, also from before its data was erased."""
    salt = _salt(tx)
    rows = tx.query(
        "SELECT s.reason, s.scope, COALESCE(l.name, ''), s.source, s.evidence, s.at_ms, s.expires_ms"
        " FROM suppression s LEFT JOIN list l ON l.id = s.list_id WHERE s.key IN (?,?) ORDER BY s.at_ms, s.reason, l.name",
        (key, hide(key, salt) if salt else key),
    )
    return [
        {
            "reason": reason, "scope": scope, "list": mailing_list, "source": source, "evidence": evidence,
            "at": from_ms(at).isoformat(), "until": from_ms(until).isoformat() if until else None,
        }
        for reason, scope, mailing_list, source, evidence, at, until in rows
    ]  # fmt: skip


def was_erased(tx: Tx, key: str) -> bool:
    """Whether this is somebody whose data was erased, and whom nobody lifted that of."""
    return any(reason == Reason.ERASED for reason, _ in standing(tx, [key]).get(key, ()))


def expire(tx: Tx, now: datetime, limit: int = 200) -> int:
    """Drop suppressions whose time is over; how many. Each stays as an event."""
    rows = tx.query(
        "SELECT key, reason, list_id FROM suppression WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?"
        + tx.for_update(),
        (to_ms(now), limit),
    )
    for key, reason, list_id in rows:
        tx.execute("DELETE FROM suppression WHERE key = ? AND reason = ? AND list_id = ?", (key, reason, list_id))
        data = {"key": key, "reasons": [reason], "by": "posthouse", "why": "its time was over"}
        note_event(tx, "suppression.lifted", None, data, now)
    return len(rows)


def has_expired(tx: Tx, now: datetime) -> bool:
    """Whether `expire` would find any."""
    return tx.one("SELECT 1 FROM suppression WHERE expires_ms <= ? LIMIT 1", (to_ms(now),)) is not None


def lift(
    tx: Tx, key: str, *, by: str, why: str, now: datetime, only: tuple[Reason, int | None] | None = None
) -> list[dict[str, Any]]:
    """Let mail go to `key` again, whatever stopped it, or only what one reason did, of one list or (None) of all; the rows
    lifted. Who did it and why stays as an event."""
    hidden = hide(key, salt) if (salt := _salt(tx)) else key
    rows = [
        dict(zip(_ROW, (kept == hidden != key, *rest), strict=True))
        for kept, *rest in tx.query(
            "SELECT key, reason, list_id, scope, evidence, source, delivery_id, at_ms, expires_ms FROM suppression"
            " WHERE key IN (?,?) ORDER BY reason, list_id" + tx.for_update(), (key, hidden),
        )
        if only is None or (rest[0] == only[0] and only[1] in (None, rest[1]))
    ]  # fmt: skip
    for row in rows:
        tx.execute(
            "DELETE FROM suppression WHERE key = ? AND reason = ? AND list_id = ?",
            (hidden if row["hidden"] else key, row["reason"], row["list_id"]),
        )
    if rows:
        reasons = [str(row["reason"]) for row in rows]
        note_event(tx, "suppression.lifted", None, {"key": key, "reasons": reasons, "by": by, "why": why}, now)
    return rows


_ROW: Final = ("hidden", "reason", "list_id", "scope", "evidence", "source", "delivery_id", "at_ms", "expires_ms")


def put_back(tx: Tx, key: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Suppress `key` again as `lift` found it; how many rows were not there. ValueError for what is no such row."""
    count, salt = 0, _salt(tx)
    for row in rows:
        if set(row) != set(_ROW) or row["hidden"] not in (True, False):
            raise ValueError("rows are those that a lift answered")
        kept = hide(key, salt) if row["hidden"] and salt else key
        told = (str(Reason(row["reason"])), int(row["list_id"]), str(Scope(row["scope"])))
        count += tx.execute(
            "INSERT INTO suppression (key, reason, list_id, scope, evidence, source, delivery_id, at_ms, expires_ms)"
            " VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (key, reason, list_id) DO NOTHING",
            (kept, *told, clean(str(row["evidence"]))[:1000], clean(str(row["source"]))[:100], row["delivery_id"],
             int(row["at_ms"]), row["expires_ms"]),
        )  # fmt: skip
    return count


def let_back(tx: Tx, contact_id: int, list_id: int) -> None:
    """Somebody said yes to a list that their mailbox had left as another contact (engine.audience.former)."""
    tx.execute(
        "DELETE FROM suppression WHERE key = (SELECT key FROM contact WHERE id = ?) AND reason = ? AND list_id = ?",
        (contact_id, str(Reason.UNSUBSCRIBE), list_id),
    )


def pause(tx: Tx, key: str, until: datetime | None, *, source: str, now: datetime) -> None:
    """Let no marketing mail go to `key` until then, whatever pause there was; None ends it."""
    tx.execute("DELETE FROM suppression WHERE key = ? AND reason = ?", (key, str(Reason.PAUSED)))
    if until is not None:
        suppress(tx, key, Reason.PAUSED, source=source, until=until, now=now)


def lift_bounces(tx: Tx, domain: str, *, since: datetime) -> int:
    """Take back the hard bounces that a domain's own refusals caused since then; how many."""
    rows = tx.query(
        "SELECT s.key FROM suppression s JOIN delivery d ON d.id = s.delivery_id"
        " WHERE s.reason = ? AND s.at_ms >= ? AND d.domain = ?",
        (str(Reason.HARD_BOUNCE), to_ms(since), domain),
    )
    for (key,) in rows:
        tx.execute("DELETE FROM suppression WHERE key = ? AND reason = ?", (key, str(Reason.HARD_BOUNCE)))
    return len(rows)


def erase(tx: Tx, key: str, *, salt: bytes, now: datetime) -> None:
    """Turn all that is known of `key` into a salted hash that stops the same streams, or marketing at least.

    `salt`: unguessable octets for the installation's first erasure; later ones keep to that.
    """
    tx.execute("INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO NOTHING", (_SALT, salt.hex()))
    kept = _salt(tx)
    assert kept is not None
    stops_all = tx.one("SELECT 1 FROM suppression WHERE key = ? AND scope = ? LIMIT 1", (key, str(Scope.ALL)))
    tx.execute("DELETE FROM suppression WHERE key = ?", (key,))
    tx.execute("DELETE FROM refusal WHERE lower(forward_path) = ?", (key.lower(),))
    suppress(tx, hide(key, kept), Reason.ERASED, scope=Scope.ALL if stops_all else None, now=now)


def hide(key: str, salt: bytes) -> str:
    """What stands for the key of somebody who was erased."""
    return f"sha256:{hmac.digest(salt, key.encode(), 'sha256').hex()}"


def _salt(tx: Tx) -> bytes | None:
    """The salt of erased keys; None while nobody was erased."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", (_SALT,))
    return None if row is None else bytes.fromhex(row[0])


def record_refusal(tx: Tx, forward_path: str, reason: str, credential: str, now: datetime) -> int:
    """Keep that a submission's recipient was answered 550 because it is suppressed: silence would look like loss."""
    return tx.insert(
        "INSERT INTO refusal (forward_path, reason, credential, at_ms) VALUES (?,?,?,?)",
        (forward_path, reason, credential, to_ms(now)),
    )


def _rank(reason: str) -> int:
    return _STRENGTH.get(reason, len(_STRENGTH))


def _chunks(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _CHUNK):
        yield keys[start : start + _CHUNK]
