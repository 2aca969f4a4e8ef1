"""What the front office does every few seconds, whatever else goes on: tidy the store, renew the fence's mark
and look at it, feed the watchdog.

A store that is away is said and waited for: none of these ends for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from engine import fence, notify
from engine.clock_watch import ClockWatch
from engine.store.groups import GroupStore
from engine.system import SystemChance
from mta import maillog
from mta.ports import Clock, StoreTrouble

WATCH_SECONDS: Final = 5.0
TIDY_SECONDS: Final = 2.0  # between two looks at what carriers would have to do themselves
SLIM_SECONDS: Final = 30.0  # between two times that memory is given back
TROUBLED_SECONDS: Final = 5.0  # until the fence's mark is tried again after it could not be written
BUSY_TIDY_SECONDS: Final = 0.1  # the same while there is much of it: a writer that does it holds everybody up meanwhile


class Upkeep:
    """`kill_silent` ends the carriers that have said nothing for too long; `state_dir` is the installation's; `look_at_fence`
    acts upon the one that stands; `moved`: by how much a lab has moved the clock; `set_back` is told that the civil clock was."""

    def __init__(
        self, store: GroupStore, clock: Clock, kill_silent: Callable[[], object], state_dir: Path,
        look_at_fence: Callable[[], Awaitable[None]], moved: Callable[[], timedelta] = timedelta,
        set_back: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._kill_silent, self._state_dir = store, clock, kill_silent, state_dir
        self._look_at_fence = look_at_fence
        self._civil, self._set_back = ClockWatch(clock, moved), set_back
        self.trouble = ""  # why the database took nothing when the fence's mark was last written; it may still be read

    async def tidy(self) -> None:
        """Spare the carriers what can be done beside them, and the machine the memory that we no longer need."""
        is_busy, next_slim = False, 0.0
        while True:
            await asyncio.sleep(BUSY_TIDY_SECONDS if is_busy else TIDY_SECONDS)
            try:
                is_busy = await self._store.tidy()
                if self._clock.monotonic() >= next_slim:
                    next_slim = self._clock.monotonic() + SLIM_SECONDS
                    await self._store.slim()
            except StoreTrouble as err:
                maillog.store_trouble("tidy", err)

    async def keep_fence(self) -> None:
        """Let no backup pass for the database that it was made of, and send nothing while a fence stands."""
        while True:
            await asyncio.sleep(TROUBLED_SECONDS if self.trouble else fence.RENEWED_SECONDS)
            await self.renew_fence()

    async def renew_fence(self) -> None:
        """Write the fence's mark anew, in the database and beside it, and heed the fence."""
        try:
            await fence.renew(self._store.write, self._state_dir, SystemChance().octets, self._clock.now())
            await self._look_at_fence()
            self.trouble = ""
        except (StoreTrouble, OSError) as err:
            self.trouble = str(err)
            maillog.store_trouble("fence", err)

    def look_at_clock(self) -> None:
        """Say that the civil clock was set, and see to what that means for the queue."""
        if by := self._civil.look():
            maillog.clock_set(by)
            if by < timedelta(0):
                self._set_back()

    async def watch(self) -> None:
        """Feed systemd's watchdog, and replace a carrier that is stuck."""
        every = notify.watchdog_interval()
        pause = min(every.total_seconds(), WATCH_SECONDS) if every else WATCH_SECONDS
        while True:
            asleep = self._clock.monotonic()
            await asyncio.sleep(pause)
            try:
                await self._store.read(lambda tx: tx.one("SELECT 1"))  # it answers too, or the watchdog bites
            except StoreTrouble as err:  # a server elsewhere that is away is not mended by our restart
                maillog.store_trouble("watch", err)
            self.look_at_clock()
            if every:
                notify.tell(WATCHDOG=1)
            if self._clock.monotonic() - asleep > pause + WATCH_SECONDS:
                continue  # we ourselves were held up (a machine that slept): what the carriers said waits to be read
            self._kill_silent()
