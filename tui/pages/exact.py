"""A row with all that is known of it, nothing shortened: figures with all their digits, moments to the millisecond, text
whole. Pure."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tui.format import number, safe, span
from tui.ink import Ink, Line, line, rule

_LONGEST_NAME: Final = 18
_ROWS_MAX: Final = 200  # of a list inside a row


def exact(row: object, title: str, now_ms: int, width: int) -> list[Line]:
    """Every field of a protocol's object, in its order."""
    lines = [rule(title, width)]
    for name, value in _named(row):
        lines += _told(name, value, now_ms, "")
    return [each for one in lines for each in one.folded(width)]


def _named(row: object) -> list[tuple[str, Any]]:
    if is_dataclass(row) and not isinstance(row, type):
        return [(each.name, getattr(row, each.name)) for each in fields(row)]
    return [("", row)]


def _told(name: str, value: Any, now_ms: int, indent: str) -> list[Line]:
    label = f"{indent}{safe(name).removesuffix('_ms').replace('_', ' '):<{_LONGEST_NAME}}  "
    if is_dataclass(value) and not isinstance(value, type):
        return _under(label, _named(value), now_ms, indent)
    if isinstance(value, Mapping):
        return _under(label, list(value.items()), now_ms, indent)
    if isinstance(value, tuple | list):
        if all(isinstance(each, str | int | float) for each in value):
            return [line((label, Ink.DIM), safe(", ".join(map(str, value[:_ROWS_MAX]))) or "none")]
        return _under(label, [(str(place), each) for place, each in enumerate(value[:_ROWS_MAX], 1)], now_ms, indent)
    return [line((label, Ink.DIM), _value(name, value, now_ms))]


def _under(label: str, rows: list[tuple[str, Any]], now_ms: int, indent: str) -> list[Line]:
    below = [each for name, value in rows for each in _told(str(name), value, now_ms, indent + "  ")]
    return [line((label.rstrip(), Ink.DIM), *(() if below else ("  none",))), *below]


def _value(name: str, value: Any, now_ms: int) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        if name.endswith("_ms"):
            return _moment(value, now_ms) if value else "none"
        return str(value) if name.endswith(("id", "number")) else number(value)
    return safe(str(value)) or '""'


def _moment(at_ms: int, now_ms: int) -> str:
    """2026-11-22 14:02:11.482 UTC, 3 min ago"""
    try:
        at = datetime.fromtimestamp(at_ms // 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return number(at_ms)
    away = f"in {span(at_ms - now_ms)}" if at_ms > now_ms else f"{span(now_ms - at_ms)} ago"
    return f"{at:%Y-%m-%d %H:%M:%S}.{at_ms % 1000:03} UTC, {away}" if now_ms else f"{at:%Y-%m-%d %H:%M:%S} UTC"
