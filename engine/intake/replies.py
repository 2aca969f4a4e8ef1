"""Whether a person wrote a mail that answers one of ours, or a machine did. Pure; looks at the header only.

Machines that answer mark their mail (RFC 3834 section 5: Auto-Submitted), or use older marks; a few mark nothing but the
subject. A false "machine" costs a person one press of a button; a false "person" would be a consent that nobody gave.
"""

import re
from typing import Final

from deliverability.bounces.automatic import has_automatic_subject
from deliverability.encoded_words import decode_text
from deliverability.rawmail import MessageError, fields

# How the subjects of mail systems' reports begin; those of answering machines are in the rules of bounces.
_REPORTS: Final = re.compile(
    r"\s*(?:undeliver|delivery (?:status|failure)|mail delivery|returned mail|failure notice)", re.IGNORECASE
)
_MARKS: Final = frozenset({
    "x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-mail-autoreply", "x-failed-recipients",
    "list-id", "list-post", "feedback-id",
})  # fmt: skip
_BULK: Final = frozenset({"bulk", "junk", "list", "auto_reply"})


def written_by_machine(header: bytes, reverse_path: str) -> str:
    """Why this seems to be no person's mail; "" for a person's."""
    if not reverse_path:
        return "null reverse-path"
    try:
        found = [(name.lower(), decode_text(value)) for name, value in fields(header)]
    except MessageError as err:
        return f"unread: {err}"
    for name, value in found:
        if name == "auto-submitted" and value.split(";")[0].strip().lower() != "no":
            return "Auto-Submitted"
        if name == "precedence" and value.strip().lower() in _BULK:
            return f"Precedence: {value.strip().lower()}"
        if name in _MARKS:
            return name.title()
        if name == "content-type" and value.lower().startswith("multipart/report"):
            return "a report"
        if name == "subject" and (has_automatic_subject(value) or _REPORTS.match(value)):
            return "its subject"
    return ""
