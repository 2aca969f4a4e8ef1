"""Whoever rings wakes a loop that rests; nobody's ringing is lost."""

import asyncio
import contextlib

import pytest

from engine.bell import Bell
from mta.ports import StoreBusy

LONG = 3600.0


async def test_a_ring_wakes_who_rests() -> None:
    bell = Bell()
    resting = asyncio.create_task(bell.rest(LONG))
    await asyncio.sleep(0)
    assert not resting.done()
    bell.ring()
    await asyncio.wait_for(resting, 60)


async def test_a_ring_during_the_work_is_heard_at_the_next_rest_and_once() -> None:
    bell = Bell()
    bell.ring()
    await asyncio.wait_for(bell.rest(LONG), 60)
    resting = asyncio.create_task(bell.rest(LONG))
    await asyncio.sleep(0)
    assert not resting.done()
    resting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await resting


@pytest.mark.parametrize("seconds", [0.0, 0.001])
async def test_without_a_ring_a_rest_ends_by_itself(seconds: float) -> None:
    await asyncio.wait_for(Bell().rest(seconds), 60)


async def test_work_rests_when_there_is_none_and_outlives_a_store_in_trouble() -> None:
    bell, said, turns = Bell(), list[str](), 0
    rested = asyncio.Event()

    async def turn() -> bool:
        nonlocal turns
        turns += 1
        if turns == 2:
            bell.ring()  # the trouble is over by then
            raise StoreBusy("locked")
        if turns == 4:
            rested.set()
        return turns < 4

    working = asyncio.create_task(bell.work(turn, LONG, lambda trouble: said.append(str(trouble))))
    await asyncio.wait_for(rested.wait(), 60)
    await asyncio.sleep(0)
    assert (turns, said, working.done()) == (4, ["locked"], False)
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
