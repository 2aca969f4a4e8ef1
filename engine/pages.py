"""What the front office serves over HTTP to others than operators: the public pages as they are configured now, and the figures.

A stop, and a change of the configuration, take no longer than `daemon.drain`: as long as carriers have for theirs.
"""

import asyncio
from collections.abc import Callable

from engine.control.observing.gathering import Observer
from engine.control.observing.serving import build_watched
from engine.house import House
from engine.listening import Listening
from engine.web.desk import Counted
from engine.web.routes import build_app
from engine.web.server import WebServer


class Pages:
    """Both servers. `wake` hears of domains that have mail now."""

    def __init__(
        self, house: House, listening: Listening, observer: Observer, wake: Callable[[list[str]], None]
    ) -> None:
        self.counted: Counted = {}  # requests, since the start
        self._listening, self._wake = listening, wake
        self._public = self._built(house)
        drain = house.config.daemon.drain
        self._figures = WebServer(build_watched(observer), listening.figures, stop_seconds=drain)

    async def start(self) -> None:
        """Begin to answer."""
        await self._public.start()
        await self._figures.start()

    async def change(self, house: House) -> WebServer:
        """Serve the public pages as this house has them. The server of before, which takes who comes as well until it is
        stopped."""
        old, self._public = self._public, self._built(house)
        await self._public.start()
        return old

    async def stop(self) -> None:
        """Answer who is there, and close."""
        await asyncio.gather(self._public.stop(), self._figures.stop())

    def _built(self, house: House) -> WebServer:
        """The sockets stay the front office's: each server gets its own handles of them."""
        app = build_app(
            house.store, house.clock, house.chance, house.composer, proxies=house.config.web.proxies,
            queue=house.config.queue, wake=lambda domains: self._wake(list(domains)), counted=self.counted,
        )  # fmt: skip
        return WebServer(app, [each.dup() for each in self._listening.pages], stop_seconds=house.config.daemon.drain)
