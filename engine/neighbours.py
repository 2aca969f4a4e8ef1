"""The other front offices of this database: what they are told, and what they tell. Without any where the database has no
bells (engine.store.bells)."""

import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from engine.store.lines import Bells
from mta import maillog
from mta.ports import StoreTrouble


class Neighbours:
    """`obey` does what another says, StoreTrouble; `start` runs work beside everything else."""

    def __init__(
        self, bells: Bells | None, obey: Callable[[dict[str, Any]], Awaitable[None]],
        start: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:  # fmt: skip
        self._bells, self._obey, self._start = bells, obey, start

    def tell(self, words: dict[str, Any]) -> None:
        """Let them hear this, when it can be. It stands in the database already."""
        if self._bells is not None:
            self._start(self._ring(self._bells, words))

    async def listen(self) -> None:
        """Obey them, until cancelled; at once over where nobody can be heard."""
        if self._bells is None:
            return
        async for words in self._bells.heard():
            try:
                await self._obey(words)
            except StoreTrouble as err:
                maillog.store_trouble("bell", err)

    async def _ring(self, bells: Bells, words: dict[str, Any]) -> None:
        with contextlib.suppress(StoreTrouble):  # the others find it at their next look
            await bells.ring(words)
