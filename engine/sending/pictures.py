"""What is known of a picture from its first octets: its kind and its size in pixels. Nothing is decoded."""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PICTURE_MAX: Final = 200 * 1024  # octets: more makes readers on phones wait

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_SIDE_MAX: Final = 20_000  # pixels


class PictureError(ValueError):
    """It is no picture that mail readers show; the words say why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """`kind` is png, jpeg or gif; `digest` names these very octets."""

    octets: bytes
    kind: str
    width: int
    height: int
    digest: str


def read_picture(octets: bytes) -> Picture:
    """The picture. PictureError where it is none of the three kinds, damaged or too large."""
    if len(octets) > PICTURE_MAX:
        raise PictureError(f"the picture is larger than {PICTURE_MAX // 1024} KiB")
    try:
        kind, (width, height) = _look(octets)
    except (struct.error, StopIteration):
        raise PictureError("the picture is damaged: its size can't be read") from None
    if not (0 < width <= _SIDE_MAX and 0 < height <= _SIDE_MAX):
        raise PictureError(f"the picture is {width} by {height} pixels")
    return Picture(octets, kind, width, height, hashlib.sha256(octets).hexdigest()[:16])


def _look(octets: bytes) -> tuple[str, tuple[int, int]]:
    if octets.startswith(_PNG):
        return "png", struct.unpack(">II", octets[16:24])  # the IHDR chunk is the first (PNG, section 5.6)
    if octets[:6] in (b"GIF87a", b"GIF89a"):
        return "gif", struct.unpack("<HH", octets[6:10])
    if octets.startswith(_JPEG):
        return "jpeg", next(_jpeg_frames(octets))
    raise PictureError("it is no PNG, JPEG or GIF: mail readers show nothing else everywhere")


def _jpeg_frames(octets: bytes) -> Iterator[tuple[int, int]]:
    """The sizes that its start-of-frame segments tell (ITU T.81, B.2.2)."""
    at = 2
    while at + 9 <= len(octets) and octets[at] == 0xFF:
        marker = octets[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", octets[at + 5 : at + 9])
            yield width, height
        at += 2 + int(struct.unpack(">H", octets[at + 2 : at + 4])[0])
