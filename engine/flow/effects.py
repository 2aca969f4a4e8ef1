"""What an action comes to for one contact, and what the steps after it in the same turn see of that."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from engine.flow.actions import Action, AddTo, CallWebhook, Emit, Given, Join, Leave, SetFields, Tag, Untag
from engine.flow.conditions import Condition
from engine.flow.values import MISSING, Value, kind, plain, reckon

Facts = Mapping[str, object]


def values_of(action: Action, facts: Facts) -> dict[str, Any]:
    """The action's values as plain JSON: dates in ISO 8601, None for what is missing. Of AddTo numbers only."""
    match action:
        case SetFields(values=given) | Emit(values=given) | CallWebhook(values=given):
            return {name: _as_json(_value(each, facts)) for name, each in given.items()}
        case AddTo(values=given):
            numbers = {name: _value(each, facts) for name, each in given.items()}
            return {name: each for name, each in numbers.items() if kind(each) == "number"}
    return {}


def overlay(facts: Facts, action: Action, values: Mapping[str, Any]) -> Facts:
    """The facts as they are when the action is done: its contact's tags, lists and fields."""
    found = facts.get("contact")
    contact: dict[str, Any] = dict(found) if isinstance(found, Mapping) else {}
    tags, lists = list(contact.get("tags") or ()), dict(contact.get("lists") or {})
    fields = dict(contact.get("fields") or {})
    match action:
        case Tag(tag=tag):
            contact["tags"] = sorted({*tags, tag})
        case Untag(tag=tag):
            contact["tags"] = [each for each in tags if each != tag]
        case Join(mailing_list=name):
            contact["lists"] = lists | {name: "confirmed" if lists.get(name) == "confirmed" else "unconfirmed"}
        case Leave(mailing_list=name):
            contact["lists"] = lists | {name: "unsubscribed"} if name in lists else lists
        case SetFields():
            contact["fields"] = {name: each for name, each in {**fields, **values}.items() if each is not None}
        case AddTo():
            contact["fields"] = fields | {name: added(fields.get(name), each) for name, each in values.items()}
        case _:
            return facts
    return {**facts, "contact": contact}


def added(before: object, number: int | float) -> int | float:
    """A counter after `number` was added to it: one that holds no number counts from 0, and none leaves the bounds of sums
    (docs/conditions.md)."""
    start = plain(before)
    total = reckon("+", start if kind(start) == "number" else 0, number)
    if isinstance(total, int | float):
        return total
    return start if isinstance(start, int | float) else 0


def _value(given: Given, facts: Facts) -> Value:
    return given.value(facts) if isinstance(given, Condition) else given


def _as_json(value: Value) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return None if value is MISSING else value
