"""Pairs of products: what is ordered together, learnt from orders a little at a time; pinned and banned by people.

Learning is a chore with a cursor over the events, so taking orders in costs nothing. It stays some seconds behind: only
events that were there SETTLED ago are read, since transactions beside each other may commit in another order than their
events are numbered.

The lift of a pair says how much more often both are in one order than chance would have it: together x orders / (one x
other); 1 is chance.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import combinations
from typing import Any, Final

from engine.store.many import in_list
from mta.ports import Tx, to_ms

SETTLED: Final = timedelta(seconds=5)
SPAN: Final = 1000  # events in one transaction
PAIRS: Final = 300  # pairs in one transaction, or those of one order
LINES: Final = 15  # different products of an order that are looked at
_CURSOR: Final = "pairs"


class Standing(StrEnum):
    """What people say of a pair. The words are in the table."""

    LEARNT = ""
    PINNED = "pinned"  # offered first
    BANNED = "banned"  # never offered


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far was read; up to where may be read, and since when; and the orders so far."""

    seen: int = 0
    bound: int = 0
    bound_ms: int = 0
    orders: int = 0


def lift(together: int, one: int, other: int, orders: int) -> float:
    """0 where nothing is known."""
    return together * orders / (one * other) if one and other else 0.0


def has_orders(tx: Tx, now: datetime) -> bool:
    """Whether there is something to learn from."""
    cursor = read_cursor(tx)
    if cursor.seen >= cursor.bound:
        return _newest(tx) > cursor.bound
    return to_ms(now) - cursor.bound_ms >= _SETTLED_MS


_SETTLED_MS: Final = SETTLED // timedelta(milliseconds=1)


def learn(tx: Tx, now: datetime) -> None:
    """Learn from some orders, and move the cursor in the same transaction."""
    if lock := tx.for_update():
        tx.execute("INSERT INTO meta (key, value) VALUES (?, '{}') ON CONFLICT (key) DO NOTHING", (_CURSOR,))
        tx.one("SELECT value FROM meta WHERE key = ?" + lock, (_CURSOR,))
    cursor = read_cursor(tx)
    if cursor.seen >= cursor.bound:
        _keep(tx, replace(cursor, bound=_newest(tx), bound_ms=to_ms(now)))
    elif to_ms(now) - cursor.bound_ms >= _SETTLED_MS:
        _keep(tx, _read_some(tx, cursor))


def _read_some(tx: Tx, cursor: Cursor) -> Cursor:
    until = min(cursor.seen + SPAN, cursor.bound)
    rows = tx.query(
        # Asked so that no database goes by the index of names: it would read all orders there ever were.
        "SELECT id, data FROM event WHERE id > ? AND id <= ? AND COALESCE(name, '') = 'order.placed' ORDER BY id",
        (cursor.seen, until),
    )
    single: Counter[str] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    orders = 0
    for event_id, data in rows:
        skus = sorted(set(skus_of(data)))[:LINES]
        single.update(skus)
        both.update(combinations(skus, 2))
        orders += bool(skus)
        if len(both) >= PAIRS:
            until = event_id
            break
    _add(tx, single, both)
    return Cursor(until, cursor.bound, cursor.bound_ms, cursor.orders + orders)


def _add(tx: Tx, single: Counter[str], both: Counter[tuple[str, str]]) -> None:
    tx.executemany(
        "INSERT INTO product_sale (sku, orders) VALUES (?,?)"
        " ON CONFLICT (sku) DO UPDATE SET orders = product_sale.orders + excluded.orders",
        sorted(single.items()),
    )
    tx.executemany(
        "INSERT INTO product_pair (one, other, together, standing) VALUES (?,?,?,'')"
        " ON CONFLICT (one, other) DO UPDATE SET together = product_pair.together + excluded.together",
        [(*pair, count) for pair, count in sorted(both.items())],
    )


def skus_of(data: str | dict[str, Any]) -> list[str]:
    """The products of an order's or a cart's lines, or of a product's event."""
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            return []
    lines = data.get("lines") if isinstance(data, dict) else None
    told = [*(lines if isinstance(lines, list) else ()), data]
    skus = (each.get("sku") for each in told[:200] if isinstance(each, dict))
    return [str(sku)[:100] for sku in skus if isinstance(sku, str | int) and not isinstance(sku, bool) and str(sku)]


def _newest(tx: Tx) -> int:
    row = tx.one("SELECT max(id) FROM event")
    return int(row[0] or 0) if row else 0


def read_cursor(tx: Tx) -> Cursor:
    row = tx.one("SELECT value FROM meta WHERE key = ?", (_CURSOR,))
    return Cursor(**json.loads(row[0])) if row else Cursor()


def _keep(tx: Tx, cursor: Cursor) -> None:
    told = {"seen": cursor.seen, "bound": cursor.bound, "bound_ms": cursor.bound_ms, "orders": cursor.orders}
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_CURSOR, json.dumps(told)),
    )


# -- people's word


def set_standing(tx: Tx, a: str, b: str, standing: Standing) -> None:
    """Pin a pair, ban it, or leave it to what was learnt."""
    one, other = sorted((a, b))
    tx.execute(
        "INSERT INTO product_pair (one, other, together, standing) VALUES (?,?,0,?)"
        " ON CONFLICT (one, other) DO UPDATE SET standing = excluded.standing",
        (one, other, str(standing)),
    )
    tx.execute("DELETE FROM product_pair WHERE one = ? AND other = ? AND standing = '' AND together = 0", (one, other))


@dataclass(frozen=True, slots=True)
class Pair:
    """Another product, how it goes with the one that was asked about, and what people say of it."""

    sku: str
    other: str
    together: int
    lift: float
    standing: Standing


def pairs_of(tx: Tx, skus: Iterable[str], most: int = 50) -> list[Pair]:
    """Of each of these products the pairs that are ordered together most, and all that people have a word on."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for sku in skus:
        for mine, its in (("one", "other"), ("other", "one")):
            for order in (f" AND together > 0 ORDER BY together DESC LIMIT {int(most)}", " AND standing <> ''"):
                rows = tx.query(f"SELECT {its}, together, standing FROM product_pair WHERE {mine} = ?{order}", (sku,))
                found |= {(sku, other): (together, standing) for other, together, standing in rows}
    return _with_lift(tx, found)


def all_pairs(tx: Tx, limit: int) -> list[Pair]:
    """The pairs that are ordered together most, and those that people have a word on."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for order in (" WHERE standing <> '' ORDER BY one, other LIMIT ?", " ORDER BY together DESC, one, other LIMIT ?"):
        rows = tx.query(f"SELECT one, other, together, standing FROM product_pair{order}", (limit,))
        found |= {(one, other): (together, standing) for one, other, together, standing in rows}
    return _with_lift(tx, found)[:limit]


def _with_lift(tx: Tx, found: dict[tuple[str, str], tuple[int, str]]) -> list[Pair]:
    """Pinned first, then by lift."""
    orders, sold = read_cursor(tx).orders, dict[str, int]()
    skus = sorted({sku for pair in found for sku in pair})
    for at in range(0, len(skus), 500):
        marks, which = in_list(skus[at : at + 500])
        sold |= dict(tx.query(f"SELECT sku, orders FROM product_sale WHERE sku IN ({marks})", which))
    made = [
        Pair(one, other, together, lift(together, sold.get(one, 0), sold.get(other, 0), orders), Standing(standing))
        for (one, other), (together, standing) in found.items()
    ]
    return sorted(made, key=lambda pair: (pair.standing is not Standing.PINNED, -pair.lift, -pair.together, pair.other))
