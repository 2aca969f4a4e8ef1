"""Imports as the ledger keeps them: one entry for a batch, one commitment for each of its rows.

While a batch is read, each row that is taken adds a leaf: a salt, the row's facts (whose, which lists, when they asked and
confirmed as the file says), and nothing in the chain. When its last row is in, one entry is added that commits to what
the operator declared (who brings it, how the addresses were come by, the words that people saw) and to the Merkle root
over all rows. Until then the arbiter holds the batch back: there is no mail that rests on an import without an entry.

A row is erased by putting its commitment in the place of its salt and facts: the root, and everybody else's path to it,
stay as they are.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final

from engine.audience import consent, merkle
from engine.audience.consent import About, Act, Answer, Entry
from engine.audience.ledger import Broken, Link, commit_to
from engine.store.many import in_list
from mta.ports import Tx, to_ms

SALT_OCTETS: Final = 16

_LINK: Final = "e.seq, e.at_ms, e.act, e.commitment, e.previous, e.hash"


class BatchState(StrEnum):
    """Where an import stands. The words are in the table and on screens."""

    READING = "reading"  # its rows come in, or it was interrupted
    TRIAL = "trial"  # whole; the bounces of its addresses are watched
    HELD = "held"  # too many bounced: its people get no marketing until somebody releases it
    RELEASED = "released"  # an operator looked at it and let it go; it is not watched any more


HOLDING: Final = (BatchState.READING, BatchState.HELD)


@dataclass(slots=True)
class Leaf:
    """One row: its number in the file, what it says, and whose it is. `hash` is its place's in the tree."""

    row: int
    salt: bytes
    facts: bytes
    hash: bytes
    contact_id: int = 0

    @classmethod
    def of(cls, row: int, salt: bytes, facts: bytes) -> "Leaf":
        return cls(row, salt, facts, merkle.leaf(bytes.fromhex(commit_to(salt, facts))))


@dataclass(frozen=True, slots=True)
class Imported:
    """One row of one person in a batch that is whole, with all that shows that the ledger knows it."""

    entry: Entry
    place: int  # among the rows that were taken, from 0
    count: int
    salt: bytes
    facts: bytes
    path: tuple[bytes, ...]

    @property
    def told(self) -> dict[str, Any]:
        """What the batch declared, and what the row says."""
        return {**self.entry.told, **json.loads(self.facts)}

    def root(self) -> bytes:
        """The root that this row and its path come to. Broken where they are none."""
        return merkle.climb(bytes.fromhex(commit_to(self.salt, self.facts)), self.place, self.count, self.path)


def source_of(batch_id: int) -> str:
    """What stands as the source of subscriptions that rest on a batch."""
    return f"import {batch_id}"


def add_leaves(tx: Tx, batch_id: int, first: int, leaves: Sequence[Leaf], pending: Sequence[bytes]) -> None:
    """Keep rows that were taken; the first is leaf `first`. `pending` are the hashes of the block that they go on with;
    each block that they fill is hashed for good."""
    tx.executemany(
        "INSERT INTO import_row (batch_id, leaf, file_row, contact_id, salt, facts, commitment)"
        " VALUES (?,?,?,?,?,?,'')",
        [
            (batch_id, place, each.row, each.contact_id, each.salt.hex(), each.facts.decode())
            for place, each in enumerate(leaves, first)
        ],
    )
    hashes = [*pending, *(each.hash for each in leaves)]
    block = first // merkle.BLOCK
    for at in range(0, len(hashes) - merkle.BLOCK + 1, merkle.BLOCK):
        _keep_block(tx, batch_id, block, hashes[at : at + merkle.BLOCK])
        block += 1


def pending_of(pending: Sequence[bytes], leaves: Sequence[Leaf]) -> list[bytes]:
    """The hashes of the unfinished block after `leaves` were added."""
    hashes = [*pending, *(each.hash for each in leaves)]
    return hashes[len(hashes) - len(hashes) % merkle.BLOCK :]


def leaves_of(tx: Tx, batch_id: int, block: int) -> list[bytes]:
    """The hashes of one block's rows, erased ones included."""
    begin = block * merkle.BLOCK
    rows = tx.query(
        "SELECT salt, facts, commitment FROM import_row WHERE batch_id = ? AND leaf >= ? AND leaf < ? ORDER BY leaf",
        (batch_id, begin, begin + merkle.BLOCK),
    )
    return [merkle.leaf(bytes.fromhex(gone or _commitment(salt, facts))) for salt, facts, gone in rows]


def blocks_of(tx: Tx, batch_id: int) -> list[bytes]:
    """The roots of a batch's blocks."""
    rows = tx.query("SELECT root FROM import_block WHERE batch_id = ? ORDER BY block", (batch_id,))
    return [bytes.fromhex(each) for (each,) in rows]


