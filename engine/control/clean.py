"""Makes text from strangers fit to be shown: what it returns can move no cursor and turn no line around.

Subjects, replies, addresses and bounces come from people who may wish a terminal ill: ESC ]52 writes its clipboard, C1
bytes are commands too, a bidi override shows "exe.pdf" for "fdp.exe", a bare line feed forges a line of a log. Nothing
here is for storage: the daemon keeps what it got, and this cleans what is shown.

Promises: `clean` returns no C0, no C1, no bidi control, no line or paragraph separator and no lone surrogate (which
could not be written as UTF-8 at all); `clean_block` keeps line feeds and tabs, nothing else; both leave every other
character alone and are idempotent.
"""

import re
from dataclasses import fields, is_dataclass
from typing import Any, Final, TypeVar

T = TypeVar("T")

# Unicode 15 section 23.2: the explicit directional marks, embeddings, overrides and isolates.
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Line and paragraph separator, the byte order mark, lone surrogates, and tags (invisible text).
_OTHER = "\u2028\u2029\ufeff\ud800-\udfff\U000e0000-\U000e007f"
_BAD: Final = re.compile(f"[\x00-\x1f\x7f-\x9f{_BIDI}{_OTHER}]")

# The fields that have lines, by the names of their dataclasses: a command loads no protocol that it does not speak.
# In all others a line feed is somebody's trick.
BLOCKS: Final = frozenset(
    {
        "CampaignMail.text", "CampaignText.source", "Done.text", "DraftText.source", "FlowText.source",
        "MendRow.text", "MendRow.value", "MetricsText.text", "MessageLife.content", "ReceivedMail.content", "ReceivedMail.words",
        "RecipeText.source", "Refused.error", "SegmentPlan.expression", "SegmentRow.expression",
        "SuppressionPage.after", "MailProof.text", "MailProof.html", "MailFileText.source",
        "ConsentRow.purpose", "ConsentRow.text", "ConsentRow.wording", "ImportRow.why",
    }
)  # fmt: skip


def clean(text: str) -> str:
    """One line. Controls become their pictures (ESC is shown as ␛), invisible marks go."""
    return text if text.isascii() and text.isprintable() else _BAD.sub(_shown, text)


def clean_block(text: str) -> str:
    """Several lines: as `clean`, but line feeds stay, a tab is four spaces and CRLF is one line feed."""
    lines = text.replace("\r\n", "\n").replace("\t", "    ").split("\n")
    return "\n".join(clean(line) for line in lines)


def is_clean(answer: str) -> bool:
    """Whether this JSON, as it came, has nothing to clean in any string: nothing escaped but a quotation mark, nothing bad."""
    plain = answer.replace('\\"', "") if "\\" in answer else answer
    return "\\" not in plain and ((plain.isascii() and plain.isprintable()) or _BAD.search(plain) is None)


def clean_answer(value: T) -> T:
    """The same dataclass of the protocol, with every string in it cleaned."""
    return _cleaned(value, block=False)  # type: ignore[no-any-return]


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if code in (0x2028, 0x2029):
        return " "
    return "\ufffd" if code < 0xA0 or 0xD800 <= code <= 0xDFFF else ""


def _cleaned(value: Any, *, block: bool) -> Any:
    if isinstance(value, str):
        return clean_block(value) if block else clean(value)
    if isinstance(value, tuple | list):
        return type(value)(_cleaned(each, block=False) for each in value)
    if isinstance(value, dict):
        return {clean(str(key)): _cleaned(each, block=False) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        return kind(
            **{
                f.name: _cleaned(getattr(value, f.name), block=f"{kind.__name__}.{f.name}" in BLOCKS)
                for f in fields(kind)
            }
        )
    return value
