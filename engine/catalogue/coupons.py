"""Giving coupons, and seeing them redeemed.

`take` sets one code aside for a person and one run: asked again for the same it gives the same, for as long as that code
can be used. A pool that has none left answers Empty, and nothing was written: whoever asks waits until codes are loaded.
`give` says that the code goes out, in the transaction that writes the mail. From then on it is that person's and never goes
back to the pool, since somebody may have read it; a code that nobody was told of does (engine.running.unread), and begins
anew where its time went by before anybody was (`renew`).

A code counts as redeemed when an order names it (`coupon` or `coupons` in the data of order.placed); whom it was given
to gets the event coupon.redeemed, once.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.audience.contacts import note_once
from engine.catalogue import codes
from engine.catalogue.lasting import begun_anew, is_lost, last_moment, on_clock
from engine.catalogue.pools import lack_of
from engine.flow.civil import Span
from mta.ports import Tx, from_ms, to_ms

NAMED_MAX: Final = 20  # codes that one order may name
TRIES: Final = 5  # codes made by a pattern until one is nobody's
_UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Taken:
    """A code, and when it ends (None: never). `is_new` says whether it was set aside just now."""

    code: str
    expires: datetime | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class Empty:
    """No code; why, in words for the operator. `can_be_filled`: there will be some when the pool is made, or loaded."""

    reason: str
    can_be_filled: bool = True
    is_used: bool = False  # the person had the one code that the pool gives them, and redeemed it


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who asks for a code of which pool, and when what is given now ends, whatever the code says itself."""

    pool: str
    contact_id: int
    key: str
    now_ms: int
    ends_ms: int | None


def take(
    tx: Tx,
    pool: str,
    contact_id: int,
    key: str,
    now: datetime,
    *,
    expires: Span | None = None,
    zone: ZoneInfo = _UTC,
) -> Taken | Empty:
    """A code of this pool for this contact and run key. `expires`: how long it is good for (engine.catalogue.lasting), on a
    clock in `zone`, the contact's own; without it as long as the pool says."""
    row = tx.one("SELECT pattern, secret, expires, once FROM coupon_pool WHERE name = ?", (pool,))
    if row is None:
        return _empty(tx, pool, now)
    pattern, secret, usual, once = row
    if lock := tx.for_update():  # two carriers that ask for one person ask one after the other
        tx.one("SELECT id FROM contact WHERE id = ?" + lock, (contact_id,))
    if once and _used(tx, pool, contact_id):
        return Empty(f'the one code of "{pool}" was used already', can_be_filled=False, is_used=True)
    if (had := _had(tx, pool, contact_id, key, to_ms(now), once=bool(once))) is not None:
        return had
    span = expires or (Span.parse(usual) if usual else None)
    ends_ms = to_ms(last_moment(span, now, zone)) if span else None
    asked = _Asked(pool, contact_id, key, to_ms(now), ends_ms)
    made = _make(tx, asked, pattern, bytes.fromhex(secret)) if pattern else _pick(tx, asked)
    return made or _empty(tx, pool, now)


def give(tx: Tx, contact_id: int, codes_told: Collection[str], now: datetime) -> None:
    """These codes go out to the contact whom they were set aside for."""
    for code in codes_told:
        tx.execute(
            "UPDATE coupon SET state = 'given', given_ms = ? WHERE lookup = ? AND contact_id = ? AND state = 'reserved'",
            (to_ms(now), codes.lookup(code), contact_id),
        )


def renew(tx: Tx, contact_id: int, code: str, now: datetime, zone: ZoneInfo = _UTC) -> Taken | None:
    """The same code with its time begun anew, where it was lost before its person was told; None for others, and where the
    shop itself does not take it any more."""
    row = tx.one(
        "SELECT id, given_ms, expires_ms, until_ms FROM coupon WHERE lookup = ? AND contact_id = ? AND state = 'reserved'"
        " AND expires_ms IS NOT NULL AND (until_ms IS NULL OR until_ms > ?)" + tx.for_update(),
        (codes.lookup(code), contact_id, to_ms(now)),
    )
    if row is None or not is_lost(from_ms(row[1]), from_ms(row[2]), now):
        return None
    coupon_id, aside_ms, ended_ms, until_ms = row
    ends_ms = to_ms(begun_anew(from_ms(aside_ms), from_ms(ended_ms), now, zone))
    ends_ms = ends_ms if until_ms is None else min(ends_ms, until_ms)
    tx.execute("UPDATE coupon SET given_ms = ?, expires_ms = ? WHERE id = ?", (to_ms(now), ends_ms, coupon_id))
    return _taken(code, ends_ms, is_new=False)


def as_given(taken: Taken, zone: ZoneInfo) -> dict[str, Any]:
    """What a run's data says of a code: its end by its person's clock, so that the day which is read there is the last one."""
    return {"code": taken.code, "expires": on_clock(taken.expires, zone) if taken.expires else None}


def codes_in(given: Mapping[str, Any]) -> list[str]:
    """The codes in what a run's steps were given."""
    found = (each.get("code") for each in given.values() if isinstance(each, dict))
    return [code for code in found if isinstance(code, str) and 0 < len(code) <= codes.LONGEST]


