"""TOML that people write: read, or refused in words.

tomllib raises a plain ValueError for a number of more than 4,300 digits, and a RecursionError for brackets in brackets.
"""

import tomllib
from typing import Any


class TomlFault(ValueError):
    """It is no TOML; the words say why, and mostly where."""


def read_toml(text: str) -> dict[str, Any]:
    """What a text says. TomlFault."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TomlFault("it is nested too deeply") from None
    except ValueError as err:
        raise TomlFault(str(err)) from None
