"""Tags: words that are pinned to contacts. Whoever pins or takes one writes `contact.tagged` or `contact.untagged`, one
event for each that changes anything, so that flows can begin with it: a tag that is there already is no news.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from mta.ports import Tx, to_ms

_PIN: Final = "INSERT INTO tag (contact_id, tag, at_ms) VALUES (?,?,?) ON CONFLICT (contact_id, tag) DO NOTHING"
_TELL: Final = "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES (?,?,'',?,'engine',?,0)"


def pin(tx: Tx, contact_id: int, tags: Iterable[str], now: datetime) -> list[str]:
    """Give a contact these tags (tidy ones); those that it did not have."""
    new = [tag for tag in sorted(set(tags)) if tx.execute(_PIN, (contact_id, tag, to_ms(now)))]
    tell(tx, "contact.tagged", [(contact_id, tag) for tag in new], now)
    return new


def take(tx: Tx, contact_id: int, tags: Iterable[str], now: datetime) -> list[str]:
    """Take these tags from a contact; those that it had."""
    gone = [
        tag
        for tag in sorted(set(tags))
        if tx.execute("DELETE FROM tag WHERE contact_id = ? AND tag = ?", (contact_id, tag))
    ]
    tell(tx, "contact.untagged", [(contact_id, tag) for tag in gone], now)
    return gone


def pin_many(tx: Tx, pairs: Sequence[tuple[int, str]], now: datetime, *, known: Iterable[int]) -> None:
    """Give many contacts tags: (contact, tag). `known`: those of them that may have some already."""
    had: set[tuple[int, str]] = set()
    tagged = sorted({contact_id for contact_id, _ in pairs} & set(known))
    for start in range(0, len(tagged), 500):
        part = tagged[start : start + 500]
        marks = ",".join("?" * len(part))
        had.update(tx.query(f"SELECT contact_id, tag FROM tag WHERE contact_id IN ({marks})", part))
    new = [pair for pair in dict.fromkeys(pairs) if pair not in had]
    tx.executemany(_PIN, [(*pair, to_ms(now)) for pair in new])
    tell(tx, "contact.tagged", new, now)


def tell(tx: Tx, event: str, pairs: Sequence[tuple[int, str]], now: datetime) -> None:
    """Write the events of (contact, tag) for flows to look at."""
    rows = [(event, each, json.dumps({"tag": tag}, ensure_ascii=False), to_ms(now)) for each, tag in pairs]
    if rows:
        tx.executemany(_TELL, rows)
