"""Encoded words (RFC 2047), both ways.

Written only into unstructured text and display names, in UTF-8. Read from anything: what cannot be decoded stays as it
stands, and what comes out is always one clean line.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from deliverability.text import clean, pictured

MAX_WORD: Final = 75  # RFC 2047 section 2
_FRAME: Final = len("=?utf-8?q??=")
MAX_DECODED: Final = 32_768  # octets of a field that are looked at

_WORD: Final = re.compile(r"=\?([A-Za-z0-9_.:+-]{1,40})(?:\*[A-Za-z0-9-]{1,20})?\?([BbQq])\?([^?\s]*)\?=", re.ASCII)
_GAP: Final = re.compile(r"(?<=\?=)[ \t\r\n]+(?==\?)")  # blanks between two encoded words say nothing (section 6.2)
_Q_OCTET: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
# What may stand for itself in a Q word wherever the word stands, display names included (section 5, rule 3).
_Q_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")
_Q_TABLE: Final = tuple(
    chr(octet) if octet in _Q_PLAIN else "_" if octet == 0x20 else f"={octet:02X}" for octet in range(256)
)

# The charsets of real mail. Others (UTF-7, idna, punycode, zlib...) have no business in a header.
_CHARSETS: Final = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "utf8": "utf-8",
    "utf-8": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "iso-2022-jp": "iso2022_jp_ext",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "iso-8859-1": "cp1252",
    "iso-8859-8-i": "iso8859_8",
    **{f"iso-8859-{part}": f"iso8859_{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    **{f"windows-{page}": f"cp{page}" for page in (874, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258)},
}


def encode_words(text: str, *, first: int = MAX_WORD) -> list[str]:
    """`text` as encoded words of at most 75 characters, the first of at most `first`.

    A character is never split over two words (section 5). Q where most is ASCII and thus stays readable, else B.
    """
    octets = text.encode()
    stays_readable = _q_cost(0, 0, octets) <= len(octets) * 2
    write, cost = (_write_q, _q_cost) if stays_readable else (_write_b, _b_cost)
    if cost(0, 0, octets) <= first - _FRAME:
        return [write(octets)]
    words: list[str] = []
    chunk, used = bytearray(), 0
    for character in text:
        encoded = character.encode()
        room = (MAX_WORD if words else max(first, 24)) - _FRAME
        if chunk and cost(used, len(chunk), encoded) > room:
            words.append(write(bytes(chunk)))
            chunk, used = bytearray(), 0
        used = cost(used, len(chunk), encoded)
        chunk += encoded
    return [*words, write(bytes(chunk))]


def decode_text(raw: bytes) -> str:
    """A field's value for people: decoded, on one line, without control characters. Never raises."""
    return clean(_decoded(raw)).strip()


def decode_shown(raw: bytes) -> str:
    """The same, only to be looked at: control characters leave their pictures, so that a trick stays one."""
    return pictured(_decoded(raw)).strip()


def _decoded(raw: bytes) -> str:
    text = _GAP.sub("", _foreign(raw[:MAX_DECODED]))
    return "".join(_decoded_runs(text)) if "=?" in text else text


def codec_of(charset: str) -> str | None:
    """Python's codec for a charset that mail may use, or None."""
    return _CHARSETS.get(charset.lower())


def _q_cost(used: int, _count: int, encoded: bytes) -> int:
    return used + sum(len(_Q_TABLE[octet]) for octet in encoded)


def _b_cost(_used: int, count: int, encoded: bytes) -> int:
    return (count + len(encoded) + 2) // 3 * 4


def _write_q(chunk: bytes) -> str:
    return "=?utf-8?q?" + "".join(_Q_TABLE[octet] for octet in chunk) + "?="


def _write_b(chunk: bytes) -> str:
    return "=?utf-8?b?" + base64.b64encode(chunk).decode() + "?="


def _decoded_runs(text: str) -> Iterator[str]:
    """Plain text as it is; neighbouring words of one charset joined before decoding, since senders cut characters."""
    for codec, pieces in groupby(_pieces(text), key=lambda piece: piece[0]):
        octets = b"".join(octets for _, octets in pieces)
        yield octets.decode(codec or "utf-8", "replace")


def _pieces(text: str) -> Iterator[tuple[str, bytes]]:
    """(codec, octets) of each stretch; the codec of plain text is "", so that it never joins a word."""
    end = 0
    for word in _WORD.finditer(text):
        codec = codec_of(word[1])
        octets = _octets(word[2], word[3])
        if codec is None or octets is None:
            continue
        if word.start() > end:
            yield "", text[end : word.start()].encode()
        yield codec, octets
        end = word.end()
    yield "", text[end:].encode()


def _octets(encoding: str, payload: str) -> bytes | None:
    raw = payload.encode()
    if encoding in "Qq":
        return _Q_OCTET.sub(lambda match: bytes((int(match[1], 16),)), raw.replace(b"_", b" "))
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return None


def _foreign(raw: bytes) -> str:
    """Raw octets beyond ASCII are UTF-8 (RFC 6532), or else what most senders that break the rule mean."""
    try:
        return raw.decode()
    except UnicodeError:
        return raw.decode("cp1252", "replace")
