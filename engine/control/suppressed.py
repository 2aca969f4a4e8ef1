"""Who is not written to, over the control socket, a page at a time: why, and who may lift it.

A page goes on where the one before ended, along the time or, for the beginning of an address, along the addresses; a
text in the middle of one is looked for among BUDGET rows at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.audience.suppression import Reason
from engine.control.asked import Asked
from engine.control.protocol.bounces import SuppressionPage, SuppressionRow
from engine.control.refusal import Refusal
from engine.house import House
from mta.ports import Tx, to_ms

BUDGET: Final = 20_000  # rows that one question looks at
CHUNK: Final = 1_000
_BEYOND: Final = "\U0010ffff"  # behind all that begins alike
_SEPARATOR: Final = "\n"  # in no address, reason or number

MAY_LIFT: Final[Mapping[str, str]] = {
    Reason.HARD_BOUNCE: "an operator, where the mailbox is there after all",
    Reason.COMPLAINT: "an operator, and only at the person's own wish",
    Reason.UNSUBSCRIBE: "the person, by a yes to the list that they left; an operator only at their wish",
    Reason.MANUAL: "an operator",
    Reason.ERASED: "an operator, and only at the person's own wish: a hash of the address is all that is left",
    Reason.PAUSED: "the person; it ends by itself",
}
"""Who may lift what a reason stopped (engine.audience.subscriptions.refusal), in words."""

_NEWEST: Final = "at_ms DESC, key DESC, reason DESC, list_id DESC"
_OLDEST: Final = "at_ms, key, reason, list_id"
_ALPHABETIC: Final = "key, reason, list_id"
_ADDRESSES: Final = "-"  # in the place of a time: a page goes on along the addresses


def _rows(tx: Tx, where: str, order: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Rows of a stretch, which is cut out of the table before anything is looked up beside it."""
    return tx.query(
        "SELECT s.key, s.reason, s.list_id, s.scope, COALESCE(l.name, ''), s.source, s.at_ms, s.expires_ms, s.evidence,"
        f" s.delivery_id, d.message_id FROM (SELECT * FROM suppression {where} ORDER BY {order} LIMIT ? OFFSET ?) AS s"
        " LEFT JOIN list l ON l.id = s.list_id LEFT JOIN delivery d ON d.id = s.delivery_id"
        f" ORDER BY {', '.join('s.' + each.strip() for each in order.split(','))}",
        params,
    )


async def page(house: House, asked: Asked, total: int) -> SuppressionPage:
    """The newest first, or by address where `q` is the beginning of one. `total`: how many there are in all."""
    limit, offset = asked.number("limit", 100, least=1, most=CHUNK), asked.number("offset", 0)
    reasons = ("", *(str(each) for each in Reason))
    reason, text, after = asked.one_of("reason", reasons), asked.text("q").lower(), asked.text("after")
    now_ms = to_ms(house.clock.now())
    if not (reason or text):
        rows = await house.store.read(lambda tx: _by_time(tx, after, limit, offset, total))
        goes_on = _cursor(rows[-1]) if len(rows) == limit else ""
        known = max(total, offset + len(rows)) if goes_on or after else offset + len(rows)
        return SuppressionPage(now_ms, tuple(map(_row, rows)), known, goes_on)
    found, goes_on = await house.store.read(lambda tx: _search(tx, text, reason, after, limit + offset))
    rows = found[offset:]
    return SuppressionPage(now_ms, tuple(map(_row, rows)), len(found), goes_on, exact=not goes_on)


def _by_time(tx: Tx, after: str, limit: int, offset: int, total: int) -> list[tuple[Any, ...]]:
    """A page of all. The second half of a long list is read from its end, so that no more is passed over than must be."""
    if after:
        at = _place(after)
        if not isinstance(at[0], int):
            raise _no_cursor()
        where = "WHERE at_ms <= ? AND (at_ms, key, reason, list_id) < (?,?,?,?)"
        return _rows(tx, where, _NEWEST, (at[0], *at, limit, 0))
    behind = total - offset - limit
    if offset > total // 2 and behind >= 0:
        return _rows(tx, "", _OLDEST, (limit, behind))[::-1]
    return _rows(tx, "", _NEWEST, (limit, offset))


def _search(tx: Tx, text: str, reason: str, after: str, limit: int) -> tuple[list[tuple[Any, ...]], str]:
    """Rows that match, and where to go on; "" at the end."""
    if text and (not after or after.startswith(_ADDRESSES)):
        begin, goes_on = _beginning(tx, text, reason, after, limit)
        if begin or goes_on or after:
            return begin, goes_on
    found: list[tuple[Any, ...]] = []
    for _ in range(BUDGET // CHUNK):
        rows = _by_time(tx, after, CHUNK, 0, 0)
        for row in rows:
            after = _cursor(row)
            if reason in ("", row[1]) and (text in row[0] or text in str(row[8]).lower()):
                found.append(row)
            if len(found) == limit:
                return found, after
        if len(rows) < CHUNK:
            return found, ""
    return found, after


def _beginning(tx: Tx, text: str, reason: str, after: str, limit: int) -> tuple[list[tuple[Any, ...]], str]:
    """Rows whose address begins with a text, along the addresses, and where to go on."""
    found: list[tuple[Any, ...]] = []
    for _ in range(BUDGET // CHUNK):
        behind = " AND (key, reason, list_id) > (?,?,?)" if after else ""
        params = (text, text + _BEYOND, *(_place(after)[1:] if after else ()), CHUNK, 0)
        rows = _rows(tx, f"WHERE key >= ? AND key < ?{behind}", _ALPHABETIC, params)
        for row in rows:
            after = _cursor((*row[:6], _ADDRESSES))
            if reason in ("", row[1]):
                found.append(row)
            if len(found) == limit:
                return found, after
        if len(rows) < CHUNK:
            return found, ""
    return found, after


def _cursor(row: Sequence[Any]) -> str:
    return _SEPARATOR.join((str(row[6]), str(row[0]), str(row[1]), str(row[2])))


def _place(after: str) -> tuple[int | str, str, str, int]:
    """(when, key, reason, list) of the row that a page ended with; in the place of the time _ADDRESSES, along the addresses."""
    parts = after.split(_SEPARATOR)
    if len(parts) != 4 or not (_is_number(parts[0]) or parts[0] == _ADDRESSES) or not _is_number(parts[3]):
        raise _no_cursor()
    return int(parts[0]) if parts[0] != _ADDRESSES else _ADDRESSES, parts[1], parts[2], int(parts[3])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _no_cursor() -> Refusal:
    return Refusal("after is what the page before said")


def _row(row: Sequence[Any]) -> SuppressionRow:
    key, reason, _, scope, name, source, at_ms, until_ms, evidence, delivery_id, message_id = row
    return SuppressionRow(
        key, reason, scope, name, source, at_ms, until_ms, evidence, delivery_id, message_id, MAY_LIFT.get(reason, "")
    )
