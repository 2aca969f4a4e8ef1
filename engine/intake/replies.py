"""Whether a person wrote a mail that answers one of ours, or a machine did. Pure; looks at the header only.

Machines that answer mark their mail (RFC 3834 section 5: Auto-Submitted), or use older marks; a few mark nothing but the
subject. A false "machine" costs a person one press of a button; a false "person" would be a consent that nobody gave.
"""

import re
from typing import Final

from deliverability.encoded_words import decode_text
from deliverability.rawmail import MessageError, fields

# Words that vacation notices of large systems begin with, in the languages we write in and those around them.
_SUBJECTS: Final = re.compile(
    r"\s*(?:auto(?:matic|mated)?[ -]?(?:reply|response)|auto:|out of (?:the )?office|ooo\b|on (?:vacation|holiday|leave)"
    r"|vacation|abwesen|automatische (?:antwort|reactie)|r[eé]ponse automatique|absence|respuesta autom[aá]tica"
    r"|risposta automatica|resposta autom[aá]tica|автоответ|автоматический ответ|מענה אוטומטי|תשובה אוטומטית"
    r"|自动(?:回复|答复)|自動(?:回覆|回應)|undeliver|delivery (?:status|failure)|mail delivery|returned mail|failure notice)",
    re.IGNORECASE,
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
        if name == "subject" and _SUBJECTS.match(value):
            return "its subject"
    return ""
