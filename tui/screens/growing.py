"""A list that grows at both ends: what is new comes on top, what is older when somebody goes down there."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

R = TypeVar("R")

KEPT: Final = 5_000  # rows at most; whoever looks further back filters
PATIENT: Final = 8  # pages that are asked for in one go, where a filter finds little
ENOUGH: Final = 40  # rows after which no more are asked for

Fetch = Callable[[str], Awaitable[tuple[tuple[R, ...], str]]]
"""The page behind a cursor ("" is the newest), and the cursor of the next ("" is none)."""


class Growing(Generic[R]):
    """`key` tells rows apart."""

    def __init__(self, key: Callable[[R], Hashable]) -> None:
        self._key = key
        self._about: Hashable = None
        self._next = ""
        self.rows: tuple[R, ...] = ()

    @property
    def has_more(self) -> bool:
        return bool(self._next) and len(self.rows) < KEPT

    def is_of(self, about: Hashable) -> bool:
        """Whether these are the rows of this filter."""
        return about == self._about

    async def freshen(self, about: Hashable, fetch: Fetch[R]) -> None:
        """Put what is new on top. With another filter (`about`), or where too much is new, begin again."""
        page, after = await fetch("")
        known = {self._key(row) for row in self.rows}
        fresh = tuple(row for row in page if self._key(row) not in known)
        if about == self._about and self.rows and len(fresh) < len(page):
            self.rows = (*fresh, *self._renewed(page))[:KEPT]
            return
        self._about, self.rows, self._next = about, page, after
        await self._fill(fetch)

    def _renewed(self, page: tuple[R, ...]) -> tuple[R, ...]:
        """The rows that were there, as the newest page says them."""
        news = {self._key(row): row for row in page}
        return tuple(news.get(self._key(row), row) for row in self.rows)

    async def grow(self, fetch: Fetch[R]) -> None:
        """Some older ones."""
        if self.has_more:
            await self._more(fetch)
            await self._fill(fetch)

    async def _fill(self, fetch: Fetch[R]) -> None:
        for _ in range(PATIENT):
            if len(self.rows) >= ENOUGH or not self.has_more:
                return
            await self._more(fetch)

    async def _more(self, fetch: Fetch[R]) -> None:
        asked = self._about, self._next
        page, following = await fetch(self._next)
        if (self._about, self._next) != asked:
            return  # the list has begun again meanwhile
        self._next = following
        known = {self._key(row) for row in self.rows}
        self.rows = (*self.rows, *(row for row in page if self._key(row) not in known))[:KEPT]
