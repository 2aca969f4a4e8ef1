"""Templates as they were written, where file and line of what is wrong can be told. What facts bring, or one file that opens
what another closes, is seen in the mail that came out."""

import re
from collections.abc import Iterator
from typing import Final

from engine.proofs.active import VALUE, active, unseen
from engine.proofs.page import read_page
from engine.proofs.sources import sources
from engine.proofs.styles import taken, taken_by
from engine.sending.render import SHEET
from engine.sending.resources import ResourceError, Resources

_WRITTEN: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.S)


def in_templates(resources: Resources, mail: str) -> Iterator[tuple[str, str, str]]:
    """(rule, file:line, what is wrong) of a mail's HTML, and of the files that it names. Of tags that have no other one only
    the mail tells whether they do any harm."""
    for file, source in sources(resources, f"mail/{mail}.html.j2"):
        page = read_page(_WRITTEN.sub(_stand_in, source))
        rules = (("active", active(page)), ("images", unseen(page)), ("css", taken(page)), ("tags", page.unpaired))
        for rule, found in rules:
            yield from ((rule, f"{file}:{line}", words) for line, words in found)


def in_sheet(resources: Resources) -> Iterator[tuple[str, str, str]]:
    """The same of the style sheet that all mails have."""
    try:
        sheet = _WRITTEN.sub(_stand_in, resources.read(SHEET))
    except ResourceError:
        return  # which the check of templates tells
    yield from (("css", f"{SHEET}:{line}", words) for line, words in taken_by(sheet))


def _stand_in(match: re.Match[str]) -> str:
    return (VALUE if match[0].startswith("{{") else " ") + "\n" * match[0].count("\n")
