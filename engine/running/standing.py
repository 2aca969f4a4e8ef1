"""Where a run stands, as its row keeps it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self

from engine.flow.decisions import Await, Decision, Standing
from engine.flow.model import END
from engine.running import facts
from mta.ports import from_ms, to_ms

TROUBLE_MAX: Final = 600  # characters of what went wrong that are kept
_NOTHING: Final = "{}"
_POOL: Final = "coupon:"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run keeps between its turns. `given`: what its steps were given (a coupon, a webhook's answer), which its data
    holds too, whatever newer event replaced that. `meant`: when this turn should have come, where it was put off since.
    `trouble`: what somebody must mend before it goes on, in the words of the alarm."""

    standing: Standing
    given: Mapping[str, Any] = field(default_factory=dict)
    meant: datetime | None = None
    trouble: str = ""

    @classmethod
    def read(cls, step: str, occurrence: int, due_ms: int | None, kept: str, intent: str) -> Self:
        """Out of the row's columns."""
        if kept == _NOTHING:
            due = None if due_ms is None else from_ms(due_ms)
            return cls(Standing(step, occurrence, due, intent=_intent(intent)))
        found = facts.read_data(kept)
        meant = from_ms(found["meant"]) if "meant" in found else None
        due = meant or (None if due_ms is None else from_ms(due_ms))
        parts = {name: found[name] for name in ("waiting_for", "heard", "jumps", "waited", "answer") if name in found}
        return cls(
            Standing(step, occurrence, due, intent=_intent(intent), **parts),
            found.get("given", {}),
            meant,
            found.get("trouble", ""),
        )

    def as_json(self) -> str:
        """For the row."""
        parts = self.standing.kept()
        if self.standing.heard is not None:
            parts["heard"] = self.standing.heard
        if self.standing.answer:
            parts["answer"] = self.standing.answer
        if self.given:
            parts["given"] = dict(self.given)
        if self.meant is not None:
            parts["meant"] = to_ms(self.meant)
        if self.trouble:
            parts["trouble"] = self.trouble[:TROUBLE_MAX]
        return json.dumps(parts, ensure_ascii=False) if parts else _NOTHING


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands when a plan is done, as the row says it: `how` it ended, or until when it waits."""

    step: str
    occurrence: int
    due: datetime | None = None
    how: str | None = None
    kept: str = _NOTHING
    awaits: str = ""
    intent: str = ""

    def columns(self, now: datetime) -> tuple[Any, ...]:
        """step, occurrence, state, due_ms, ended_ms, ended_how, standing, awaits, intent."""
        state, ended_ms = ("ended", to_ms(now)) if self.how else ("waiting", None)
        due_ms = None if self.due is None else to_ms(self.due)
        return self.step, self.occurrence, state, due_ms, ended_ms, self.how, self.kept, self.awaits, self.intent


def place_of(standing: Standing, last: Decision, given: Mapping[str, Any]) -> Place:
    """Where a run stands that goes on."""
    kept = Kept(replace(standing, due=None), given).as_json()
    intent = json.dumps(standing.intent, ensure_ascii=False) if standing.intent else ""
    awaits = last.event if isinstance(last, Await) else ""
    return Place(standing.step, standing.occurrence, standing.due, None, kept, awaits, intent)


def awaiting_pool(pool: str) -> str:
    """What stands in `awaits` of a run that waits for this pool to have coupons. It is no event's name."""
    return _POOL + pool


def pool_of(awaits: str) -> str:
    """The pool that a run with this `awaits` waits for; "" for another."""
    return awaits.removeprefix(_POOL) if awaits.startswith(_POOL) else ""


def put_off(kept: Kept, until: datetime | None, trouble: str = "", awaits: str = "") -> Place:
    """Where a run stands whose turn is put off, or waits for a person (None): what is late is counted from when it should
    have come first. `trouble`: why, where somebody must mend something."""
    standing = kept.standing
    is_waiting = bool(standing.intent and standing.waiting_for)  # else what was meant by it is over
    intent = json.dumps(standing.intent, ensure_ascii=False) if is_waiting else ""
    later = replace(kept, meant=standing.due, trouble=trouble).as_json()
    return Place(standing.step, standing.occurrence, until, None, later, awaits, intent)


def ended(occurrence: int, how: str, step: str = END) -> Place:
    """Where one stands that is over; `step` is where it could not go on."""
    return Place(step, occurrence, None, how)


def _intent(text: str) -> Mapping[str, Any] | None:
    return facts.read_data(text) or None if text else None
