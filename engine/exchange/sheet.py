"""Cells that a spreadsheet will open: a text that it would take for a formula is made plain, and can be made whole again.

A cell that begins with = + - @, a tab or a carriage return is a formula to spreadsheets, and runs (OWASP, CSV injection).
It gets an apostrophe in front, which they show as text; so does one that begins with apostrophes and then such a sign, so
that taking one off is the exact way back.
"""

import re
from typing import Final

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")  # the full-width ones are folded by some


def guarded(text: str) -> str:
    """The text as it may stand in a cell."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """What `guarded` was given."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text
