"""Every setting as its class says it: what the reference and posthouse.toml(5) are made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from deliverability.settings import Settings, format_duration, parse_size
from engine.config import Config
from engine.fixed import FIXED


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `kind` and `default` are for people, values in backquotes."""

    name: str  # as the file has it
    kind: str
    default: str
    about: str
    needs_restart: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file; its `path` is empty at the top."""

    path: str
    about: str
    settings: tuple[Setting, ...]

    @property
    def depth(self) -> int:
        return self.path.count(".")


def sections() -> Iterator[Section]:
    """In the order of the classes, each before those below it."""
    yield Section("", "", _settings(Config, ""))
    for name, info in Config.model_fields.items():
        if (nested := _nested(info)) is not None:
            yield from _section(nested, name, info.get_default(call_default_factory=True))


def _section(settings: type[Settings], path: str, values: Settings) -> Iterator[Section]:
    about = " ".join((settings.__doc__ or "").split())
    # "`[queue]`: how long ..." repeats the heading; what follows the colon says what it is for.
    _, colon, said = about.partition("]`: ") if "]`: " in about else about.partition("]: ")
    yield Section(path, f"{said[0].upper()}{said[1:]}" if colon else "", _settings(settings, path, values))
    for name, info in settings.model_fields.items():
        if (nested := _nested(info)) is not None:
            below = f"{path}.{name}"
            yield Section(below, info.description or "", _settings(nested, below, getattr(values, name)))


def _nested(info: FieldInfo) -> type[Settings] | None:
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Settings) else None


def _settings(settings: type[Settings], path: str, values: Settings | None = None) -> tuple[Setting, ...]:
    found = []
    for name, info in settings.model_fields.items():
        if _nested(info) is None:
            whole = f"{path}.{name}" if path else name
            default = _default(info, getattr(values, name) if values is not None else info.default)
            found.append(Setting(_written(name, info), _kind(info), default, info.description or "", _is_fixed(whole)))
    return tuple(found)


def _is_fixed(path: str) -> bool:
    return any(path == each or path.startswith(each + ".") for each in FIXED)


def _written(name: str, info: FieldInfo) -> str:
    """The name in the file: `from` where Python needs another."""
    choices = getattr(info.validation_alias, "choices", None)
    return str(choices[0]) if choices else name


def _kind(info: FieldInfo) -> str:
    kind: Any = info.annotation
    if any(getattr(each, "func", None) is parse_size for each in info.metadata):
        return "size" + _bounds(info)
    if get_origin(kind) is Literal:
        return " or ".join(f'`"{each}"`' for each in get_args(kind))
    if get_origin(kind) is tuple:
        return "list"
    if get_origin(kind) is dict:
        return "table"
    if kind is timedelta:
        return "duration"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return " or ".join(f'`"{each}"`' for each in kind)
    names = {bool: "true or false", int: "number", float: "number", str: "text", Path: "path"}
    return names.get(kind, "path") + _bounds(info)


def _bounds(info: FieldInfo) -> str:
    found = {mark: getattr(each, mark) for each in info.metadata for mark in ("ge", "le", "lt") if hasattr(each, mark)}
    low, high = found.get("ge"), found.get("le", found.get("lt"))
    if low is None:
        return ""
    if high is None:
        return f", at least {low}"
    return f", {low} to {'under ' if 'lt' in found else ''}{high}"


def _default(info: FieldInfo, value: Any) -> str:
    if info.default_factory is not None:
        return "the machine's own"
    if value is None or value in ("", (), {}):
        return "empty"
    if isinstance(value, timedelta):
        return f'`"{format_duration(value)}"`'
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        listed = ", ".join(f'"{each}"' for each in value)
        return f"`[{listed}]`"
    if isinstance(value, int) and _kind(info).startswith("size"):
        unit, size = next((unit, size) for unit, size in (("MiB", 2**20), ("KiB", 2**10), ("", 1)) if value % size == 0)
        return f'`"{value // size} {unit}"`'
    return f"`{round(value, 3)}`" if isinstance(value, int | float) else f'`"{value}"`'
