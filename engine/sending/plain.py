"""What a template may see: a deep copy of its facts, of plain types, with clean strings.

A template never meets an object of ours, so it has no method to call; and a string from outside never carries what
could end a header line, ring a terminal or break UTF-8.
"""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

DEPTH_MAX: Final = 20
NODES_MAX: Final = 20_000
STRING_MAX: Final = 100_000

# C0 but tab and line feed, DEL, C1, the Unicode line ends, and lone surrogates.
_UNFIT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class PlainError(ValueError):
    """The facts hold something that no template may see."""


def plain(value: Any) -> Any:
    """The value as dict, list, str, int, float, bool and None. PlainError for other types and beyond the limits."""
    return _Copier().copy(value, 0)


class _Copier:
    __slots__ = ("nodes",)

    def __init__(self) -> None:
        self.nodes = 0

    def copy(self, value: Any, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > NODES_MAX or depth > DEPTH_MAX:
            raise PlainError(f"the facts are more than {NODES_MAX} values, or deeper than {DEPTH_MAX}")
        kind = type(value)  # what JSON made is of these types; to ask for their kin takes several times as long
        if kind is str and value.isprintable() and len(value) <= STRING_MAX:
            return value
        if isinstance(value, str):
            return _string(value)
        if value is None or kind is bool or kind is int:
            return value
        if kind is dict or isinstance(value, Mapping):
            return {_key(key): self.copy(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.copy(each, depth + 1) for each in value]
        return _scalar(value)


def _string(value: str) -> str:
    if len(value) > STRING_MAX:
        raise PlainError(f"a text among the facts is longer than {STRING_MAX} characters")
    text = str.__str__(value)  # of a subclass (Markup!) the plain text
    return text if text.isprintable() else _UNFIT.sub(" ", text)


def _key(name: Any) -> str:
    return name if type(name) is str and name.isprintable() and len(name) <= STRING_MAX else _string(str(name))


def _scalar(value: Any) -> Any:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise PlainError("a number among the facts is not finite")
        return float(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise PlainError(f"a {type(value).__name__} is not for templates")