def seal(
    tx: Tx, batch_id: int, taken: int, pending: Sequence[bytes], answer: Answer, declared: dict[str, Any], now: datetime
) -> Link:
    """Add the batch's one entry: all its rows are in. Its people may be written to from now on, on trial."""
    if pending:
        _keep_block(tx, batch_id, taken // merkle.BLOCK, pending)
    root = merkle.root(blocks_of(tx, batch_id)).hex()
    about = About(0, "", purpose=str(declared.get("purpose", "")))
    said = {"batch": batch_id, "rows": taken, "root": root, **declared}
    made = consent.record(tx, about, Act.IMPORTED, answer, now=now, batch=said)
    tx.execute(
        "UPDATE import_batch SET state = ?, seq = ?, root = ?, ended_ms = ? WHERE id = ?",
        (str(BatchState.TRIAL), made.seq, root, to_ms(now), batch_id),
    )
    return made


def history(tx: Tx, contact_id: int) -> list[Imported]:
    """Every row of a contact in batches that are whole, oldest first."""
    rows = tx.query(
        "SELECT r.batch_id, r.leaf, r.salt, r.facts, b.taken, b.seq FROM import_row r"
        " JOIN import_batch b ON b.id = r.batch_id WHERE r.contact_id = ? AND b.seq IS NOT NULL ORDER BY b.seq, r.leaf",
        (contact_id,),
    )
    found = []
    for batch_id, place, salt, facts, count, seq in rows:
        entry = consent.entry(tx, seq)
        assert entry is not None
        way = merkle.path_over_blocks(place, blocks_of(tx, batch_id), partial(leaves_of, tx, batch_id))
        found.append(Imported(entry, place, count, bytes.fromhex(salt), facts.encode(), tuple(way)))
    return found


def cited_of(tx: Tx, ids: Sequence[int], list_id: int = consent.ALL_LISTS) -> dict[int, Link]:
    """The entry of the youngest batch that a confirmed subscription of each of these (at least one) rests on."""
    marks, which = in_list(ids)
    of_list, more = ("", ()) if list_id == consent.ALL_LISTS else (" AND s.list_id = ?", (list_id,))
    rows = tx.query(
        f"SELECT r.contact_id, {_LINK} FROM import_row r JOIN import_batch b ON b.id = r.batch_id"
        " JOIN consent_entry e ON e.seq = b.seq"
        " JOIN subscription s ON s.contact_id = r.contact_id AND s.state = 'confirmed' AND s.source = 'import ' || b.id"
        f" WHERE r.contact_id IN ({marks}){of_list} ORDER BY e.seq",
        (*which, *more),
    )
    return {contact_id: Link(*row) for contact_id, *row in rows}  # the last stays


def inherit(tx: Tx, source_id: int, target_id: int) -> None:
    """As `consent.inherit`. A subscription that rests on a row has that row's batch as its source, and does not pass
    over."""
    tx.execute("UPDATE import_row SET contact_id = ? WHERE contact_id = ?", (target_id, source_id))


def forget(tx: Tx, contact_id: int) -> int:
    """Erase what the rows say about a person, salts and all; how many now say only that there was a row."""
    rows = tx.query("SELECT batch_id, leaf, salt, facts FROM import_row WHERE contact_id = ?", (contact_id,))
    for batch_id, place, salt, facts in rows:
        tx.execute(
            "UPDATE import_row SET contact_id = NULL, salt = '', facts = '', commitment = ?"
            " WHERE batch_id = ? AND leaf = ?",
            (_commitment(salt, facts), batch_id, place),
        )
    return len(rows)


def check(tx: Tx, batch_id: int) -> int:
    """Do all hashes of a batch again, from its rows to the root that its entry committed to; how many rows. Broken
    where they do not fit. Reads the batch in blocks."""
    row = tx.one("SELECT taken, seq, root FROM import_batch WHERE id = ?", (batch_id,))
    if row is None or row[1] is None:
        return 0
    taken, seq, root = row
    blocks = blocks_of(tx, batch_id)
    for number, kept in enumerate(blocks):
        if merkle.root(leaves_of(tx, batch_id, number)) != kept:
            raise Broken(f"rows {number * merkle.BLOCK + 1} and on of import {batch_id} were changed")
    entry = consent.entry(tx, seq)
    said = entry.told["import"] if entry else {}
    if merkle.root(blocks).hex() != root or (said.get("root"), said.get("rows")) != (root, taken):
        raise Broken(f"import {batch_id} is not the one that entry {seq} committed to")
    return int(taken)


def _keep_block(tx: Tx, batch_id: int, block: int, hashes: Sequence[bytes]) -> None:
    tx.execute(
        "INSERT INTO import_block (batch_id, block, root) VALUES (?,?,?)",
        (batch_id, block, merkle.root(hashes).hex()),
    )


def _commitment(salt: str, facts: str) -> str:
    return commit_to(bytes.fromhex(salt), facts.encode())
