"""Whether a fence stands (engine.fence), as the front office acts upon it: the row decides, whoever wrote it and whenever.

A running daemon looks at the row where it writes its mark anew, and whenever somebody asks how it is. A fence that was put
up meanwhile (by another machine on the same database; by us, when an older database was put in place of ours) stops
what sends: carriers that know of it take the place of the others, which finish what is open. One that is gone lets mail go.
"""

from collections.abc import Callable

from engine import fence, houselog
from engine.fence import Fence
from mta.ports import Store


class FenceWatch:
    """`stopped` is told that a fence was found up, `freed` that it is gone."""

    def __init__(self, store: Store, stopped: Callable[[], None], freed: Callable[[], None]) -> None:
        self._store, self._stopped, self._freed = store, stopped, freed
        self.standing: Fence | None = None

    def begin(self, found: Fence | None) -> None:
        """What stands at the start, before anything could send."""
        self.standing = found
        if found is not None:
            houselog.fenced(found.why)

    async def look(self) -> None:
        """Act upon what the row says now. StoreTrouble."""
        found = await self._store.read(fence.standing)
        if found is None:
            self.lifted()
        elif self.standing is None:
            self.begin(found)
            self._stopped()

    def lifted(self) -> None:
        """It is known to be gone."""
        if self.standing is not None:
            self.standing = None
            self._freed()
