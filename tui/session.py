"""The one connection: follows the daemon's stream, and asks for what the shown screen needs.

Promises: the newest picture reaches the application as `Latest`, one at a time; when the daemon goes away that is said
once as `Away`, the last picture stays, and the session comes back by itself at most a second after the daemon does.
Nothing here waits for a widget, and no question is asked twice at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from engine.control.client import AsyncControl, ControlError, Params
from engine.control.protocol.house import Overview
from tui.format import clock
from tui.ink import Target

T = TypeVar("T")
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 1.0


class Session:
    """What is known of the daemon now, and how to know more."""

    def __init__(self, control: AsyncControl) -> None:
        self._control = control
        self._arrived = 0.0  # on the monotonic clock, when `overview` came
        self.overview: Overview | None = None
        self.error: ControlError | None = None  # why there is no daemon; None while there is one
        self.away_since = ""  # the daemon's time when it went, for people

    async def follow(self, told: Callable[[Overview], object], gone: Callable[[ControlError], object]) -> None:
        """Follow the stream for ever, through any number of daemons."""
        wait = _FIRST_WAIT
        while True:
            try:
                async for overview in self._control.stream():
                    wait = _FIRST_WAIT
                    self._came(overview)
                    told(overview)
            except ControlError as error:
                if self._went(error):
                    gone(error)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def ask(self, kind: type[T], path: str, params: Params | None = None) -> T:
        """What is at `path` now. ControlError when it can't be had."""
        return await self._control.get(kind, path, params)

    def _came(self, overview: Overview) -> None:
        self.overview, self.error, self._arrived = overview, None, time.monotonic()

    def _went(self, error: ControlError) -> bool:
        """Note that the daemon is away. True when that is news."""
        is_news = self.error is None or str(self.error) != str(error)
        if self.error is None and self.overview is not None:
            since_ms = int((time.monotonic() - self._arrived) * 1000)
            self.away_since = clock(self.overview.now_ms + since_ms)
        self.error = error
        return is_news


class House(Protocol):
    """What a screen may ask of the application it is in."""

    @property
    def session(self) -> Session: ...

    def open(self, target: Target) -> None: ...


class Watch:
    """Asks again whenever it is nudged, one question at a time; nudges during a question make one more, not many."""

    def __init__(self, ask: Callable[[], Awaitable[None]]) -> None:
        self._ask = ask
        self._is_asking = False
        self._is_due = False

    async def nudge(self) -> None:
        self._is_due = True
        if self._is_asking:
            return
        self._is_asking = True
        try:
            while self._is_due:
                self._is_due = False
                await self._ask()
        finally:
            self._is_asking = False
