"""Pictures of what the sample shop sells, drawn as they are asked for: a shape for each kind of thing, in its series'
colour. PNG (ISO/IEC 15948) with a palette of four, some 2 kB each; the same name is the same picture on every machine.
"""

import re
import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

SIDE: Final = 480  # pixels: twice as many as mails show, for screens with fine ones
_GROUND, _BODY, _SHADE, _LIGHT = range(4)
_NAME: Final = re.compile(r"([a-z-]{1,20})-([0-9a-f]{6})", re.ASCII)

Shape: TypeAlias = tuple[str, float, float, float, float, int]
"""("oval", middle x, middle y, half width, half height, ink) or ("box", left, top, right, bottom, ink), in hundredths of
the side, from the top left."""

_JAR: Final[Sequence[Shape]] = (
    ("box", 30, 34, 70, 80, _BODY), ("box", 33, 24, 67, 33, _SHADE), ("box", 36, 48, 64, 66, _LIGHT),
)  # fmt: skip
_BAG: Final[Sequence[Shape]] = (
    ("box", 30, 22, 70, 82, _BODY), ("box", 30, 22, 70, 30, _SHADE), ("oval", 50, 56, 13, 13, _LIGHT),
    ("oval", 50, 56, 4, 10, _BODY),
)  # fmt: skip
_BOX: Final[Sequence[Shape]] = (
    ("box", 24, 40, 76, 80, _BODY), ("box", 21, 30, 79, 41, _SHADE), ("box", 46, 30, 54, 80, _LIGHT),
)  # fmt: skip
_POT: Final[Sequence[Shape]] = (
    ("oval", 78, 54, 12, 13, _BODY), ("oval", 78, 54, 7, 8, _GROUND), ("box", 14, 44, 34, 51, _BODY),
    ("oval", 50, 56, 29, 24, _BODY), ("oval", 50, 34, 15, 4, _SHADE), ("oval", 50, 28, 4, 4, _SHADE),
    ("oval", 42, 50, 7, 9, _LIGHT), ("box", 38, 79, 62, 82, _SHADE),
)  # fmt: skip
_CUP: Final[Sequence[Shape]] = (
    ("oval", 74, 50, 11, 10, _BODY), ("oval", 74, 50, 6, 6, _GROUND), ("oval", 50, 48, 25, 26, _BODY),
    ("box", 24, 20, 76, 44, _GROUND), ("oval", 50, 44, 25, 6, _SHADE), ("oval", 50, 44, 21, 4, _LIGHT),
    ("oval", 50, 80, 32, 5, _SHADE),
)  # fmt: skip
_FLAT: Final[Sequence[Shape]] = (
    ("oval", 50, 56, 38, 20, _SHADE), ("oval", 50, 53, 38, 20, _BODY), ("oval", 50, 52, 30, 14, _LIGHT),
)  # fmt: skip
_KINDS: Final[dict[str, Sequence[Shape]]] = {
    "teapot": _POT, "cup": _CUP, "tray": _FLAT, "green-tea": _BAG, "black-tea": _BAG, "oolong": _BAG, "white-tea": _BAG,
    "herbs": _BAG, "honey": _JAR, "jam": _JAR, "tin": _JAR, "giftbox": _BOX,
    "kettle": (("oval", 50, 26, 26, 14, _SHADE), ("oval", 50, 26, 21, 10, _GROUND), *_POT[2:]),
    "strainer": (("box", 62, 46, 88, 51, _SHADE), ("oval", 44, 50, 24, 22, _BODY), ("oval", 44, 44, 19, 12, _LIGHT)),
    "biscuits": (("oval", 38, 60, 20, 18, _BODY), ("oval", 62, 46, 20, 18, _SHADE), ("oval", 62, 46, 5, 5, _LIGHT)),
    "chocolate": (
        ("box", 28, 20, 72, 80, _BODY), ("box", 28, 40, 72, 42, _LIGHT), ("box", 28, 59, 72, 61, _LIGHT),
        ("box", 49, 20, 51, 80, _LIGHT),
    ),
    "spoon": (("oval", 50, 28, 12, 15, _BODY), ("box", 47, 42, 53, 84, _BODY), ("oval", 47, 25, 4, 7, _LIGHT)),
    "towel": (("box", 26, 20, 74, 82, _BODY), ("box", 26, 62, 74, 66, _LIGHT), ("box", 26, 70, 74, 74, _SHADE)),
    "candle": (
        ("oval", 50, 24, 5, 9, _SHADE), ("box", 49, 30, 51, 40, _SHADE), ("box", 36, 38, 64, 82, _BODY),
        ("box", 36, 54, 64, 68, _LIGHT),
    ),
    "thermos": (("box", 38, 18, 62, 30, _SHADE), ("box", 34, 31, 66, 84, _BODY), ("box", 39, 38, 43, 78, _LIGHT)),
}  # fmt: skip


@lru_cache(maxsize=256)
def picture(name: str) -> bytes | None:
    """The PNG of "teapot-2f6f8f": the kind of a thing, and a colour as rrggbb. None for what is no such name."""
    match = _NAME.fullmatch(name)
    shapes = _KINDS.get(match[1]) if match else None
    if match is None or shapes is None:
        return None
    rows = [bytearray(SIDE) for _ in range(SIDE)]
    for shape in shapes:
        _draw(rows, shape)
    return _png(rows, _palette(bytes.fromhex(match[2])))


def _palette(colour: bytes) -> bytes:
    """Ground, body, shade and light of one colour."""

    def towards(other: int, share: float) -> bytes:
        return bytes(round(each + (other - each) * share) for each in colour)

    return towards(255, 0.88) + colour + towards(0, 0.3) + towards(255, 0.55)


def _draw(rows: list[bytearray], shape: Shape) -> None:
    kind, x, y, a, b, ink = shape
    scale = SIDE / 100
    if kind == "box":
        left, right = round(x * scale), round(a * scale)
        for row in rows[round(y * scale) : round(b * scale)]:
            row[left:right] = bytes([ink]) * (right - left)
        return
    for at in range(round((y - b) * scale), round((y + b) * scale)):
        half = a * scale * max(0.0, 1 - ((at + 0.5 - y * scale) / (b * scale)) ** 2) ** 0.5
        left, right = round(x * scale - half), round(x * scale + half)
        rows[at][left:right] = bytes([ink]) * (right - left)


def _png(rows: Sequence[bytearray], palette: bytes) -> bytes:
    size = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 3, 0, 0, 0)  # eight bits, by a palette
    lines = b"".join(b"\0" + row for row in rows)
    parts = (b"IHDR", size), (b"PLTE", palette), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
