"""The store: durable when it returns, undone alone when it raises, 4xx-able when the disk is full or somebody holds it.

SQLite is real and on disk; time for the store's own patience is the test's.
"""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from clock import FakeClock

from engine.store import groups as module
from engine.store.database import Database
from mta.ports import StoreBusy, StoreFull, StoreTrouble, Tx

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(tmp_path / "posthouse.db", FakeClock()).open()
    opened.write_now(lambda tx: tx.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT UNIQUE)"))
    yield opened
    opened.close()


def put(text: str) -> Callable[[Tx], int]:
    return lambda tx: tx.insert("INSERT INTO note (text) VALUES (?)", (text,))


def texts(store: Database) -> list[str]:
    """What a second connection sees, so what was committed."""
    seen = sqlite3.connect(store.path)
    try:
        return [row[0] for row in seen.execute("SELECT text FROM note ORDER BY id")]
    finally:
        seen.close()


async def test_what_a_write_returned_is_committed(store: Database) -> None:
    assert await store.write(put("one")) == 1
    assert texts(store) == ["one"]


async def test_writes_that_wait_together_are_one_commit(store: Database) -> None:
    held, go = threading.Event(), threading.Event()

    def wait(tx: Tx) -> None:
        held.set()
        go.wait(10)

    first = asyncio.ensure_future(store.write(wait))
    await asyncio.to_thread(held.wait, 10)
    rest = [asyncio.ensure_future(store.write(put(f"n{number}"))) for number in range(20)]
    await asyncio.sleep(0)  # let each of them ask
    before = store.commits
    go.set()
    await asyncio.gather(first, *rest)
    assert store.commits == before + 1
    assert len(texts(store)) == 20


async def test_a_work_that_raises_is_undone_alone_and_its_neighbours_are_not(store: Database) -> None:
    def bad(tx: Tx) -> None:
        put("bad")(tx)
        raise ValueError("a bad message")

    good = [store.write(put(f"good {number}")) for number in range(3)]
    results = await asyncio.gather(good[0], store.write(bad), good[1], store.write(put("good 1")), good[2],
                                   return_exceptions=True)  # fmt: skip
    assert [type(each).__name__ for each in results] == ["int", "ValueError", "int", "IntegrityError", "int"]
    assert sorted(texts(store)) == ["good 0", "good 1", "good 2"]


async def test_a_caller_that_gives_up_does_not_undo_what_was_taken(store: Database) -> None:
    """A session that is cancelled in its commit leaves the commit be."""
    held, go = threading.Event(), threading.Event()

    def work(tx: Tx) -> None:
        held.set()
        go.wait(10)
        put("kept")(tx)

    asking = asyncio.ensure_future(store.write(work))
    await asyncio.to_thread(held.wait, 10)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    go.set()
    await store.write(put("after"))
    assert texts(store) == ["kept", "after"]


async def test_a_work_that_waited_too_long_is_given_up_and_never_runs_later(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    held, go = threading.Event(), threading.Event()

    def wait(tx: Tx) -> None:
        held.set()
        go.wait(10)

    blocker = asyncio.ensure_future(store.write(wait))
    await asyncio.to_thread(held.wait, 10)
    with pytest.raises(StoreBusy, match=r"stayed locked"):
        await store.write(put("too late"))
    go.set()
    await blocker
    await store.write(put("later"))
    assert texts(store) == ["later"]


async def test_a_full_disk_is_told_keeps_nothing_and_heals(store: Database) -> None:
    writer = await store.write(lambda tx: tx._connection)  # type: ignore[attr-defined]
    pages = sqlite3.connect(store.path).execute("PRAGMA page_count").fetchone()[0]

    def limit(most: int) -> Callable[[Tx], object]:
        return lambda tx: writer.execute(f"PRAGMA max_page_count = {most}").fetchall()

    await store.write(limit(pages + 4))
    small, large = store.write(put("fits")), store.write(put("x" * 100_000))
    said = await asyncio.gather(small, large, return_exceptions=True)
    assert isinstance(said[1], StoreFull)
    assert texts(store) == ["fits"], "a large neighbour took a small one with it"
    await store.write(limit(100_000))
    await store.write(put("y" * 100_000))
    assert len(texts(store)) == 2


async def test_another_process_that_holds_the_file_is_a_busy_store(store: Database) -> None:
    """Somebody's sqlite3 shell in a transaction: the store waits for its patience, then says so; nothing is lost."""
    await store.write(lambda tx: tx._connection.execute("PRAGMA busy_timeout = 20"))  # type: ignore[attr-defined]
    shell = sqlite3.connect(store.path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        await store.write(put("not now"))
    shell.execute("ROLLBACK")
    await store.write(put("now"))
    assert texts(store) == ["now"]
    shell.close()


async def test_a_read_sees_one_snapshot_and_writes_go_on_meanwhile(store: Database) -> None:
    await store.write(put("one"))
    inside, go = threading.Event(), threading.Event()

    def look(tx: Tx) -> tuple[int, int]:
        first = len(tx.query("SELECT 1 FROM note"))
        inside.set()
        go.wait(10)
        return first, len(tx.query("SELECT 1 FROM note"))

    looking = asyncio.ensure_future(store.read(look))
    await asyncio.to_thread(inside.wait, 10)
    await store.write(put("two"))
    go.set()
    assert await looking == (1, 1)
    assert await store.read(lambda tx: len(tx.query("SELECT 1 FROM note"))) == 2


async def test_a_read_can_not_write(store: Database) -> None:
    await store.read(put("unseen"))
    assert texts(store) == []


async def test_a_fault_of_our_own_sql_is_not_dressed_as_the_disks(store: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await store.write(lambda tx: tx.execute("INSERT INTO missing VALUES (1)"))
    assert not issubclass(sqlite3.OperationalError, StoreTrouble)


async def test_closing_finishes_what_waits(store: Database) -> None:
    asking = [asyncio.ensure_future(store.write(put(f"n{number}"))) for number in range(50)]
    await asyncio.sleep(0)  # let each of them ask
    await asyncio.to_thread(store.close)
    await asyncio.gather(*asking)
    assert len(texts(store)) == 50


@pytest.mark.parametrize("moment", range(6))
def test_a_killed_writer_leaves_whole_transactions_only(tmp_path: Path, moment: int) -> None:
    """It says each number when its write returned, and dies after some of them; each write is two rows."""
    told = subprocess.run(
        [sys.executable, "-c", _WRITER, str(tmp_path / "posthouse.db"), str(10 + 37 * moment)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert told.returncode == -9, told.stderr
    promised = [int(line) for line in told.stdout.split()]
    seen = sqlite3.connect(tmp_path / "posthouse.db")
    rows = dict(seen.execute("SELECT number, count(*) FROM pair GROUP BY number"))
    seen.close()
    assert set(rows.values()) == {2}
    assert set(promised) <= set(rows)


_WRITER = """
import asyncio, os, signal, sys
from pathlib import Path
from engine.store.database import Database
from engine.system import SystemClock

store = Database(Path(sys.argv[1]), SystemClock()).open()
store.write_now(lambda tx: tx.execute("CREATE TABLE pair (number INTEGER)"))
told = 0

async def write(number):
    global told
    def work(tx):
        tx.execute("INSERT INTO pair VALUES (?)", (number,))
        tx.execute("INSERT INTO pair VALUES (?)", (number,))
    await store.write(work)
    os.write(1, f"{number}\\n".encode())
    told += 1
    if told == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    await asyncio.gather(*(write(number) for number in range(1000)))

asyncio.run(main())
"""
