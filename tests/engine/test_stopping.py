"""A stop is not longer than what it gives carriers: pages and carriers end side by side, each within `daemon.drain`."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from engine.crew import LATE_SECONDS
from engine.daemon import REST_SECONDS, Office
from engine.web.server import HEAR_SECONDS, WebServer


async def _nothing(*_: object) -> None: ...


async def test_pages_and_carriers_stop_beside_each_other() -> None:
    both = asyncio.Barrier(2)  # who comes first waits here for the other

    async def stop() -> None:
        await both.wait()

    async def drain(hands: object, seconds: float) -> None:
        await both.wait()

    office = SimpleNamespace(
        config=SimpleNamespace(daemon=SimpleNamespace(drain=30)), _pages=SimpleNamespace(stop=stop),
        crew=SimpleNamespace(hands={}, drain=drain), _control=SimpleNamespace(stop=_nothing),
        imports=SimpleNamespace(stop=_nothing), conductor=SimpleNamespace(save=_nothing), _tasks=set(),
        _upkeep=SimpleNamespace(renew_fence=_nothing), store=SimpleNamespace(close=lambda: None),
        _forks=SimpleNamespace(close=lambda: None), _file_lock=None, _lock=SimpleNamespace(release=lambda: None),
        _listening=SimpleNamespace(remove_own=lambda: None),
    )  # fmt: skip
    async with asyncio.timeout(60):
        await Office._stop(cast(Any, office))


@pytest.mark.parametrize("drain", [1, 30, 600])
async def test_what_pages_wait_for_at_a_stop_is_together_no_more_than_they_are_given(
    drain: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who never says what they came for, and an answer that never comes: each is given all that there is."""
    given: list[float] = []
    timeout = asyncio.timeout

    def at_once(seconds: float) -> asyncio.Timeout:
        given.append(seconds)
        return timeout(0)

    server = WebServer(web.Application(), [socket.create_server(("127.0.0.1", 0))], stop_seconds=drain)
    await server.start()
    monkeypatch.setattr("engine.web.server.asyncio.timeout", at_once)
    await server.stop()
    monkeypatch.undo()
    [hearing] = given
    twice = 2 * server._runner._shutdown_timeout  # aiohttp waits so long for an answer, and again for its end
    assert hearing <= HEAR_SECONDS and hearing + twice <= drain
    assert twice >= drain * 0.7, "and most of it is for answers"


def test_the_supervisor_is_told_to_wait_for_carriers_that_hang_too() -> None:
    assert REST_SECONDS > LATE_SECONDS + 10
