"""Reports as they are sent: plain, in gzip (once or twice), in zip, whatever their media type says.

Nothing is unpacked beyond its limits: a few kilobytes of a stranger can unpack to gigabytes. Octets come in pieces, so
that a report is never in memory whole.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PIECE: Final = 65_536  # octets
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"


class UnreadableReport(ValueError):
    """A report that can't be read, or may not be; says why, in words safe to show."""


@dataclass(frozen=True, slots=True)
class PackLimits:
    """How far is unpacked. size: octets that come out. ratio: how many for one that went in, beyond the first mebibyte.
    layers: packings inside each other. members: files in a zip that are looked at, and of a gzip.
    """

    size: int = 33_554_432
    ratio: int = 400
    layers: int = 3
    members: int = 20


DEFAULT_PACK_LIMITS: Final = PackLimits()


def is_packed(content: bytes) -> bool:
    """Whether it begins as gzip or zip does."""
    return content.startswith((_GZIP, _ZIP))


def unpacked(content: bytes, limits: PackLimits = DEFAULT_PACK_LIMITS) -> Iterator[bytes]:
    """The report within, in pieces. UnreadableReport where it is damaged, or larger than the limits."""
    return _peeled(iter((content,)), limits, limits.layers)


def _peeled(pieces: Iterator[bytes], limits: PackLimits, layers: int) -> Iterator[bytes]:
    """`pieces` without its packing, and what is within it without its own."""
    first = next(pieces, b"")
    if not is_packed(first):
        yield from _joined(first, pieces)
        return
    if not layers:
        raise UnreadableReport("it is packed too many times")
    source = _joined(first, pieces)
    within = _from_gzip(source, limits) if first.startswith(_GZIP) else _from_zip(source, limits)
    yield from _peeled(within, limits, layers - 1)


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _from_gzip(pieces: Iterator[bytes], limits: PackLimits) -> Iterator[bytes]:
    into, out, members = 0, 0, 1
    unpacker = zlib.decompressobj(wbits=31)
    for piece in pieces:
        into += len(piece)
        while piece and not unpacker.eof:
            try:
                plain = unpacker.decompress(piece, PIECE)
            except zlib.error:
                raise UnreadableReport("its gzip is damaged") from None
            piece = unpacker.unconsumed_tail
            out += len(plain)
            _check(into, out, limits)
            if plain:
                yield plain
            if unpacker.eof and unpacker.unused_data.startswith(_GZIP):  # a further member: RFC 1952 section 2.2
                members += 1
                if members > limits.members:  # each is a copy of all that follows it
                    raise UnreadableReport(f"its gzip has more than {limits.members} members")
                piece, unpacker = unpacker.unused_data, zlib.decompressobj(wbits=31)
    if not unpacker.eof:
        raise UnreadableReport("its gzip is cut short")


def _from_zip(pieces: Iterator[bytes], limits: PackLimits) -> Iterator[bytes]:
    content = b"".join(pieces)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            member = _member(archive, limits)
            with archive.open(member) as file:
                out = 0
                while plain := file.read(PIECE):
                    out += len(plain)
                    _check(member.compress_size, out, limits)
                    yield plain
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as err:
        if isinstance(err, UnreadableReport):
            raise
        raise UnreadableReport("its zip is damaged, or locked with a password") from None


def _member(archive: zipfile.ZipFile, limits: PackLimits) -> zipfile.ZipInfo:
    """The report in an archive: the file that is named like one, or the first. Of several none is chosen."""
    files = [each for each in archive.infolist()[: limits.members] if not each.is_dir()]
    files = [each for each in files if not each.filename.startswith("__MACOSX/")]
    if not files:
        raise UnreadableReport("its zip is empty")
    named = [each for each in files if each.filename.lower().endswith((".xml", ".json", ".gz"))]
    if len(named) > 1:
        raise UnreadableReport(f"its zip holds {len(named)} reports; unpack it, and read them one by one")
    return next(iter(named), files[0])


def _check(into: int, out: int, limits: PackLimits) -> None:
    if out > limits.size:
        raise UnreadableReport(f"it unpacks to more than {limits.size} octets")
    if out > 1_048_576 and out > into * limits.ratio:
        raise UnreadableReport(f"it unpacks to more than {limits.ratio} times its size")
