"""Answers as JSON, and back."""

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache, partial
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

VERSION = 1
T = TypeVar("T")


def encode(value: Any) -> bytes:
    """One JSON object, UTF-8, no line break inside."""
    return _encode(value).encode("utf-8", "replace")


def pretty(value: Any) -> str:
    """The same object for eyes: indented, a value a line."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=_members)


def decode(kind: type[T], octets: bytes | str) -> T:
    """A `kind` from JSON. ValueError when it is no such object."""
    value = json.loads(octets)
    if not isinstance(value, dict):
        raise ValueError(f"the daemon answered {type(value).__name__} where a {kind.__name__} was due")
    try:
        return _build(kind, value)
    except (TypeError, KeyError, AttributeError) as err:
        raise ValueError(f"the daemon's answer is no {kind.__name__}: {err}") from None


def _members(value: Any) -> dict[str, Any]:
    """A dataclass as an object; what it holds is asked for in its turn."""
    return {name: getattr(value, name) for name in _names(type(value))}  # type: ignore[arg-type]  # a class is hashable


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_members).encode


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))  # TypeError for what has no place in an answer


def _build(kind: type[T], value: dict[str, Any]) -> T:
    shapes = _shapes(kind)  # type: ignore[arg-type]  # a class is hashable
    return kind(**{key: shapes[key](item) for key, item in value.items() if key in shapes})


@cache
def _shapes(kind: type[Any]) -> dict[str, Callable[[Any], Any]]:
    """What makes each field of its item. Found out once: typing searches long for the types, and a page has a thousand rows."""
    hints = get_type_hints(kind)
    return {name: _shape(hints[name]) for name in _names(kind)}  # type: ignore[arg-type]


def _shape(hint: Any) -> Callable[[Any], Any]:
    origin = get_origin(hint)
    if origin is tuple:
        return partial(_row, _shape(get_args(hint)[0]))
    if origin in (Union, UnionType):
        return _as_it_is
    if isinstance(hint, type) and is_dataclass(hint):
        return partial(_build, hint)
    return partial(_checked, hint) if hint in (int, str, bool, float) else _as_it_is


def _row(shape: Callable[[Any], Any], items: Any) -> tuple[Any, ...]:
    return tuple(map(shape, items))


def _as_it_is(item: Any) -> Any:
    return item


def _checked(kind: type[Any], item: Any) -> Any:
    if isinstance(item, kind):
        return item
    if kind is float and isinstance(item, int):
        return float(item)
    raise TypeError(f"{item!r} is no {kind.__name__}")
