"""How many connections each carrier serves, in memory that all of them share: whoever has more than another lets that one
take the next. Without it the quickest takes it, and by chance one carrier of two often serves six of ten clients.

Each carrier writes its own number and no other's, so there is nothing to lock; a number that is wrong for a moment (of
a carrier that just died, or is being replaced) costs others a short wait before they accept.
"""

import mmap
from typing import Final

MOST: Final = 1024  # carriers that are counted


def shared_table() -> memoryview:
    """Memory for the numbers of all carriers, shared by every process that is forked from now on."""
    return memoryview(mmap.mmap(-1, MOST * 4)).cast("I")


class Crowd:
    """One carrier's view. `mine`: its place among `carriers`; `table`: None where it is the only one."""

    _table: memoryview
    _mine: int
    _others: list[int]

    def __init__(self, table: memoryview | None = None, mine: int = 0, carriers: int = 1) -> None:
        self._count = 0
        if table is None or mine >= len(table):
            self.withdraw()
        else:
            self._table, self._mine = table, mine
            self._others = [each for each in range(min(carriers, len(table))) if each != mine]
            table[mine] = 0

    def enter(self) -> None:
        """One connection more."""
        self._count += 1
        self._table[self._mine] = self._count

    def leave(self) -> None:
        """One less."""
        self._count -= 1
        self._table[self._mine] = self._count

    def withdraw(self) -> None:
        """Leave the table to whoever comes in this carrier's place."""
        self._table, self._mine, self._others = memoryview(bytearray(4)).cast("I"), 0, []

    @property
    def has_more(self) -> bool:
        """Whether this carrier serves more than another one does."""
        return any(self._table[each] < self._count for each in self._others)
