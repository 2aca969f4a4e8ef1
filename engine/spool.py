"""The spool: mail that `posthouse sendmail` leaves in files while the daemon is down, and that the daemon picks up.

A file is written under another name, synced, renamed, and its folder synced: whoever was told "done" is in no doubt.
Its name is its idempotency key: the message's commit keeps it, so that a file that outlived a crash is not taken on a
second time. The first line is the envelope as JSON, all after it the message with CRLF line ends.

The folder is the daemon's. Where other users shall leave mail too, an administrator makes it 1733: they may add files,
and see none, so that a file that the daemon can read is one that nobody else finds. Whose file it is the kernel says,
and `lmtp.users` says who may.
"""

import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

NAME: Final = re.compile(r"[0-9a-f]{32}\.mail")
MAX_ENVELOPE: Final = 1 << 20  # octets of the first line
_FIELDS: Final = {"sender": str, "recipients": list, "smtputf8": bool, "ret": str, "envid": str, "notify": str}


class BadSpoolFile(Exception):
    """A file in the spool that no message can be read from, or whose owner may not submit; the words say why."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the command line said, as the parameters of MAIL and RCPT."""

    sender: str
    recipients: list[str]
    smtputf8: bool = False
    ret: str = ""  # FULL or HDRS
    envid: str = ""  # plain
    notify: str = ""  # as in RCPT


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """A file that was read."""

    key: str
    uid: int  # its owner
    envelope: Envelope
    content: bytes


def write(folder: Path, key: str, envelope: Envelope, content: bytes) -> None:
    """Keep a message; durable when this returns. OSError when it can't be."""
    waiting, done = folder / f"{key}.new", folder / f"{key}.mail"
    opened = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            os.fchmod(opened, _mode(folder))
            file.write(json.dumps(asdict(envelope)).encode() + b"\n" + content)
            file.flush()
            os.fsync(file.fileno())
        waiting.rename(done)
    except BaseException:
        waiting.unlink(missing_ok=True)
        raise
    sync_folder(folder)


def _mode(folder: Path) -> int:
    """Readable for the folder's owner, which is the daemon; by way of everybody when that is another user and the names
    in the folder, which are unguessable, can't be listed.
    """
    status = folder.stat()
    return 0o600 if status.st_uid == os.geteuid() or status.st_mode & 0o044 else 0o644


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; where we may not open it, all that the system has not written yet."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        os.sync()
        return
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def waiting(folder: Path) -> Iterator[Path]:
    """The files to be picked up, in no order."""
    try:
        with os.scandir(folder) as found:
            names = [each.name for each in found if NAME.fullmatch(each.name)]
    except FileNotFoundError:
        return
    yield from (folder / name for name in names)


def read(path: Path, max_size: int) -> SpoolFile:
    """BadSpoolFile when it is none of ours; FileNotFoundError when another carrier was quicker."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BadSpoolFile(f"can't be opened: {error.strerror}") from None
    try:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise BadSpoolFile("is no file of its own")  # a link could lend a file another owner's name
        if status.st_size > max_size + MAX_ENVELOPE:
            raise BadSpoolFile(f"is larger than {max_size} octets")
        with os.fdopen(opened, "rb", closefd=False) as file:
            first = file.readline(MAX_ENVELOPE)
            return SpoolFile(path.stem, status.st_uid, _envelope(first), file.read())
    finally:
        os.close(opened)


def _envelope(line: bytes) -> Envelope:
    try:
        said = json.loads(line)
        if not line.endswith(b"\n") or not isinstance(said, dict) or not said.keys() <= _FIELDS.keys():
            raise ValueError
        if not all(isinstance(value, _FIELDS[key]) for key, value in said.items()):
            raise ValueError
        envelope = Envelope(**said)
        if not all(isinstance(each, str) for each in envelope.recipients):
            raise ValueError
    except (ValueError, TypeError, RecursionError):
        raise BadSpoolFile("has no envelope in its first line") from None
    return envelope


def remove(path: Path) -> None:
    """What was taken on is gone for good when this returns."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def set_aside(path: Path) -> None:
    """Keep a bad file where nobody picks it up, for a person to look at."""
    path.rename(path.with_suffix(".bad"))
