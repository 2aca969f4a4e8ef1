"""The rows of a table, in pages that fit into memory, and what they sum up to: the same on every back end.

A row's digest is the SHA-256 of its values as Python writes them; a table's is the sum of those of its rows, modulo 2^256,
so that it does not depend on the order in which they are read.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from engine.fence import EPOCHS
from engine.moving import marks
from engine.store.shapes import Shape, all_shapes

PAGE: Final = 500  # rows
OCTETS: Final = 8 << 20  # of content in a page; a single row may have more
LEFT: Final = frozenset({"writer"})  # tables that belong to the connections of one database
OWN: Final = frozenset({marks.TO, marks.FROM, EPOCHS})  # rows of meta that each database has for itself
_MODULUS: Final = 1 << 256
_NUL: Final = "\0"
_MARK: Final = "\N{REPLACEMENT CHARACTER}"

Row = tuple[Any, ...]
Query = Callable[[str, Sequence[Any]], list[Row]]


class Sum:
    """How many rows a table has, and their digest."""

    __slots__ = ("_total", "rows")

    def __init__(self) -> None:
        self.rows, self._total = 0, 0

    def add(self, row: Row) -> None:
        self.rows += 1
        octets = repr(row).encode("utf-8", "backslashreplace")
        self._total = (self._total + int.from_bytes(hashlib.sha256(octets).digest(), "big")) % _MODULUS

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return f"{self._total:064x}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sum) and (self.rows, self._total) == (other.rows, other._total)

    __hash__ = None  # type: ignore[assignment]


def moved_shapes() -> list[Shape]:
    """The tables that a move carries: all but those of connections."""
    return [each for each in all_shapes() if each.name not in LEFT]


def pages(query: Query, shape: Shape) -> Iterator[list[Row]]:
    """A table in the order of its key; each page is read when it is asked for."""
    names, key = ", ".join(map(_quoted, shape.columns)), ", ".join(map(_quoted, shape.key))
    places = [shape.columns.index(each) for each in shape.key]
    after: Row = ()
    while True:
        where = f" WHERE ({key}) > ({','.join('?' * len(shape.key))})" if after else ""
        rest = f'FROM "{shape.name}"{where} ORDER BY {key} LIMIT '
        limit = _limit(query, shape, rest, after)
        part = query(f"SELECT {names} {rest}{limit}", after) if limit else []
        if not part:
            return
        yield part
        after = tuple(part[-1][place] for place in places)


def counted(shape: Shape, row: Row) -> bool:
    """Whether both databases must have this row alike."""
    return shape.name != "meta" or row[0] not in OWN


def summed(query: Query, shape: Shape, tell: Callable[[str, int], None] = lambda name, rows: None) -> Sum:
    """Read a whole table."""
    found = Sum()
    for page in pages(query, shape):
        for row in page:
            if counted(shape, row):
                found.add(without_nul(row))
        tell(shape.name, found.rows)
    return found


def without_nul(row: Row) -> Row:
    """PostgreSQL's text holds every character but U+0000: U+FFFD stands for it there."""
    for each in row:
        if type(each) is str and _NUL in each:
            return tuple(every.replace(_NUL, _MARK) if isinstance(every, str) else every for every in row)
    return row


def _limit(query: Query, shape: Shape, rest: str, after: Row) -> int:
    """How many rows the next page has: fewer where they hold many octets. Their lengths cost no reading of them."""
    if not shape.octets:
        return PAGE
    length = " + ".join(f"coalesce(length({_quoted(each)}), 0)" for each in shape.octets)
    count, octets = 0, 0
    for (size,) in query(f"SELECT {length} {rest}{PAGE}", after):
        octets += size
        if count and octets > OCTETS:
            break
        count += 1
    return count


def _quoted(name: str) -> str:
    return f'"{name}"'
