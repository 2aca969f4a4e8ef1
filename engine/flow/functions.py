"""The functions that a condition may call: a closed set, each total, each with a line in docs/conditions.md.

`count(event.lines)` and `event.lines | count` are the same call.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from engine.flow.values import EXACT, MISSING, Value, as_date, day_of, item, kind, plain

UNITS: Final = 10_000  # to what part of one a sum is exact


@dataclass(frozen=True, slots=True)
class Function:
    """`call` takes between `least` and `most` values and always answers."""

    call: Callable[..., Value]
    least: int
    most: int
    about: str


def _count(value: Value) -> Value:
    if value is MISSING:
        return 0
    return len(value) if isinstance(value, list | dict | str) else MISSING


def _pluck(value: Value, name: Value) -> Value:
    if not isinstance(value, list) or not isinstance(name, str):
        return MISSING
    found = (item(plain(each), name) for each in value)
    return [each for each in found if each is not MISSING]


def _numbers(value: Value, name: Value) -> list[int | float] | None:
    picked = value if name is MISSING else _pluck(value, name)
    if not isinstance(picked, list):
        return None
    return [each for each in map(plain, picked) if isinstance(each, int | float) and not isinstance(each, bool)]


def _sum(value: Value, name: Value = MISSING) -> Value:
    """To the ten-thousandth, so that amounts add up and the order does not matter."""
    numbers = _numbers(value, name)
    if numbers is None:
        return MISSING
    units = sum(math.floor(float(each) * UNITS + 0.5) for each in numbers if abs(each) <= EXACT)
    whole, rest = divmod(units, UNITS)
    return units / UNITS if rest else whole


def _least(value: Value, name: Value = MISSING) -> Value:
    return min(_numbers(value, name) or [], default=MISSING)


def _most(value: Value, name: Value = MISSING) -> Value:
    return max(_numbers(value, name) or [], default=MISSING)


def _at_end(value: Value, name: Value, place: int) -> Value:
    found = item(value, place) if isinstance(value, list) else MISSING
    if name is MISSING:
        return found
    return item(found, name) if isinstance(name, str) else MISSING


def _round(value: Value, places: Value = 0) -> Value:
    if kind(value) != "number" or not isinstance(places, int) or not 0 <= places <= 6:
        return MISSING
    if isinstance(value, int) or abs(value) >= 1e15:  # type: ignore[arg-type]
        return value
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return float(rounded) if places else int(rounded)


def _lower(value: Value) -> Value:
    return value.lower() if isinstance(value, str) else MISSING


def _default(value: Value, other: Value) -> Value:
    return other if value is MISSING else value


FUNCTIONS: Final[dict[str, Function]] = {
    "count": Function(_count, 1, 1, "how many items a list or record has, or characters a text; 0 when missing"),
    "sum": Function(_sum, 1, 2, "the numbers of a list added up, or those that its records hold under a name"),
    "min": Function(_least, 1, 2, "the smallest of those numbers"),
    "max": Function(_most, 1, 2, "the largest of those numbers"),
    "pluck": Function(_pluck, 2, 2, "the list of what each record of a list holds under a name"),
    "first": Function(
        lambda value, name=MISSING: _at_end(value, name, 0), 1, 2, "a list's first, or what it holds under a name"
    ),
    "last": Function(
        lambda value, name=MISSING: _at_end(value, name, -1), 1, 2, "a list's last, or what it holds under a name"
    ),
    "round": Function(_round, 1, 2, "a number to that many decimal places (0 to 6), halves away from zero"),
    "lower": Function(_lower, 1, 1, "a text in lower case"),
    "date": Function(day_of, 1, 1, "the day of a date, or of a text that is one in ISO 8601"),
    "moment": Function(as_date, 1, 1, "the date and time of a text that is one in ISO 8601"),
    "default": Function(_default, 2, 2, "the first value, or the second where the first is missing"),
}
