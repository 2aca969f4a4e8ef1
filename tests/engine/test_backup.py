"""Backups: whole or not there, read through, told from one another, and put back without losing what was there."""

import errno
import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.backup import making
from engine.backup.folder import BackupError, compare, copy, is_backup, kept_in, name_of, prune, read
from engine.backup.making import What, make
from engine.backup.restoring import check, restore

NOW = datetime(2026, 11, 22, 18, 40, 11, tzinfo=UTC)
SCHEMA = ("0001_first", "0002_second")


def filled(path: Path, rows: int) -> Path:
    """A database in WAL mode whose log holds all of its rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        opened.execute("PRAGMA journal_mode = WAL")
        opened.execute("CREATE TABLE schema_migration (name TEXT)")
        opened.execute("INSERT INTO schema_migration VALUES (?)", SCHEMA[:1])
        opened.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, body BLOB)")
        opened.executemany("INSERT INTO thing (body) VALUES (?)", [(bytes(2000),)] * rows)
    return path


def rows_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as opened:
        return int(opened.execute("SELECT count(*) FROM thing").fetchone()[0])


@pytest.fixture
def what(tmp_path: Path) -> What:
    state = tmp_path / "state"
    database = filled(state / "posthouse.db", 50)
    (state / "keys").mkdir()
    (state / "keys" / "shop.pem").write_text("a key")
    (state / "secret").write_bytes(b"s" * 32)
    files = {"keys": state / "keys", "secret": state / "secret", "templates": state / "none"}
    return What(database, files, "mail.shop.example", "1.0", SCHEMA)


def test_a_backup_has_the_database_with_its_log_and_the_files_and_can_be_read_by_its_owner_alone(
    what: What, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(what.database)) as busy:  # the log stays where it is while somebody has it open
        busy.execute("BEGIN")
        busy.execute("SELECT count(*) FROM thing").fetchone()
        made = make(what, tmp_path / "backups", NOW)
    assert made.folder.name == "2026-11-22T18-40-11Z"
    assert sorted(made.sizes) == ["keys/shop.pem", "posthouse.db", "secret"]
    assert rows_of(made.database) == 50
    assert {each.stat().st_mode & 0o077 for each in made.folder.rglob("*") if each.name != "manifest.json"} == {0}
    assert (made.version, made.hostname, made.schema) == ("1.0", "mail.shop.example", SCHEMA)


def test_two_of_one_second_have_two_names(what: What, tmp_path: Path) -> None:
    names = [make(what, tmp_path / "backups", NOW).folder.name for _ in range(3)]
    assert names == ["2026-11-22T18-40-11Z", "2026-11-22T18-40-11Z-2", "2026-11-22T18-40-11Z-3"]


def test_what_another_is_making_now_is_not_taken_away(
    what: What, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long one of the night, and a short one that somebody makes meanwhile, in the same second even."""
    into, made = tmp_path / "backups", []

    def meanwhile(place: Path, to: Path) -> None:
        monkeypatch.setattr(making, "copy", copy)
        made.append(make(what, into, NOW))
        prune(into, 5)
        copy(place, to)

    monkeypatch.setattr(making, "copy", meanwhile)
    made.append(make(what, into, NOW))
    assert [each.folder.name for each in made] == ["2026-11-22T18-40-11Z-2", "2026-11-22T18-40-11Z"]
    for each in made:
        check(each, SCHEMA)


def test_a_folder_whose_name_means_something_in_an_address_is_a_folder(tmp_path: Path) -> None:
    database = filled(tmp_path / "100% #1?mode=memory" / "posthouse.db", 3)
    made = make(What(database, {}, "mail.shop.example", "1.0", SCHEMA), database.parent / "backups", NOW)
    check(made, SCHEMA)
    assert rows_of(made.database) == 3


def test_the_oldest_go_and_what_was_not_finished_and_nothing_else(what: What, tmp_path: Path) -> None:
    into = tmp_path / "backups"
    for hours in range(5):
        make(what, into, NOW + timedelta(hours=hours))
    left = into / (name_of(NOW + timedelta(days=1)) + ".partial")
    left.mkdir()
    (into / "notes").mkdir()
    (into / "2026-01-01T00-00-00Z").mkdir()  # a folder of somebody's that only looks like one
    removed = prune(into, 2)
    assert [each.folder.name[11:13] for each in kept_in(into)] == ["22", "21"]
    assert len(removed) == 3
    assert sorted(each.name for each in into.iterdir())[0] == "2026-01-01T00-00-00Z"
    assert (into / "notes").is_dir()
    assert not left.exists()


