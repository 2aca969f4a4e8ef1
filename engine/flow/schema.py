"""The JSON Schema of flow files (draft 7, which YAML language servers read), out of the same words that `check` reads.

It tells an editor of shapes: which keys stand where, and what each may hold. What only `check` can see is not in it:
whether a condition reads, a template is there, a jump leads somewhere.
"""

from typing import Any, Final

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


def _steps() -> dict[str, Any]:
    kinds = [_step(word) for word in STEP]
    return {"type": "array", "minItems": 1, "maxItems": MAX_STEPS, "items": {"anyOf": [{"enum": ["exit"]}, *kinds]}}


def _step(word: str) -> dict[str, Any]:
    told = STEP[word].schema()
    for case in told.get("anyOf", [told]):
        case["properties"][word] = {"description": ABOUT[word], **case["properties"][word]}
    return told
