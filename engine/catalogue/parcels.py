"""Parcels: which word of a courier is news.

Couriers tell the same status twice, and late. A status counts when it is further on the way than the last one; what a
parcel was before, or is already, is no event. Only a parcel that could not be delivered may go out again: when that is
told REST after it went out the last time, it is another attempt. Who tells a tracking number without an address means
whoever the parcel was announced for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mta.ports import Tx, to_ms

PREFIX: Final = "parcel."
RANK: Final[Mapping[str, int]] = {
    "": 0, "accepted": 1, "in_transit": 2, "out_for_delivery": 3, "failed": 4, "delivered": 5,
}  # fmt: skip
REST: Final = timedelta(hours=12)
_LONGEST: Final = 100  # characters of a number


@dataclass(frozen=True, slots=True)
class Known:
    """A parcel as it was before: whose it is, its last word, and when it last went out for delivery."""

    contact_id: int | None
    state: str
    out_ms: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a status: whether it is news, and whom it concerns."""

    is_news: bool
    contact_id: int | None


def key_of(data: Mapping[str, Any]) -> str:
    """What a parcel is known by: its tracking number without spaces and hyphens, else its order's number; "" for none."""
    for name, mark in (("tracking_number", "t"), ("order", "o")):
        told = data.get(name)
        text = "".join(str(told).upper().split()).replace("-", "") if isinstance(told, str | int) else ""
        if text and not isinstance(told, bool):
            return f"{mark}:{text[:_LONGEST]}"
    return ""


def is_news(known: Known, state: str, at: datetime) -> bool:
    """Whether this status is further on than the last one. Pure."""
    if known.state == "failed" and state == "out_for_delivery":
        return known.out_ms is None or to_ms(at) - known.out_ms >= REST // timedelta(milliseconds=1)
    return RANK[state] > RANK[known.state]


def announce(tx: Tx, contact_id: int | None, data: Mapping[str, Any], now: datetime) -> None:
    """An order names a tracking number: whose parcel that is."""
    if contact_id is not None and (key := key_of({"tracking_number": data.get("tracking_number")})):
        _begin(tx, key, contact_id, now)


def tell(tx: Tx, name: str, contact_id: int | None, data: Mapping[str, Any], at: datetime) -> Told:
    """A parcel.* event came: note where the parcel is. A status about no parcel that could be told apart is news."""
    key, state = key_of(data), name.removeprefix(PREFIX)
    if not key or state not in RANK:
        return Told(True, contact_id)
    _begin(tx, key, contact_id, at)
    row = tx.one("SELECT contact_id, state, out_ms FROM parcel WHERE key = ?" + tx.for_update(), (key,))
    known = Known(*row) if row else Known(None, "", None)
    whose = contact_id if contact_id is not None else known.contact_id
    if not is_news(known, state, at):
        return Told(False, whose)
    out_ms = to_ms(at) if state == "out_for_delivery" else known.out_ms
    tx.execute(
        "UPDATE parcel SET state = ?, out_ms = ?, changed_ms = ?, contact_id = COALESCE(contact_id, ?) WHERE key = ?",
        (state, out_ms, to_ms(at), whose, key),
    )
    return Told(True, whose)


def _begin(tx: Tx, key: str, contact_id: int | None, now: datetime) -> None:
    tx.execute(
        "INSERT INTO parcel (key, contact_id, state, changed_ms) VALUES (?,?,'',?) ON CONFLICT (key) DO NOTHING",
        (key, contact_id, to_ms(now)),
    )
