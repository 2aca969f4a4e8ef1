"""What is wrong with a state folder is said with the remedy."""

import errno
import os
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.commands import run
from engine.own_folder import NoFolder, hand_over_below, in_words, require_room
from engine.store.database import Database
from mta.ports import StoreFull

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")


def words(folder: Path, number: int) -> str:
    """What is said of a folder on which the system gives this error."""
    with pytest.raises(NoFolder) as trouble, in_words(folder):
        raise OSError(number, os.strerror(number), str(folder / "keys"))
    return str(trouble.value)


def test_somebody_elses_folder_is_named_with_both_users(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    said = words(tmp_path, errno.EACCES)
    assert said.startswith(f"daemon.state_dir: {tmp_path} belongs to ")
    assert "(mode 700), and this is " in said and "give it the folder (chown -R)" in said


def test_a_folder_that_can_not_be_made_names_the_one_above(tmp_path: Path) -> None:
    assert f"can't be made: {tmp_path} belongs to " in words(tmp_path / "a" / "b", errno.EACCES)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EROFS, "mounted read-only: look at `dmesg` why"),
        (errno.ENOSPC, "is on a full disk: make room"),
        (errno.EEXIST, "keys is a file"),
        (errno.EIO, "can't be used: Input/output error"),
    ],
)
def test_every_other_trouble_has_its_words(tmp_path: Path, number: int, remedy: str) -> None:
    assert remedy in words(tmp_path, number)


def test_what_is_well_is_left_alone(tmp_path: Path) -> None:
    with in_words(tmp_path):
        (tmp_path / "file").touch()


@as_root
def test_what_root_made_in_anothers_folder_is_handed_over_and_links_are_left(tmp_path: Path) -> None:
    state, other = tmp_path / "state", tmp_path / "other"
    (state / "keys").mkdir(parents=True)
    other.write_text("root's")
    (state / "keys" / "made").write_text("by root")
    (state / "link").symlink_to(other)
    os.link(other, state / "same")
    os.chown(state, NOBODY, NOBODY)
    hand_over_below(state)
    assert {(state / each).stat().st_uid for each in ("keys", "keys/made")} == {NOBODY}
    assert (other.stat().st_uid, (state / "link").lstat().st_uid) == (0, 0)


@as_root
def test_domain_add_typed_by_root_leaves_keys_that_the_daemon_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "posthouse.toml"
    path.write_text(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path / "state"}"\n')
    (tmp_path / "state").mkdir(mode=0o700)
    os.chown(tmp_path / "state", NOBODY, NOBODY)
    assert run(["domain", "add", "shop.example", "--config", str(path)]) == 0
    made = list((tmp_path / "state").rglob("*"))
    assert {each.stat().st_uid for each in made} == {NOBODY}
    assert len([each for each in made if each.suffix == ".pem"]) == 2


def test_a_command_that_may_not_reach_a_file_says_whose_it_is_and_as_whom_to_type_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "posthouse.toml"
    path.write_text(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path / "state"}"\n')

    def refused(store: Database) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "state" / "posthouse.db"))

    monkeypatch.setattr(Database, "exists", refused)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    assert run(["audit", "--config", str(path)]) == 1
    said = capsys.readouterr().err.splitlines()
    owner = tmp_path.owner()
    assert said[0].startswith(
        f"posthouse: {tmp_path}/state/posthouse.db can't be reached: {tmp_path} belongs to {owner} "
    )
    as_owner = "" if owner == "root" else f"-u {owner} "
    assert said[1:] == [f"  `sudo {as_owner}posthouse audit --config {path}`"]


@pytest.mark.parametrize(
    ("size", "free", "is_full"),
    [(1 << 40, 63 << 20, True), (1 << 40, 65 << 20, False), (12 << 20, 500 << 10, True), (12 << 20, 1 << 20, False)],
)
def test_new_mail_leaves_room_for_what_becomes_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, free: int, is_full: bool
) -> None:
    seen = SimpleNamespace(f_frsize=1, f_blocks=size, f_bavail=free)
    monkeypatch.setattr(os, "statvfs", lambda folder: seen)
    with pytest.raises(StoreFull) if is_full else nullcontext():
        require_room(tmp_path / "posthouse.db")
    require_room("postgresql://posthouse@db.shop.example/posthouse")
