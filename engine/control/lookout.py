"""The part of health that costs a look at files and at the database: kept, so that the first screen, which is drawn every
second, says what `posthouse health` says without looking as often."""

import asyncio
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine import keys
from engine.control import machine
from engine.control.machine import Machine
from engine.house import House
from engine.store.dialect import DIALECTS
from mta.ports import Tx, from_ms

KEPT_SECONDS: Final = 10.0

_LATE: Final = (
    "SELECT min(w.due_ms) FROM (SELECT (SELECT min(e.due_ms) FROM enrolment e WHERE e.flow_id = f.id"
    " AND e.state = 'waiting') AS due_ms FROM flow f WHERE f.state = 'active') AS w"
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found."""

    machine: Machine
    flow_lag: timedelta
    keys_due: dict[str, datetime]  # by domain
    keys_unread: tuple[str, ...]  # domains whose mail can't be signed
    database_size: int  # octets


class Lookout:
    """One for a front office."""

    def __init__(self) -> None:
        self.last: Looked | None = None
        self._at = 0.0

    async def look(self, house: House, *, anew: bool = False) -> Looked:
        """What is the case now, or was some seconds ago. StoreTrouble."""
        monotonic, now = house.clock.monotonic(), house.clock.now()
        if self.last is None or anew or monotonic - self._at >= KEPT_SECONDS:
            self._at = monotonic
            seen = await asyncio.to_thread(machine.look, house.config)
            self.last = await house.store.read(
                lambda tx: Looked(seen, _lag(tx, now), _keys_due(tx, house), _keys_unread(tx, house), _size(tx))
            )
        return self.last


def _lag(tx: Tx, now: datetime) -> timedelta:
    row = tx.one(_LATE)
    return max(timedelta(), now - from_ms(row[0])) if row and row[0] is not None else timedelta()


def _size(tx: Tx) -> int:
    row = tx.one(DIALECTS[tx.dialect].size)
    return int(row[0]) if row else 0


def _keys_due(tx: Tx, house: House) -> dict[str, datetime]:
    """By domain, when the keys that sign should be replaced."""
    every = house.config.dkim.rotate_every
    signing: dict[str, datetime] = {}
    for each in keys.kept(tx) if every else ():
        if each.is_signing:
            signing[each.domain] = max(each.since, signing.get(each.domain, each.since))
    return {domain: since + every for domain, since in signing.items()}


def _keys_unread(tx: Tx, house: House) -> tuple[str, ...]:
    """The domains with a key that signs whose file is gone, or may not be read."""
    folder = house.config.keys_path
    signing = [each for each in keys.kept(tx) if each.is_signing]
    return tuple(sorted({each.domain for each in signing if not os.access(folder / each.file, os.R_OK)}))
