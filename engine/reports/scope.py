"""What a report is about, as SQL over a message (m), its delivery (d) and the row that says who asked for it (s)."""

from dataclasses import dataclass
from typing import Any, Final

from mta.ports import Tx
from mta.queue.delivery import Stream

KINDS: Final = ("flow", "campaign", "list", "domain")


class NoScope(LookupError):
    """There is no flow, campaign or list of that name; the words can be shown."""


@dataclass(frozen=True, slots=True)
class Scope:
    """`where` holds for a mail that the report is about; `group` is what it is grouped by."""

    kind: str
    name: str
    where: str
    params: tuple[Any, ...]
    group: str
    id: int = 0  # the flow's, the campaign's or the list's
    judged: str = ""  # holds for a row of `judgement` (j) that the report is about; "" for none
    judged_group: str = "''"


_BY: Final = (
    "CASE WHEN s.message_id IS NULL THEN 'the shop' WHEN s.campaign_id IS NOT NULL THEN 'campaign ' || d.campaign"
    " WHEN s.flow <> '' THEN 'flow ' || s.flow ELSE 'ours' END"
)
_VARIANT: Final = "CASE WHEN {0} <> '' THEN {0} ELSE 'all alike' END"
_OF: Final = "j.kind = '{}' AND j.name = ?"


def scope_of(tx: Tx, kind: str, name: str) -> Scope:
    """The scope of this kind and name. NoScope when there is none."""
    if kind == "flow":
        where = "s.flow = ? AND s.enrolment_id IS NOT NULL"
        return Scope(kind, name, where, (name,), "s.step", _id(tx, kind, name), _OF.format(kind), "j.part")
    if kind == "campaign":
        found = _id(tx, kind, name)
        by = _VARIANT.format("s.variant")
        return Scope(kind, name, "s.campaign_id = ?", (found,), by, found, _OF.format(kind), _VARIANT.format("j.part"))
    if kind == "list":
        found = _id(tx, kind, name)
        stream = int(Stream.MARKETING)
        by = "j.kind || ' ' || j.name"
        return Scope(kind, name, "m.list_id = ? AND m.stream = ?", (found, stream), _BY, found, "j.list_id = ?", by)
    return Scope(kind, name, "d.domain = ?", (name.lower(),), _BY)


def judged_params(scope: Scope) -> tuple[Any, ...]:
    """What `Scope.judged` asks with."""
    return (scope.id,) if scope.kind == "list" else (scope.name,)


def _id(tx: Tx, table: str, name: str) -> int:
    row = tx.one(f"SELECT id FROM {table} WHERE name = ?", (name,))
    if row is None:
        raise NoScope(f"there is no {table} {name}")
    return int(row[0])
