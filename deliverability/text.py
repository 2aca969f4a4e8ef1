"""Strangers' text, made safe to keep and to show.

What a remote server, a report or a header says ends up in the database, the log and on an operator's terminal. One
function decides which characters may pass; every border that lets foreign text in goes through it.
"""

import re

# C0 and DEL and C1 (terminal escapes), U+2028 and U+2029 (line ends to some readers), direction controls (they reorder
# what stands beside them on a screen) and lone surrogates (they cannot be written as UTF-8).
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` on one line: tabs and line ends become spaces, other control characters a question mark."""
    if text.isprintable():
        return text
    return _UNSAFE.sub(_stand_in, text)


def pictured(text: str) -> str:
    """As `clean`, but a control character leaves its picture (ESC is ␛), for people who look for what somebody tried."""
    return text if text.isprintable() else _UNSAFE.sub(_picture, text)


def is_clean(text: str) -> bool:
    """Whether `clean` would leave the text as it is."""
    return text.isprintable() or not _UNSAFE.search(text)


def _stand_in(match: re.Match[str]) -> str:
    return " " if match[0] in "\t\r\n\x0b\x0c\x85\u2028\u2029" else "?"


def _picture(match: re.Match[str]) -> str:
    """U+2400 to U+2421: the pictures of C0 and DEL. Tabs and line ends, which folding leaves, stay spaces."""
    stand_in, code = _stand_in(match), ord(match[0])
    if stand_in == " ":
        return stand_in
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else stand_in
