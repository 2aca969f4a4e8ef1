"""Entering: what an event or a day means to one contact in one flow. Pure: the runner, `why-not` and the simulation all
ask here.

The order of what is asked: is it what the trigger speaks of; did it happen lately; is the chain that led to it too long; is
a run with this key waiting (then it is renewed: its data is replaced, whatever `where` says); does `where` hold; does the
rule of re-entry let another run begin; is the person held out.
"""

import hashlib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from engine.flow.events import MAX_KEY
from engine.flow.model import Definition, Reentry
from engine.flow.shares import in_holdout
from engine.flow.triggers import EventTrigger, ManualTrigger, Trigger
from engine.flow.values import as_text

Evidence: TypeAlias = Mapping[str, Any]
OLDEST: Final = timedelta(days=7)  # between an event and being told of it, for it to begin or renew a run

MAX_CHAIN: Final = 20  # runs that one led to the other


class Bar(StrEnum):
    """Every reason for not entering a flow. The same words stand in `why-not`, on screens and in reports."""

    OTHER_EVENT = "another event"  # the flow begins with something else
    TOLD_LATE = "told too late"  # it happened more than OLDEST before we heard of it: the past, brought in
    CONDITION = "condition does not hold"  # the trigger's `where` is false
    ENTERED_BEFORE = "entered before"  # a run with this key was there, and the flow says `reentry: never`
    TOO_SOON = "too soon after the last run"  # ... and the time of `reentry: {after: ...}` is not over
    CHAIN = "chain too long"  # flows that feed each other: what came is past the MAX_CHAINth link of their chain


@dataclass(frozen=True, slots=True)
class Told:
    """An event came. `at`: when it happened, as whoever told of it says; None leaves that out of account."""

    event: str
    data: Mapping[str, object]
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """A trigger by time has its moment: the civil day, which is the run's key."""

    key: str


@dataclass(frozen=True, slots=True)
class ByHand:
    """Somebody, or another flow, says so. Any flow can be entered this way."""


Came: TypeAlias = Told | Occasion | ByHand


@dataclass(frozen=True, slots=True)
class Entered:
    """A run begins, unless `is_held_out`: then it is over at once. `values`: what each part of the trigger's condition was
    worth."""

    key: str
    is_held_out: bool = False
    values: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Renewed:
    """The waiting run with this key has newer data; with `restarts` it goes back to the first step."""

    key: str
    restarts: bool = False


@dataclass(frozen=True, slots=True)
class NotEntered:
    reason: Bar
    key: str = ""


Entry: TypeAlias = Entered | Renewed | NotEntered


def enter(
    definition: Definition, came: Came, scope: Mapping[str, object], *, contact_id: int, waiting: Container[str],
    entered_at: Callable[[str], datetime | None], now: datetime, zone: ZoneInfo, chain: int = 0,
) -> Entry:  # fmt: skip
    """What comes of it for a contact. `scope`: the names that conditions speak of, in that moment; `waiting`: the keys of
    the contact's runs in this flow that wait; `entered_at`: when the last of them with a key was entered, None when there
    was none; `zone`: the contact's own; `chain`: how many runs led to what came."""
    trigger = definition.trigger
    if not _is_met(trigger, came):
        return NotEntered(Bar.OTHER_EVENT)
    if isinstance(came, Told) and came.at is not None and now - came.at > OLDEST:
        return NotEntered(Bar.TOLD_LATE)
    if chain > MAX_CHAIN:
        return NotEntered(Bar.CHAIN)
    key = came.key if isinstance(came, Occasion) else run_key(definition, scope)
    if key in waiting:
        return Renewed(key, isinstance(trigger, EventTrigger) and trigger.restart)
    if trigger.where is not None and not trigger.where.evaluate(scope):
        return NotEntered(Bar.CONDITION, key)
    if (bar := _again(definition.reentry, key, entered_at, now, zone)) is not None:
        return NotEntered(bar, key)
    held_out = bool(definition.holdout) and in_holdout(definition.name, contact_id, definition.holdout)
    return Entered(key, held_out, trigger.where.explain(scope) if trigger.where is not None else {})


def is_barred(definition: Definition, scope: Mapping[str, object]) -> bool:
    """Whether `enter` lets nobody in by its condition, who has no run in the flow: the quick answer for most."""
    where = definition.trigger.where
    return where is not None and not where.evaluate(scope)


def run_key(definition: Definition, scope: Mapping[str, object]) -> str:
    """What tells this run from the contact's others in the flow: the key's value as text; "" where there is none."""
    trigger = definition.trigger
    if not isinstance(trigger, EventTrigger | ManualTrigger) or trigger.key is None:
        return ""
    text = as_text(trigger.key.value(scope))
    if not isinstance(text, str):
        return ""
    return text if len(text) <= MAX_KEY else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _is_met(trigger: Trigger, came: Came) -> bool:
    match came:
        case Told(event=event, data=data):
            return isinstance(trigger, EventTrigger) and trigger.is_met(event, data)
        case Occasion():
            return not isinstance(trigger, EventTrigger | ManualTrigger)
    return True


def _again(
    rule: Reentry, key: str, entered_at: Callable[[str], datetime | None], now: datetime, zone: ZoneInfo
) -> Bar | None:
    """Why a run may not follow those with this key; None when it may."""
    if rule.rule == "always" or (last := entered_at(key)) is None:
        return None
    if rule.after is None:
        return Bar.ENTERED_BEFORE
    return Bar.TOO_SOON if rule.after.after(last, zone) > now else None