def test_a_backup_that_was_changed_is_refused_and_says_which_file(what: What, tmp_path: Path) -> None:
    made = make(what, tmp_path / "backups", NOW)
    compare(made)
    (made.folder / "secret").write_bytes(b"t" * 32)
    with pytest.raises(BackupError, match=r"secret was changed since the backup was made"):
        compare(made)
    (made.folder / "secret").unlink()
    with pytest.raises(BackupError, match=r"secret can't be read"):
        check(made, SCHEMA)


def test_a_damaged_database_makes_no_backup(what: What, tmp_path: Path) -> None:
    assert isinstance(what.database, Path)
    with closing(sqlite3.connect(what.database, isolation_level=None)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    octets = bytearray(what.database.read_bytes())
    octets[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
    what.database.write_bytes(octets)
    with pytest.raises(BackupError, match=r"is damaged|can't be copied"):
        make(what, tmp_path / "backups", NOW)
    assert list((tmp_path / "backups").iterdir()) == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("{", "is not what a backup writes"),
        ('{"format": "posthouse export 1"}', "is no backup: its manifest says posthouse export 1"),
        ('{"format": "posthouse backup 1"}', "is not what a backup writes"),
        ("[" * 100_000, "is not what a backup writes"),
    ],
)
def test_a_folder_that_is_none_is_refused_in_clear_words(tmp_path: Path, said: str, words: str) -> None:
    with pytest.raises(BackupError, match="it has no manifest"):
        read(tmp_path)
    (tmp_path / "manifest.json").write_text(said)
    with pytest.raises(BackupError, match=words):
        read(tmp_path)


def test_a_manifest_that_names_a_file_outside_is_refused(what: What, tmp_path: Path) -> None:
    made = make(what, tmp_path / "backups", NOW)
    manifest = made.folder / "manifest.json"
    said = json.loads(manifest.read_text())
    said["files"]["../../secret"] = said["files"]["secret"]
    manifest.write_text(json.dumps(said))
    assert is_backup(made.folder)
    with pytest.raises(BackupError, match="a file outside of the backup"):
        read(made.folder)


def test_a_file_that_was_added_is_refused_though_nothing_else_was_changed(what: What, tmp_path: Path) -> None:
    made = make(what, tmp_path / "backups", NOW)
    (made.folder / "keys" / "evil.pem").write_text("a key that nobody made")
    with pytest.raises(BackupError, match=r"keys/evil.pem is not of this backup"):
        check(made, SCHEMA)
    (made.folder / "keys" / "evil.pem").rename(made.folder / "keys" / "\x1b[2J")
    with pytest.raises(BackupError, match=r"keys/\\x1b\[2J' is not of this backup"):
        check(made, SCHEMA)


@pytest.mark.parametrize("name", ["keys", "secret"])
def test_a_link_is_refused_though_what_it_leads_to_is_what_was_written(what: What, tmp_path: Path, name: str) -> None:
    made = make(what, tmp_path / "backups", NOW)
    (made.folder / name).rename(tmp_path / "elsewhere")
    (made.folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BackupError, match=rf"{name} is no file, and a backup holds nothing else"):
        check(made, SCHEMA)


@pytest.mark.parametrize("name", ["secret", "manifest.json"])
def test_nobody_waits_for_a_pipe_in_a_backup(what: What, tmp_path: Path, name: str) -> None:
    made = make(what, tmp_path / "backups", NOW)
    (made.folder / name).unlink()
    os.mkfifo(made.folder / name)
    with pytest.raises(BackupError, match=r"is no file"):
        check(read(made.folder), SCHEMA)


@pytest.mark.parametrize("name", ["keys/\0", "keys/\ud800"])
def test_a_manifest_with_a_name_that_no_file_has_is_refused(what: What, tmp_path: Path, name: str) -> None:
    made = make(what, tmp_path / "backups", NOW)
    manifest = made.folder / "manifest.json"
    said = json.loads(manifest.read_text())
    said["files"][name] = said["files"]["secret"]
    manifest.write_text(json.dumps(said))
    with pytest.raises(BackupError, match="a file outside of the backup"):
        read(made.folder)


