"""Imported addresses are on trial: when too many of a batch turn out not to exist, the rest is not written to.

Old and bought lists show themselves by addresses that are gone. Every mail to somebody of a batch that came to an end is
counted, and every one of them that failed because the mailbox is not there; when these pass the limit, the batch is held:
the arbiter answers marketing to its people with "import held back", until an operator has looked and releases it. A
subscription that a person confirmed themselves does not rest on the batch, and is not held.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from pydantic import Field

from deliverability.settings import Settings
from deliverability.text import clean
from engine.audience.batches import HOLDING, BatchState
from engine.audience.consent import ALL_LISTS
from engine.audience.contacts import note_event
from mta.ports import Tx, from_ms


class ImportSettings(Settings):
    """`[imports]`: the trial of imported contacts."""

    bounce_limit: float = Field(
        default=5.0, gt=0, le=100,
        description="Percent of the mails to a batch that may fail because the mailbox is not there; beyond it the batch"
        " gets no more marketing until `posthouse import release`.",
    )  # fmt: skip
    bounce_after: int = Field(
        default=50, ge=1, le=100_000, description="Mails to a batch that have to be over before that is judged."
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """An import, as `posthouse import list` shows it."""

    id: int
    state: BatchState
    file: str
    kind: str
    operator: str
    rows: int  # that became something: taken or refused
    taken: int
    made: int
    refused: int
    stopped: int
    seq: int | None
    sendings: int
    bounces: int
    started: datetime
    why: str


_COLUMNS: Final = (
    "id, state, file, kind, operator, taken + refused, taken, made, refused, stopped, seq, sendings, bounces,"
    " started_ms, why"
)
_CHUNK: Final = 500  # keys in one question
_MARKS: Final = ",".join(f"'{each}'" for each in HOLDING)


def held_back(tx: Tx, keys: Sequence[str], list_id: int = ALL_LISTS) -> set[str]:
    """Those of these address keys of whom every confirmed subscription, of this list or of any, rests on an import that is
    held back, or is not whole. Only asked about people who have one."""
    if not keys or tx.one(f"SELECT 1 FROM import_batch WHERE state IN ({_MARKS}) LIMIT 1") is None:
        return set()
    free: set[str] = set()
    which = "" if list_id == ALL_LISTS else " AND s.list_id = ?"
    for start in range(0, len(keys), _CHUNK):
        part = keys[start : start + _CHUNK]
        rows = tx.query(
            "SELECT c.key FROM contact c JOIN subscription s ON s.contact_id = c.id AND s.state = 'confirmed'"
            f" WHERE c.key IN ({','.join('?' * len(part))}){which} AND NOT EXISTS ("
            "SELECT 1 FROM import_row r JOIN import_batch b ON b.id = r.batch_id WHERE r.contact_id = s.contact_id"
            f" AND s.source = 'import ' || b.id AND b.state IN ({_MARKS}))",
            (*part, *(() if list_id == ALL_LISTS else (list_id,))),
        )
        free |= {key for (key,) in rows}
    return set(keys) - free


def sent(tx: Tx, contact_id: int, settings: ImportSettings, now: datetime) -> None:
    """A mail to this contact came to an end."""
    _count(tx, contact_id, 1, 0, settings, now)


def bounced(tx: Tx, contact_id: int, settings: ImportSettings, now: datetime) -> None:
    """A mail to this contact failed because the mailbox is not there."""
    _count(tx, contact_id, 0, 1, settings, now)


def batches(tx: Tx, limit: int = 100) -> list[Batch]:
    """The imports, youngest first."""
    return [_batch(row) for row in tx.query(f"SELECT {_COLUMNS} FROM import_batch ORDER BY id DESC LIMIT ?", (limit,))]


def batch(tx: Tx, batch_id: int) -> Batch | None:
    """One import."""
    row = tx.one(f"SELECT {_COLUMNS} FROM import_batch WHERE id = ?", (batch_id,))
    return None if row is None else _batch(row)


def release(tx: Tx, batch_id: int, *, by: str, why: str, now: datetime) -> bool:
    """Let the batch's people be written to, whatever bounced; it is not watched any more. False where it is not whole."""
    words = f"released by {clean(by)[:60]}: {clean(why)[:300]}"
    done = tx.execute(
        "UPDATE import_batch SET state = ?, why = ? WHERE id = ? AND state IN ('trial', 'held')",
        (str(BatchState.RELEASED), words, batch_id),
    )
    if done:
        note_event(tx, "import.released", None, {"batch": batch_id, "by": by, "why": why}, now)
    return bool(done)


class _Tally:
    """What one transaction counts: a batch's row is written once, at its end, in the order of ids."""

    def __init__(self) -> None:
        self.counts: dict[int, list[int]] = {}
        self.judge: Callable[[Tx, int], None] = lambda tx, batch_id: None

    def __call__(self, tx: Tx) -> None:
        for batch_id in sorted(self.counts):
            done, gone = self.counts[batch_id]
            tx.execute(
                "UPDATE import_batch SET sendings = sendings + ?, bounces = bounces + ? WHERE id = ?",
                (done, gone, batch_id),
            )
            if gone:
                self.judge(tx, batch_id)


def _count(tx: Tx, contact_id: int, done: int, gone: int, settings: ImportSettings, now: datetime) -> None:
    rows = tx.query(
        "SELECT DISTINCT b.id FROM import_row r JOIN import_batch b ON b.id = r.batch_id"
        " WHERE r.contact_id = ? AND b.state = 'trial'",
        (contact_id,),
    )
    if not rows:
        return
    tally = tx.at_commit(_Tally)
    tally.judge = partial(_judge, settings, now)
    for (batch_id,) in rows:
        counted = tally.counts.setdefault(batch_id, [0, 0])
        counted[0] += done
        counted[1] += gone


def _judge(settings: ImportSettings, now: datetime, tx: Tx, batch_id: int) -> None:
    row = tx.one("SELECT sendings, bounces FROM import_batch WHERE id = ? AND state = 'trial'", (batch_id,))
    if row is None or row[0] < settings.bounce_after or row[1] * 100 <= settings.bounce_limit * row[0]:
        return
    words = f"{row[1]} of {row[0]} mails failed because the mailbox is not there (limit {settings.bounce_limit:g} %)"
    tx.execute("UPDATE import_batch SET state = 'held', why = ? WHERE id = ?", (words, batch_id))
    note_event(tx, "import.held", None, {"batch": batch_id, "why": words}, now)


def _batch(row: tuple[Any, ...]) -> Batch:
    values = list(row)
    values[1], values[13] = BatchState(row[1]), from_ms(row[13])
    return Batch(*values)
