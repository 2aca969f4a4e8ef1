"""What the front office keeps in mind about people, so that no question goes over a million rows: how many contacts there
are, and how far the ledger's chain was gone over.

Both are found out in parts, each with a snapshot of its own, and only what came since is looked at the next time.
"""

from dataclasses import dataclass
from typing import Final

from engine.audience import consent
from engine.audience.ledger import GENESIS, Broken, verify_chain, verify_facts
from engine.store.groups import GroupStore
from mta.ports import Tx

PART: Final = 20_000  # contacts that are counted at once
STEPS: Final = 20  # parts of the chain that one question waits for


@dataclass(slots=True)
class _Counted:
    upto: int = 0  # the contact's number
    people: int = 0
    gone: int = 0  # contacts that were no more by then


class Headcount:
    """How many contacts there are. Numbers are given once and upwards, and who goes leaves a row behind.

    A part is remembered when there is another one behind it. On PostgreSQL a number that was given earlier may be seen later,
    so the youngest are counted for each question.
    """

    def __init__(self, store: GroupStore) -> None:
        self._store = store
        self._known, self._people = _Counted(), 0

    async def get(self) -> int:
        while not await self._store.read(self._count_part):
            pass
        return self._people

    def _count_part(self, tx: Tx) -> bool:
        known = self._known
        gone = _number(tx, "SELECT count(*) FROM former_contact", ())
        if gone != known.gone:  # some of those counted may be among them
            self._known = known = _Counted(gone=gone)
        last = self._end(tx, known.upto)
        if last and self._end(tx, last):
            self._known = _Counted(last, known.people + PART, gone)
            return False
        self._people = known.people + _number(tx, "SELECT count(*) FROM contact WHERE id > ?", (known.upto,))
        return True

    def _end(self, tx: Tx, number: int) -> int:
        """The last of the part behind this number; 0 where there is no whole one."""
        return _number(tx, "SELECT id FROM contact WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?", (number, PART - 1))


class ChainWalk:
    """Goes over the consent ledger from its first entry on, hashes and facts, and goes on where it was."""

    def __init__(self, store: GroupStore) -> None:
        self._store = store
        self.checked, self.hash, self.fault = 0, GENESIS, ""

    async def go_on(self) -> int:
        """Go over what came since, or a part of it; how many entries there are. `fault` says where it does not hold."""
        for _ in range(STEPS):
            if self.fault or not await self._store.read(self._step):
                break
        return await self._store.read(lambda tx: _number(tx, "SELECT max(seq) FROM consent_entry", ()))

    def _step(self, tx: Tx) -> bool:
        first = self.checked + 1
        part = consent.part(tx, first)
        if not part:
            return False
        try:
            verify_chain(part, first, self.hash)
            facts = consent.facts_of(tx, range(first, first + len(part)))
            for each in part:
                if each.seq in facts:
                    verify_facts(each, *facts[each.seq])
        except Broken as err:
            self.fault = str(err)
            return False
        self.checked, self.hash = part[-1].seq, part[-1].hash
        return len(part) == consent.CHUNK


def _number(tx: Tx, sql: str, params: tuple[object, ...]) -> int:
    row = tx.one(sql, params)
    return 0 if row is None or row[0] is None else int(row[0])
