"""A file that somebody wants to import: what it is, and its parts as tables.

Archives are read in a stream, one member at a time, and only so much of them: what a small archive unpacks to is bounded.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from engine.exchange import encodings, listmonk, mailchimp
from engine.exchange.encodings import CODECS, Seen
from engine.exchange.rows import NoTable, Table, read_csv, read_json_lines
from mta.plain_file import open_plain

KINDS: Final = ("csv", "jsonl", "mailchimp", "listmonk")
MEMBERS_MAX: Final = 50
UNPACKED_MAX: Final = 4 << 30  # octets of all members together
RATIO_MAX: Final = 200  # CSV shrinks to a tenth or so; what shrinks to less than a two-hundredth was made to


@dataclass(slots=True)
class Opened:
    """A file, read once for what it is. Use it as a context; `tables` reads it again, in a stream."""

    path: Path
    kind: str  # of KINDS
    seen: Seen
    encoding: str
    separator: str = ""
    members: tuple[str, ...] = ()  # of an archive
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def tables(self) -> Iterator[Table]:
        """Its tables, one after the other. NoTable."""
        if self.members:
            archive = self._stack.enter_context(zipfile.ZipFile(self.path))
            for name in self.members:
                with _Bounded.of(archive, name) as member:
                    encoding = encodings.find(encodings.look(member))
                with _Bounded.of(archive, name) as member:
                    yield read_csv(name, member, CODECS[encoding], separator=self.separator)
            return
        stream = self._stack.enter_context(open_plain(self.path))
        codec = CODECS[self.encoding]
        if self.kind == "jsonl":
            yield read_json_lines(self.path.name, stream, codec)
        else:
            yield read_csv(self.path.name, stream, codec, separator=self.separator)

    def dump(self, folder: Path) -> listmonk.Dump:
        """A dump of listmonk's database, in a file below `folder`."""
        with open_plain(self.path) as stream:
            return listmonk.read_dump(stream, folder)

    @property
    def is_dump(self) -> bool:
        return listmonk.is_dump(self.seen.head)


def open_file(path: Path, *, kind: str = "", encoding: str = "", separator: str = "") -> Opened:
    """Find out what a file is. NoTable, NoText, Unclear or OSError where that can't be."""
    with open_plain(path) as stream:
        seen = encodings.look(stream)
    if not seen.size:
        raise NoTable("the file is empty")
    if seen.head.startswith(b"PK\x03\x04") and kind in ("", "mailchimp"):
        return Opened(path, "mailchimp", seen, "", separator, _members(path))
    if listmonk.is_dump(seen.head) and kind in ("", "listmonk"):
        return Opened(path, "listmonk", seen, "UTF-8")
    found = encoding or encodings.find(seen)
    opened = Opened(path, kind, seen, found, separator)
    if not kind:
        opened.kind = _kind(opened)
    return opened


def _kind(opened: Opened) -> str:
    text = opened.seen.head.decode(CODECS[opened.encoding], "ignore").lstrip("\ufeff \t\r\n")
    if text.startswith("{"):
        return "jsonl"
    opened.kind = "csv"
    header = next(opened.tables()).header
    if mailchimp.is_export(header) and mailchimp.kind_of(opened.path.name):
        return "mailchimp"
    return "listmonk" if listmonk.is_export(header) else "csv"


def _members(path: Path) -> tuple[str, ...]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as err:
        raise NoTable(f"the archive can't be read: {err}") from None
    found = sorted(each.filename for each in infos if mailchimp.kind_of(each.filename))
    if not found:
        names = ", ".join(each.filename[:60] for each in infos[:5])
        raise NoTable(f"it is an archive, but none of Mailchimp's (it holds {names}); save a spreadsheet as CSV")
    if len(infos) > MEMBERS_MAX or len(set(found)) < len(found):
        raise NoTable(f"the archive holds {len(infos):,} files; Mailchimp's holds a few")
    if sum(each.file_size for each in infos) > UNPACKED_MAX:
        raise NoTable(f"unpacked it would have more than {UNPACKED_MAX >> 30} GiB")
    return tuple(found)


class _Bounded(io.RawIOBase):
    """A member of an archive, as far as it keeps to what is sensible; whatever its own header says of its size."""

    def __init__(self, member: Any, info: zipfile.ZipInfo) -> None:
        self._member, self._read = member, 0
        self._most = max(1 << 20, info.compress_size * RATIO_MAX)

    @classmethod
    def of(cls, archive: zipfile.ZipFile, name: str) -> BinaryIO:
        info = archive.getinfo(name)
        if info.flag_bits & 1:
            raise NoTable(f"{name[:80]} is encrypted")
        try:
            return io.BufferedReader(cls(archive.open(info), info), 1 << 16)
        except (zipfile.BadZipFile, NotImplementedError) as err:
            raise NoTable(f"{name[:80]} can't be unpacked: {err}") from None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._member.read(len(buffer))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as err:
            raise NoTable(f"the archive is broken: {err}") from None
        self._read += len(piece)
        if self._read > min(self._most, UNPACKED_MAX):
            raise NoTable("the archive unpacks to far more than a file of people does")
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._member.close()
        super().close()
