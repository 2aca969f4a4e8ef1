"""Reading `when`: at once, at a moment, in each reader's own zone, or again and again."""

from datetime import datetime
from typing import Final

from ruamel.yaml.nodes import MappingNode, ScalarNode

from engine.campaigns import values
from engine.campaigns.model import IfPassed, When
from engine.flow.document import Entry, Sheet
from engine.flow.recurrence import is_ever, read_rule

_KEYS: Final = ("at", "zone", "if_passed", "rrule", "from")


def read_when(sheet: Sheet, entry: Entry | None) -> When | None:
    """`now`, a moment, or a mapping; None after a fault."""
    if entry is None:
        return When()
    if isinstance(entry.value, ScalarNode):
        if entry.value.value == "now":
            return When()
        at = sheet.read(entry, values.moment, "or now")
        return When(at) if at is not None else None
    found = sheet.record(entry.value, entry.path, _KEYS)
    before = len(sheet.faults)
    zone = (sheet.text(found["zone"]) or "").strip() if "zone" in found else ""
    is_own = zone == "contact"
    if zone and not is_own:
        sheet.read(found["zone"], values.zone)
    passed = IfPassed.NEXT_DAY
    if "if_passed" in found:
        passed = sheet.read(found["if_passed"], lambda text: values.word(text, IfPassed)) or passed
        if not is_own:
            sheet.fault(found["if_passed"].key, "when.if_passed", "is for zone: contact", "leave it out")
    rrule = sheet.read(found["rrule"], read_rule) if "rrule" in found else ""
    at = _at(sheet, entry, found, is_again="rrule" in found)
    if len(sheet.faults) > before or at is None or rrule is None:
        return None
    if rrule and not is_ever(rrule, at.date()):
        sheet.fault(found["rrule"].value, "when.rrule", "it never comes")
        return None
    return When(at, "" if is_own else zone, is_own, passed, rrule)


def _at(sheet: Sheet, entry: Entry, found: dict[str, Entry], *, is_again: bool) -> datetime | None:
    """The civil time of the one occasion, or of the first that there may be."""
    if "at" not in found:
        if isinstance(entry.value, MappingNode):
            example = 'at: "10:00"' if is_again else "at: 2026-12-01T10:00"
            sheet.fault(entry.key, "when.at", "is missing", f"such as {example}")
        return None
    if not is_again:
        if "from" in found:
            sheet.fault(found["from"].key, "when.from", "is for rrule", "leave it out")
        return sheet.read(found["at"], values.moment)
    hour = sheet.read(found["at"], values.hour)
    if "from" not in found:
        sheet.fault(entry.key, "when.from", "is missing", "the first day that it may be, such as from: 2026-12-01")
        return None
    first = sheet.read(found["from"], values.day)
    return datetime.combine(first.date(), hour) if first is not None and hour is not None else None
