"""The migrations, run from nothing, make exactly the tables and indexes that the models describe."""

import re
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import peewee
import psycopg
import pytest

from engine.store import migrate
from engine.store import tables as engine_tables
from engine.store.database import Database
from engine.store.migrate import SchemaMismatch
from engine.store.opening import store_at
from engine.store.postgres import TYPES
from engine.system import SystemClock
from mta.queue import tables as queue_tables

if TYPE_CHECKING:
    from house_postgres import Postgres

MODELS = (*queue_tables.TABLES, *engine_tables.TABLES)
MIGRATIONS = sorted(path.stem for path in migrate.FOLDER.glob("0*.py"))


def schema(path: Path) -> dict[str, str]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {
        name: re.sub(r"\s+", " ", sql) for name, sql in rows if "schema_migration" not in name and "history" not in name
    }


def describe(database: peewee.Database) -> None:
    """What the models say, without a migration."""
    with database.bind_ctx(MODELS), database.connection_context():
        database.create_tables(MODELS)
        for index in (*queue_tables.INDEXES, *engine_tables.INDEXES):
            database.execute_sql(index.replace(" IF NOT EXISTS", ""))


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [int(name[:4]) for name in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_migrations_make_what_the_models_describe(tmp_path: Path) -> None:
    migrated = Database(tmp_path / "migrated.db", SystemClock()).open()
    assert migrated.migrate() == MIGRATIONS
    migrated.close()
    describe(peewee.SqliteDatabase(str(tmp_path / "described.db")))
    assert schema(tmp_path / "migrated.db").keys() == schema(tmp_path / "described.db").keys()
    for name, sql in schema(tmp_path / "described.db").items():
        assert schema(tmp_path / "migrated.db")[name].replace(" IF NOT EXISTS", "") == sql.replace(" IF NOT EXISTS", "")


def test_a_second_migration_finds_nothing_to_do_and_keeps_no_copy(tmp_path: Path) -> None:
    database = Database(tmp_path / "posthouse.db", SystemClock()).open()
    database.migrate()
    assert database.migrate() == []
    database.close()
    assert not list(tmp_path.glob("*.before-*"))


def test_a_database_of_a_newer_program_is_refused_by_name(tmp_path: Path) -> None:
    database = Database(tmp_path / "posthouse.db", SystemClock()).open()
    database.migrate()
    database.write_now(
        lambda tx: tx.execute("INSERT INTO schema_migration (name, applied) VALUES ('0999_later', '2030-01-01')")
    )
    try:
        database.migrate()
    except SchemaMismatch as refusal:
        assert "0999_later" in str(refusal) and "newer Posthouse" in str(refusal)
    else:
        raise AssertionError("a newer schema was taken")
    finally:
        database.close()


def test_a_copy_is_kept_before_a_database_with_a_past_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "posthouse.db"
    database = Database(path, SystemClock()).open()
    database.migrate()
    database.write_now(lambda tx: tx.execute("INSERT INTO meta (key, value) VALUES ('kept', 'yes')"))
    later = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, later)
    (later / "9000_more.py").write_text("def up(migrator, db):\n    db.execute_sql('CREATE TABLE more (id INTEGER)')\n")
    monkeypatch.setattr(migrate, "FOLDER", later)
    assert database.migrate() == ["9000_more"]
    database.close()
    (copy,) = tmp_path.glob("posthouse.db.before-*")
    assert "more" in schema(path)
    assert "more" not in schema(copy)
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'kept'").fetchone() == ("yes",)


# -- the same on PostgreSQL


def structure(url: str) -> list[tuple[Any, ...]]:
    """Columns and indexes."""
    with psycopg.connect(url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name <> 'schema_migration' ORDER BY 1, 2"
        ).fetchall()
        indexes = connection.execute(
            "SELECT tablename, indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = 'public' AND tablename <> 'schema_migration' ORDER BY 1, 2"
        ).fetchall()
    return columns + indexes


