"""The octets of SMTP: message content on its way out, reply lines on their way in.

`wire_body` is the one function that writes message octets for DATA. Whatever it is given, between its first octet and
the CRLF.CRLF that it ends with there is no bare CR, no bare LF, no NUL, no line over 998 octets and no lone dot: the
promise against message smuggling lives here and nowhere else (RFC 5321 sections 2.3.8, 4.1.1.4 and 4.5.2).

`ReplyReader` turns a stranger's octets into replies. It keeps at most one reply of 64 KiB, reads the same replies
however the stream was cut, and condemns what is not SMTP instead of guessing.
"""

import functools
import re
from typing import Final

from deliverability.reply import Reply

MAX_LINE: Final = 998  # octets without CRLF (RFC 5321 section 4.5.3.1.6)
MAX_REPLY_LINE: Final = 4_096  # octets; RFC 5321 section 4.5.3.1.5 promises 512, and servers quote long URLs
MAX_REPLY: Final = 65_536  # octets of all lines of one reply
MAX_COMMON: Final = 80  # octets of a reply worth remembering

_STRAY: Final = re.compile(rb"\x00|\r(?!\n)|(?<!\r)\n")
_STRAY_CR: Final = re.compile(rb"\r(?!\n)")  # each begins with an octet that is there once a line: quick to look for
_STRAY_LF: Final = re.compile(rb"\n(?<!\r\n)")
_DOT: Final = re.compile(rb"\r\n\.")
_REPLY_LINE: Final = re.compile(rb"[2-5][0-9][0-9](?:([ \t-]).*)?", re.DOTALL)


def wire_body(content: bytes) -> bytes:
    """`content` as it follows the 354 reply: mended if it must be, dot-stuffed, ended with CRLF.CRLF."""
    _, stuffed = _both(content)
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


def mended(content: bytes) -> bytes:
    """`content` itself when it may go out as it is, else a form that may. Sign this form, since it is what is sent.

    A stray CR, LF or NUL becomes a space: it is no line end in SMTP, and made into one it could begin a header field or
    end the header. A line that is too long is folded with CRLF and a space, which in a header changes nothing.
    """
    return _both(content)[0]


def _both(content: bytes) -> tuple[bytes, bytes]:
    """`content` as it may go out, and the same dot-stuffed."""
    if _has_stray(content):
        content = _STRAY.sub(b" ", content)
    stuffed = _stuffed(content)
    if _has_long_line(stuffed):
        content = b"\r\n".join(_folded(line) for line in content.split(b"\r\n"))
        stuffed = _stuffed(content)
    return content, stuffed


def _has_stray(content: bytes) -> bool:
    return b"\0" in content or bool(_STRAY_CR.search(content) or _STRAY_LF.search(content))


def _stuffed(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2: a line that begins with a dot gets another one before it."""
    if _DOT.search(content):
        content = content.replace(b"\r\n.", b"\r\n..")
    return b"." + content if content.startswith(b".") else content


def _has_long_line(stuffed: bytes) -> bool:
    """Strides from a line end to the last one within reach, so a message of 2 KiB takes three searches."""
    start, size = 0, len(stuffed)
    while size - start > MAX_LINE:
        end = stuffed.rfind(b"\r\n", start, start + MAX_LINE + 2)
        if end < 0:
            return True
        start = end + 2
    return False


def _folded(line: bytes) -> bytes:
    """The line in pieces of at most MAX_LINE octets, stuffing and the folding space included."""
    if len(line) + line.startswith(b".") <= MAX_LINE:
        return line
    pieces, start = [], 0
    while len(line) - start > MAX_LINE - 1:
        end = _cut(line, start + MAX_LINE - 1)
        pieces.append(line[start:end])
        start = end
    pieces.append(line[start:])
    return b"\r\n ".join(pieces)


def _cut(line: bytes, end: int) -> int:
    """`end`, or up to three octets before it so that no UTF-8 character is torn."""
    for earlier in range(end, end - 4, -1):
        if line[earlier] & 0xC0 != 0x80:
            return earlier
    return end


class ReplyReader:
    """Collects octets and gives whole replies. After `garbage` is set it reads nothing any more."""

    def __init__(self) -> None:
        self.garbage: str | None = None
        self._rest = b""  # an unfinished line
        self._lines: list[bytes] = []  # the lines of an unfinished reply
        self._size = 0

    @property
    def is_empty(self) -> bool:
        """Whether every octet so far belonged to a whole reply."""
        return not self._rest and not self._lines

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that `data` completes, in order. A bare LF ends a line too: some servers send no better."""
        replies: list[Reply] = []
        if self.garbage is not None:
            return replies
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            # A CR inside a line would be a line end to whoever parses or shows it later.
            reply = self._add(line.removesuffix(b"\r").replace(b"\r", b" "))
            if reply is not None:
                replies.append(reply)
            if self.garbage is not None:
                return replies
        if len(self._rest) > MAX_REPLY_LINE + 1:
            self._condemn(f"a reply line longer than {MAX_REPLY_LINE} octets")
        return replies

    def _add(self, line: bytes) -> Reply | None:
        match = _REPLY_LINE.fullmatch(line)
        self._size += len(line) + 2
        if len(line) > MAX_REPLY_LINE:
            self._condemn(f"a reply line longer than {MAX_REPLY_LINE} octets")
        elif self._size > MAX_REPLY:
            self._condemn(f"a reply longer than {MAX_REPLY} octets")
        elif match is None:
            self._condemn(f'a line that is no SMTP reply: "{_decoded(line[:80])}"')
        elif self._lines and self._lines[0][:1] != line[:1]:
            # RFC 5321 section 4.2.1 wants one code on all lines. When not even the kind agrees, either may be meant.
            self._condemn(f'a reply that contradicts itself: "{_decoded(self._lines[0][:40] + b", " + line[:40])}"')
        else:
            self._lines.append(line)
            return None if match[1] == b"-" else self._complete()
        return None

    def _complete(self) -> Reply:
        octets = b"\n".join(self._lines)
        self._lines, self._size = [], 0
        return _common_reply(octets) if len(octets) <= MAX_COMMON else Reply.parse(_decoded(octets))

    def _condemn(self, why: str) -> None:
        self.garbage = why
        self._rest, self._lines = b"", []


@functools.lru_cache(maxsize=512)
def _common_reply(octets: bytes) -> Reply:
    """Three of a message's four replies are the same as for the message before."""
    return Reply.parse(_decoded(octets))


def _decoded(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")
