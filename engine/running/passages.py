"""Passages: what happened at a step, written in the commit that did it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mta.ports import Tx, to_ms


@dataclass(frozen=True, slots=True)
class Passage:
    """`kind` is trigger, wait, if, send, goal or exit; `detail` the evidence, ready for JSON."""

    step: str
    kind: str
    result: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def write_passage(tx: Tx, enrolment_id: int, occurrence: int, passage: Passage, now: datetime) -> None:
    """Unique for each (enrolment, step, occurrence): a step that happened can't be written as happening again."""
    tx.execute(
        "INSERT INTO passage (enrolment_id, step, occurrence, at_ms, kind, result, detail) VALUES (?,?,?,?,?,?,?)",
        (
            enrolment_id, passage.step, occurrence, to_ms(now), passage.kind, passage.result,
            json.dumps(passage.detail, ensure_ascii=False),
        ),
    )  # fmt: skip
