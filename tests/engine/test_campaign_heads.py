"""Counting whom a campaign is for: whoever asks at the same moment, nobody is counted twice."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from engine.campaigns.heads import AT_ONCE, KEPT, HeadCounts, Place
from mta.ports import Store, Tx

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PARTS = 5


class LateStore:
    """Answers when others had their turn."""

    async def read(self, work: Callable[[Any], Any]) -> Any:
        await asyncio.sleep(0)
        found = work(None)
        await asyncio.sleep(0)
        return found


def part(tx: Tx, after: int, by: "Counter[Place]") -> int | None:
    by[Place("gmail.com", "")] += 100
    return after + 1 if after + 1 < PARTS else None


async def test_two_who_ask_at_once_and_the_keeper_count_each_part_once() -> None:
    counts, store = HeadCounts(), cast(Store, LateStore())
    asked = [counts._ask(store, "spring", part, NOW, timedelta(hours=1)) for _ in range(3)]
    found = await asyncio.gather(*asked, *(counts.turn(store, NOW) for _ in range(4)))
    last = await counts._ask(store, "spring", part, NOW, timedelta(hours=1))
    assert last is not None and last.people == 100 * PARTS
    assert {each.people for each in found[:3] if not isinstance(each, bool) and each is not None} <= {100 * PARTS}


@pytest.mark.parametrize(
    ("later", "is_counted"),
    [(timedelta(minutes=59), False), (timedelta(hours=1), True), (timedelta(days=-1), True)],
    ids=["soon", "later", "a clock that was set back"],
)
async def test_what_the_keeper_counted_to_its_end_stands_as_long_as_what_a_question_did(
    later: timedelta, is_counted: bool
) -> None:
    counts, store = HeadCounts(), cast(Store, LateStore())
    asked = 0

    def counted(tx: Tx, after: int, by: "Counter[Place]") -> int | None:
        nonlocal asked
        asked += 1
        by[Place("gmail.com", "")] += 1
        return after + 1 if after < 2 * AT_ONCE else None

    assert await counts._ask(store, "spring", counted, NOW, KEPT) is None
    while await counts.turn(store, NOW):
        pass
    before = asked
    assert await counts._ask(store, "spring", counted, NOW + later, KEPT) is not None
    assert (asked > before) is is_counted
