"""A mail that a person may have written to us, read in the parser worker: who wrote, and what, as plain data."""

import re
from typing import Any, Final

from deliverability.authors import first_author
from deliverability.bounces.opened import Opened
from deliverability.rawmail import first_value
from deliverability.text import clean
from engine.intake.replies import written_by_machine

MOST_TEXT: Final = 65_536  # characters
_NAME: Final = re.compile(r'^\s*"?([^"<>@]{1,100}?)"?\s*<')


def read_letter_in(opened: Opened) -> dict[str, Any]:
    """{"author", "name", "reply_to", "subject", "text", "machine": why it seems to be no person's, or ""}."""
    named = _NAME.match(opened.value("From"))
    return {
        "author": first_author(first_value(opened.header, "From") or b"")[:320],
        "name": clean(named[1].strip()) if named else "",
        "reply_to": first_author(first_value(opened.header, "Reply-To") or b"")[:320],
        "subject": clean(" ".join(opened.value("Subject").split()))[:200],
        "text": "\n".join(clean(line) for line in opened.text[:MOST_TEXT].split("\n")).strip("\n"),
        "machine": written_by_machine(opened.header, "unknown"),
    }
