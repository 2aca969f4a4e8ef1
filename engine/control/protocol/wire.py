"""Answers as JSON, and back."""

import json
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

VERSION = 1
T = TypeVar("T")


def encode(value: Any) -> bytes:
    """One JSON object, UTF-8, no line break inside."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def decode(kind: type[T], octets: bytes | str) -> T:
    """A `kind` from JSON. ValueError when it is no such object."""
    value = json.loads(octets)
    if not isinstance(value, dict):
        raise ValueError(f"the daemon answered {type(value).__name__} where a {kind.__name__} was due")
    try:
        return _build(kind, value)
    except (TypeError, KeyError, AttributeError) as err:
        raise ValueError(f"the daemon's answer is no {kind.__name__}: {err}") from None


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _build(kind: type[T], value: dict[str, Any]) -> T:
    hints = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    return kind(**{key: _shape(hints[key], item) for key, item in value.items() if key in hints})


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    """The type of each field, for which typing searches long."""
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind)}


def _shape(hint: Any, item: Any) -> Any:
    origin = get_origin(hint)
    if origin is tuple:
        return tuple(_shape(get_args(hint)[0], each) for each in item)
    if origin in (Union, UnionType):
        return item
    if isinstance(hint, type) and is_dataclass(hint):
        return _build(hint, item)
    if hint is float and isinstance(item, int):
        return float(item)
    if hint in (int, str, bool, float) and not isinstance(item, hint):
        raise TypeError(f"{item!r} is no {hint.__name__}")
    return item
