"""One answer for all who ask the same at the same time.

Terminals ask again at each picture of the stream, all of them at that moment. Whoever says that an answer may be a
second old (RFC 9111 §5.2.1.1: `Cache-Control: max-age=1`) gets the one that somebody else was just given, as octets.
Nobody gets one from before the newest picture or the newest command, so that a command's effect is seen by all; whoever
says nothing, as commands do, is answered anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

SECONDS: Final = 1.0  # how old an answer may be
ASKED: Final = "max-age=1"


class Sharing:
    """`picture` gives the number of the stream's newest."""

    def __init__(self, picture: Callable[[], int]) -> None:
        self._picture = picture
        self._newest = 0
        self._answers: dict[str, asyncio.Task[bytes]] = {}

    async def answer(self, question: str, find: Callable[[], Awaitable[bytes]]) -> bytes:
        """The answer to these words; `find` finds it where nobody was just told it. What it raises is kept for nobody."""
        if (newest := self._picture()) != self._newest:
            self._newest = newest
            self.forget()
        task = self._answers.get(question)
        if task is None:
            task = self._answers[question] = asyncio.ensure_future(find())
            task.add_done_callback(lambda done: self._came(question, done))
        return await asyncio.shield(task)

    def forget(self) -> None:
        """What is known may be true no more; who waits for an answer still gets it."""
        self._answers.clear()

    def _came(self, question: str, task: "asyncio.Task[bytes]") -> None:
        if task.cancelled() or task.exception() is not None:
            self._drop(question, task)
        else:
            asyncio.get_running_loop().call_later(SECONDS, self._drop, question, task)

    def _drop(self, question: str, task: "asyncio.Task[bytes]") -> None:
        if self._answers.get(question) is task:
            del self._answers[question]
