"""What to offer a person: products that go with what they look at or bought, in stock, and not theirs already.

Pinned pairs come first, then pairs that are ordered together more often than chance has it (at least TOGETHER times), by
lift, then products of the same group. A pair that is banned with anything they look at or bought is not offered.
"""

from collections.abc import Mapping
from typing import Any, Final

from engine.catalogue.pairs import Standing, pairs_of, skus_of
from engine.catalogue.products import find
from mta.ports import Tx

MOST: Final = 12  # offered at once
SEEDS: Final = 6  # products that offers go with
ORDERS: Final = 50  # of a person that are looked at
PAIRS: Final = 12  # of each of those that are looked at
TOGETHER: Final = 2  # orders with both before a pair is believed


def offers(tx: Tx, contact_id: int, event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """At most MOST products for this person, the best first, as plain data; `event` is what their run is about."""
    looked_at = list(dict.fromkeys(skus_of(dict(event))))
    bought = _bought(tx, contact_id)
    seeds = list(dict.fromkeys([*looked_at, *bought]))[:SEEDS]
    theirs = {*looked_at, *bought}
    pairs = pairs_of(tx, seeds, PAIRS)
    banned = {pair.other for pair in pairs if pair.standing is Standing.BANNED}
    good = [
        pair.other
        for pair in pairs
        if pair.standing is Standing.PINNED or (pair.together >= TOGETHER and pair.lift > 1)
    ]
    wanted = [sku for sku in dict.fromkeys([*good, *_kin(tx, seeds)]) if sku not in theirs | banned]
    known = find(tx, wanted[: 4 * MOST])
    found = [known[sku] for sku in wanted if sku in known and known[sku].is_to_be_had]
    return [product.as_json() for product in found[:MOST]]


def _bought(tx: Tx, contact_id: int) -> list[str]:
    """The products of a person's orders, the newest first."""
    rows = tx.query(
        "SELECT data FROM event WHERE contact_id = ? AND name = 'order.placed' ORDER BY at_ms DESC LIMIT ?",
        (contact_id, ORDERS),
    )
    return [sku for (data,) in rows for sku in skus_of(data)]


def _kin(tx: Tx, seeds: list[str]) -> list[str]:
    """Products of the groups of these."""
    groups = dict.fromkeys(product.kin for product in find(tx, seeds).values() if product.kin)
    rows = [tx.query("SELECT sku FROM product WHERE kin = ? ORDER BY sku LIMIT ?", (each, MOST * 4)) for each in groups]
    return [sku for found in rows for (sku,) in found]
