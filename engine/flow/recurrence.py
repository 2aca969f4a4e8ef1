"""Recurrence rules of schedules: days, by RFC 5545 section 3.3.10, without what names a time of day.

dateutil reckons them.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import Final

from dateutil.rrule import rrule, rrulestr

from engine.flow.possible import is_possible

_WEEKDAY: Final = "MO|TU|WE|TH|FR|SA|SU"
_NTH: Final = f"[+-]?[0-9]{{0,2}}({_WEEKDAY})"
_PARTS: Final = {
    "FREQ": "(DAILY|WEEKLY|MONTHLY|YEARLY)",
    "INTERVAL": "[1-9][0-9]{0,2}",
    "COUNT": "[1-9][0-9]{0,3}",
    "UNTIL": "[0-9]{8}",
    "BYDAY": f"{_NTH}(,{_NTH})*",
    "BYMONTHDAY": "-?[0-9]{1,2}(,-?[0-9]{1,2})*",
    "BYMONTH": "[0-9]{1,2}(,[0-9]{1,2})*",
    "BYSETPOS": "-?[0-9]{1,3}(,-?[0-9]{1,3})*",
    "WKST": f"({_WEEKDAY})",
}
_PART: Final = "|".join(f"{name}={value}" for name, value in _PARTS.items())
RULE_PATTERN: Final = f"^({_PART})(;({_PART}))*$"
_BOUNDS: Final = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYSETPOS": 366, "BYDAY": 53}
_ANCHORED: Final = frozenset({"INTERVAL", "COUNT"})  # what counts from a first day
_FIRST: Final = date(2024, 1, 1)  # of rules that don't: a Monday


def read_rule(text: str) -> str:
    """The rule, when it is one that we keep. ValueError otherwise."""
    parts = text.upper().split(";")
    names = [part.partition("=")[0] for part in parts]
    if not re.fullmatch(RULE_PATTERN.strip("^$"), text.upper()) or len(set(names)) < len(names) or "FREQ" not in names:
        raise ValueError("a recurrence rule of days is expected, such as FREQ=WEEKLY;BYDAY=MO (RFC 5545)")
    if "FREQ=DAILY" in parts and {"BYMONTHDAY", "BYSETPOS"} & set(names):
        raise ValueError("FREQ=DAILY goes with BYDAY and BYMONTH only; write FREQ=MONTHLY")
    if "FREQ=WEEKLY" in parts and {"BYMONTHDAY", "BYSETPOS"} & set(names):
        raise ValueError("FREQ=WEEKLY goes with BYDAY and BYMONTH only; write FREQ=MONTHLY")
    for name, most in _BOUNDS.items():
        _check_numbers(name, most, parts)
    if not {"FREQ=YEARLY", "FREQ=MONTHLY"} & set(parts):
        _check_numbers("BYDAY", 0, parts)
    elif "FREQ=MONTHLY" in parts or "BYMONTH" in names:
        _check_numbers("BYDAY", 5, parts)  # of a month
    try:
        rrulestr(text.upper(), dtstart=_midnight(_FIRST))
    except (ValueError, IndexError) as err:
        raise ValueError(f"no recurrence rule: {err}") from None
    if not is_anchored(text.upper()) and not is_possible(text.upper(), _FIRST):
        raise ValueError("names no day at all; such as FREQ=WEEKLY;BYDAY=MO")
    return text.upper()


def is_anchored(rule: str) -> bool:
    """Whether the rule counts from a first day, so that it means nothing without one."""
    names = {part.partition("=")[0] for part in rule.split(";")}
    return bool(names & _ANCHORED) or not names & {"BYDAY", "BYMONTHDAY", "BYMONTH"}


def is_ever(rule: str, start: date | None) -> bool:
    """Whether the rule names any day at all."""
    first = start or _FIRST
    return is_possible(rule, first) and next(iter(_rule(rule, first)), None) is not None


def days_of(rule: str, start: date | None, first: date, last: date) -> list[date]:
    """The days from `first` to `last` that a rule names."""
    begin = max(first, start or _FIRST)
    if begin > last:
        return []
    return [each.date() for each in _rule(rule, start or _FIRST).between(_midnight(begin), _midnight(last), inc=True)]


@lru_cache(maxsize=256)
def _rule(rule: str, start: date) -> rrule:
    found = rrulestr(rule, dtstart=_midnight(start), cache=True)
    assert isinstance(found, rrule)
    return found


def _check_numbers(name: str, most: int, parts: Sequence[str]) -> None:
    """ValueError where a number of this part is none of the calendar's."""
    for part in parts:
        for number in re.findall(r"[0-9]+", part.removeprefix(name)) if part.startswith(f"{name}=") else ():
            if not 1 <= int(number) <= most:
                raise ValueError(
                    f"{name}: {number} " + (f"is not between 1 and {most}" if most else "has no meaning here")
                )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