@pytest.mark.peer("postgresql")
def test_on_postgresql_migrations_make_what_the_models_describe(postgres: "Postgres") -> None:
    migrated = store_at(postgres.url("migrated"), SystemClock()).open()
    assert not migrated.exists()
    assert migrated.migrate() == MIGRATIONS
    assert migrated.exists()
    assert migrated.migrate() == []
    migrated.close()
    describe(peewee.PostgresqlDatabase(postgres.url("described"), prefer_psycopg3=True, field_types=TYPES))
    assert structure(postgres.url("migrated")) == structure(postgres.url("described"))
    kinds = {row[2] for row in structure(postgres.url("migrated")) if len(row) == 4}
    assert kinds == {"bigint", "text", "bytea"}, "every number has 64 bits, as on SQLite"


@pytest.mark.peer("postgresql")
def test_on_postgresql_a_database_of_a_newer_program_is_refused_by_name(postgres: "Postgres") -> None:
    store = store_at(postgres.url("newer"), SystemClock()).open()
    store.migrate()
    store.write_now(
        lambda tx: tx.execute("INSERT INTO schema_migration (name, applied) VALUES ('0999_later', '2030-01-01')")
    )
    for look in (store.migrate, store.check_schema):
        with pytest.raises(SchemaMismatch, match="0999_later"):
            look()
    store.close()


def test_consent_of_before_the_ledger_becomes_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.audience import consent

    before = tmp_path / "before"
    shutil.copytree(migrate.FOLDER, before)
    for path in before.glob("0*.py"):
        if path.stem >= "0009":
            path.unlink()
    whole = migrate.FOLDER
    monkeypatch.setattr(migrate, "FOLDER", before)
    database = Database(tmp_path / "posthouse.db", SystemClock()).open()
    database.migrate()
    database.write_now(
        lambda tx: tx.execute(
            "INSERT INTO contact (key, address, name, locale, zone, fields, created_ms)"
            " VALUES ('ann@example.org', 'Ann@example.org', '', '', '', '{}', 0)"
        )
    )
    sql = (
        "INSERT INTO consent (contact_id, list_id, act, wording, locale, source, ip, agent, message_id, at_ms)"
        " VALUES (?,?,?,?,?,?,?,?,?,?)"
    )
    rows = [(1, 0, act, "Yes. כן", "he", "web", "192.0.2.7", "Browser", None, 5) for act in ("asked", "confirmed")]
    database.write_now(lambda tx: tx.executemany(sql, rows))
    monkeypatch.setattr(migrate, "FOLDER", whole)
    database.migrate()
    assert database.read_now(consent.check)[:2] == (2, 0)
    entries = database.read_now(lambda tx: consent.history(tx, 1))
    assert [each.link.act for each in entries] == ["asked", "confirmed"]
    assert entries[0].told["wording"] == "Yes. כן" and entries[0].told["address"] == "Ann@example.org"
    database.close()


def test_rows_of_before_keep_their_ids_and_none_is_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tmp_path / "before"
    shutil.copytree(migrate.FOLDER, before)
    for path in before.glob("0*.py"):
        if path.stem >= "0026":
            path.unlink()
    whole = migrate.FOLDER
    monkeypatch.setattr(migrate, "FOLDER", before)
    database = Database(tmp_path / "posthouse.db", SystemClock()).open()
    database.migrate()
    sql = (
        "INSERT INTO contact (id, key, address, name, locale, zone, fields, created_ms) VALUES (?,?,?,'','','','{}',?)"
    )
    database.write_now(lambda tx: tx.executemany(sql, [(each, f"k{each}", "a@b.example", 5) for each in (3, 7)]))
    monkeypatch.setattr(migrate, "FOLDER", whole)
    database.migrate()
    assert database.read_now(lambda tx: tx.query("SELECT id, key, orders, created_ms FROM contact ORDER BY id")) == [
        (3, "k3", 0, 5), (7, "k7", 0, 5),
    ]  # fmt: skip
    database.write_now(lambda tx: tx.execute("DELETE FROM contact WHERE id = 7"))
    fresh = "INSERT INTO contact (key, address, name, locale, zone, fields, created_ms) VALUES ('n','','','','','{}',0)"
    assert database.write_now(lambda tx: tx.insert(fresh)) == 8
    database.close()
