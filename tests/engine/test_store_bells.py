"""Bells between front offices on one PostgreSQL database: heard by the others, after a commit, and after a break anew."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from clock import FakeClock
from mail_shop import open_store

from engine.store import bells as module
from engine.store.bells import EVERYTHING
from engine.store.groups import GroupStore
from engine.store.lines import Bells
from engine.store.opening import store_at
from mta.ports import StoreTrouble

if TYPE_CHECKING:
    from house_postgres import Postgres

PATIENCE = 60.0


class Ear:
    """One front office that listens."""

    def __init__(self, store: GroupStore) -> None:
        bells = store.bells()
        assert bells is not None
        self.bells: Bells = bells
        self._heard: AsyncIterator[dict[str, Any]] = self.bells.heard()

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            return await anext(self._heard)


def test_a_file_has_no_bells(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.bells() is None
    store.close()


@pytest.mark.peer("postgresql")
async def test_the_others_hear_a_bell_and_who_rang_does_not(postgres: "Postgres") -> None:
    url = postgres.empty("bells")
    stores = [open_store(url) for _ in range(3)]
    one, two, three = (Ear(store) for store in stores)
    assert [await each.next() for each in (one, two, three)] == [EVERYTHING] * 3, "the line is new"
    await one.bells.ring({"wake": ["a.example"]})
    await two.bells.ring({"keys": True})
    assert await two.next() == {"wake": ["a.example"]}
    assert [await three.next() for _ in range(2)] == [{"wake": ["a.example"]}, {"keys": True}]
    assert await one.next() == {"keys": True}
    await one.bells.ring({"wake": [f"d{number}.example" for number in range(2_000)], "clock": 5})
    assert await two.next() == {"wake": [], "clock": 5}, "too many to name: look at all"
    for store in stores:
        store.close()


@pytest.mark.peer("postgresql")
async def test_after_a_break_everything_is_looked_at_and_bells_are_heard_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from house_postgres import Postgres

    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    with Postgres() as server:
        one, two = (open_store(server.url("bells")) for _ in range(2))
        ear, other = Ear(one), Ear(two)
        assert await ear.next() == EVERYTHING
        server.restart()
        assert await ear.next() == EVERYTHING
        await other.bells.ring({"keys": True})
        assert await ear.next() == {"keys": True}
        one.close()
        two.close()


@pytest.mark.peer("postgresql")
async def test_what_others_say_on_the_channel_is_nothing_to_us(postgres: "Postgres") -> None:
    one, two = (open_store(postgres.empty("bells")) for _ in range(2))
    ear, other = Ear(one), Ear(two)
    assert await ear.next() == EVERYTHING
    for words in ("", "hello", "[]", '{"by": "x"}', '{"by": "x", "words": 5}'):
        two.write_now(lambda tx, words=words: tx.one("SELECT pg_notify('posthouse', ?)", (words,)))
    await other.bells.ring({"wake": []})
    assert await ear.next() == {"wake": []}
    one.close()
    two.close()


async def test_a_bell_that_cannot_be_rung_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bells = store_at("postgresql://nobody@127.0.0.1:1/x", FakeClock()).bells()
    assert bells is not None
    with pytest.raises(StoreTrouble):
        await bells.ring({"wake": []})
