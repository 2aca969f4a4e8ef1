"""One front office on one database, by whatever name it is reached."""

import os
from pathlib import Path

import pytest

from engine.config import parse
from engine.lock import AlreadyRunning, Lock
from engine.own_folder import NoFolder


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    return tmp_path / "one" / "posthouse.db"


def test_the_file_is_made_for_its_owner_alone_and_the_next_one_is_told_who_has_it(database: Path) -> None:
    first = Lock.of_file(database)
    assert database.stat().st_mode & 0o077 == 0
    with pytest.raises(AlreadyRunning, match=rf"another Posthouse \(pid {os.getpid()}\) runs on {database}"):
        Lock.of_file(database)
    first.release()
    Lock.of_file(database).release()


def test_a_hard_link_is_the_same_file(database: Path, tmp_path: Path) -> None:
    first, other = Lock.of_file(database), tmp_path / "two" / "posthouse.db"
    other.hardlink_to(database)
    for _ in range(2):  # a refusal leaves no lock behind
        with pytest.raises(AlreadyRunning, match=rf"runs on the file {other}, by another name of it"):
            Lock.of_file(other)
    first.release()
    Lock.of_file(other).release()


def test_a_restore_that_puts_another_file_there_still_holds_the_name(database: Path) -> None:
    held = Lock.of_file(database)
    fresh = database.with_name("fresh")
    fresh.touch()
    fresh.replace(database)
    with pytest.raises(AlreadyRunning, match="runs on"):
        Lock.of_file(database)
    held.release()


def test_a_symbolic_link_is_followed_before_anything_is_made_beside_it(database: Path, tmp_path: Path) -> None:
    link = tmp_path / "two" / "posthouse.db"
    link.symlink_to(database)
    config = parse(f'[daemon]\nstate_dir = "{link.parent}"\n')
    assert config.database_place == database
    circle = tmp_path / "two" / "circle.db"
    circle.symlink_to(circle)
    assert parse(f'[database]\npath = "{circle}"\n').database_place == circle


@pytest.mark.parametrize("name", ["posthoused.lock", "posthouse.db.lock", "posthouse.db"])
def test_a_pipe_in_the_place_of_a_file_is_told_at_once(database: Path, name: str) -> None:
    os.mkfifo(database.with_name(name))
    with pytest.raises(NoFolder, match=f"a pipe is no file.*{name}"):
        Lock.of_file(database)
        Lock(database.parent)