def test_another_program_s_database_is_refused(what: What, tmp_path: Path) -> None:
    assert isinstance(what.database, Path)
    with closing(sqlite3.connect(what.database, isolation_level=None)) as opened:
        opened.execute("DROP TABLE schema_migration")
    made = make(what, tmp_path / "backups", NOW)
    with pytest.raises(BackupError, match="is no database of a Posthouse"):
        check(made, SCHEMA)


def test_a_newer_program_s_backup_is_refused_before_anything_is_touched(what: What, tmp_path: Path) -> None:
    made = make(what, tmp_path / "backups", NOW)
    with pytest.raises(BackupError, match=r"made by a newer Posthouse \(1.0; it has 0002_second\)"):
        check(made, SCHEMA[:1])


def test_restoring_keeps_what_was_there_beside_it_with_its_log(what: What, tmp_path: Path) -> None:
    made = make(what, tmp_path / "backups", NOW)
    state = tmp_path / "state"
    shutil.rmtree(state)
    database = filled(state / "posthouse.db", 7)
    (state / "secret").write_bytes(b"of another life")
    done = restore(made, database, {"keys": state / "keys", "secret": state / "secret"}, NOW)
    assert rows_of(database) == 50
    assert (state / "secret").read_bytes() == b"s" * 32
    assert (state / "keys" / "shop.pem").read_text() == "a key"
    assert rows_of(state / "posthouse.db.replaced-20261122T184011Z") == 7
    assert (state / "secret.replaced-20261122T184011Z").read_bytes() == b"of another life"
    assert [each.name for each in done.placed] == ["posthouse.db", "keys", "secret"]
    assert len(done.moved) == 2


def test_a_log_that_was_left_without_its_database_is_not_taken_for_the_restored_one_s(
    what: What, tmp_path: Path
) -> None:
    """The daemon was killed, and somebody removed the damaged file: SQLite would write the log's pages over the backup's."""
    made = make(what, tmp_path / "backups", NOW)
    database, log = tmp_path / "state" / "posthouse.db", tmp_path / "state" / "posthouse.db-wal"
    with closing(sqlite3.connect(database, isolation_level=None)) as opened:
        opened.executemany("INSERT INTO thing (body) VALUES (?)", [(b"x" * 3000,)] * 500)
        octets = log.read_bytes()
    database.unlink()
    log.write_bytes(octets)
    done = restore(made, database, {}, NOW)
    assert rows_of(database) == 50
    assert [each.name for each in done.moved] == ["posthouse.db.replaced-20261122T184011Z-wal"]
    assert done.moved[0].read_bytes() == octets


def test_a_backup_of_the_other_database_is_refused(what: What, tmp_path: Path) -> None:
    made = make(what, tmp_path / "backups", NOW)
    with pytest.raises(BackupError, match="the backup is of SQLite, and the configuration names a PostgreSQL database"):
        restore(made, "postgresql://localhost/posthouse", {}, NOW)


def test_a_file_that_can_not_be_read_is_named_and_not_the_folder_of_backups(
    what: What, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "state" / "keys" / "shop.pem"

    def refused(place: Path, to: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(key))

    monkeypatch.setattr(making, "copy", refused)
    with pytest.raises(
        BackupError, match=rf"{key} can't be reached: {key} belongs to .* give it to this user \(`chown`\)"
    ):
        make(what, tmp_path / "backups", NOW)
    assert list((tmp_path / "backups").iterdir()) == []


def test_two_restores_of_one_second_keep_both_of_what_was_there(what: What, tmp_path: Path) -> None:
    made = make(what, tmp_path / "backups", NOW)
    state = tmp_path / "state"
    places = {"keys": state / "keys", "secret": state / "secret"}
    shutil.rmtree(state)
    filled(state / "posthouse.db", 7)
    (state / "keys").mkdir()
    (state / "keys" / "old.pem").write_text("an older key")
    for _ in range(2):
        restore(made, state / "posthouse.db", places, NOW)
    assert rows_of(state / "posthouse.db.replaced-20261122T184011Z") == 7
    assert rows_of(state / "posthouse.db.replaced-20261122T184011Z-2") == 50
    assert (state / "keys.replaced-20261122T184011Z" / "old.pem").exists()
    assert (state / "keys" / "shop.pem").read_text() == "a key"
