"""The lab's clock follows the offset in the daemon's database, and never minds its absence."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from clock import NOON, FakeClock

from engine.lab.clock import LabClock


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


@pytest.mark.parametrize("value", ["", "soon", "9" * 40])
def test_an_offset_that_is_no_number_is_none(tmp_path: Path, value: str) -> None:
    set_offset(tmp_path / "db", value)
    assert LabClock(FakeClock(), tmp_path / "db").now() == NOON


def test_a_file_that_is_no_database_is_none(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"not a database, but a text of some length" * 40)
    assert LabClock(FakeClock(), tmp_path / "db").now() == NOON
