"""A figure that costs time to find out: asked for as often as anybody likes, found out only so often.

One that is small is found out each time. One that is large is answered as it was last found, and found out anew beside
the answer, so that it never takes more than a thirtieth of the time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

SHARE: Final = 30  # a large figure rests for this many times as long as it took


class Sparing(Generic[T]):
    """`find` finds the figure out, `is_small` says of the last one how much work it was; `monotonic` gives seconds."""

    def __init__(
        self, find: Callable[[], Awaitable[T]], is_small: Callable[[T], bool], monotonic: Callable[[], float]
    ) -> None:
        self._find, self._is_small, self._monotonic = find, is_small, monotonic
        self._known: T | None = None
        self._took = 0.0
        self._found_at = 0.0
        self._finding: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The figure: of now, or, where it is large, as it was last found."""
        known = self._known
        if known is None or self._is_small(known):
            if self._finding is not None and known is not None:
                await asyncio.wait({self._finding})  # it may have begun before what is asked about
            return await asyncio.shield(self._start())
        if self._monotonic() - self._found_at > SHARE * self._took:
            self._start()
        return known

    @property
    def known(self) -> T | None:
        """What was found last, if anything was."""
        return self._known

    def begin(self) -> None:
        """Find it out now, so that whoever asks first need not wait for all of it."""
        self._start()

    async def stop(self) -> None:
        """End what is being found out."""
        if self._finding is not None:
            self._finding.cancel()
            await asyncio.gather(self._finding, return_exceptions=True)

    def _start(self) -> asyncio.Task[T]:
        if self._finding is None:
            self._finding = asyncio.create_task(self._find_out())
            self._finding.add_done_callback(self._over)
        return self._finding

    async def _find_out(self) -> T:
        began = self._monotonic()
        self._known = known = await self._find()
        self._found_at = self._monotonic()
        self._took = self._found_at - began
        return known

    def _over(self, task: asyncio.Task[T]) -> None:
        self._finding = None
        if not task.cancelled():
            task.exception()  # whoever waits for it hears of it; whoever has an older figure need not