def _empty(tx: Tx, pool: str, now: datetime) -> Empty:
    """Why there was none; another took the last one, where there is some by now."""
    lack = lack_of(tx, pool, now)
    return Empty(f"{lack.reason}: {lack.remedy}" if lack else f'the last coupon of "{pool}" was just given')


def _used(tx: Tx, pool: str, contact_id: int) -> bool:
    """Whether this person redeemed a code of this pool."""
    sql = "SELECT 1 FROM coupon WHERE contact_id = ? AND pool = ? AND state = 'redeemed' LIMIT 1"
    return tx.one(sql, (contact_id, pool)) is not None


def _had(tx: Tx, pool: str, contact_id: int, key: str, now_ms: int, *, once: bool) -> Taken | None:
    """What this person has of the pool already and can still use: for this run, or for any where once is enough."""
    which = "" if once else " AND key = ?"
    row = tx.one(
        "SELECT code, expires_ms FROM coupon WHERE contact_id = ? AND pool = ? AND state IN ('reserved', 'given')"
        f" AND (expires_ms IS NULL OR expires_ms > ?){which} ORDER BY id DESC LIMIT 1",
        (contact_id, pool, now_ms) if once else (contact_id, pool, now_ms, key),
    )
    return None if row is None else _taken(row[0], row[1], is_new=False)


def _pick(tx: Tx, asked: _Asked) -> Taken | None:
    """The oldest free code that was loaded and is still good."""
    row = tx.one(
        "SELECT id, code, until_ms FROM coupon WHERE pool = ? AND state = 'free' AND (until_ms IS NULL OR until_ms > ?)"
        " ORDER BY id LIMIT 1" + tx.for_update(skip_locked=True),
        (asked.pool, asked.now_ms),
    )
    if row is None:
        return None
    coupon_id, code, until_ms = row
    ends_ms = min((each for each in (asked.ends_ms, until_ms) if each is not None), default=None)
    tx.execute(
        "UPDATE coupon SET state = 'reserved', contact_id = ?, key = ?, given_ms = ?, expires_ms = ? WHERE id = ?",
        (asked.contact_id, asked.key, asked.now_ms, ends_ms, coupon_id),
    )
    return _taken(code, ends_ms, is_new=True)


def _make(tx: Tx, asked: _Asked, pattern: str, secret: bytes) -> Taken | Empty:
    """A code by the pattern; the next one where chance made one that is somebody's."""
    row = tx.one(
        "SELECT count(*) FROM coupon WHERE contact_id = ? AND pool = ? AND key = ?",
        (asked.contact_id, asked.pool, asked.key),
    )
    turn = row[0] if row else 0
    for attempt in range(TRIES):
        code = codes.make(pattern, secret, asked.contact_id, asked.key, turn, attempt)
        written = tx.execute(
            "INSERT INTO coupon (pool, code, lookup, state, contact_id, key, given_ms, expires_ms)"
            " VALUES (?,?,?,'reserved',?,?,?,?) ON CONFLICT (lookup) DO NOTHING",
            (
                asked.pool, code, codes.lookup(code), asked.contact_id, asked.key, asked.now_ms, asked.ends_ms,
            ),
        )  # fmt: skip
        if written:
            return _taken(code, asked.ends_ms, is_new=True)
    return Empty(
        f'nearly all codes by the pattern of "{asked.pool}" are given: make a pool with a longer one',
        can_be_filled=False,
    )


def _taken(code: str, expires_ms: int | None, *, is_new: bool) -> Taken:
    return Taken(code, None if expires_ms is None else from_ms(expires_ms), is_new)


# -- redeeming


def named_in(data: Mapping[str, Any]) -> Iterator[str]:
    """The codes that an order names: `coupon` is a text, `coupons` a list of texts or of records with a `code`."""
    several = data.get("coupons")
    for each in [data.get("coupon"), *(several[:NAMED_MAX] if isinstance(several, list) else [])]:
        code = each.get("code") if isinstance(each, dict) else each
        if isinstance(code, str) and 0 < len(code) <= codes.LONGEST:
            yield code


def redeem(tx: Tx, contact_id: int | None, data: Mapping[str, Any], now: datetime) -> list[str]:
    """An order was placed: mark the codes that it names; those that were not redeemed before. Whom a code was given to
    gets the event, else who ordered."""
    marked = []
    for code in named_in(data):
        number = str(data.get("number", ""))[:200]
        rows = tx.query(
            "UPDATE coupon SET state = 'redeemed', redeemed_ms = ?, order_number = ? WHERE lookup = ?"
            " AND state <> 'redeemed' RETURNING id, code, pool, contact_id",
            (to_ms(now), number, codes.lookup(code)),
        )
        for coupon_id, whole, pool, given_to in rows:
            marked.append(whole)
            _tell(tx, coupon_id, given_to or contact_id, {"code": whole, "pool": pool, "order": number}, now)
    return marked


def _tell(tx: Tx, coupon_id: int, contact_id: int | None, told: dict[str, Any], now: datetime) -> None:
    if contact_id is not None:
        note_once(tx, "coupon.redeemed", contact_id, told, f"coupon:{coupon_id}", key=told["code"], now=now)
