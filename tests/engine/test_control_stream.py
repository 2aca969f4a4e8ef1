"""The stream of the first screen: one look serves all, the newest wins, and nobody is waited for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from engine.control import stream
from engine.control.protocol.house import Overview
from engine.control.protocol.wire import decode
from engine.control.stream import Stream, rest_after
from mta.ports import StoreTrouble

PATIENCE = 60


@dataclass
class Desk:
    """What is looked at; each look takes a turn of the loop."""

    queued: int = 0
    looks: int = 0
    trouble: bool = False
    streams: list[Stream] = field(default_factory=list)

    async def look(self) -> Overview:
        self.looks += 1
        await asyncio.sleep(0)
        if self.trouble:
            raise StoreTrouble("the disk is full")
        return Overview("h", "1", self.looks, queued=self.queued, operators=self.streams[0].operators)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(stream, "SECONDS", 0.001)
    monkeypatch.setattr(
        stream, "AT_LEAST_SECONDS", 3600.0
    )  # said is what is new, however long this process stands still
    one = Desk()
    one.streams.append(Stream(one.look, lambda: 7))
    return one


async def _next(lines: AsyncGenerator[bytes, None]) -> Overview:
    async with asyncio.timeout(PATIENCE):
        return decode(Overview, await anext(lines))


async def test_whoever_comes_is_seen_by_all_and_whoever_leaves_is_missed(desk: Desk) -> None:
    [one] = desk.streams
    async with aclosing(one.follow("ann")) as anns:
        assert [each.name for each in (await _next(anns)).operators] == ["ann"]
        async with aclosing(one.follow("bob")) as bobs:
            assert [each.name for each in (await _next(bobs)).operators] == ["ann", "bob"]
            assert [each.name for each in (await _next(anns)).operators] == ["ann", "bob"]
        assert [each.name for each in (await _next(anns)).operators] == ["ann"]
    assert one.operators == ()
    await one.stop()


async def test_many_who_look_on_cost_one_look(desk: Desk) -> None:
    [one] = desk.streams
    followers = [one.follow(str(number)) for number in range(12)]
    firsts = await asyncio.gather(*(_next(each) for each in followers))
    assert {each.queued for each in firsts} == {0}
    looks, desk.queued = desk.looks, 5
    seconds = await asyncio.gather(*(_next(each) for each in followers))
    assert max(each.now_ms for each in seconds) - looks <= 3  # one look told all of them
    for each in followers:
        await each.aclose()
    await one.stop()


@pytest.mark.parametrize(("took", "rest"), [(0.0, 1.0), (0.02, 1.0), (0.05, 1.5), (0.5, 3.0), (60.0, 3.0)])
def test_a_look_never_takes_more_than_a_thirtieth_of_the_time_nor_keeps_anybody_waiting_for_long(
    took: float, rest: float
) -> None:
    assert rest_after(took) == pytest.approx(rest)


async def test_who_reads_slowly_misses_what_was_between_and_gets_the_newest(desk: Desk) -> None:
    [one] = desk.streams
    async with aclosing(one.follow("slow")) as slow, aclosing(one.follow("quick")) as quick:
        await _next(slow)
        for count in range(1, 6):
            desk.queued = count
            while (await _next(quick)).queued != count:
                pass
        assert (await _next(slow)).queued == 5
    await one.stop()


async def test_trouble_ends_all_streams_and_the_next_who_comes_looks_anew(desk: Desk) -> None:
    [one] = desk.streams
    async with aclosing(one.follow("ann")) as anns:
        await _next(anns)
        desk.trouble = True
        with pytest.raises(StoreTrouble, match="disk is full"):
            while True:
                await _next(anns)
    desk.trouble = False
    async with aclosing(one.follow("ann")) as anns:
        assert (await _next(anns)).queued == 0
    await one.stop()


async def test_whatever_fails_at_a_look_ends_the_streams_and_leaves_nobody_waiting(desk: Desk) -> None:
    async def fail() -> Overview:
        raise RuntimeError("a fault of ours")

    one = Stream(fail, lambda: 7)
    for _ in range(2):
        async with aclosing(one.follow("ann")) as anns:
            with pytest.raises(RuntimeError, match="a fault of ours"):
                await _next(anns)
    await one.stop()


async def test_nobody_looks_when_nobody_looks_on(desk: Desk) -> None:
    [one] = desk.streams
    async with aclosing(one.follow("ann")) as anns:
        await _next(anns)
    async with asyncio.timeout(PATIENCE):
        assert one._watching is not None
        await one._watching
    looks = desk.looks
    for _ in range(50):
        await asyncio.sleep(0)
    assert desk.looks == looks


async def test_stopping_ends_every_stream(desk: Desk) -> None:
    [one] = desk.streams
    async with aclosing(one.follow("ann")) as anns:
        await _next(anns)
        await one.stop()
        with pytest.raises(StopAsyncIteration):
            while True:
                await _next(anns)
