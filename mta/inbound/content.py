"""A message as it arrives after DATA: octets in, in any portions; its content, or why it is refused, out. No I/O.

The promises (RFC 5321 sections 2.3.8 and 4.1.1.4): only CRLF.CRLF ends the message; what is handed on has CRLF line
ends, no other CR or LF, and no NUL (a space stands for it at a door that takes it). A message that breaks a rule is
still read to its real end, so that nothing in it can be taken for a command, but its octets are dropped at once: what
is kept never grows beyond the size limit.
"""

import re
from collections.abc import Iterator
from typing import Final

from deliverability.reply import Reply
from mta.inbound.settings import DoorSettings, LongLines, Newlines

END: Final = b"\r\n.\r\n"
_DOT: Final = re.compile(rb"\r\n\.")
MAX_LINE: Final = 998  # octets without CRLF; RFC 5322 section 2.1.1, RFC 5321 section 4.5.3.1.6
_FIRST_BREAK: Final = 500  # a line is wrapped at a space if one comes after this many octets


class MessageReader:
    """Reads one message. Feed it until it returns what follows the final dot; then ask `fault`, then `content`."""

    def __init__(self, settings: DoorSettings) -> None:
        self._settings = settings
        self._pending = (
            b"\r\n"  # not yet known to be content. The CRLF of the DATA line counts for a dot right after it,
        )
        self._size = -len(self._pending)  # but not for the size,
        self._lines = -1  # nor for the line numbers.
        self._kept = bytearray()  # known to be content, after that first CRLF
        self._examined = 0  # how much of it; always whole lines
        self._has_long_line = False
        self.fault: Reply | None = None  # the refusal to send after the end, once there is a reason
        self.had_nul = False  # and it was mended
        self.limit = ""  # the name of the setting that it broke
        self.content = b""  # the whole message without dot-stuffing, when it has ended and has no fault

    @property
    def held(self) -> int:
        """Octets kept in memory."""
        return len(self._kept) + len(self.content)

    def feed(self, octets: bytes) -> bytes | None:
        """Take the next octets. None: the message goes on; else it ended, and these octets are no part of it."""
        octets = self._pending + octets
        end = octets.find(END)
        if end < 0:
            sure = max(len(octets) - len(END) + 1, 0)
            sure -= octets[sure - 1 : sure] == b"\r"  # a portion never parts a CR from its LF
            self._pending = octets[sure:]
            self._take(octets[:sure])
            return None
        self._take(octets[: end + 2])
        if self.fault is None:
            self._finish()
        return octets[end + len(END) :]

    def refuse(self, limit: str, reply: Reply) -> None:
        """Give up what is kept and remember why. The first reason stays."""
        if self.fault is None:
            self.limit, self.fault = limit, reply
        self._kept.clear()
        self.content = b""

    def _take(self, octets: bytes) -> None:
        self._size += len(octets)
        if self.fault is not None:
            return
        if self._size > self._settings.max_size:
            self.refuse("max_size", too_big(self._settings.max_size))
            return
        if self._settings.takes_nul and b"\0" in octets:
            self.had_nul, octets = True, octets.replace(b"\0", b" ")
        if self._settings.newlines is Newlines.NORMALISE:
            octets = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        self._kept += octets
        self._examine(len(octets))

    def _examine(self, new: int) -> None:
        """Check the lines that the last `new` octets have completed; an endless one need not be complete."""
        last = self._kept.rfind(b"\r\n", max(len(self._kept) - new - 1, 0))
        if last >= 0:
            self._examine_lines(bytes(memoryview(self._kept)[self._examined : last + 2]))
            self._examined = last + 2
        if self._settings.long_lines is LongLines.REFUSE and len(self._kept) - self._examined > MAX_LINE:
            self._refuse_first_fault(bytes(memoryview(self._kept)[self._examined :]))

    def _examine_lines(self, octets: bytes) -> None:
        lines = octets.splitlines()
        # splitlines() also ends lines at a bare CR or LF, which is one octet and not two.
        if sum(map(len, lines)) + 2 * len(lines) != len(octets) or b"\0" in octets:
            self._refuse_first_fault(octets)
        elif self._settings.long_lines is not LongLines.ACCEPT and max(map(len, lines)) > MAX_LINE:
            self._has_long_line = True
            if self._settings.long_lines is LongLines.REFUSE:
                self._refuse_first_fault(octets)
        self._lines += len(lines)

    def _refuse_first_fault(self, octets: bytes) -> None:
        for number, line in enumerate(octets.split(b"\r\n"), self._lines + 1):
            limit, fault = _fault_of(line, self._settings.long_lines is LongLines.REFUSE)
            if limit:
                self.refuse(limit, Reply.of(550, "5.6.0", f"Line {number} of the message {fault}"))
                return

    def _finish(self) -> None:
        """The rules about the whole, in the order: line ends (done), dots, header section, long lines."""
        content = bytes(self._kept)
        self._kept.clear()
        if _DOT.search(content):  # for so short a needle an expression is three times as fast as `replace`
            content = content.replace(b"\r\n.", b"\r\n")  # RFC 5321 section 4.5.2
        limit, fault = _fault_of_header(content, self._settings)
        if fault:
            self.refuse(limit, fault)
        else:
            self.content = wrap(content[2:]) if self._has_long_line else content[2:]


def too_big(limit: int) -> Reply:
    """The refusal of a message over the size limit (RFC 1870 section 6.1)."""
    return Reply.of(552, "5.3.4", f"Message larger than {limit} octets")


def wrap(content: bytes) -> bytes:
    """`content` with its long lines broken into lines that begin with a space, which in a header is folding.

    A break takes the place before a space; where there is none, a space is added, and no UTF-8 character is parted.
    """
    return b"\r\n".join(part for line in content.split(b"\r\n") for part in _parts(line))


def _parts(line: bytes) -> Iterator[bytes]:
    start, lead = 0, b""
    while len(line) - start > MAX_LINE - len(lead):
        stop = start + MAX_LINE - len(lead)
        cut = line.rfind(b" ", start + _FIRST_BREAK, stop)
        if cut < 0:
            cut = stop
            while line[cut] & 0xC0 == 0x80 and cut > stop - 3:
                cut -= 1
        yield lead + line[start:cut]
        start, lead = cut, b"" if line[cut : cut + 1] == b" " else b" "
    yield lead + line[start:]


def _fault_of(line: bytes, refuses_long: bool) -> tuple[str, str]:
    """The setting that a line breaks ("" if none), and what is wrong with it, in words that name the remedy."""
    if b"\r" in line or b"\n" in line:
        return "newlines", "holds a CR or LF on its own; end every line with CRLF"
    if b"\0" in line:
        return "newlines", "holds a NUL; encode the part as base64"
    if refuses_long and len(line) > MAX_LINE:
        return "long_lines", f"is longer than {MAX_LINE} octets; encode the part as quoted-printable or base64"
    return "", ""


def _fault_of_header(content: bytes, settings: DoorSettings) -> tuple[str, Reply | None]:
    """The setting that the header section of CRLF + message breaks, and the refusal."""
    limit = settings.max_header_size
    end = content.find(b"\r\n\r\n", 0, limit + 4)
    if end < 0 and len(content) > limit:
        return "max_header_size", Reply.of(552, "5.3.4", f"Header section larger than {limit} octets")
    header = content[: end + 2] if end >= 0 else content
    if header.lower().count(b"\r\nreceived:") > settings.max_hops:
        return "max_hops", Reply.of(554, "5.4.6", f"More than {settings.max_hops} hops: a mail loop")
    return "", None
