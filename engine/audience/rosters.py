"""Who is on a list, and who there is at all, as pages: by the contact's number, from a cursor on.

A text (of an address, a name, a reason) has no index, so it is looked for in a part of the rows at a time; whoever wants
more asks again from where that ended. What has an @ behind its first letter is the beginning of an address, which has one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.audience.removing import TAKEN_OFF
from engine.audience.subscriptions import TO_ASK, SubscriptionState
from engine.audience.unconfirmed import EXPIRED
from engine.store.many import in_list
from mta.ports import Tx

SCAN: Final = 5_000  # rows that are looked at for a text
NAMED: Final = 500  # contacts whose address begins so
LAST: Final = "\U0010ffff"  # behind every letter

STATES: Final = (*map(str, SubscriptionState), "to ask", "expired", "taken off")
"""What a list's people may be asked for: where they stand, or why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: of a state (of STATES; "" is all), with this text; behind a contact's number, passing over some."""

    state: str = ""
    text: str = ""
    after: int = 0
    limit: int = 100
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """`after`: where the next page begins, 0 at the end. `looked`: at so many rows."""

    rows: tuple[tuple[Any, ...], ...]
    after: int
    looked: int


_STANDING: Final = (
    "s.contact_id, c.address, c.name, s.state, s.source, s.asked_ms, s.confirmed_ms, s.ended_ms, s.expires_ms,"
    " s.reminded_ms, s.why, c.locale"
)
_WHY: Final = 10  # the place of `why` among these
_PERSON: Final = "c.id, c.address, c.name, c.locale, c.source, c.created_ms, c.engaged_ms, c.orders"


def on_list(tx: Tx, list_id: int, wanted: Wanted) -> Page:
    """Rows of: contact, address, name, state, source, asked, confirmed, ended, expires, reminded, why, locale."""
    where, params, why = _stands(list_id, wanted.state)
    if _is_beginning(wanted.text):
        marks, which = in_list(_named(tx, wanted) or [0])
        rows = tx.query(
            f"SELECT {_STANDING} FROM subscription s JOIN contact c ON c.id = s.contact_id WHERE s.contact_id IN ({marks})"
            f" AND {where} ORDER BY c.key",
            (*which, *params),
        )
        found = [row for row in rows if row[_WHY].startswith(why)]
        return Page(tuple(found[: wanted.limit]), 0, len(rows))
    sql = (
        f"SELECT {_STANDING} FROM subscription s JOIN contact c ON c.id = s.contact_id WHERE {where}"
        " AND s.contact_id > ? ORDER BY s.contact_id LIMIT ?"
    )
    if not wanted.text and not why:
        return _plain(tx, sql, params, wanted)
    text = wanted.text.casefold()
    return _sought(
        tx, sql, params, wanted,
        lambda row: row[_WHY].startswith(why) and any(text in row[place].casefold() for place in (1, 2, 4, _WHY)),
    )  # fmt: skip


def everybody(tx: Tx, wanted: Wanted) -> Page:
    """Rows of: contact, address, name, locale, source, created, engaged, orders."""
    if _is_beginning(wanted.text):
        rows = tx.query(
            f"SELECT {_PERSON} FROM contact c WHERE c.key >= ? AND c.key < ? ORDER BY c.key LIMIT ?",
            (wanted.text.lower(), wanted.text.lower() + LAST, wanted.limit),
        )
        return Page(tuple(rows), 0, len(rows))
    sql = f"SELECT {_PERSON} FROM contact c WHERE c.id > ? ORDER BY c.id LIMIT ?"
    if not wanted.text:
        return _plain(tx, sql, (), wanted)
    text = wanted.text.casefold()
    return _sought(tx, sql, (), wanted, lambda row: any(text in row[place].casefold() for place in (1, 2, 4)))


def ids_on_list(tx: Tx, list_id: int, wanted: Wanted) -> tuple[list[int], int]:
    """The numbers of some of those wanted, and where to go on; 0 at the end."""
    page = on_list(tx, list_id, wanted)
    return [row[0] for row in page.rows], page.after


def count_to_ask(tx: Tx, list_id: int, most: int) -> int:
    """How many wait to be asked; counted to `most`."""
    row = tx.one(
        "SELECT count(*) FROM (SELECT 1 FROM subscription WHERE why = 'to be asked' AND list_id = ? LIMIT ?) w",
        (list_id, most),
    )
    return 0 if row is None else int(row[0])


def _plain(tx: Tx, sql: str, params: tuple[Any, ...], wanted: Wanted) -> Page:
    rows = tx.query(f"{sql} OFFSET ?", (*params, wanted.after, wanted.limit, min(wanted.skip, SCAN)))
    return Page(tuple(rows), rows[-1][0] if len(rows) == wanted.limit else 0, len(rows))


def _sought(tx: Tx, sql: str, params: tuple[Any, ...], wanted: Wanted, is_one: Callable[[Sequence[Any]], bool]) -> Page:
    """Those of the next SCAN rows that are wanted."""
    rows = tx.query(sql, (*params, wanted.after, SCAN))
    found = []
    for looked, row in enumerate(rows, 1):
        if is_one(row):
            found.append(row)
            if len(found) == wanted.limit:
                return Page(tuple(found), row[0], looked)
    return Page(tuple(found), rows[-1][0] if len(rows) == SCAN else 0, len(rows))


def _named(tx: Tx, wanted: Wanted) -> list[int]:
    """The contacts whose address begins so, the first of them."""
    begin = wanted.text.lower()
    sql = "SELECT id FROM contact WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
    return [row[0] for row in tx.query(sql, (begin, begin + LAST, NAMED))]


def _is_beginning(text: str) -> bool:
    return text.find("@") > 0


def _stands(list_id: int, state: str) -> tuple[str, tuple[Any, ...], str]:
    """What picks a list's rows of a state, and how their `why` begins where that has no index."""
    match state:
        case "":
            return "s.list_id = ?", (list_id,), ""
        case "to ask":
            return f"s.list_id = ? AND s.why = '{TO_ASK}'", (list_id,), ""
        case "expired" | "taken off":
            return (
                "s.list_id = ? AND s.state = 'unsubscribed'",
                (list_id,),
                EXPIRED if state == "expired" else TAKEN_OFF,
            )
        case _:
            return "s.list_id = ? AND s.state = ?", (list_id, state), ""
