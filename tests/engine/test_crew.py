"""The crew of a front office: what a carrier was told is done when it says so, or when it is gone."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from clock import FakeClock

from engine.crew import Crew
from engine.forkserver import ForkServer
from engine.link import Link

PIDS = (11, 12)


class Forks:
    """A fork server whose carriers are the test's."""

    def __init__(self) -> None:
        self.gone: list[int] = []
        self.ends: Iterator[tuple[int, socket.socket]] = iter(())
        self.bell, self._rung = socket.socketpair()

    def spawn(self, order: dict[str, Any]) -> tuple[int, socket.socket]:
        return next(self.ends)

    def fileno(self) -> int:
        return self.bell.fileno()

    def exits(self) -> list[Any]:
        self.bell.recv(1)
        return [SimpleNamespace(pid=pid, code=1) for pid in self.gone]

    def bury(self, pid: int) -> None:
        self.gone = [pid]
        self._rung.send(b"x")

    def close(self) -> None:
        self.bell.close()
        self._rung.close()


@asynccontextmanager
async def two_carriers() -> AsyncIterator[tuple[Crew, Forks, dict[int, Link]]]:
    """A crew, its fork server, and the carriers' ends of its links."""
    pairs, tasks, forks = [socket.socketpair() for _ in PIDS], list[asyncio.Task[None]](), Forks()
    forks.ends = iter([(pid, ours) for pid, (ours, _) in zip(PIDS, pairs, strict=True)])

    async def nothing(*_: Any) -> None:
        pass

    crew = Crew(
        cast(ForkServer, forks), FakeClock(), lambda number: {}, heard=nothing, gone=nothing,
        start=lambda work: tasks.append(asyncio.ensure_future(work)), failed=lambda why: None,
    )  # fmt: skip
    hiring = asyncio.create_task(crew.hire(len(PIDS)))
    links = {pid: await Link.over(theirs) for pid, (_, theirs) in zip(PIDS, pairs, strict=True)}
    for each in links.values():
        each.send(ready=True)
    await hiring
    try:
        yield crew, forks, links
    finally:
        crew.stop()
        asyncio.get_running_loop().remove_reader(forks.fileno())
        for hand in crew.hands.values():
            hand.link.close()
        for each in links.values():
            each.close()
        await asyncio.gather(*tasks)
        forks.close()


async def told(link: Link) -> dict[str, Any]:
    return await anext(link.messages())


async def test_what_was_told_is_heeded_when_every_carrier_says_so() -> None:
    async with two_carriers() as (crew, _, links):
        crew.tell(keys=True)
        heeding = asyncio.create_task(crew.heeded())
        for link in links.values():
            assert await told(link) == {"keys": True}, "in the order in which it was said"
            assert await told(link) == {"heeded": 1}
            assert not heeding.done()
            link.send(heeded=1)
        await heeding


async def test_nobody_waits_for_a_carrier_that_is_gone_or_for_an_earlier_answer() -> None:
    async with two_carriers() as (crew, forks, links):
        first = asyncio.create_task(crew.heeded())
        for link in links.values():
            link.send(heeded=(await told(link))["heeded"])
        await first
        second = asyncio.create_task(crew.heeded())
        links[PIDS[0]].send(heeded=(await told(links[PIDS[0]]))["heeded"])
        assert await told(links[PIDS[1]]) == {"heeded": 2} and not second.done()
        crew.stop()  # or another would take its place
        forks.bury(PIDS[1])
        await second
        assert set(crew.hands) == {PIDS[0]}


async def test_who_dies_while_new_ones_take_the_place_of_all_is_replaced_by_them_alone() -> None:
    """Or there would be one too many from then on."""
    async with two_carriers() as (crew, forks, links):
        fresh = (13, 14, 15)
        pairs = [socket.socketpair() for _ in fresh]
        forks.ends = iter([(pid, ours) for pid, (ours, _) in zip(fresh, pairs, strict=True)])
        changing = asyncio.create_task(crew.change(2, 60.0))
        while not {13, 14} <= set(crew.hands):  # noqa: ASYNC110 - what the change does, in its own time
            await asyncio.sleep(0)
        forks.bury(PIDS[0])
        while PIDS[0] in crew.hands:  # noqa: ASYNC110
            await asyncio.sleep(0)
        for pid, (_, theirs) in zip(fresh, pairs, strict=True):
            links[pid] = await Link.over(theirs)
            links[pid].send(ready=True)
        assert await told(links[PIDS[1]]) == {"stop": 60.0}
        forks.bury(PIDS[1])
        assert await changing
        assert set(crew.hands) == {13, 14} and crew.deaths == 1
        pairs[2][0].close()
