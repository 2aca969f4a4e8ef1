"""Which readers of mail do not draw what an element asks for, by Can I email's tests (`support.toml`)."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from engine.proofs.page import Element

HARMLESS: Final = frozenset((
    "border-radius", "border-spacing", "height", "letter-spacing", "max-height", "min-width", "opacity", "overflow",
    "overflow-wrap", "word-wrap", "table-layout", "white-space", "word-break", "box-shadow", "text-overflow", "min-height",
))  # fmt: skip
"""Where they are not drawn a mail is whole all the same: corners are square, a long word sticks out."""


def lacking(element: Element) -> Iterator[str]:
    """What it asks for in vain, and where."""
    table = _table()
    if who := table["elements"].get(element.name):
        yield f"<{element.name}> is not for mail: it is taken out by {_told(who)}"
    for name, value in element.style.items():
        if name.startswith(("mso-", "-")) or name in HARMLESS:
            continue
        if who := table["properties"].get(name):
            yield f"{name} is not drawn by {_told(who)}"
        for written, readers in table["values"].items():
            if _asks(f"{name}:{value}".replace(" ", ""), written):
                yield f"{written.strip('0(')} is not drawn by {_told(readers)}"


def at_rule(name: str) -> str:
    """Who does not draw what such a rule of a sheet asks for."""
    return _told(_table()["at-rules"][name])


def _asks(declaration: str, written: str) -> bool:
    if written.startswith("0"):  # a unit
        at = declaration.find(written[1:])
        return at > 0 and declaration[at - 1].isdigit() and not declaration[at + len(written) - 1 :][:1].isalpha()
    return written in declaration


def _told(readers: list[str]) -> str:
    return ", ".join(readers[:3]) + (f" and {len(readers) - 3} more" if len(readers) > 3 else "")


@cache
def _table() -> Mapping[str, Mapping[str, list[str]]]:
    return tomllib.loads(files("engine.proofs").joinpath("support.toml").read_text(encoding="utf-8"))
