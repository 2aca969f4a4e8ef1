"""The values that conditions speak of, and what comparing and reckoning with them means.

Total: every function here has an answer for every value, none raises, and the answer depends on the arguments alone.
docs/conditions.md is this module in words. What is not there, JSON's null, and any number or object that is not plain
data are all the one value MISSING, so that no NULL shows and an SQL back end can give the same answers.
"""

import math
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, Final, TypeAlias


class Missing(Enum):
    """The type of MISSING, the one value that is not there."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
Value: TypeAlias = str | int | float | bool | date | list[Any] | dict[str, Any] | Missing

LARGEST: Final = 2**63 - 1  # of whole numbers: what every database holds
EXACT: Final = 2**53 - 1  # what sums come to at most: from there on a binary fraction can't tell neighbours apart
TINY: Final = 1e-9  # what is nearer to zero is zero, for sums
LONGEST: Final = 10_000  # characters of a text that a condition makes
_DEEPEST: Final = 20  # levels that two lists or records are compared down to

_KINDS: Final[dict[type, str]] = {
    bool: "truth", int: "number", float: "number", str: "text", date: "date", datetime: "date",
    list: "list", dict: "record",
}  # fmt: skip

_WHOLE: Final = frozenset(_KINDS) - {int, float}  # what is a value as it comes


def plain(thing: object) -> Value:
    """`thing` as a value; MISSING when it is None, out of bounds, or no plain data."""
    which = type(thing)
    if which in _WHOLE:
        return thing  # type: ignore[return-value]
    if which is int:
        return thing if -LARGEST <= thing <= LARGEST else MISSING  # type: ignore[operator, return-value]
    if which is float:
        return thing if math.isfinite(thing) else MISSING  # type: ignore[arg-type, return-value]
    return list(thing) if isinstance(thing, tuple) else MISSING


def kind(value: Value) -> str:
    """truth, number, text, date, list, record or missing."""
    return _KINDS.get(type(value), "missing")


def truth(value: Value) -> bool:
    """Missing, false, zero and whatever is empty are false; all else is true."""
    return value is not MISSING and bool(value)


def item(value: Value, key: str | int) -> Value:
    """What a record holds under a name, or a list at a place (from 0; -1 is the last). Data has no methods."""
    if isinstance(value, dict) and isinstance(key, str):
        return plain(value.get(key))
    if isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
        return plain(value[key])
    return MISSING


def equal(left: Value, right: Value, depth: int = 0) -> bool:
    """Whether two values are the same. Missing equals nothing, not even missing; 1 is neither "1" nor true."""
    one, other = _KINDS.get(type(left)), _KINDS.get(type(right))
    if one is None or other is None or depth > _DEEPEST:
        return False
    if one == "date" or other == "date":
        return order(left, right) == 0
    if one != other:
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            equal(plain(a), plain(b), depth + 1) for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            equal(plain(left[key]), plain(right[key]), depth + 1) for key in left
        )
    return left == right


def order(left: Value, right: Value) -> int | None:
    """-1, 0 or 1 as `left` comes before, with or after `right`; None where there is no order.

    Numbers by size, texts by code point, dates by time. A text beside a date is read as one. A moment beside a day is
    the day that it falls on in its own zone.
    """
    one, other = _KINDS.get(type(left)), _KINDS.get(type(right))
    if one == "date" or other == "date":
        left, right = as_date(left), as_date(right)
        if isinstance(left, date) and isinstance(right, date):
            return _date_order(left, right)
        return None
    if one != other or one not in ("number", "text"):
        return None
    return (left > right) - (left < right)  # type: ignore[operator]


def _date_order(left: date, right: date) -> int:
    if isinstance(left, datetime) and isinstance(right, datetime):
        a, b = _moment(left), _moment(right)
        return (a > b) - (a < b)
    one, other = _day(left), _day(right)
    return (one > other) - (one < other)


def _moment(value: datetime) -> timedelta:
    """Time since the year 1, by UTC: a difference, since a time near either end of the calendar may have no UTC one."""
    offset = value.utcoffset() or timedelta(0)
    return value.replace(tzinfo=UTC) - datetime.min.replace(tzinfo=UTC) - offset


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def as_date(value: Value) -> date | Missing:
    """A date as it is, a text read as ISO 8601 ("2026-03-01", "2026-03-01T10:00:00+02:00"); else MISSING."""
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not 10 <= len(value) <= 40:
        return MISSING
    try:
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    except ValueError:
        return MISSING


def day_of(value: Value) -> date | Missing:
    """The day of a date, a moment or a text that is one."""
    found = as_date(value)
    return _day(found) if isinstance(found, date) else MISSING


def contains(container: Value, value: Value) -> bool:
    """Whether a list has an equal value, a record the name, a text the text."""
    if isinstance(container, list):
        return any(equal(plain(each), value) for each in container)
    if isinstance(value, str) and isinstance(container, dict | str):
        return value in container
    return False


def reckon(sign: str, left: Value, right: Value) -> Value:
    """`left sign right` for + - * / // %. Numbers with numbers; a day and a number of days; two days. Else MISSING."""
    if kind(left) == kind(right) == "number":
        return _number(sign, left, right)  # type: ignore[arg-type]
    one, other = _KINDS.get(type(left)), _KINDS.get(type(right))
    if one == "date" or other == "date":
        return _date_sum(sign, left, right)
    return MISSING


def _number(sign: str, left: int | float, right: int | float) -> Value:
    try:
        match sign:
            case "+":
                return _sum_of(left + right)
            case "-":
                return _sum_of(left - right)
            case "*":
                return _sum_of(left * right)
            case "/":
                return _sum_of(left / right)
            case "//":
                return _sum_of(left // right)
            case _:
                return _sum_of(left % right)
    except ArithmeticError:  # division by zero, a float out of range
        return MISSING


def _sum_of(value: int | float) -> Value:
    if abs(value) < TINY:
        return 0
    return value if abs(value) <= EXACT else MISSING


def _date_sum(sign: str, left: Value, right: Value) -> Value:
    if sign == "-" and not _is_number(right):
        a, b = day_of(left), day_of(right)
        return (a - b).days if isinstance(a, date) and isinstance(b, date) else MISSING
    if sign == "+" and _is_number(left):
        left, right = right, left
    if sign not in "+-" or not isinstance(left, date) or not isinstance(right, int) or isinstance(right, bool):
        return MISSING
    try:
        return left + timedelta(days=right if sign == "+" else -right)
    except OverflowError:
        return MISSING


def _is_number(value: Value) -> bool:
    return kind(value) == "number"


def joined(left: Value, right: Value) -> Value:
    """`left ~ right`: both as text. MISSING when either is missing, a list or a record, or when it gets too long."""
    a, b = as_text(left), as_text(right)
    if a is MISSING or b is MISSING or len(a) + len(b) > LONGEST:
        return MISSING
    return a + b


def as_text(value: Value) -> str | Missing:
    """A text as it is, a number without a needless ".0", true or false, a date in ISO 8601; else MISSING."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case int() | float():
            return str(value)
        case date():
            return value.isoformat()
    return MISSING


def shown(value: Value) -> str | int | float | bool | None:
    """`value` for a record of what was decided: JSON, short. MISSING is None; lists and records say only their size."""
    match value:
        case list():
            return f"a list of {len(value)}"
        case dict():
            return f"a record of {len(value)}"
        case str():
            return value if len(value) <= 200 else value[:199] + "…"
        case date():
            return value.isoformat()
        case bool() | int() | float():
            return value
    return None
