"""The lab's clock follows the offset in the daemon's database, and never minds its absence."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from clock import NOON, FakeClock
from mail_shop import open_store

from engine.lab.clock import LabClock

if TYPE_CHECKING:
    from house_postgres import Postgres


def set_offset(database: Path, value: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT)")
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('clock_offset_ms', ?)", (value,))
    connection.close()


def test_without_a_database_lab_time_is_the_machines() -> None:
    assert LabClock(FakeClock()).now() == NOON


def test_a_database_that_comes_later_is_seen_and_each_move_of_the_clock_too(tmp_path: Path) -> None:
    database = tmp_path / "posthouse #1.db"
    clock = LabClock(FakeClock(), database)
    assert clock.now() == NOON
    assert not database.exists()
    set_offset(database, "3600000")
    assert clock.now() == NOON + timedelta(hours=1)
    set_offset(database, "7200000")
    assert clock.now() == NOON + timedelta(hours=2)
    clock.close()


def test_only_civil_time_is_moved(tmp_path: Path) -> None:
    set_offset(tmp_path / "db", "3600000")
    clock = LabClock(FakeClock(), tmp_path / "db")
    assert (clock.monotonic(), clock.boottime_ms()) == (0.0, 0)
    clock.close()


@pytest.mark.peer("postgresql")
def test_a_server_s_offset_is_followed_and_nothing_is_minded_when_it_is_away(postgres: "Postgres") -> None:
    url = postgres.empty("lab_clock")
    clock = LabClock(FakeClock(), url)
    assert clock.now() == NOON, "no table yet"
    store = open_store(url)
    move = "INSERT INTO meta (key, value) VALUES ('clock_offset_ms', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    for hours in (1, 2):
        store.write_now(lambda tx, ms=hours * 3_600_000: tx.put(move, (str(ms),)))
        assert clock.now() == NOON + timedelta(hours=hours)
    clock.close()
    store.close()
    assert LabClock(FakeClock(), "postgresql://nobody@127.0.0.1:1/x").now() == NOON


@pytest.mark.parametrize("value", ["", "soon", "9" * 40])
def test_an_offset_that_is_no_number_is_none(tmp_path: Path, value: str) -> None:
    set_offset(tmp_path / "db", value)
    assert LabClock(FakeClock(), tmp_path / "db").now() == NOON


def test_a_file_that_is_no_database_is_none(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"not a database, but a text of some length" * 40)
    assert LabClock(FakeClock(), tmp_path / "db").now() == NOON
