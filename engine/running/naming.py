"""The names that a flow file may speak of, as the store has them."""

from collections.abc import Collection, Iterable

from engine.flow.actions import TakeCoupon
from engine.flow.definition import Definition, recall
from engine.flow.known import Known, staff_keys
from engine.flow.model import Do
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


def flows_taking(tx: Tx, pool: str) -> list[str]:
    """The flows that take codes out of this pool, or would: by the text that people enter, or that somebody is under way on."""
    rows = tx.query(
        "SELECT f.name, v.source FROM flow f JOIN flow_version v ON v.flow_id = f.id"
        " WHERE (f.state <> 'archived' AND f.version_id = v.id) OR EXISTS"
        " (SELECT 1 FROM enrolment e WHERE e.flow_id = f.id AND e.version_id = v.id AND e.state = 'waiting')"
    )
    return sorted({name for name, source in rows if pool in source and _takes(source, name, pool)})


def _takes(source: str, name: str, pool: str) -> bool:
    found = recall(source, f"{name}.yaml")
    steps = [each.step for each in found.program.values()] if isinstance(found, Definition) else []
    return any(
        isinstance(each, Do) and isinstance(each.action, TakeCoupon) and each.action.pool == pool for each in steps
    )


def _names(tx: Tx, sql: str) -> list[str]:
    return [name for (name,) in tx.query(sql)]
