"""The stream: the first screen, as JSON lines, for everybody who looks on.

One look a second serves all of them, is encoded once, and is told only when something changed. Nobody is waited for:
who reads slowly misses the lines between and gets the newest, and a reader that is stuck holds one buffer of its own.
When nobody looks on, nothing is looked at. A look that takes long, since all are busy with mail, is followed by a longer rest.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from typing import Final

from engine.control.protocol.house import Operator, Overview
from engine.control.protocol.wire import encode

SECONDS: Final = 1.0  # from one look to the next
RESTS: Final = 30  # times as long as a look took, where that is more ...
LONGEST_SECONDS: Final = 3.0  # ... but no longer
AT_LEAST_SECONDS: Final = 15.0  # something is said so often, so that a reader knows that we are there


class Stream:
    """`look` gives the first screen as it is now; what it raises, most often StoreTrouble, ends the streams of all who follow:
    each of them hears of it, and none waits for a line that does not come."""

    def __init__(self, look: Callable[[], Awaitable[Overview]], now_ms: Callable[[], int]) -> None:
        self._look, self._now_ms = look, now_ms
        self._followers: dict[object, Operator] = {}
        self._line = b""  # the newest
        self.number = 0  # how many there were
        self._turn: asyncio.Future[None] | None = None  # done when there is a newer line, or trouble
        self._ring = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def operators(self) -> tuple[Operator, ...]:
        """Who looks on, the longest first."""
        return tuple(self._followers.values())

    async def follow(self, name: str) -> AsyncGenerator[bytes, None]:
        """The newest line, then the newest whenever one has read the one before. Raises what `look` does."""
        me, seen = object(), self.number
        self._followers[me] = Operator(name, self._now_ms())
        self._ring.set()
        try:
            while True:
                while self.number == seen:
                    await asyncio.shield(self._begun())
                    if self._is_stopping:
                        return
                seen = self.number
                yield self._line
        finally:
            del self._followers[me]
            self._ring.set()  # the others are told that somebody left

    async def stop(self) -> None:
        self._is_stopping = True
        self._turn_over(None)
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    def _begun(self) -> asyncio.Future[None]:
        """The turn that is under way; whoever comes sees the present at once."""
        if self._turn is None or self._turn.done():
            self._turn = asyncio.get_running_loop().create_future()
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return self._turn

    def _turn_over(self, trouble: Exception | None) -> None:
        turn = self._turn
        if turn is None or turn.done():
            return
        if trouble is None:
            turn.set_result(None)
        else:
            turn.set_exception(trouble)
            turn.exception()  # nobody may be left to hear of it

    async def _watch(self) -> None:
        last: Overview | None = None
        quiet = 0.0
        now_s = asyncio.get_running_loop().time
        while self._followers:
            self._ring.clear()
            began = now_s()
            try:
                now = await self._look()
            except Exception as trouble:
                self._turn_over(trouble)
                return
            if last is None or quiet >= AT_LEAST_SECONDS or not _same(now, last):
                self._line, self.number = encode(now) + b"\n", self.number + 1
                last, quiet = now, 0.0
                self._turn_over(None)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ring.wait(), rest_after(now_s() - began))
            quiet += now_s() - began


def rest_after(took: float) -> float:
    """Seconds until the next look, by how long one took."""
    return max(SECONDS, min(RESTS * took, LONGEST_SECONDS))


def _same(one: Overview, other: Overview) -> bool:
    """Whether nothing but the time differs (and the memory, which always moves a little)."""

    def still(view: Overview) -> Overview:
        return replace(view, now_ms=0, carriers=tuple(replace(each, memory_kib=0) for each in view.carriers))

    return still(one) == still(other)
