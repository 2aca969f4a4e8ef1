"""One deed after the other, so that `u` behind a key takes back what that key did, and none is cut off by the next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Deeds are done one after the other, on whichever screen they began: what is typed behind one waits for it."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._whose: asyncio.Task[object] | None = None
        self.is_asking = False  # a question is coming: what is typed before it is there is nobody's
        self.was_answered = False  # and its deed is being done: a second Enter was meant for the question

    @property
    def is_busy(self) -> bool:
        return self._lock.locked()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn, and have it; within one's own turn it is that one."""
        task = asyncio.current_task()
        if task is self._whose:
            yield
            return
        async with self._lock:
            self._whose = task
            try:
                yield
            finally:
                self._whose, self.is_asking, self.was_answered = None, False, False
