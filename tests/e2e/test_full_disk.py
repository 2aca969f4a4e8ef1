"""A full disk: applications hear 452 and never a 250 that is not kept, nothing is lost, and room brings all back.

The disk is a small tmpfs, so this needs root.
"""

import os
import smtplib
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from house import Daemon, hand_over, letter
from house_crowd import Crowd
from house_sink import Sink

pytestmark = pytest.mark.e2e

SMALL, LARGE = "40m", "128m"
BODY = ("x" * 70 + "\n") * 3500  # a quarter of a megabyte


class Disk:
    """A disk of its own for the state folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> "Disk":
        self._folder.mkdir()
        done = self._run("mount", "-t", "tmpfs", "-o", f"size={SMALL},mode=0700", "tmpfs", str(self._folder))
        if done.returncode != 0:
            pytest.skip(f"a tmpfs can't be mounted here: {done.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._run("umount", str(self._folder)).returncode == 0

    def grow(self) -> None:
        assert self._run("mount", "-o", f"remount,size={LARGE}", str(self._folder)).returncode == 0

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root: sudo -E .venv/bin/python -m pytest tests/e2e/test_full_disk.py")
    with Disk(tmp_path / "state") as disk:
        yield disk


def fill(daemon: Daemon, accepted: list[str]) -> tuple[int, bytes]:
    """Hand over until a reply says no; that reply."""
    while True:
        marker = f"n{len(accepted)}"
        try:
            with daemon.smtp() as smtp:
                hand_over(
                    smtp, "app@shop.example", ["ann@example.org"], letter("ann@example.org", body=BODY, X_Marker=marker)
                )
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code, refused.smtp_error
        accepted.append(marker)


def test_a_full_disk_is_answered_452_loses_nothing_and_heals_by_itself(disk: Disk, tmp_path: Path) -> None:
    accepted: list[str] = []
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop="127.0.0.1:9") as daemon:
        processes = daemon.processes()
        code, words = fill(daemon, accepted)
        assert (code, words[:5]) == (452, b"4.3.1")
        assert len(accepted) > 10
        assert fill(daemon, accepted)[0] == 452, "it took more on a full disk"
        assert daemon.rows("SELECT count(*) FROM message") == [(len(accepted),)]
        assert daemon.audit().balances

        disk.grow()
        daemon.configure({"routing": {"transport": {"*": sink.address}}})
        number = daemon.submit("ann@example.org", X_Marker="after")
        assert number
        assert daemon.processes()["carrier"] == processes["carrier"], "a carrier died of it"
        daemon.act("reload")
        daemon.act("queue/retry", site="example.org")
        daemon.until_idle()
        assert sink.kept() == dict.fromkeys([*accepted, "after"], 1)
        assert daemon.audit().balances


@contextmanager
def no_octet_left(daemon: Daemon) -> Iterator[None]:
    """Something else takes all of the disk, what is kept free for us too, and the log of SQLite finds no old room in itself."""
    reader = sqlite3.connect(
        f"file:{daemon.state / 'posthouse.db'}?mode=ro", uri=True, timeout=60, isolation_level=None
    )
    greedy = daemon.state / "greedy"
    with closing(reader), greedy.open("wb", buffering=0) as file:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchall()  # what was written after this can't be overwritten
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    file.write(b"x" * size)
        yield
        greedy.unlink()
        file.truncate()


def test_a_database_that_finds_no_room_itself_loses_nothing_and_goes_on_when_there_is_some(
    disk: Disk, tmp_path: Path
) -> None:
    """Beyond what is kept free: outcomes, marks and leases meet SQLite's own "disk is full" while mail leaves."""

    def has_met_it() -> bool:
        return any("no room is left on the database's disk" in each["error"] for each in daemon.logged("store trouble"))

    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop=sink.address) as daemon:
        with Crowd(daemon) as crowd:
            crowd.until(20)
            with no_octet_left(daemon):
                daemon.until(has_met_it)
            crowd.until(len(crowd.accepted) + 20)
        assert {each.smtp_code for each in crowd.refused if isinstance(each, smtplib.SMTPResponseException)} <= {
            451,
            452,
        }
        daemon.until_idle()
        assert set(sink.kept()) == set(crowd.accepted)
        assert daemon.audit().balances
        doubts = daemon.rows("SELECT count(*) FROM doubt")[0][0]
        assert sum(sink.kept().values()) - len(crowd.accepted) <= doubts


def test_a_disk_that_fills_while_mail_leaves_sends_nothing_that_it_could_not_write_down(
    disk: Disk, tmp_path: Path
) -> None:
    """A dot may leave only after its mark was committed; an outcome that can't be written is not forgotten."""
    accepted: list[str] = []
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop=sink.address) as daemon:
        assert fill(daemon, accepted)[0] == 452
        disk.grow()
        daemon.until_idle()
        assert set(sink.kept()) == set(accepted)
        assert daemon.audit().balances
        doubts = daemon.rows("SELECT count(*) FROM doubt")[0][0]
        assert sum(sink.kept().values()) - len(accepted) <= doubts
