"""Works that can wait: they ride on the commits of others, in the order in which all were asked, and never for long."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from clock import FakeClock
from mail_shop import Place, open_store

from engine.store import groups as module
from engine.store.groups import GroupStore
from mta.ports import Tx

NEVER = 3600.0


@pytest.fixture
async def store(place: Place) -> AsyncIterator[GroupStore]:
    opened = open_store(place, FakeClock())
    yield opened
    opened.close()


def put(text: str) -> Callable[[Tx], int]:
    return lambda tx: tx.insert("INSERT INTO flow (name, state) VALUES (?, 'active')", (text,))


def texts(store: GroupStore) -> list[str]:
    """What another connection sees, so what was committed."""
    return [row[0] for row in store.read_now(lambda tx: tx.query("SELECT name FROM flow ORDER BY id"))]


async def test_what_can_wait_rides_on_the_next_commit_and_comes_first_in_it(
    store: GroupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RIDE_SECONDS", NEVER)
    riders = [asyncio.ensure_future(store.write(put(f"rider {number}"), can_wait=True)) for number in range(3)]
    await asyncio.sleep(0)
    before = store.commits
    assert texts(store) == []
    await store.write(put("the one that could not wait"))
    assert await asyncio.gather(*riders) == [1, 2, 3]
    assert store.commits == before + 1
    assert texts(store) == ["rider 0", "rider 1", "rider 2", "the one that could not wait"]


async def test_what_can_wait_gets_a_commit_of_its_own_when_nobody_else_needs_one(store: GroupStore) -> None:
    assert await store.write(put("alone"), can_wait=True) == 1
    assert await store.write(put("alone again"), can_wait=True) == 2
    assert texts(store) == ["alone", "alone again"]


async def test_a_rider_that_raises_is_undone_alone(store: GroupStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RIDE_SECONDS", NEVER)

    def bad(tx: Tx) -> None:
        put("bad")(tx)
        raise ValueError("a bad rider")

    results = await asyncio.gather(
        store.write(put("before"), can_wait=True), store.write(bad, can_wait=True),
        store.write(put("after"), can_wait=True), store.write(put("driver")), return_exceptions=True,
    )  # fmt: skip
    assert [type(each).__name__ for each in results] == ["int", "ValueError", "int", "int"]
    assert texts(store) == ["before", "after", "driver"]


async def test_riders_are_answered_when_no_transaction_can_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RIDE_SECONDS", NEVER)
    store = open_store(tmp_path)
    await store.write(lambda tx: tx.execute("PRAGMA busy_timeout = 10") and None)
    blocker = sqlite3.connect(tmp_path / "posthouse.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    results = await asyncio.gather(
        store.write(put("rider"), can_wait=True), store.write(put("driver")), return_exceptions=True
    )
    blocker.execute("ROLLBACK")
    blocker.close()
    assert [type(each).__name__ for each in results] == ["StoreBusy", "StoreBusy"]
    assert texts(store) == []
    store.close()


async def test_closing_commits_what_could_wait(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RIDE_SECONDS", NEVER)
    store = open_store(place)
    asking = asyncio.ensure_future(store.write(put("rider"), can_wait=True))
    await asyncio.sleep(0)
    store.close()
    await asking
    assert texts(store.open()) == ["rider"]
    store.close()


async def test_what_is_asked_while_a_group_is_written_keeps_its_order(
    store: GroupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outcome that can wait, then the mark of the next dot: the mark never overtakes the outcome."""
    monkeypatch.setattr(module, "RIDE_SECONDS", NEVER)
    held, go = threading.Event(), threading.Event()

    def wait(tx: Tx) -> None:
        held.set()
        go.wait(60)

    first = asyncio.ensure_future(store.write(wait))
    assert await asyncio.to_thread(held.wait, 60)
    rest = [
        asyncio.ensure_future(store.write(put(f"{number}"), can_wait=number % 2 == 0)) for number in range(6)
    ]  # even ones can wait
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(first, *rest)
    found = texts(store)
    assert all(found.index(str(number)) < found.index(str(number + 1)) for number in (0, 2, 4))


async def test_a_look_sees_what_was_committed(store: GroupStore) -> None:
    assert await store.look(lambda tx: tx.one("SELECT id FROM flow WHERE name = ?", ("one",))) is None
    await store.write(put("one"))
    assert await store.look(lambda tx: tx.one("SELECT id FROM flow WHERE name = ?", ("one",))) == (1,)
