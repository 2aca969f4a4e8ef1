"""Passages: what happened at a step, written in the commit that did it."""

import json
from collections.abc import Iterable, Mapping
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


@dataclass(frozen=True, slots=True)
class Happened:
    """A passage of an enrolment, at an occurrence of its step."""

    enrolment_id: int
    occurrence: int
    passage: Passage


def write_passages(tx: Tx, happened: Iterable[Happened], now: datetime) -> None:
    """Unique for each (enrolment, step, occurrence): a step that happened can't be written as happening again."""
    at_ms = to_ms(now)
    rows = [
        (
            each.enrolment_id, each.passage.step, each.occurrence, at_ms, each.passage.kind, each.passage.result,
            json.dumps(each.passage.detail, ensure_ascii=False) if each.passage.detail else "{}",
        )
        for each in happened
    ]  # fmt: skip
    if rows:
        tx.executemany(
            "INSERT INTO passage (enrolment_id, step, occurrence, at_ms, kind, result, detail) VALUES (?,?,?,?,?,?,?)",
            rows,
        )
