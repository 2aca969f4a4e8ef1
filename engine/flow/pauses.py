"""What the `wait` and the `late` of a flow file come to, out of their values by key."""

from typing import Any, Final

from engine.flow.civil import Span
from engine.flow.days import WEEKDAYS, Days
from engine.flow.waits import Clock, Late, OnDate, Window

_NUMBERS: Final = {word: number for number, word in enumerate(WEEKDAYS)}


def read_until(found: Any) -> Span | Clock | Window | OnDate | None:
    """A span, or until when: the values of `wait:`, where it waits for no event. None where they were wrong."""
    match found:
        case Span():
            return found
        case ("until", values):
            return Clock(values["until"], _days(values))
        case ("between", {"between": [_, _]} as values):
            return read_window(values)
        case {"date": day, "at": at}:
            return OnDate(day, found.get("offset", 0), at)
    return None


def read_window(values: dict[str, Any]) -> Window:
    """The values of a `between:` that is whole."""
    opens, closes = values["between"]
    return Window(opens, closes, _days(values))


def read_late(found: dict[str, Any] | None) -> Late | None:
    """The values of `late:`."""
    return None if found is None else Late(found["after"], found["do"])


def _days(values: dict[str, Any]) -> Days:
    on = frozenset(_NUMBERS[each] for each in values.get("on", ()))
    return Days(on, frozenset(values.get("skip", ())), values.get("country", ""))
