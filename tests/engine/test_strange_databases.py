"""What lies at database.path, or in the database on a server, and is not ours, or is damaged: it is told in words that name
the remedy, and nothing is written."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine import cli
from engine.store import migrate
from engine.store.database import Database
from engine.store.migrate import Foreign, schema
from engine.store.opening import store_at
from engine.system import SystemClock
from mta.ports import StoreTrouble

if TYPE_CHECKING:
    from house_postgres import Postgres


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "posthouse.db"


def foreign(file: Path) -> None:
    with closing(sqlite3.connect(file)) as opened:
        opened.executescript(
            "CREATE TABLE message (a); CREATE TABLE \"x\x1b[31m\" (b); INSERT INTO message VALUES ('theirs')"
        )


def noise(file: Path) -> None:
    file.write_bytes(bytes(range(255, 0, -1)) * 20)


def damaged(file: Path) -> None:
    """A database of ours whose schema was overwritten in the middle."""
    store = Database(file, SystemClock()).open()
    store.migrate()
    store.close()
    octets = bytearray(file.read_bytes())
    octets[100:4096] = b"\xff" * 3996
    file.write_bytes(bytes(octets))


STRANGE = [
    pytest.param(foreign, r"tables of another program \(message, x\\x1b\[31m\).*database\.path", id="foreign"),
    pytest.param(noise, "no SQLite file.*database.path.*posthouse restore", id="noise"),
    pytest.param(damaged, "is damaged.*posthouse restore", id="damaged"),
]


@pytest.mark.parametrize(("make", "words"), STRANGE)
def test_a_strange_file_is_told_and_not_written_into(make: Callable[[Path], None], words: str, file: Path) -> None:
    make(file)
    before = file.read_bytes()
    store = Database(file, SystemClock()).open()
    for look in (store.migrate, store.check_schema):
        with pytest.raises((Foreign, StoreTrouble), match=words):
            look()
    store.close()
    assert file.read_bytes() == before
    assert not list(file.parent.glob("*.before-*"))


@pytest.mark.parametrize("make", [foreign, noise])
def test_posthoused_says_it_in_one_line(
    make: Callable[[Path], None], file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(file)
    config = tmp_path / "posthouse.toml"
    config.write_text(
        f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path}"\n[database]\npath = "{file}"\n'
    )
    with pytest.raises(SystemExit) as left:
        cli.migrate(config)
    assert left.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("posthoused: ") and "database.path" in said and said.count("\n") == 1


def test_a_connection_to_what_became_damaged_says_so(file: Path) -> None:
    noise(file)
    store = Database(file, SystemClock()).open()
    with pytest.raises(StoreTrouble, match="posthouse restore"):
        store.read_now(lambda tx: tx.query("SELECT 1 FROM meta"))
    store.close()


def test_an_old_database_that_can_not_be_written_is_told_and_no_copy_is_made_each_time(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Database(file, SystemClock()).open()
    store.migrate()
    store.write_now(lambda tx: tx.execute("DELETE FROM schema_migration WHERE name = ?", (schema()[-1],)))
    store.close()
    monkeypatch.setattr("engine.store.database.PRAGMAS", {"query_only": 1})  # root may write into any file
    store = Database(file, SystemClock()).open()
    for _ in range(2):
        with pytest.raises(StoreTrouble, match="can't be written"):
            store.migrate()
    store.close()
    assert not list(file.parent.glob("*.before-*"))


def test_a_folder_of_which_nothing_can_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreTrouble, match="can't be a folder"):
        Database(tmp_path / "file" / "posthouse.db", SystemClock()).open()


def test_a_pipe_keeps_nobody_waiting(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(StoreTrouble, match="a pipe is no file"):
        Database(file, SystemClock()).open()


def test_one_word_of_a_foreign_name_is_not_endless() -> None:
    with pytest.raises(Foreign) as refusal:
        migrate.want_no_others("x.db", ["a" * 5000, "b", "c", "d"], "look")
    assert len(str(refusal.value)) < 250 and "b, c, ..." in str(refusal.value)


@pytest.mark.peer("postgresql")
def test_on_postgresql_tables_of_others_may_lie_beside_ours_but_not_under_our_names(postgres: "Postgres") -> None:
    import psycopg

    url = postgres.empty("shared")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE message (a TEXT)")
    store = store_at(url, SystemClock()).open()
    for look in (store.migrate, store.check_schema):
        with pytest.raises(Foreign, match=r"tables of another program \(message\).*createdb"):
            look()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE message RENAME TO theirs")
    assert store.migrate() == list(schema())
    store.close()
