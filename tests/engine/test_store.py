"""The store: durable when it returns, undone alone when it raises, 4xx-able when the disk is full or somebody holds it.

On both back ends, each real and on disk; what is SQLite's alone says so. Time for the store's own patience is the test's.
"""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from clock import FakeClock
from mail_shop import Place, open_store

from engine.store import groups as module
from engine.store.database import Database
from engine.store.groups import GroupStore
from mta.ports import StoreBusy, StoreFull, StoreTrouble, Tx

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def store(place: Place) -> AsyncIterator[GroupStore]:
    opened = open_store(place, FakeClock())
    yield opened
    opened.close()


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[Database]:
    """The store on SQLite, for what only a file can do."""
    opened = open_store(tmp_path)
    assert isinstance(opened, Database)
    yield opened
    opened.close()


def put(text: str) -> Callable[[Tx], int]:
    return lambda tx: tx.insert("INSERT INTO flow (name, state) VALUES (?, 'active')", (text,))


def texts(store: GroupStore) -> list[str]:
    """What another connection sees, so what was committed."""
    return [row[0] for row in store.read_now(lambda tx: tx.query("SELECT name FROM flow ORDER BY id"))]


async def test_what_a_write_returned_is_committed(store: GroupStore) -> None:
    assert await store.write(put("one")) == 1
    assert texts(store) == ["one"]


async def test_writes_that_wait_together_are_one_commit(store: GroupStore) -> None:
    held, go = threading.Event(), threading.Event()

    def wait(tx: Tx) -> None:
        held.set()
        go.wait(60)

    first = asyncio.ensure_future(store.write(wait))
    assert await asyncio.to_thread(held.wait, 60)
    rest = [asyncio.ensure_future(store.write(put(f"n{number}"))) for number in range(20)]
    await asyncio.sleep(0)  # let each of them ask
    before = store.commits
    go.set()
    await asyncio.gather(first, *rest)
    assert store.commits == before + 1
    assert len(texts(store)) == 20


async def test_what_is_wrong_with_a_put_is_told_to_who_put_it_alone(store: GroupStore) -> None:
    held, go = threading.Event(), threading.Event()

    def wait(tx: Tx) -> None:
        held.set()
        go.wait(60)

    def put_nothing(tx: Tx) -> None:
        tx.put("INSERT INTO flow (name, state) VALUES (?, 'active')", (None,))

    first = asyncio.ensure_future(store.write(wait))
    assert await asyncio.to_thread(held.wait, 60)
    asked = [asyncio.ensure_future(store.write(each)) for each in (put("one"), put_nothing, put("two"), put("three"))]
    await asyncio.sleep(0)  # let each of them ask
    go.set()
    answers = await asyncio.gather(first, *asked, return_exceptions=True)
    assert isinstance(answers[2], Exception)
    assert [each for each in answers if isinstance(each, Exception)] == [answers[2]]
    assert texts(store) == ["one", "two", "three"]


async def test_what_was_put_is_there_for_who_asks_in_the_same_work(store: GroupStore) -> None:
    def work(tx: Tx) -> list[Any]:
        ids = [put(name)(tx) for name in ("one", "two", "three")]
        tx.put("UPDATE flow SET name = 'four' WHERE id = ?", (ids[2],))
        tx.executemany("UPDATE flow SET state = 'paused' WHERE id = ?", [(each,) for each in ids[:2]])
        return [ids, tx.execute("UPDATE flow SET state = 'active' WHERE state = 'paused'"), *tx.query(_NAMES)]

    ids, count, *rows = await store.write(work)
    assert count == 2
    assert rows == list(zip(ids, ("one", "two", "four"), strict=True))
    assert sorted(ids) == ids, "ids grow"


_NAMES = "SELECT id, name FROM flow ORDER BY id"


async def test_a_work_that_raises_is_undone_alone_and_its_neighbours_are_not(store: GroupStore) -> None:
    def bad(tx: Tx) -> None:
        put("bad")(tx)
        raise ValueError("a bad message")

    good = [store.write(put(f"good {number}")) for number in range(3)]
    results = await asyncio.gather(good[0], store.write(bad), good[1], store.write(put("good 1")), good[2],
                                   return_exceptions=True)  # fmt: skip
    assert [isinstance(each, int) for each in results] == [True, False, True, False, True]
    assert isinstance(results[1], ValueError)
    assert not isinstance(results[3], StoreTrouble), "a fault of our own data is not the disk's"
    assert sorted(texts(store)) == ["good 0", "good 1", "good 2"]


async def test_a_caller_that_gives_up_does_not_undo_what_was_taken(store: GroupStore) -> None:
    """A session that is cancelled in its commit leaves the commit be."""
    held, go = threading.Event(), threading.Event()

    def work(tx: Tx) -> None:
        held.set()
        go.wait(60)
        put("kept")(tx)

    asking = asyncio.ensure_future(store.write(work))
    assert await asyncio.to_thread(held.wait, 60)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    go.set()
    await store.write(put("after"))
    assert texts(store) == ["kept", "after"]


