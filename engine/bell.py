"""A bell beside a loop that works in rounds: it rests between them, and whoever rings wakes it."""

import asyncio
import contextlib


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
