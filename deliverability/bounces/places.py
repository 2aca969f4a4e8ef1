"""Where a rule stands: its file and line, for those who ask why a reply was judged so."""

import re
from functools import cache
from importlib import resources
from typing import Final

SHIPPED: Final = "deliverability/bounces/rules.toml"
_ID: Final = re.compile(r'^\s*id\s*=\s*"([^"]*)"')


def lines_of(text: str) -> dict[str, int]:
    """The line of each rule of a file, by its id."""
    found = ((_ID.match(line), number) for number, line in enumerate(text.split("\n"), 1))
    return {match[1]: number for match, number in found if match}


def place_of(rule: str) -> str:
    """Where a rule that comes with Posthouse stands, as "file:line"; "" for what is none: a code alone decided then."""
    line = _shipped().get(rule)
    return f"{SHIPPED}:{line}" if line else ""


@cache
def _shipped() -> dict[str, int]:
    return lines_of(resources.files(__package__).joinpath("rules.toml").read_text("utf-8"))
