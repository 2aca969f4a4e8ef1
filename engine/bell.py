"""A bell beside a loop that works in rounds: it rests between them, and whoever rings wakes it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from mta.ports import StoreTrouble


class Bell:
    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Work now. Heard at the next rest too, where nobody rests just now."""
        self._rung.set()

    async def rest(self, seconds: float) -> None:
        """Until it rings, for so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()

    async def work(
        self, turn: Callable[[], Awaitable[bool]], seconds: float, waits: Callable[[StoreTrouble], None]
    ) -> None:
        """Turn after turn, until cancelled; a rest, for so long at most, where one finds nothing to do or the store is in
        trouble, which `waits` says."""
        while True:
            try:
                is_busy = await turn()
            except StoreTrouble as err:
                waits(err)
                is_busy = False
            if not is_busy:
                await self.rest(seconds)
