"""The words by which mail systems tell that mail did not arrive: wording.toml, compiled once."""

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def wording(name: str, before: str = "", after: str = "") -> re.Pattern[str]:
    """The list of that name as one pattern, for text in lower case."""
    return re.compile(f"{before}(?:{'|'.join(_document()[name])}){after}")


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("wording.toml").read_text("utf-8"))
