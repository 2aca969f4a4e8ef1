"""Whoever rings wakes a loop that rests; nobody's ringing is lost."""

import asyncio
import contextlib

import pytest

from engine.bell import Bell

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
