"""Coupon pools: making them, loading codes into them, and how many are left of each.

Codes come as a table: the first column is the code, a second one named `until` says when the shop stops taking it (a
day, or a moment in ISO 8601). They are loaded in parts, each part one transaction; a code that is known already is left
as it is, so loading the same file again changes nothing.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.catalogue import codes
from engine.catalogue.codes import CodeError
from engine.flow.civil import Span, end_of, resolve
from mta.ports import Tx, from_ms, to_ms

PART: Final = 500  # codes in one transaction
SECRET_OCTETS: Final = 32
LOW: Final = 100  # warn when fewer are left, where the pool does not say
_LINE_MAX: Final = 2000  # characters
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_HEADS: Final = ("code", "coupon")


class PoolError(ValueError):
    """A pool, or a file of codes, that can't be; the words can be shown to an operator."""


class CouponState(StrEnum):
    """Where a code stands. The words are in the table."""

    FREE = "free"
    RESERVED = "reserved"  # set aside for a run that has told nobody of it yet
    GIVEN = "given"
    REDEEMED = "redeemed"
    OVER = "over"  # the shop stopped taking it before it was given to anybody


@dataclass(frozen=True, slots=True)
class Pool:
    """`pattern` "" is a pool of loaded codes. `expires` is a Span's text, or ""."""

    name: str
    pattern: str = ""
    expires: str = ""
    low: int = LOW
    once: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """A code to load, and until when the shop takes it."""

    text: str
    until: datetime | None = None


def put(tx: Tx, pool: Pool, secret: bytes, now: datetime) -> bool:
    """Make a pool, or give one that is there other rules; whether it is new. PoolError. `secret`: SECRET_OCTETS from
    chance, used for a new pool."""
    if not _NAME.fullmatch(pool.name):
        raise PoolError(f'"{pool.name[:50]}" is no name of a pool: small letters, digits, - and _')
    try:
        pattern = codes.check_pattern(pool.pattern) if pool.pattern else ""
    except ValueError as err:
        raise PoolError(str(err)) from None
    try:
        expires = str(Span.parse(pool.expires)) if pool.expires else ""
    except ValueError as err:
        raise PoolError(f'--expires "{codes.shown(pool.expires)}": {err}') from None
    row = tx.one("SELECT pattern FROM coupon_pool WHERE name = ?" + tx.for_update(), (pool.name,))
    if row is not None and bool(row[0]) != bool(pattern):
        kind = "is made by a pattern" if row[0] else "has loaded codes"
        raise PoolError(f"the pool {pool.name} {kind} and stays so: take a new name")
    tx.execute(
        "INSERT INTO coupon_pool (name, pattern, secret, expires, low, once, told, created_ms) VALUES (?,?,?,?,?,?,'empty',?)"
        " ON CONFLICT (name) DO UPDATE SET pattern = excluded.pattern, expires = excluded.expires, low = excluded.low,"
        " once = excluded.once",
        (pool.name, pattern, secret.hex(), expires, pool.low, int(pool.once), to_ms(now)),
    )
    return row is None


def read_codes(lines: Iterable[str], zone: ZoneInfo) -> Iterator[Code]:
    """The codes of a table, one a line. PoolError with the line's number at the first one that is none."""
    rows = csv.reader((line[:_LINE_MAX] for line in lines), skipinitialspace=True)
    try:
        for row in rows:
            cells = [cell.strip().lstrip("\ufeff") for cell in row]
            if any(cells) and not (rows.line_num == 1 and cells[0].lower() in _HEADS):
                until = _until(cells[1], zone) if len(cells) > 1 and cells[1] else None
                yield Code(codes.check_code(cells[0]), until)
    except (CodeError, csv.Error) as err:
        raise PoolError(f"line {rows.line_num}: {err}") from None


def _until(text: str, zone: ZoneInfo) -> datetime:
    """A moment; a day lasts until it ends on the installation's clock."""
    try:
        if len(text) == len("2026-12-24"):
            return end_of(date.fromisoformat(text), zone)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise CodeError(f'"{codes.shown(text)}" is no day and no moment (such as 2026-12-24)') from None
    return moment if moment.tzinfo else resolve(moment, zone)


