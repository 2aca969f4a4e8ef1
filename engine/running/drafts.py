"""Flow texts that are being written: kept as they stand, whatever is wrong with them, until they are applied or dropped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mta.ports import Tx, from_ms, to_ms

_COLUMNS = "name, source, base, origin, operator, at_ms, revision"


@dataclass(frozen=True, slots=True)
class Draft:
    """One. `base`: the hash of the version it began from, `origin`: flow NAME or recipe NAME; "" where there was none.
    `revision` goes up with every save."""

    name: str
    source: str
    base: str
    origin: str
    operator: str
    at: datetime
    revision: int


class Overtaken(Exception):
    """Somebody else saved it meanwhile: `by` has it as it is now."""

    def __init__(self, by: Draft) -> None:
        self.by = by
        super().__init__(f"{by.operator or 'somebody else'} saved the draft {by.name} meanwhile")


def save(tx: Tx, draft: Draft) -> int:
    """Keep it; its new revision. `draft.revision` is the one it was read as: 0 for one that is new. Overtaken, and nothing
    is written, where another was saved since."""
    found = _one(tx, draft.name, tx.for_update())
    if found is not None and found.revision != draft.revision:
        raise Overtaken(found)
    revision = draft.revision + 1
    tx.execute(
        f"INSERT INTO flow_draft ({_COLUMNS}) VALUES (?,?,?,?,?,?,?) ON CONFLICT (name) DO UPDATE SET"
        " source = excluded.source, operator = excluded.operator, at_ms = excluded.at_ms, revision = excluded.revision",
        (draft.name, draft.source, draft.base, draft.origin, draft.operator, to_ms(draft.at), revision),
    )
    return revision


def get(tx: Tx, name: str) -> Draft | None:
    """The draft of this name."""
    return _one(tx, name)


def every(tx: Tx, limit: int = 500) -> list[Draft]:
    """All of them, the last saved first."""
    return [
        _draft(row)
        for row in tx.query(f"SELECT {_COLUMNS} FROM flow_draft ORDER BY at_ms DESC, name LIMIT ?", (limit,))
    ]


def drop(tx: Tx, name: str) -> Draft | None:
    """Forget it; what it was."""
    found = _one(tx, name, tx.for_update())
    if found is not None:
        tx.execute("DELETE FROM flow_draft WHERE name = ?", (name,))
    return found


def _one(tx: Tx, name: str, ending: str = "") -> Draft | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM flow_draft WHERE name = ?{ending}", (name,))
    return None if row is None else _draft(row)


def _draft(row: Sequence[object]) -> Draft:
    name, source, base, origin, operator, at_ms, revision = row
    return Draft(
        str(name), str(source), str(base), str(origin), str(operator), from_ms(int(str(at_ms))), int(str(revision))
    )
