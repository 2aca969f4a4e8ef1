"""The recorder: hits are gathered in memory and written in batches, so that a reader never waits for the database.

A crash loses what was gathered in the last moment, a fraction of a second: counted mail is a figure, not a promise. While
the database is away hits wait, up to a bound; beyond it they are dropped, and the log says how many.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

from engine import houselog
from engine.tracking.hits import Fetch, record
from mta.ports import Store, StoreTrouble

GATHER_SECONDS: Final = 0.2  # from the first hit until it is written
BATCH: Final = 15  # hits in one transaction: a few milliseconds
WAITING_MAX: Final = 20_000
AGAIN_SECONDS: Final = 1.0  # after the database could not be written to


class Recorder:
    """One for a process. `add` never waits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[Fetch] = deque()
        self._dropped = 0
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, fetch: Fetch) -> None:
        """Take a hit on."""
        if len(self._waiting) >= WAITING_MAX:
            self._dropped += 1
            return
        self._waiting.append(fetch)
        self._bell.set()

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what is left, once, and end."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        with suppress(StoreTrouble):
            await self.flush()

    async def flush(self) -> None:
        """Write all that waits. StoreTrouble, and nothing is lost, when it can't be."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                await self._store.write(lambda tx, batch=batch: record(tx, batch))  # type: ignore[misc]
            except BaseException:
                self._waiting.extendleft(reversed(batch))
                raise
        if self._dropped:
            houselog.hits_dropped(self._dropped)
            self._dropped = 0

    async def _run(self) -> None:
        while True:
            await self._bell.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._bell.clear()
            try:
                await self.flush()
            except StoreTrouble as err:
                houselog.hits_wait(err)
                await asyncio.sleep(AGAIN_SECONDS)
                self._bell.set()
