"""What a style takes from elsewhere: other sheets, which few readers of mail load, and pictures that nobody can fetch."""

import re
from collections.abc import Iterator
from typing import Final

from engine.proofs.active import VALUE, why_unseen
from engine.proofs.page import Page
from engine.proofs.support import at_rule

_COMMENT: Final = re.compile(r"/\*.*?\*/", re.S)
_TAKES: Final = re.compile(
    r"""(?P<sheet>@import\b[^;]*)|url\(\s*(?P<quote>["']?)(?P<address>.*?)(?P=quote)\s*\)""", re.I | re.S
)


def taken(page: Page) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) of a page's styles, in its head and in its tags."""
    for line, css in page.styles:
        yield from taken_by(css, line)
    for each in page.elements:
        yield from taken_by(each.attributes.get("style", ""), each.line)


def taken_by(css: str, line: int = 1) -> Iterator[tuple[int, str]]:
    """The same of a sheet that begins on this line."""
    css = _COMMENT.sub(lambda each: "\n" * each[0].count("\n"), css)
    for match in _TAKES.finditer(css):
        if words := _wrong(match):
            yield line + css.count("\n", 0, match.start()), words


def _wrong(match: re.Match[str]) -> str:
    if match["sheet"]:
        return f"@import is not drawn by {at_rule('@import')}: write its rules into the sheet itself"
    address = match["address"].strip()
    if VALUE in address or address.startswith("#") or not (why := why_unseen(address)):
        return ""
    return f'a style has a picture at "{address[:60]}", {why}: write its whole address, https://...'
