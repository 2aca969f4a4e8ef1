"""SQLite's log: it has its size before it is needed, and goes home beside the writers."""

from pathlib import Path

from clock import FakeClock

from engine.store.database import LOG_BUSY, LOG_OCTETS, Database
from mta.ports import Tx


def add(tx: Tx) -> None:
    tx.execute("INSERT INTO meta (key, value) VALUES ('size', '1') ON CONFLICT (key) DO NOTHING")


async def test_the_log_has_its_size_before_the_first_message_and_holds_nothing_by_that(tmp_path: Path) -> None:
    store = Database(tmp_path / "posthouse.db", FakeClock()).open()
    store.migrate()
    store.make_ready()
    log = tmp_path / "posthouse.db-wal"
    before = log.stat().st_size
    assert before > 0.9 * LOG_OCTETS
    assert store.read_now(lambda tx: tx.query("SELECT 1 FROM sqlite_master WHERE name = 'room'")) == []
    await store.write(add)
    await store.tidy()
    assert log.stat().st_size == before, "it neither grew nor shrank"
    assert store.read_now(lambda tx: tx.one("SELECT value FROM meta WHERE key = 'size'")) == ("1",)
    store.close()


async def test_tidying_says_whether_the_log_fills_fast(tmp_path: Path) -> None:
    store = Database(tmp_path / "posthouse.db", FakeClock()).open()
    store.migrate()
    await store.write(add)
    await store.tidy()
    await store.write(lambda tx: tx.execute("UPDATE meta SET value = '2' WHERE key = 'size'"))
    assert not await store.tidy(), "a page or two"
    many = "x" * 4096 * LOG_BUSY
    await store.write(lambda tx: tx.execute("UPDATE meta SET value = ? WHERE key = 'size'", (many,)))
    assert await store.tidy()
    store.close()
