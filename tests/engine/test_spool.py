"""The spool's files: durable under one name, readable for the daemon and for nobody else."""

import os
import stat
from pathlib import Path

import pytest

from engine import spool
from engine.spool import BadSpoolFile, Envelope

KEY = "00112233445566778899aabbccddeeff"
ENVELOPE = Envelope("shop@shop.example", ["דנה@example.org"], smtputf8=True, ret="HDRS", envid="a b", notify="NEVER")
CONTENT = b"Subject: x\r\n\r\n{}\n\r\n"


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    spool.write(tmp_path, KEY, ENVELOPE, CONTENT)
    (path,) = spool.waiting(tmp_path)
    found = spool.read(path, 1000)
    assert (found.key, found.uid, found.envelope, found.content) == (KEY, os.geteuid(), ENVELOPE, CONTENT)
    spool.remove(path)
    spool.remove(path)
    assert list(spool.waiting(tmp_path)) == [] == list(tmp_path.iterdir())


def test_nothing_is_written_over_and_nothing_half_written_is_found(tmp_path: Path) -> None:
    (tmp_path / f"{KEY}.new").write_text("of somebody else")
    with pytest.raises(FileExistsError):
        spool.write(tmp_path, KEY, ENVELOPE, CONTENT)
    assert list(spool.waiting(tmp_path)) == []
    assert list(spool.waiting(tmp_path / "nowhere")) == []


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.spool.os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        spool.write(tmp_path, KEY, ENVELOPE, CONTENT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
@pytest.mark.parametrize(
    ("mode", "owner", "expected"), [(0o700, 0, 0o600), (0o1733, 12345, 0o644), (0o1777, 12345, 0o600)]
)
def test_the_daemon_can_read_what_another_user_left_and_nobody_else(
    tmp_path: Path, mode: int, owner: int, expected: int
) -> None:
    os.chown(tmp_path, owner, -1)
    tmp_path.chmod(mode)
    spool.write(tmp_path, KEY, ENVELOPE, CONTENT)
    (path,) = spool.waiting(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == expected


@pytest.mark.parametrize("kind", ["link", "second name", "pipe", "folder", "too large"])
def test_what_is_no_file_of_its_own_is_refused(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / f"{KEY}.mail", tmp_path / "other"
    other.write_bytes(b"{}\n")
    if kind == "link":
        path.symlink_to(other)
    elif kind == "second name":
        os.link(other, path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
        os.truncate(path, spool.MAX_ENVELOPE + 1001)
    with pytest.raises(BadSpoolFile):
        spool.read(path, 1000)
