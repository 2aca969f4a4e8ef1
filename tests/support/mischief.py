"""What strangers do to octets: changes to what a parser is meant to read, and the shapes that parsers stumble over."""

import random
from collections.abc import Sequence
from typing import Final

TOKENS: Final = (
    b"\0", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"<", b">", b'"', b"'", b"\\", b"(", b")", b"[", b"]", b"{", b"}", b",", b";",
    b":", b"=", b"@", b".", b"%", b"#", b"&", b"/", b"-", b"--b", b"--b--\r\n", b"=?utf-8?b?", b"?=", b"%00", b"&amp;", b"../",
    b"\x1b]52;c;aGk=\x07", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", "\u202e\u2028ж".encode(), b"\\ud800", b"NaN",
    b"-Infinity", b"1e999", b"9" * 400, b"9" * 5000, b"-1", b"0x7f", b"null", b"true", b"{{ x }}", b"{% if %}",
    b"<!ENTITY a 'b'>",
    b"&a;", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", b"*a", b"&a [*a, *a]", b"!!python/object ", b"- ", b"\t",
    b"0001-01-01", b"9999-12-31T23:59:59+14:00", b"2026-02-30", b"xn--", b"\xc0\x0c", b"\xc0\x00", b"\0\1\0\1",
)  # fmt: skip

BOMBS: Final = (
    b"(", b"[", b"{", b"<", b'"', b"'", b"\\", b",", b"a,", b"\r\n", b"\r\n ", b"=", b"&", b"%", b"--b\r\n", b"<div>", b"[[",
    b"{'a':", b'{"a":', b"- ", b"a.", b"not ", b"-", b"(a and ", b"=?", b"=?utf-8?q?a?= ", b"@", b"a: b\n", b"*", b"&a ", b"\xff",
    b"<a b=c ", b"<!--", b"&lt;", b" ", b"\t", b"\0", b"a=1&", b"9", b"x" * 60 + b"\r\n", b"Received: x\r\n", b"<@a.example:",
    b"\xc0\x0c", b"[x]\n", b"a.b.c=1\n",
)  # fmt: skip


def changed(dice: random.Random, seeds: Sequence[bytes], most: int = 8) -> bytes:
    """One of the seeds with up to `most` changes."""
    octets = bytearray(dice.choice(seeds))
    for _ in range(dice.randint(1, most)):
        at = dice.randint(0, len(octets))
        end = min(len(octets), at + dice.choice((1, 2, 8, 40)))
        match dice.randrange(7):
            case 0:
                octets[at:at] = dice.choice(TOKENS)
            case 1:
                octets[at:end] = dice.choice(TOKENS)
            case 2:
                del octets[at:end]
            case 3:
                octets[at:end] = bytes(dice.randrange(256) for _ in range(end - at))
            case 4:
                octets[at:at] = octets[at:end] * dice.choice((1, 2, 50))
            case 5:
                other = dice.choice(seeds)
                start = dice.randint(0, len(other))
                octets[at:end] = other[start : start + dice.choice((4, 40, 400))]
            case _:
                octets[at:at] = dice.choice(BOMBS) * dice.choice((3, 30, 300))
    return bytes(octets[: 1 << 18])
