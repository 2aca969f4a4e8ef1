"""An older database is brought up to this program with a copy of what it was, or not at all; a newer one is refused."""

import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from clock import NOON
from mail_shop import Place, open_store

from engine.backup.folder import read
from engine.backup.restoring import check
from engine.config import Config, parse
from engine.release import version
from engine.store import migrate
from engine.store.groups import GroupStore
from engine.store.migrate import SchemaMismatch, schema
from engine.store.opening import store_at
from engine.system import SystemClock
from engine.upgrading import upgrade
from mta.ports import StoreTrouble

ADDED = "9000_more"


@pytest.fixture
def old(place: Place) -> Iterator[GroupStore]:
    """A database that holds something."""
    store = open_store(place)
    store.write_now(lambda tx: tx.execute("DELETE FROM meta"))
    store.write_now(lambda tx: tx.execute("INSERT INTO meta (key, value) VALUES ('kept', 'yes')"))
    yield store
    store.write_now(lambda tx: tx.execute("DROP TABLE IF EXISTS more"))
    store.write_now(lambda tx: tx.execute("DELETE FROM schema_migration WHERE name > '9'"))
    store.close()


@pytest.fixture
def config(place: Place, tmp_path: Path) -> Config:
    said = f'path = "{place / "posthouse.db"}"' if isinstance(place, Path) else f'url = "{place}"'
    (tmp_path / "secret").write_bytes(b"s" * 32)
    return parse(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path}"\n[database]\n{said}\n')


@pytest.fixture
def newer(old: GroupStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program with one migration more."""
    later = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, later)
    (later / f"{ADDED}.py").write_text("def up(migrator, db):\n    db.execute_sql('CREATE TABLE more (id INTEGER)')\n")
    monkeypatch.setattr(migrate, "FOLDER", later)


@pytest.mark.usefixtures("newer")
def test_a_copy_is_made_before_an_older_database_is_changed(old: GroupStore, config: Config, tmp_path: Path) -> None:
    kept: list[Path] = []
    assert upgrade(old, config, NOON, kept.append) == [ADDED]
    if isinstance(config.database_place, Path):
        [copy] = config.database_place.parent.glob("posthouse.db.before-*")
        with closing(sqlite3.connect(copy)) as opened:
            assert opened.execute("SELECT value FROM meta WHERE key = 'kept'").fetchone() == ("yes",)
            assert opened.execute("SELECT 1 FROM sqlite_master WHERE name = 'more'").fetchone() is None
    else:
        [folder] = kept
        backup = read(folder)
        assert backup.schema == tuple(each for each in schema() if each != ADDED), "the older program can restore it"
        check(backup, backup.schema)
    assert upgrade(old, config, NOON, kept.append) == []
    assert len(kept) <= 1


@pytest.mark.usefixtures("newer")
def test_without_a_copy_nothing_is_changed(
    old: GroupStore, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, words = config.database_place, "pg_dump is not here.*posthoused migrate --no-copy"
    if isinstance(place, Path):
        words = f"make room in {place.parent}"
        place.with_name("posthouse.db.before.partial").mkdir()  # nothing can be written there
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreTrouble, match=words):
        upgrade(old, config, NOON, print)
    with pytest.raises(SchemaMismatch, match=f"lacks {ADDED}: run `posthoused migrate`"):
        old.check_schema()
    if not isinstance(place, Path):
        assert upgrade(old, config, NOON, print, copy=False) == [ADDED]


def test_a_newer_database_is_refused_with_both_versions_and_the_remedy(old: GroupStore, config: Config) -> None:
    old.write_now(
        lambda tx: tx.execute(f"INSERT INTO schema_migration (name, applied) VALUES ('{ADDED}', '2030-01-01')")
    )
    with pytest.raises(SchemaMismatch, match=f"has {ADDED}; this is {version()}, which knows as far as {schema()[-1]}"):
        upgrade(old, config, NOON, print)
    assert old.read_now(lambda tx: tx.query("SELECT key FROM meta")) == [("kept",)]


def test_what_a_crash_left_of_a_copy_is_written_over(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    (tmp_path / "posthouse.db.before.partial").write_text("half")
    kept = migrate.keep_copy(tmp_path / "posthouse.db", NOON)
    assert not list(tmp_path.glob("*.partial"))
    copied = store_at(kept, SystemClock()).open()
    copied.check_schema()
    copied.close()
    store.close()


@pytest.mark.usefixtures("newer")
def test_a_supervisor_is_asked_for_the_time_that_an_upgrade_takes_and_for_none_otherwise(
    old: GroupStore, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind("")  # the kernel chooses an abstract name (unix(7))
        supervisor.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + supervisor.getsockname()[1:].decode())
        assert upgrade(old, config, NOON, lambda folder: None) == [ADDED]
        assert b"EXTEND_TIMEOUT_USEC=43200000000" in supervisor.recv(1000).split(b"\n")
        assert upgrade(old, config, NOON, lambda folder: None) == []
        with pytest.raises(BlockingIOError):
            supervisor.recv(1000)
