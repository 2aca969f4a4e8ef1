"""The JSON Schema of flow files (draft 7, which YAML language servers read), out of the same words that `check` reads.

It tells an editor of shapes: which keys stand where, and what each may hold. What only `check` can see is not in it:
whether a condition reads, a template is there, a jump leads somewhere.
"""

from typing import Any, Final

from engine.flow.scalars import CLOCK, DATE, DAY
from engine.flow.steps import MAX_STEPS
from engine.flow.words import FLOW, STEP, TRIGGER

ABOUT: Final = {
    "wait": "Wait: so long, until a clock time or a date, within a window, or for an event.",
    "send": "Write the mail of this name.",
    "if": "Go the way of `then` where the condition holds, else that of `else`.",
    "switch": "Go the way of the first case that holds.",
    "split": "Go one of several ways by chance, the same person always the same.",
    "tag": "Give the contact a tag.",
    "untag": "Take a tag away.",
    "join": "Ask for a place on a list.",
    "leave": "Take the contact off a list.",
    "set": "Write fields of the contact.",
    "add": "Count up number fields of the contact.",
    "coupon": "Take a code out of a pool.",
    "emit": "Record an event of the contact's.",
    "webhook": "Call an address of yours.",
    "notify": "Write to a member of staff.",
    "start": "Let the contact into another flow.",
    "stop": "End the contact's runs in another flow.",
    "jump": "Go on at another step, at most so many times.",
    "exit": "Leave the flow.",
}
"""What each step does, in a line."""

_TRUTHS: Final = {"on": True, "yes": True, "off": False, "no": False}  # to YAML 1.1
_CLOCKS: Final = frozenset({CLOCK.told["pattern"]})
_DATES: Final = frozenset({DAY.told["pattern"], DATE.told["pattern"]})
TRIGGER_ABOUT: Final = {
    "event": "An event of this name.",
    "list": "Joining, confirming or leaving a list.",
    "segment": "Entering or leaving a segment.",
    "tag": "A tag that is given or taken away.",
    "date": "A date of the contact's own, such as a birthday.",
    "calendar": "A day of the calendar, or a holiday.",
    "inactivity": "So long without an event.",
    "schedule": "Days that a recurrence rule names.",
    "manual": "A command, the API, or another flow.",
}
"""What lets a contact in, in a line."""


def flow_schema() -> dict[str, Any]:
    """The schema, as plain JSON."""
    told = FLOW.schema()
    trigger = told["properties"]["trigger"]
    for kind in trigger["anyOf"]:
        word = next(word for word in TRIGGER.kinds if word in kind["required"])
        kind["properties"][word] = {"description": TRIGGER_ABOUT[word], **kind["properties"][word]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A flow of Posthouse",
        **told,
        "definitions": {"steps": _steps()},
    }


def yaml_11(schema: Any) -> Any:
    """The same schema, for tools that read YAML 1.1, to which `on`, `off` and `NO` are truths, `10:00` is 600 and a day no
    text. It is laxer: where `on` may stand, another word with the same value may."""
    if isinstance(schema, list):
        return [yaml_11(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: yaml_11(each) for name, each in schema.items()}
    if "on" in told.get("properties", ()):
        told["additionalProperties"] = told["properties"]["on"]
        told["required"] = [each for each in told["required"] if each != "on"]
    words = {_TRUTHS.get(str(each).lower()) for each in told.get("enum", ())}
    if truths := [each for each in (True, False) if each in words]:
        told["enum"] = [*told["enum"], *truths]
    if told.get("pattern") in _CLOCKS:
        return {"anyOf": [told, {"type": "integer", "minimum": 0, "maximum": 24 * 60 - 1}]}
    return {} if told.get("pattern") in _DATES else told


def _steps() -> dict[str, Any]:
    kinds = [_step(word) for word in STEP]
    return {"type": "array", "minItems": 1, "maxItems": MAX_STEPS, "items": {"anyOf": [{"enum": ["exit"]}, *kinds]}}


def _step(word: str) -> dict[str, Any]:
    told = STEP[word].schema()
    for case in told.get("anyOf", [told]):
        case["properties"][word] = {"description": ABOUT[word], **case["properties"][word]}
    return told