def load(tx: Tx, pool: str, part: Sequence[Code]) -> int:
    """Put at most PART codes into a pool of loaded codes; how many were not known. PoolError."""
    row = tx.one("SELECT pattern FROM coupon_pool WHERE name = ?", (pool,))
    if row is None:
        raise PoolError(f"there is no pool {pool} (`posthouse coupon pool add {pool}` makes one)")
    if row[0]:
        raise PoolError(f"the pool {pool} makes its codes by the pattern {row[0]}: it takes none")
    return sum(
        tx.execute(
            "INSERT INTO coupon (pool, code, lookup, state, until_ms) VALUES (?,?,?,'free',?)"
            " ON CONFLICT (lookup) DO NOTHING",
            (pool, each.text, codes.lookup(each.text), to_ms(each.until) if each.until else None),
        )
        for each in part
    )


def figures(tx: Tx) -> list[dict[str, Any]]:
    """Every pool, its rules and how many of its codes stand where."""
    counted: dict[str, dict[str, int]] = {}
    for pool, state, count in tx.query("SELECT pool, state, count(*) FROM coupon GROUP BY pool, state"):
        counted.setdefault(pool, {})[state] = count
    rows = tx.query("SELECT name, pattern, expires, low, once FROM coupon_pool ORDER BY name")
    return [
        {
            "name": name, "pattern": pattern, "expires": expires, "low": low, "once": bool(once),
            **{str(state): counted.get(name, {}).get(state, 0) for state in CouponState},
        }
        for name, pattern, expires, low, once in rows
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a pool has no code to give, and what an operator does about it, in words."""

    reason: str
    remedy: str


def lack_of(tx: Tx, pool: str, now: datetime) -> Lack | None:
    """What this pool lacks to give a code now; None where it has some, or makes them."""
    row = tx.one("SELECT pattern FROM coupon_pool WHERE name = ?", (pool,))
    if row is None:
        return Lack(f'there is no coupon pool "{pool}"', f"`posthouse coupon pool add {pool}` makes one")
    if row[0] or free(tx, pool, now, 1):
        return None
    return Lack(f'the coupon pool "{pool}" is empty', f"`posthouse coupon pool load {pool} FILE` fills it")


def free(tx: Tx, pool: str, now: datetime, most: int) -> int:
    """How many loaded codes there are to give now, counted up to `most`."""
    row = tx.one(
        "SELECT count(*) FROM (SELECT id FROM coupon WHERE pool = ? AND state = 'free'"
        " AND (until_ms IS NULL OR until_ms > ?) LIMIT ?) AS f",
        (pool, to_ms(now), most),
    )
    return int(row[0]) if row else 0


def listed(tx: Tx, pool: str, after: int, limit: int) -> list[dict[str, Any]]:
    """Codes of a pool in the order in which they came, from after this id, each with its `id`."""
    rows = tx.query(
        "SELECT k.id, k.code, k.state, COALESCE(c.address, ''), k.given_ms, k.expires_ms, k.until_ms, k.redeemed_ms,"
        " k.order_number FROM coupon k LEFT JOIN contact c ON c.id = k.contact_id"
        " WHERE k.pool = ? AND k.id > ? ORDER BY k.id LIMIT ?",
        (pool, after, limit),
    )
    names = ("id", "code", "state", "address", "given", "expires", "until", "redeemed", "order")
    return [
        dict(zip(names, (*row[:4], *(each and from_ms(each).isoformat() for each in row[4:8]), row[8]), strict=True))
        for row in rows
    ]


def drop(tx: Tx, pool: str) -> None:
    """Take away a pool that gave nobody a code, with its codes. PoolError for others: what was given is a record."""
    if tx.one("SELECT 1 FROM coupon WHERE pool = ? AND state IN ('reserved', 'given', 'redeemed') LIMIT 1", (pool,)):
        raise PoolError(f"codes of {pool} were given: the pool stays, so that it can be said to whom")
    tx.execute("DELETE FROM coupon WHERE pool = ?", (pool,))
    if not tx.execute("DELETE FROM coupon_pool WHERE name = ?", (pool,)):
        raise PoolError(f"there is no pool {pool}")
