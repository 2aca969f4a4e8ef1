"""Which encoding a file of people is in: found by evidence, or not at all.

A byte order mark says it; text that is UTF-8 throughout is UTF-8. Of the older encodings any octets mean something, so each
is tried on the lines that are not plain ASCII, and asked how many of the words it makes of them are words: of one script,
with capitals where capitals stand, of characters that people use. Only a clear winner is believed; else whoever imports
sees what each would make of a line, and says which is right.
"""

import codecs
import hashlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

CODECS: Final = {
    "UTF-8": "utf-8-sig",
    "UTF-16": "utf-16",
    "UTF-16LE": "utf-16-le",
    "UTF-16BE": "utf-16-be",
    "GB18030": "gb18030",
    "Windows-1251": "cp1251",
    "Windows-1255": "cp1255",
    "Windows-1252": "cp1252",
}  # what may be asked for, and Python's name of it
PIECE: Final = 1 << 20  # octets read at once
SAMPLES: Final = 400  # lines that are not ASCII and are looked at
LETTERS_LEAST: Final = 8  # letters beyond ASCII without which nothing is believed

_LINE: Final = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*")
_LINE_MAX: Final = 2000
_WORD: Final = re.compile(r"[^\W\d_]+")
_CYRILLIC: Final = re.compile(r"[а-яёіїєґ]+|[А-ЯЁІЇЄҐ][а-яёіїєґ]*|[А-ЯЁІЇЄҐ]+")
_HEBREW: Final = re.compile(r"[אבגדהוזחטיכלמנסעפצקרשת]*[א-ת]")  # final forms stand at the end of a word only
_LATIN: Final = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿŒœŠšŽžŸ]+")
# How often a letter comes, of a thousand, in running text of each language.
_RUSSIAN: Final = dict(
    zip(
        "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
        (110, 85, 80, 74, 67, 63, 55, 47, 45, 44, 35, 32, 30, 28, 26, 20, 19, 17, 17, 16, 16, 14, 12, 10, 9, 7, 6, 5, 4,
         3, 3, 1, 1), strict=True,
    )
)  # fmt: skip
_HEBREW_LETTERS: Final = dict(
    zip(
        "יוהלאתרשמנבםכדקעחןפגסצזטךףץ",
        (115, 105, 85, 73, 63, 52, 56, 45, 46, 35, 48, 26, 24, 26, 22, 33, 25, 14, 19, 14, 15, 12, 8, 12, 8, 2, 1),
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one reading of a file's octets showed."""

    digest: str  # SHA-256, in hex
    size: int
    head: bytes  # the first octets
    is_utf8: bool
    nuls: tuple[int, int]  # at even and at odd places, of the first megabyte
    samples: tuple[bytes, ...]  # lines that are not ASCII


class NoText(ValueError):
    """Not a file of text; the words say what it seems to be."""


class Unclear(ValueError):
    """Several encodings are possible; the words list them with what each makes of a line."""


def look(stream: BinaryIO) -> Seen:
    """Read all of it once."""
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    head, size, is_utf8, nuls = b"", 0, True, (0, 0)
    samples: list[bytes] = []
    while piece := stream.read(PIECE):
        if not size:
            head, nuls = piece[:4096], (piece[::2].count(0), piece[1::2].count(0))
        body = piece[piece.find(b"\n") + 1 :] if size else piece
        if len(piece) == PIECE:
            body = body[: body.rfind(b"\n") + 1]  # whole lines only
        size += len(piece)
        digest.update(piece)
        if is_utf8:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                is_utf8 = False
        if len(samples) < SAMPLES and not body.isascii():
            found = (each[0] for each in _LINE.finditer(body))
            samples += [each for each in found if len(each) <= _LINE_MAX][: SAMPLES - len(samples)]
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        is_utf8 = False
    return Seen(digest.hexdigest(), size, head, is_utf8, nuls, tuple(samples))


def find(seen: Seen) -> str:
    """The encoding, as one of CODECS. NoText, or Unclear."""
    if not seen.size:
        raise NoText("the file is empty")
    if seen.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    even, odd = seen.nuls
    if even or odd:
        half = min(seen.size, PIECE) // 2
        if odd > 0.3 * half and not even:
            return "UTF-16LE"
        if even > 0.3 * half and not odd:
            return "UTF-16BE"
    if kind := _binary(seen):
        raise NoText(f"the file is no text: {kind}")
    if seen.is_utf8:
        return "UTF-8"
    return _weigh(seen.samples)


def _binary(seen: Seen) -> str:
    for mark, kind in (
        (b"PK\x03\x04", "a zip archive, or a spreadsheet (save it as CSV)"),
        (b"\xd0\xcf\x11\xe0", "an old spreadsheet (save it as CSV)"),
        (b"\x1f\x8b", "compressed by gzip (unpack it first)"),
        (b"%PDF", "a PDF"),
        (b"PGDMP", "a dump in PostgreSQL's own form (`pg_dump listmonk > listmonk.sql` writes a plain one)"),
        (b"SQLite format 3", "a database"),
    ):
        if seen.head.startswith(mark):
            return kind
    return "it holds many NUL octets" if sum(seen.nuls) > min(seen.size, PIECE) // 100 + 3 else ""


def _weigh(samples: Sequence[bytes]) -> str:
    """The one encoding that makes words of these lines."""
    texts = {name: text for name in _PLAUSIBLE if (text := _decoded(samples, CODECS[name])) is not None}
    if not texts:
        raise NoText(f"the file is no text: not in {', '.join(('UTF-8', 'UTF-16', *_PLAUSIBLE))}")
    scores = {name: _share(text, _PLAUSIBLE[name]) for name, text in texts.items()}
    if min(scores.get("Windows-1251", 0), scores.get("Windows-1255", 0)) > 0.5:
        # Every Hebrew word is small Cyrillic letters too: which language comes to such letters?
        lean = _likelihood(texts["Windows-1251"].lower(), _RUSSIAN) - _likelihood(
            texts["Windows-1255"], _HEBREW_LETTERS
        )
        if abs(lean) > 0.15:
            scores["Windows-1255" if lean > 0 else "Windows-1251"] = 0
    ranked = sorted(scores, key=lambda name: scores[name], reverse=True)
    if ranked and scores[ranked[0]] >= 0.8 and _letters(texts[ranked[0]]) >= LETTERS_LEAST:
        second = scores[ranked[1]] if len(ranked) > 1 else 0
        if scores[ranked[0]] - second >= 0.3:
            return ranked[0]
    raise Unclear(_offer(samples, texts))


def _offer(samples: Sequence[bytes], texts: dict[str, str]) -> str:
    lines = ["the encoding is not clear; say which of these is right with --encoding:"]
    for name in _PLAUSIBLE:
        shown = texts[name].partition("\n")[0] if name in texts else "(it can't be: some octets mean nothing)"
        lines.append(f"  {name:<13} {''.join(each if each.isprintable() else '?' for each in shown)[:80]}")
    return "\n".join(lines)


def _decoded(samples: Sequence[bytes], codec: str) -> str | None:
    try:
        return b"\n".join(samples).decode(codec)
    except UnicodeDecodeError:
        return None


def _share(text: str, is_plausible: Callable[[str], bool]) -> float:
    """Of the words that are not ASCII, those that are words in this encoding's scripts; stray marks count against it."""
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    stray = sum(1 for each in text if not each.isascii() and not each.isalpha() and each not in _USUAL)
    return sum(map(is_plausible, words)) / (len(words) + stray / 2) if words else 0.0


_USUAL: Final = frozenset("«»“”„‘’–—…№°·，。、（）：；！？《》　₪€")


def _is_chinese(word: str) -> bool:
    return all(_is_common_han(each) for each in word)


def _is_common_han(char: str) -> bool:
    """Whether it is of the first level of GB 2312: the 3,755 characters in daily use."""
    try:
        return 0xB0 <= char.encode("gb2312")[0] <= 0xD7
    except UnicodeEncodeError:
        return False


def _is_western(word: str) -> bool:
    plain = sum(each.isascii() for each in word)
    return _LATIN.fullmatch(word) is not None and 2 * plain >= len(word)


_PLAUSIBLE: Final[dict[str, Callable[[str], bool]]] = {
    "GB18030": _is_chinese,
    "Windows-1251": lambda word: _CYRILLIC.fullmatch(word) is not None,
    "Windows-1255": lambda word: _HEBREW.fullmatch(word) is not None,
    "Windows-1252": _is_western,
}


def _letters(text: str) -> int:
    return sum(1 for each in text if not each.isascii() and each.isalpha())


def _likelihood(text: str, frequencies: dict[str, int]) -> float:
    """The mean logarithm of how often these letters come."""
    found = [math.log(frequencies.get(each, 0) + 0.5) for each in text if not each.isascii() and each.isalpha()]
    return sum(found) / len(found) if found else 0.0
