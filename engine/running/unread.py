"""Codes that nobody was told of: a run that drew a coupon, and whose mail the arbiter then refused, keeps the code for as long as
it may still write; when it is over the code goes back to its pool, or is forgotten where a pattern made it.

A code is looked at only while it is set aside (`reserved`): the transaction that writes a mail, a webhook or an event of
the run makes it its person's (engine.catalogue.coupons.give). It goes back when no run of its contact that goes on holds
it. Both ask for the contact's row first, so a code never goes back while somebody takes it or writes of it; and where a
crash comes between, it is found again at the next walk.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from engine.catalogue import codes
from engine.catalogue.coupons import codes_in
from engine.running.facts import read_data
from engine.store.many import in_list
from mta.ports import Tx

CHUNK: Final = 200  # codes in one look

_HELD: Final = (
    "SELECT k.id, k.code, k.contact_id, e.standing FROM (SELECT id, code, contact_id FROM coupon WHERE state = 'reserved'"
    " AND {} ORDER BY id LIMIT ?) AS k LEFT JOIN enrolment e ON e.contact_id = k.contact_id AND e.state = 'waiting'"
    " ORDER BY k.id"
)

_TOLD: Final = (
    "UPDATE passage SET result = ? WHERE kind = 'coupon' AND result = ?"
    " AND enrolment_id IN (SELECT id FROM enrolment WHERE contact_id = ?)"
)


class Returner:
    """Walks over the codes that are set aside, a chunk a round, for ever. One for a front office."""

    def __init__(self) -> None:
        self._after = 0
        self._found: dict[int, int | None] = {}

    def is_due(self, tx: Tx, now: datetime) -> bool:
        """Whether some of the next ones have nobody who holds them; goes on to the next else."""
        rows = tx.query(_HELD.format("id > ?"), (self._after, CHUNK))
        self._found = {coupon_id: contact_id for coupon_id, contact_id, _ in _unheld(rows)}
        if not self._found:
            self._after = max((row[0] for row in rows), default=0)
        return bool(self._found)

    def do(self, tx: Tx, now: datetime) -> None:
        """Put back those that were found, as far as that is still so."""
        if people := sorted({contact_id for contact_id in self._found.values() if contact_id is not None}):
            marks, which = in_list(people)
            if lock := tx.for_update():
                tx.query(f"SELECT id FROM contact WHERE id IN ({marks}) ORDER BY id{lock}", which)
        marks, which = in_list(sorted(self._found))
        again = tx.query(_HELD.format(f"id IN ({marks})"), (*which, CHUNK))
        for coupon_id, contact_id, code in list(_unheld(again)):
            became = _put_back(tx, coupon_id)
            tx.execute(_TOLD, (f"{code}: {became}, nobody was told of it", code, contact_id))


def _unheld(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, int | None, str]]:
    """(id, contact, code) of each code that is in no standing of its contact's runs."""
    for (coupon_id, code, contact_id), runs in groupby(rows, key=lambda row: row[:3]):
        held = {codes.lookup(each) for *_, standing in runs if standing for each in _given(standing)}
        if codes.lookup(code) not in held:
            yield coupon_id, contact_id, code


def _given(standing: str) -> list[str]:
    given = read_data(standing).get("given", {})
    return codes_in(given) if isinstance(given, dict) else []


def _put_back(tx: Tx, coupon_id: int) -> str:
    """A code that was loaded is free again; one by a pattern is as if it had not been made. What became of it, in words."""
    made = tx.execute(
        "DELETE FROM coupon WHERE id = ? AND state = 'reserved' AND pool IN (SELECT name FROM coupon_pool WHERE pattern <> '')",
        (coupon_id,),
    )
    if made:
        return "withdrawn"
    tx.execute(
        "UPDATE coupon SET state = 'free', contact_id = NULL, key = '', given_ms = NULL, expires_ms = NULL"
        " WHERE id = ? AND state = 'reserved'",
        (coupon_id,),
    )
    return "back in its pool"
