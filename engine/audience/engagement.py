"""Engagement: when a person last did something that shows interest, kept beside the contact as it happens.

Only what a person did counts: an open and a click that no machine made, an answer, an order, a visit that the shop told of.
What later evidence shows to be a machine's is taken back. How long ago the last of them was is the level:

    active    within 30 days          4
    warm      within 90 days          3
    cooling   within 180 days         2
    dormant   longer ago              1
    never     nothing is known        0

A sunset rule reads these fields, so it never trusts a machine.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from mta.ports import Tx, from_ms, to_ms


class Signal(StrEnum):
    """What a person did. The words begin the columns of the contact."""

    OPENED = "opened"
    CLICKED = "clicked"
    REPLIED = "replied"
    VISITED = "visited"
    ORDERED = "ordered"  # counted with the orders: only the last time of all is touched


COUNTERS: Final = {
    Signal.OPENED: "opens", Signal.CLICKED: "clicks", Signal.REPLIED: "replies", Signal.VISITED: "visits",
}  # fmt: skip
SIGNALS: Final = {
    "mail.opened": Signal.OPENED, "mail.clicked": Signal.CLICKED, "mail.replied": Signal.REPLIED,
    "product.viewed": Signal.VISITED, "cart.updated": Signal.VISITED, "order.placed": Signal.ORDERED,
    "review.posted": Signal.VISITED, "survey.answered": Signal.VISITED, "inquiry.received": Signal.REPLIED,
}  # fmt: skip
"""The events that are signals, each by its contact's own doing."""

LEVELS: Final = (("active", timedelta(days=30)), ("warm", timedelta(days=90)), ("cooling", timedelta(days=180)))
LONG_AGO: Final = "dormant"
NEVER: Final = "never"

COLUMNS: Final = "opened_ms, clicked_ms, replied_ms, visited_ms, engaged_ms, opens, clicks, replies, visits"
_NAMES: Final = ("opened_at", "clicked_at", "replied_at", "visited_at", "last_at")
_COUNTS: Final = ("opens", "clicks", "replies", "visits")


def note(tx: Tx, contact_id: int, signal: Signal, at: datetime) -> None:
    """A person did this then."""
    at_ms = to_ms(at)
    later = "CASE WHEN {0} > ? THEN {0} ELSE ? END"
    assigned = [f"engaged_ms = {later.format('engaged_ms')}"]
    params = [at_ms, at_ms]
    if (counter := COUNTERS.get(signal)) is not None:
        assigned += [f"{counter} = {counter} + 1", f"{signal}_ms = {later.format(f'{signal}_ms')}"]
        params += [at_ms, at_ms]
    tx.execute(f"UPDATE contact SET {', '.join(assigned)} WHERE id = ?", (*params, contact_id))


def take_back(tx: Tx, contact_id: int, signal: Signal, event: str) -> None:
    """One hit that was counted was no person's after all; what is left of `event` says when the last one was."""
    last = tx.one("SELECT MAX(at_ms) FROM event WHERE contact_id = ? AND name = ?", (contact_id, event))
    last_ms = last[0] if last else None
    counter = COUNTERS[signal]
    tx.execute(
        f"UPDATE contact SET {counter} = CASE WHEN {counter} > 0 THEN {counter} - 1 ELSE 0 END, {signal}_ms = ? WHERE id = ?",
        (last_ms, contact_id),
    )
    row = tx.one(
        "SELECT opened_ms, clicked_ms, replied_ms, visited_ms, last_order_ms FROM contact WHERE id = ?", (contact_id,)
    )
    times = [each for each in row or () if each is not None]
    tx.execute("UPDATE contact SET engaged_ms = ? WHERE id = ?", (max(times, default=None), contact_id))


def facts(row: tuple[Any, ...]) -> dict[str, Any]:
    """COLUMNS as conditions see them: times as moments or None, and counters."""
    times = {name: None if ms is None else from_ms(ms) for name, ms in zip(_NAMES, row[:5], strict=True)}
    return {**times, **dict(zip(_COUNTS, row[5:], strict=True))}


def level(last_at: datetime | None, now: datetime) -> tuple[str, int]:
    """(the level, its score) of somebody who last did something then."""
    if last_at is None:
        return NEVER, 0
    for place, (word, within) in enumerate(LEVELS):
        if now - last_at < within:
            return word, len(LEVELS) + 1 - place
    return LONG_AGO, 1


def with_level(found: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """`as_json` with the level and its score."""
    last_at = found.get("last_at")
    word, score = level(datetime.fromisoformat(last_at) if last_at else None, now)
    return {**found, "level": word, "score": score}


def merge(tx: Tx, source_id: int, target_id: int) -> None:
    """What one contact did, another did from now on."""
    row = tx.one(f"SELECT {COLUMNS} FROM contact WHERE id = ?", (source_id,))
    assert row is not None
    times = [name for name in COLUMNS.split(", ") if name.endswith("_ms")]
    sets = [f"{name} = CASE WHEN {name} >= ? THEN {name} ELSE COALESCE(?, {name}) END" for name in times]
    params = [value for ms in row[: len(times)] for value in (ms, ms)]
    sets += [f"{name} = {name} + ?" for name in _COUNTS]
    tx.execute(f"UPDATE contact SET {', '.join(sets)} WHERE id = ?", (*params, *row[len(times) :], target_id))


def as_json(found: dict[str, Any]) -> dict[str, Any]:
    """`facts` with its times in ISO 8601."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}
