"""What is wrong with a configuration file: each fault with its line, which tomllib does not tell."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Lines = Mapping[tuple[str, ...], int]
"""The line on which each key stands (its parts, as TOML nests them)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the configuration."""

    file: str
    line: int | None
    key: str
    problem: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key + ': ' if self.key else ''}{self.problem}"


class ConfigFaults(Exception):
    """Everything that is wrong, in the file's order."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: fault.line or 0)
        super().__init__("\n".join(map(str, self.faults)))


def placed_fault(place: tuple[str, ...], words: str, lines: Lines, file: str) -> Fault:
    line = next((lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in lines), None)
    return Fault(file, line, ".".join(map(_quoted, place)), words)


def _quoted(part: str) -> str:
    """A key as TOML writes it."""
    return part if re.fullmatch(r"[A-Za-z0-9_-]*", part) else f'"{part}"'


_TABLE: Final = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART: Final = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def lines_of(text: str) -> Lines:
    """The line on which each key stands first (tomllib tells no places)."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            table = _parts(match[1])
            found.setdefault(table, number)
        elif match := _KEY.match(line):
            found.setdefault(table + _parts(match[1]), number)
    return found


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
