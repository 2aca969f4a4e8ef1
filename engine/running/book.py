"""The flows of this installation: their states, and each version read once, and kept while there is room.

A version never changes, so what was read of it is never stale; which version a flow has now, and whether it is paused,
is asked of the store each time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.flow.definition import Definition, recall
from engine.flow.sieve import Sieve
from engine.flow.triggers import EventTrigger
from engine.running import flowlog, history
from engine.running.history import What
from mta.ports import Tx, to_ms

VERSIONS_MAX: Final = 2_000  # that are kept; beyond it all are read anew


@dataclass(frozen=True, slots=True)
class ActiveFlow:
    """A flow that people may enter. Paused, they enter and wait; archived, nobody enters."""

    flow_id: int
    version_id: int
    state: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply_flow` did. `is_new` says whether this text was a version not seen before."""

    flow_id: int
    version_id: int
    is_new: bool


class FlowBook:
    """Definitions by version. Safe to use from several threads: the worst is that two read the same text."""

    def __init__(self, alarm: Callable[[str], None] = flowlog.alarm) -> None:
        self._alarm = alarm
        self._versions: dict[int, tuple[Definition | None]] = {}
        self._begun: tuple[list[tuple[Any, ...]], Mapping[str, Sieve[ActiveFlow]]] = ([], {})

    def all(self, tx: Tx) -> list[ActiveFlow]:
        """The flows that people may enter now, whatever they begin with."""
        rows = tx.query(
            "SELECT id, version_id, state FROM flow WHERE state <> 'archived' AND version_id IS NOT NULL ORDER BY id"
        )
        found = [(row, self.definition(tx, row[1])) for row in rows]
        return [ActiveFlow(row[0], row[1], row[2], definition) for row, definition in found if definition is not None]

    def flows(self, tx: Tx) -> Mapping[str, Sieve[ActiveFlow]]:
        """The flows that people may enter now by events, by the event that each begins with."""
        rows = tx.query(
            "SELECT id, version_id, state FROM flow WHERE state <> 'archived' AND version_id IS NOT NULL ORDER BY id"
        )
        known, begun = self._begun
        if rows != known:
            begun = self._by_event(tx, rows)
            self._begun = (rows, begun)
        return begun

    def named(self, tx: Tx, name: str) -> ActiveFlow | None:
        """The flow of this name, where people may enter it."""
        row = tx.one(
            "SELECT id, version_id, state FROM flow WHERE name = ? AND state <> 'archived' AND version_id IS NOT NULL",
            (name,),
        )
        definition = self.definition(tx, row[1]) if row else None
        return ActiveFlow(row[0], row[1], row[2], definition) if row and definition else None

    def _by_event(self, tx: Tx, rows: list[tuple[Any, ...]]) -> Mapping[str, Sieve[ActiveFlow]]:
        found: dict[str, list[ActiveFlow]] = {}
        for flow_id, version_id, state in rows:
            if (definition := self.definition(tx, version_id)) is not None:
                flow = ActiveFlow(flow_id, version_id, state, definition)
                if isinstance(definition.trigger, EventTrigger):
                    found.setdefault(definition.trigger.event, []).append(flow)
        return {event: Sieve(flows, lambda flow: flow.definition) for event, flows in found.items()}

    def definition(self, tx: Tx, version_id: int) -> Definition | None:
        """A version's definition. None, after an alarm, when this program can't read it (an older program, say)."""
        if (known := self._versions.get(version_id)) is not None:
            return known[0]
        row = tx.one(
            "SELECT f.name, v.source FROM flow_version v JOIN flow f ON f.id = v.flow_id WHERE v.id = ?",
            (version_id,),
        )
        if row is None:
            return None
        found = self._read(*row)
        if len(self._versions) >= VERSIONS_MAX:
            self._versions.clear()
        self._versions[version_id] = (found,)
        return found

    def _read(self, name: str, source: str) -> Definition | None:
        found = recall(source, f"{name}.yaml")
        if isinstance(found, Definition):
            return found
        self._alarm(f"the flow {name} can't be read, whoever is in it waits: {found[0]}")
        return None


def apply_flow(
    tx: Tx,
    definition: Definition,
    source: str,
    now: datetime,
    *,
    operator: str = "",
    detail: Mapping[str, Any] | None = None,
) -> Applied:
    """Make this text the flow's version. Who is in flight stays on the version they entered (engine.running.moving moves
    them). `detail` is kept in the flow's history.

    A flow not seen before begins active; one that is paused stays paused; one that was archived is active again.
    """
    row = tx.one("SELECT id FROM flow WHERE name = ?", (definition.name,))
    flow_id = row[0] if row else tx.insert("INSERT INTO flow (name, state) VALUES (?,'active')", (definition.name,))
    found = tx.one("SELECT id FROM flow_version WHERE flow_id = ? AND hash = ?", (flow_id, definition.version))
    version_id = found[0] if found else tx.insert(
        "INSERT INTO flow_version (flow_id, hash, source, applied_ms) VALUES (?,?,?,?)",
        (flow_id, definition.version, source, to_ms(now)),
    )  # fmt: skip
    tx.execute("UPDATE flow SET version_id = ? WHERE id = ?", (version_id, flow_id))
    tx.execute("UPDATE flow SET state = 'active' WHERE id = ? AND state = 'archived'", (flow_id,))
    history.note(tx, flow_id, What.APPLIED, operator, now, detail)
    return Applied(flow_id, version_id, found is None)


def set_flow_state(tx: Tx, name: str, state: str, now: datetime, operator: str = "") -> int | None:
    """Make a flow active, paused or archived; its id, None when there is none of that name. Nothing is written where it
    is so already."""
    row = tx.one("SELECT id FROM flow WHERE name = ?", (name,))
    if row is None:
        return None
    if tx.execute("UPDATE flow SET state = ? WHERE id = ? AND state <> ?", (state, row[0], state)):
        history.note(tx, row[0], _WORDS[state], operator, now)
    return int(row[0])


_WORDS: Final = {"active": What.RESUMED, "paused": What.PAUSED, "archived": What.ARCHIVED}
