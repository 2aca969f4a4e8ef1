"""What was done to a flow, by whom and when: written in the commit that does it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from engine.running.facts import read_data
from mta.ports import Tx, from_ms, to_ms


class What(StrEnum):
    """All that can be done to a flow."""

    APPLIED = "applied"  # another text, or the same again
    PAUSED = "paused"
    RESUMED = "resumed"
    ARCHIVED = "archived"
    MOVED = "moved"  # people under way came to a version: when all were looked at
    ENDED = "ended"  # ... or out of the flow
    JUDGED = "judged"  # a split with `winner:` had people enough: nobody did this


@dataclass(frozen=True, slots=True)
class Change:
    """One entry. `version` is the hash of the flow's version then, "" where it had none."""

    at: datetime
    what: What
    operator: str
    version: str
    detail: dict[str, Any] = field(default_factory=dict)


def note(
    tx: Tx, flow_id: int, what: What, operator: str, now: datetime, detail: Mapping[str, Any] | None = None
) -> None:
    """Write down what was done; the flow's version is the one it has in this transaction."""
    tx.execute(
        "INSERT INTO flow_change (flow_id, version_id, what, operator, detail, at_ms)"
        " SELECT id, version_id, ?, ?, ?, ? FROM flow WHERE id = ?",
        (what, operator, json.dumps(detail or {}, ensure_ascii=False), to_ms(now), flow_id),
    )


def changes(tx: Tx, flow_id: int, limit: int = 1000) -> list[Change]:
    """What was done to a flow, the newest first."""
    rows = tx.query(
        "SELECT c.at_ms, c.what, c.operator, v.hash, c.detail FROM flow_change c"
        " LEFT JOIN flow_version v ON v.id = c.version_id WHERE c.flow_id = ? ORDER BY c.id DESC LIMIT ?",
        (flow_id, limit),
    )
    return [
        Change(from_ms(at_ms), What(what), operator, version or "", read_data(detail))
        for at_ms, what, operator, version, detail in rows
    ]
