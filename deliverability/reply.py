"""An SMTP reply as a value: code, enhanced status code, text (RFC 5321 section 4.2, RFC 2034, RFC 3463).

A reply is a stranger's text. It is cleaned of control characters when it is parsed, so a `Reply` may be kept, logged
and shown as it is. Nothing here judges a reply: `deliverability.bounces.classify` does.
"""

import re
from dataclasses import dataclass
from typing import Final

from deliverability.text import clean

_ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})", re.ASCII)
# Some gateways write "#5.1.0" or "5.1.1:", so both are taken off with the code.
_LEADING_ENHANCED: Final = re.compile(r"#?([245])\.(\d{1,3})\.(\d{1,3})(?::?[ \t]+|:?$)", re.ASCII)
_LINE: Final = re.compile(r"([2-5]\d\d)(?:[ \t-](.*))?", re.ASCII | re.DOTALL)
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


class ReplyError(ValueError):
    """The text is not an SMTP reply. The message says why, in words safe to show."""


@dataclass(frozen=True, slots=True)
class EnhancedStatus:
    """An enhanced status code, class.subject.detail (RFC 3463 section 2); its class is 2, 4 or 5."""

    klass: int
    subject: int
    detail: int

    @classmethod
    def parse(cls, text: str) -> "EnhancedStatus | None":
        """The code that `text` is, or None."""
        match = _ENHANCED.fullmatch(text.strip())
        return cls(int(match[1]), int(match[2]), int(match[3])) if match else None

    def __str__(self) -> str:
        return f"{self.klass}.{self.subject}.{self.detail}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered. `lines`: the text, one or more lines, without reply code and enhanced code."""

    code: int
    enhanced: EnhancedStatus | None = None
    lines: tuple[str, ...] = ("",)

    @classmethod
    def of(cls, code: int, enhanced: str | None, text: str) -> "Reply":
        """A reply in our own words; `text` may have several lines. ReplyError when a code is not one."""
        status = EnhancedStatus.parse(enhanced) if enhanced else None
        if not 200 <= code <= 599 or (enhanced and status is None):
            raise ReplyError(f"{code} {clean(enhanced or '')} are not SMTP status codes")
        return cls(code, status, tuple(clean(line) for line in text.split("\n")))

    @classmethod
    def parse(cls, text: str) -> "Reply":
        """Read "550 5.1.1 no such user" or the lines of a longer reply. ReplyError when it is not a reply.

        The last line's code counts: RFC 5321 section 4.2.1 wants all equal, and says to act on one of them if not.
        A line that has no code is taken as text, since reports fold the replies they quote.
        """
        code: int | None = None
        lines: list[str] = []
        for line in _LINE_END.split(text.strip("\r\n")):
            match = _LINE.fullmatch(line)
            if match:
                code = int(match[1])
                lines.append(clean(match[2] or ""))
            elif code is not None:
                lines.append(clean(line.strip()))
        if code is None:
            raise ReplyError(f'"{clean(text[:80])}" does not begin with a reply code')
        enhanced = _enhanced_of(lines[0])
        return cls(code, enhanced, tuple(_without(enhanced, line) for line in lines))

    @property
    def is_positive(self) -> bool:
        """2xx or 3xx."""
        return self.code < 400

    @property
    def is_transient(self) -> bool:
        """4xx: the same may succeed later."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """5xx: the same will fail again (RFC 5321 section 4.2.1)."""
        return self.code >= 500

    @property
    def text(self) -> str:
        """The text lines, joined by spaces."""
        return " ".join(self.lines) if len(self.lines) > 1 else self.lines[0]

    def __str__(self) -> str:
        parts = (str(self.code), str(self.enhanced) if self.enhanced else "", self.text)
        return " ".join(part for part in parts if part)


def _enhanced_of(line: str) -> EnhancedStatus | None:
    match = _LEADING_ENHANCED.match(line)
    return EnhancedStatus(int(match[1]), int(match[2]), int(match[3])) if match else None


def _without(enhanced: EnhancedStatus | None, line: str) -> str:
    """The line without its leading enhanced code. RFC 2034 section 4 repeats the code on each line."""
    match = _LEADING_ENHANCED.match(line) if enhanced else None
    if match and EnhancedStatus(int(match[1]), int(match[2]), int(match[3])) == enhanced:
        return line[match.end() :]
    return line
