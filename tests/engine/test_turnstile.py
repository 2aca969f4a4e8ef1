"""The turnstile: one at a time, the one who waited goes before the one who just wrote, and a death frees it."""

import fcntl
import os
import signal
import threading
from pathlib import Path

import pytest
from house_process import wait_ended

from engine.store.turnstile import Turnstile


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "posthouse.db"


def test_two_are_never_inside_at_once(database: Path) -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    def pass_through() -> None:
        nonlocal inside, most
        mine = Turnstile(database)
        for _ in range(50):
            with mine.turn():
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1
        mine.close()

    threads = [threading.Thread(target=pass_through) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_who_just_wrote_waits_behind_who_was_waiting(database: Path) -> None:
    """While one waits inside the gate nobody else passes the gate, so the next turn is that one's."""
    order: list[str] = []
    first, second = Turnstile(database), Turnstile(database)
    at_the_gate = threading.Event()

    def wait() -> None:
        at_the_gate.set()
        with second.turn():
            order.append("the one that waited")

    waiting = threading.Thread(target=wait)
    with first.turn():
        waiting.start()
        assert at_the_gate.wait(60)
        while not _is_locked(database.with_name("posthouse.db.gate")):
            pass  # until it stands between gate and turn
        order.append("the first")
    with first.turn():
        order.append("the first, again")
    waiting.join()
    assert order == ["the first", "the one that waited", "the first, again"]


def test_a_work_that_raises_gives_its_turn_back(database: Path) -> None:
    turnstile = Turnstile(database)
    with pytest.raises(ValueError), turnstile.turn():
        raise ValueError
    other = Turnstile(database)
    with other.turn():
        pass


def test_a_process_that_dies_inside_frees_it(database: Path) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with Turnstile(database).turn():
            os.write(writing, b"x")
            signal.pause()
    os.read(reading, 1)
    assert _is_locked(database.with_name("posthouse.db.turn"))
    os.kill(pid, signal.SIGKILL)
    assert not wait_ended([pid], 60)
    os.waitpid(pid, 0)
    with Turnstile(database).turn():
        pass


def test_its_files_are_private_and_no_link_is_followed(database: Path) -> None:
    Turnstile(database).close()
    for name in ("posthouse.db.gate", "posthouse.db.turn"):
        assert database.with_name(name).stat().st_mode & 0o777 == 0o600
        database.with_name(name).unlink()
    database.with_name("posthouse.db.gate").symlink_to("/etc/passwd")
    with pytest.raises(OSError):
        Turnstile(database)


def _is_locked(path: Path) -> bool:
    with path.open("rb+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
        return False