async def test_a_work_that_waited_too_long_is_given_up_and_never_runs_later(
    store: GroupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCHES", 60_000)  # it is looked all the time who waits
    held, go = threading.Event(), threading.Event()

    def wait(tx: Tx) -> None:
        held.set()
        go.wait(60)

    blocker = asyncio.ensure_future(store.write(wait))
    assert await asyncio.to_thread(held.wait, 60)
    with monkeypatch.context() as soon:
        soon.setattr(module, "BUSY_SECONDS", 0.05)
        soon.setattr(module, "WATCHES", 10)
        with pytest.raises(StoreBusy, match=r"stayed locked"):
            await store.write(put("too late"))
    go.set()
    await blocker
    await store.write(put("later"))
    assert texts(store) == ["later"]


async def test_a_full_disk_is_told_keeps_nothing_and_heals(file: Database) -> None:
    writer = await file.write(lambda tx: tx._connection)  # type: ignore[attr-defined]
    pages = sqlite3.connect(file.path).execute("PRAGMA page_count").fetchone()[0]

    def limit(most: int) -> Callable[[Tx], object]:
        return lambda tx: writer.execute(f"PRAGMA max_page_count = {most}").fetchall()

    await file.write(limit(pages + 4))
    small, large = file.write(put("fits")), file.write(put("x" * 100_000))
    said = await asyncio.gather(small, large, return_exceptions=True)
    assert isinstance(said[1], StoreFull)
    assert texts(file) == ["fits"], "a large neighbour took a small one with it"
    await file.write(limit(100_000))
    await file.write(put("y" * 100_000))
    assert len(texts(file)) == 2


async def test_another_process_that_holds_the_file_is_a_busy_store(file: Database) -> None:
    """Somebody's sqlite3 shell in a transaction: the store waits for its patience, then says so; nothing is lost."""
    await file.write(lambda tx: tx._connection.execute("PRAGMA busy_timeout = 20"))  # type: ignore[attr-defined]
    shell = sqlite3.connect(file.path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        await file.write(put("not now"))
    shell.execute("ROLLBACK")
    await file.write(put("now"))
    assert texts(file) == ["now"]
    shell.close()


async def test_a_read_sees_one_snapshot_and_writes_go_on_meanwhile(store: GroupStore) -> None:
    await store.write(put("one"))
    inside, go = threading.Event(), threading.Event()

    def look(tx: Tx) -> tuple[int, int]:
        first = len(tx.query("SELECT 1 FROM flow"))
        inside.set()
        go.wait(60)
        return first, len(tx.query("SELECT 1 FROM flow"))

    looking = asyncio.ensure_future(store.read(look))
    assert await asyncio.to_thread(inside.wait, 60)
    await store.write(put("two"))
    go.set()
    assert await looking == (1, 1)
    assert await store.read(lambda tx: len(tx.query("SELECT 1 FROM flow"))) == 2


async def test_a_read_can_not_write(store: GroupStore) -> None:
    with contextlib.suppress(Exception):  # PostgreSQL refuses, SQLite forgets it
        await store.read(put("unseen"))
    assert texts(store) == []


async def test_a_fault_of_our_own_sql_is_not_dressed_as_the_disks(store: GroupStore) -> None:
    with pytest.raises(Exception, match="missing") as fault:
        await store.write(lambda tx: tx.execute("INSERT INTO missing VALUES (1)"))
    assert not isinstance(fault.value, StoreTrouble)


async def test_closing_finishes_what_waits(store: GroupStore) -> None:
    asking = [asyncio.ensure_future(store.write(put(f"n{number}"))) for number in range(50)]
    await asyncio.sleep(0)  # let each of them ask
    await asyncio.to_thread(store.close)
    await asyncio.gather(*asking)
    assert len(texts(store.open())) == 50


@pytest.mark.parametrize("moment", range(6))
def test_a_killed_writer_leaves_whole_transactions_only(place: Place, moment: int) -> None:
    """It says each number when its write returned, and dies after some of them; each write is two rows."""
    store = open_store(place)
    where = str(place / "posthouse.db" if isinstance(place, Path) else place)
    told = subprocess.run(
        [sys.executable, "-c", _WRITER, where, str(10 + 37 * moment)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert told.returncode == -9, told.stderr
    promised = told.stdout.split()
    rows = dict(store.read_now(lambda tx: tx.query("SELECT tag, count(*) FROM tag GROUP BY tag")))
    store.close()
    assert set(rows.values()) == {2}
    assert set(promised) <= set(rows)


_WRITER = """
import asyncio, os, signal, sys
from pathlib import Path
from engine.store import groups
from engine.store.opening import store_at
from engine.system import SystemClock

groups.BUSY_SECONDS = 600.0
where = sys.argv[1]
store = store_at(where if "://" in where else Path(where), SystemClock()).open()
told = 0

async def write(number):
    global told
    def work(tx):
        for contact_id in (1, 2):
            tx.execute("INSERT INTO tag (contact_id, tag, at_ms) VALUES (?, ?, 0)", (contact_id, str(number)))
    await store.write(work)
    os.write(1, f"{number}\\n".encode())
    told += 1
    if told == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    await asyncio.gather(*(write(number) for number in range(1000)))

asyncio.run(main())
"""
