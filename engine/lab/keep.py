"""What the lab's hosts received, on disk, for tests and people to look at.

Three files in the lab's state folder, all append-only: `kept.octets` holds the messages one after another, as they came
(dot-stuffing undone); `kept.jsonl` holds a line for each, with the envelope and where its octets lie; `refused.jsonl`
holds a line for each command that a host did not grant. The order of writing is the promise: octets, then the line,
then the 250. A kill of the lab loses nothing that it answered for; a power cut may, unless `flush` was called.
"""

import email
import email.policy
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Receipt:
    """The envelope of a mail that a host took, and how it came."""

    received_ms: int  # lab time
    host: str  # the host's name in moods.toml
    client: str  # the connecting IP address
    session: int  # number of the connection since the lab started
    nth: int  # number of the mail within its session, from 1: reuse of connections shows here
    ehlo: str
    tls: str  # "TLSv1.3", or "" for plain text
    mail_from: str  # "" is the null reverse-path
    mail_parameters: str  # as they came: "SIZE=1200 BODY=8BITMIME"
    rcpt_to: tuple[str, ...]
    rcpt_parameters: tuple[str, ...]
    message_id: str  # the header field's value with its angle brackets, or ""
    answered: bool  # False: it was kept and its sender was never told
    faults: tuple[str, ...]  # what was wrong with the octets on the wire (see faults.py); empty as it should be


@dataclass(frozen=True, slots=True)
class KeptMail(Receipt):
    """One mail that a host took."""

    folder: Path
    offset: int
    length: int

    @property
    def raw(self) -> bytes:
        """The message's octets as they came, dot-stuffing undone."""
        with (self.folder / "kept.octets").open("rb") as octets:
            octets.seek(self.offset)
            return octets.read(self.length)

    @property
    def message(self) -> EmailMessage:
        """The message, parsed by the standard library: a second opinion on what we wrote."""
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def text(self) -> str:
        """The decoded text/plain part, or ""."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """The decoded text/html part, or ""."""
        return self._part("html")

    def _part(self, subtype: str) -> str:
        part = self.message.get_body(preferencelist=(subtype,))
        return str(part.get_content()) if part is not None else ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One command that a host did not grant, or a session that it broke."""

    refused_ms: int
    host: str
    client: str
    session: int
    stage: str
    mail_from: str
    rcpt_to: str  # "" where it is not about one recipient
    reply: str  # its lines joined by "\n"; "drop" or "stall" where nothing was said


class Kept:
    """The writer: one lab process holds it."""

    def __init__(self, folder: Path, tell: Callable[[], None] = lambda: None) -> None:
        """`tell` is called after each mail and each refusal."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._tell = tell
        self._octets = os.open(folder / "kept.octets", _APPEND, 0o600)
        self._lines = os.open(folder / "kept.jsonl", _APPEND, 0o600)
        self._refused = os.open(folder / "refused.jsonl", _APPEND, 0o600)
        self._end = os.fstat(self._octets).st_size

    def keep(self, receipt: Receipt, raw: bytes) -> None:
        """Write a mail down. When this returns, every process can read it; OSError when the disk refuses."""
        _write(self._octets, raw)
        _write_line(self._lines, {**_fields(receipt), "offset": self._end, "length": len(raw)})
        self._end += len(raw)
        self._tell()

    def refuse(self, refusal: Refusal) -> None:
        """Write a refusal down."""
        _write_line(self._refused, _fields(refusal))
        self._tell()

    def flush(self) -> None:
        """Make all that was written so far safe from a power cut."""
        for descriptor in (self._octets, self._lines, self._refused):
            os.fsync(descriptor)

    def close(self) -> None:
        for descriptor in (self._octets, self._lines, self._refused):
            os.close(descriptor)

    @staticmethod
    def read(folder: Path) -> list[KeptMail]:
        """All mails kept in a lab's state folder, oldest first, from any process."""
        return KeptReader(folder).mails()


class KeptReader:
    """Reads what a lab kept, also while it goes on: each call reads only what is new and answers all there is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mails: list[KeptMail] = []
        self._refusals: list[Refusal] = []
        self._mails_end = 0
        self._refusals_end = 0

    def mails(self) -> list[KeptMail]:
        """Every mail kept until now, oldest first."""
        self._mails_end, lines = _new_lines(self._folder / "kept.jsonl", self._mails_end)
        self._mails += [KeptMail(**_tuples(line), folder=self._folder) for line in lines]
        return list(self._mails)

    def refusals(self) -> list[Refusal]:
        """Every refusal until now, oldest first."""
        self._refusals_end, lines = _new_lines(self._folder / "refused.jsonl", self._refusals_end)
        self._refusals += [Refusal(**line) for line in lines]
        return list(self._refusals)


def _fields(record: Receipt | Refusal) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _write(descriptor: int, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(descriptor, view) :]


def _write_line(descriptor: int, fields: dict[str, Any]) -> None:
    _write(descriptor, json.dumps(fields).encode() + b"\n")


def _new_lines(path: Path, start: int) -> tuple[int, Iterator[dict[str, Any]]]:
    """The whole lines after `start` and where they end. A line still being written waits for the next call."""
    if not path.exists():
        return start, iter(())
    with path.open("rb") as file:
        file.seek(start)
        octets = file.read()
    whole = octets[: octets.rfind(b"\n") + 1]
    return start + len(whole), map(json.loads, whole.splitlines())


def _tuples(line: dict[str, Any]) -> dict[str, Any]:
    """JSON has only lists; the records have tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in line.items()}
