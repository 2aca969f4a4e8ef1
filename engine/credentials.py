"""Credentials: who may submit mail with a password, and what it may send.

The password is made here, shown once, and kept as an argon2id hash. Checking one costs some 20 ms and 19 MiB on
purpose: it is done in a thread, one at a time, and who waits too long is told to come again. A password that was right
once is recognised by a keyed digest afterwards, for as long as its hash stands in the table.

A rate is kept in the credential's row, in the commit that takes the mail: it holds over all carriers, and a refused
mail costs nothing of it.
"""

import asyncio
import base64
import hmac
import re
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mta.inbound.transaction import Grant
from mta.ports import Chance, Store, StoreBusy, Tx, to_ms
from mta.queue.delivery import Stream

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
PASSWORD_OCTETS: Final = 20  # 160 bits: nobody guesses it, whatever the hash
MINUTE_MS: Final = 60_000
MOST_RATE: Final = MINUTE_MS  # a delivery a millisecond; beyond it no rate is needed
_WAITING: Final = 64  # passwords being checked or waiting for it in one carrier
_REMEMBERED: Final = 256  # passwords that were right
_COST: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's second choice of 2024
_COLUMNS: Final = "name, domains, stream, rate, max_size, dsn"


class CredentialTrouble(Exception):
    """What was asked about a credential can't be; the words say why."""


class Revoked(CredentialTrouble):
    """The credential was removed while its client was connected."""


class RateExceeded(CredentialTrouble):
    """More than its allowance: some time later it may. `never`: not even the whole allowance would do."""

    def __init__(self, rate: int, *, never: bool) -> None:
        super().__init__(f"this credential may send {rate} a minute")
        self.never = never


def new_password(chance: Chance) -> str:
    """Thirty-two small letters and digits."""
    return base64.b32encode(chance.octets(PASSWORD_OCTETS)).decode("ascii").lower()


def hash_of(password: str) -> str:
    return _COST.hash(password)


# -- the table


def add(tx: Tx, grant: Grant, password_hash: str, now: datetime) -> None:
    """CredentialTrouble when the name is taken."""
    row = (
        grant.name, password_hash, ",".join(sorted(grant.domains)), grant.stream, grant.rate, grant.max_size,
        int(grant.dsn), to_ms(now),
    )  # fmt: skip
    added = tx.execute(
        "INSERT INTO credential (name, hash, domains, stream, rate, max_size, dsn, spent_until_ms, created_ms)"
        " VALUES (?,?,?,?,?,?,?,0,?) ON CONFLICT (name) DO NOTHING",
        row,
    )
    if not added:
        raise CredentialTrouble(f"there is a credential {grant.name} already")


def set_password(tx: Tx, name: str, password_hash: str) -> None:
    """The old password is worthless from now on. CredentialTrouble when there is no such credential."""
    if not tx.execute("UPDATE credential SET hash = ? WHERE name = ?", (password_hash, name)):
        raise CredentialTrouble(f"there is no credential {name}")


def remove(tx: Tx, name: str) -> None:
    """Its next message is refused, also on an open connection. CredentialTrouble when there is no such credential."""
    if not tx.execute("DELETE FROM credential WHERE name = ?", (name,)):
        raise CredentialTrouble(f"there is no credential {name}")


def every(tx: Tx) -> list[Grant]:
    return [_grant(row) for row in tx.query(f"SELECT {_COLUMNS} FROM credential ORDER BY name")]


def _grant(row: Sequence[object]) -> Grant:
    name, domains, stream, rate, max_size, dsn = row
    return Grant(
        name=str(name), domains=frozenset(filter(None, str(domains).split(","))),
        stream=Stream(stream) if isinstance(stream, int) else None, rate=int(str(rate)), max_size=int(str(max_size)),
        dsn=bool(dsn),
    )  # fmt: skip


def spend(tx: Tx, name: str, deliveries: int, now: datetime) -> None:
    """Take `deliveries` from a credential's allowance, in the commit that takes the mail on. Revoked, RateExceeded.

    An empty allowance fills up evenly within a minute (the generic cell rate algorithm: one number is all it keeps).
    """
    row = tx.one("SELECT rate, spent_until_ms FROM credential WHERE name = ?" + tx.for_update(), (name,))
    if row is None:
        raise Revoked(f"the credential {name} was removed")
    rate, spent_until_ms = row
    if not rate:
        return
    now_ms = to_ms(now)
    after_ms = max(spent_until_ms, now_ms) + -(-deliveries * MINUTE_MS // rate)
    if after_ms > now_ms + MINUTE_MS:
        raise RateExceeded(rate, never=deliveries > rate)
    tx.execute("UPDATE credential SET spent_until_ms = ? WHERE name = ?", (after_ms, name))


# -- the check


@dataclass(slots=True)
class _Right:
    hash: str
    digest: bytes


class Credentials:
    """Checks passwords for one carrier. After `close` it checks none."""

    def __init__(self, store: Store, chance: Chance) -> None:
        self._store = store
        self._key = chance.octets(32)  # of this process; a digest is worth nothing outside it
        self._pool = ThreadPoolExecutor(1, "passwords")
        self._nobody = hash_of(new_password(chance))  # what an unknown name is checked against, for as long
        self._right: OrderedDict[str, _Right] = OrderedDict()
        self._waiting = 0

    async def authenticate(self, name: str, password: str) -> Grant | None:
        """What `name` may send, if `password` is its own; None after the same time for a wrong name or password.
        StoreTrouble when it can't be checked now.
        """
        row = await self._store.read(
            lambda tx: tx.one(f"SELECT {_COLUMNS}, hash FROM credential WHERE name = ?", (name,))
        )
        kept = row[-1] if row else self._nobody
        digest = hmac.digest(self._key, password.encode(), "sha256")
        right = self._right.get(name)
        if right is None or right.hash != kept or not hmac.compare_digest(right.digest, digest):
            if not await self._is_right(kept, password) or row is None:
                return None
            self._remember(name, _Right(kept, digest))
        return _grant(row[:-1]) if row else None

    async def _is_right(self, kept: str, password: str) -> bool:
        if self._waiting >= _WAITING:
            raise StoreBusy("too many passwords wait to be checked")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, _verify, kept, password)
        finally:
            self._waiting -= 1

    def _remember(self, name: str, right: _Right) -> None:
        self._right[name] = right
        self._right.move_to_end(name)
        while len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)

    def close(self) -> None:
        self._pool.shutdown(wait=False)


def _verify(kept: str, password: str) -> bool:
    try:
        return _COST.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
