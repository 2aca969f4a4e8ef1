"""Questions about segments: how many exactly, why somebody is in one or not, what a question costs, who came and went."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from engine.flow import expression as tree
from engine.flow.happened import Happened
from engine.flow.values import shown, truth
from engine.segments import sql
from engine.segments.checking import Checked
from engine.segments.facts import World
from engine.segments.vocabulary import Type
from engine.store.dialect import DIALECTS
from engine.store.groups import GroupStore
from mta.ports import Tx, from_ms, to_ms

PART: Final = 20_000  # contact ids in one reading
READERS: Final = min(4, os.cpu_count() or 1)  # that count beside each other

_DIFFERENCE: Final = (
    "SELECT c.address, l.entered, l.cause, l.at_ms FROM (SELECT contact_id, MIN(id) AS a, MAX(id) AS b FROM segment_change"
    " WHERE segment_id = ? AND at_ms > ? AND at_ms <= ? GROUP BY contact_id) g"
    " JOIN segment_change f ON f.id = g.a JOIN segment_change l ON l.id = g.b JOIN contact c ON c.id = g.contact_id"
    " WHERE f.entered = l.entered ORDER BY l.id"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of an expression that a person can follow: whether it holds, and what its names are worth."""

    depth: int
    text: str
    holds: bool
    values: str


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody who was out on one day and in on another, or the other way around."""

    address: str
    has_entered: bool
    cause: str
    at: datetime


def last_id(tx: Tx) -> int:
    """The largest id of a contact."""
    row = tx.one("SELECT COALESCE(MAX(id), 0) FROM contact")
    return int(row[0]) if row else 0


def count_part(tx: Tx, checked: Checked, world: World, after: int) -> int:
    """How many it holds for, of the PART contacts with ids behind `after`."""
    query = _counting(tx, checked, world, after)
    row = tx.one(query.text, query.params)
    return int(row[0]) if row else 0


def recount(store: GroupStore, checked: Checked, world: World) -> int:
    """How many it holds for, asked of everybody now: a part at a time, by as many readers as there are processors."""
    starts = iter(range(0, store.read_now(last_id), PART))

    def count(_: int) -> int:
        with store.apart() as line:
            return sum(line.read(partial(count_part, checked=checked, world=world, after=after)) for after in starts)

    with ThreadPoolExecutor(READERS) as readers:
        return sum(readers.map(count, range(READERS)))


def plan(tx: Tx, checked: Checked, world: World) -> tuple[str, list[str]]:
    """The statement that asks a part of all contacts, and how the database would answer it."""
    query = _counting(tx, checked, world, 0)
    rows = tx.query(DIALECTS[tx.dialect].plan(query.text), query.params)
    return query.text, [str(row[-1]) for row in rows]


def _counting(tx: Tx, checked: Checked, world: World, after: int) -> sql.Sql:
    holds = sql.condition(checked, world, DIALECTS[tx.dialect])
    head = sql.Sql("SELECT count(*) FROM contact c WHERE c.id > ? AND c.id <= ?", (after, after + PART))
    return sql.fit("{} AND {}", head, holds)


def difference(tx: Tx, segment_id: int, since: datetime, until: datetime) -> list[Moved]:
    """Who stands elsewhere at `until` than at `since`, in the order of their last move; whoever is gone is left out."""
    rows = tx.query(_DIFFERENCE, (segment_id, to_ms(since), to_ms(until)))
    return [Moved(address, bool(entered), cause, from_ms(at_ms)) for address, entered, cause, at_ms in rows]


def members_at(tx: Tx, segment_id: int, members: int, at: datetime) -> int:
    """How many belonged at a time, reckoned back from how many do now."""
    row = tx.one(
        "SELECT COALESCE(SUM(2 * entered - 1), 0) FROM segment_change WHERE segment_id = ? AND at_ms > ?",
        (segment_id, to_ms(at)),
    )
    return members - (int(row[0]) if row else 0)


def explained(checked: Checked, scope: dict[str, Any]) -> list[Clause]:
    """Clause by clause: what holds and what does not, the whole first."""
    return list(_clauses(checked, checked.root, scope, 0))


def _clauses(checked: Checked, node: tree.Node, scope: dict[str, Any], depth: int) -> Iterator[Clause]:
    holds = truth(node.evaluate(scope))
    match node:
        case tree.Logic(word="not", operands=(operand,)) if isinstance(operand, tree.Logic):
            yield Clause(depth, "not", holds, "")
            yield from _clauses(checked, operand, scope, depth + 1)
        case tree.Logic(word=word) if word != "not":
            yield Clause(depth, "all of" if word == "and" else "one of", holds, "")
            for each in sql.chain(node, word):
                yield from _clauses(checked, each, scope, depth + 1)
        case _:
            yield Clause(depth, str(node), holds, ", ".join(_values(checked, node, scope)))


def _values(checked: Checked, node: tree.Node, scope: dict[str, Any]) -> Iterator[str]:
    """What the names in a clause are worth, the outermost of each."""
    if isinstance(node, tree.Lookup | tree.Name | tree.Call | Happened):
        yield f"{node} is {_worth(checked, node, scope)}"
        return
    for each in node.parts():
        yield from _values(checked, each, scope)


def _worth(checked: Checked, node: tree.Node, scope: dict[str, Any]) -> str:
    value = node.evaluate(scope)
    kind = checked.types.get(id(node))
    if kind in (Type.EVENTS, Type.LINES, Type.PLUCKED):
        return _how_often(value) if kind is Type.EVENTS else _listed(value)
    if isinstance(value, list | dict):
        return _listed(value)
    found = shown(value)
    if isinstance(found, bool):
        return "true" if found else "false"
    return "missing" if found is None else repr(found) if isinstance(value, str) else str(found)


def _how_often(value: Any) -> str:
    if not value:
        return "nothing"
    return f"{len(value)}, the last at {value[-1]['at']:%Y-%m-%d %H:%M} UTC"


def _listed(value: Any) -> str:
    items = (
        [f"{name}: {told}" for name, told in value.items()]
        if isinstance(value, dict)
        else [str(each) for each in value]
    )
    more = f", and {len(items) - 10} more" if len(items) > 10 else ""
    return f"[{', '.join(items[:10])}{more}]"
