"""The names that a flow file may speak of, as the store has them."""

from collections.abc import Collection, Iterable

from engine.flow.known import Known, staff_keys
from mta.ports import Tx


def names_there(tx: Tx, templates: Collection[str], staff: Iterable[str], permits: Iterable[object] = ()) -> Known:
    """Mails, keys of the addresses of staff and networks of hooks.permit (both as told), lists, segments, flows that are not
    archived, pools of coupons, fields of contacts."""
    return Known(
        templates=sorted(templates),
        staff=staff_keys(staff),
        permits=sorted(map(str, permits)),
        lists=_names(tx, "SELECT name FROM list ORDER BY name"),
        segments=_names(tx, "SELECT name FROM segment WHERE removed = 0 ORDER BY name"),
        flows=_names(tx, "SELECT name FROM flow WHERE state <> 'archived' ORDER BY name"),
        pools=_names(tx, "SELECT name FROM coupon_pool ORDER BY name"),
        fields=_names(tx, "SELECT name FROM field ORDER BY name"),
    )


def _names(tx: Tx, sql: str) -> list[str]:
    return [name for (name,) in tx.query(sql)]
