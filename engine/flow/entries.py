"""What the `trigger` of a flow file comes to, out of its values by key."""

from typing import Any

from engine.flow.triggers import (
    Audience,
    CalendarTrigger,
    DateTrigger,
    EventTrigger,
    InactivityTrigger,
    ManualTrigger,
    ScheduleTrigger,
    Trigger,
)  # fmt: skip


def read_trigger(kind: str, values: dict[str, Any]) -> Trigger:
    """The trigger of a kind: the word that says what lets a contact in, and the keys beside it."""
    if kind == "manual":
        return ManualTrigger(values.get("where"), values.get("key"))
    if kind in ("event", "list", "segment", "tag"):
        return _event_trigger(kind, values)
    whom = values.get("audience")
    beside = values.get("where"), Audience(whom[0], whom[1][whom[0]]) if whom else None
    told = values[kind]
    match kind:
        case "date":
            leap_day = told.get("leap_day", "feb-28")
            yearly = told.get("yearly", False)
            return DateTrigger(told["field"], told.get("offset", 0), told["at"], yearly, leap_day, *beside)
        case "calendar":
            return _calendar_trigger(told[1], *beside)
        case "inactivity":
            return InactivityTrigger(told["event"], told["for"], *beside)
    return ScheduleTrigger(told["rrule"], told["at"], told.get("start"), *beside)


def _event_trigger(kind: str, values: dict[str, Any]) -> EventTrigger:
    told = values[kind]
    beside = values.get("where"), values.get("key"), values.get("restart", False)
    if kind == "event":
        return EventTrigger(told, *beside)
    word, name = told[0], told[1][told[0]]
    event = {"added": "contact.tagged", "removed": "contact.untagged"}.get(word, f"{kind}.{word}")
    return EventTrigger(event, *beside, {kind: name})


def _calendar_trigger(told: dict[str, Any], where: Any, audience: Audience | None) -> CalendarTrigger:
    on = told.get("on")
    yearly = on if isinstance(on, tuple) else None
    return CalendarTrigger(
        told["at"], None if yearly else on, yearly, told.get("holiday", ""), told.get("offset", 0),
        told.get("leap_day", "feb-28"), where, audience,
    )  # fmt: skip
