"""One deed after the other, so that `u` behind a key takes back what that key did, and none is cut off by the next."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

LATE_SECONDS: Final = 1.0  # so long nobody wonders


class Turns:
    """Deeds are done one after the other, on whichever screen they began: what is typed behind one waits for it."""

    def __init__(self, say: Callable[[str], None], withdraw: Callable[[str], None]) -> None:
        self._say, self._withdraw = say, withdraw
        self._awaited = ""  # what is said of the daemon's answer that is waited for
        self._late: asyncio.TimerHandle | None = None
        self._lock = asyncio.Lock()
        self._whose: asyncio.Task[object] | None = None
        self.is_asking = False  # a question is coming: what is typed before it is there is nobody's
        self.was_answered = False  # and its deed is being done: a second Enter was meant for the question
        self.is_leading = False  # one is led elsewhere once the daemon answers: what is typed is for there

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

    @contextmanager
    def leading(self) -> Iterator[None]:
        """What is typed in here is for where one is then; a question on the way has its own."""
        self.is_leading = True
        try:
            yield
        finally:
            self.is_leading = False

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """The daemon is waited for: say so, once one begins to wonder, for as long as it lasts."""
        self._wait_no_more()
        self._awaited = text
        self._wait()
        try:
            yield
        finally:
            self._wait_no_more()
            self._awaited = ""

    @contextmanager
    def asking(self) -> Iterator[None]:
        """It is the operator who is waited for now."""
        self._wait_no_more()
        try:
            yield
        finally:
            if self._awaited:
                self._wait()

    def _wait(self) -> None:
        self._late = asyncio.get_running_loop().call_later(LATE_SECONDS, self._say, self._awaited)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
            self._withdraw(self._awaited)
