"""Bearer tokens: who may use the HTTP interface, for what, and how often; and what their requests were answered.

A token is 160 random bits, shown once when it is made. Only its SHA-256 is kept: it can't be guessed, so a slow hash would
protect nothing and cost every request. An answer to a request with an Idempotency-Key is written in the commit that did
what was asked, so the same request again is answered the same and does nothing.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mta.ports import Chance, Tx, to_ms

SCOPES: Final = ("events", "contacts", "products", "flows")
RATE: Final = 600  # requests a minute, unless said otherwise
RATE_MAX: Final = 60_000
KEEP: Final = timedelta(hours=24)  # for how long a repeated request is known

_OCTETS: Final = 20
_MARK: Final = "ph_"  # by which scanners of repositories know a token
_FORM: Final = re.compile(r"ph_[a-z2-7]{32}", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_COLUMNS: Final = "name, scopes, rate"


class BearerError(ValueError):
    """A token that can't be made or is not there; the words can be shown to an operator."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Somebody with a token. `rate`: requests a minute."""

    name: str
    scopes: frozenset[str]
    rate: int


def new_token(chance: Chance) -> str:
    """A fresh token."""
    return _MARK + base64.b32encode(chance.octets(_OCTETS)).decode("ascii").lower()


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def add(tx: Tx, bearer: Bearer, token_hash: str, now: datetime) -> None:
    """BearerError when the name is taken or is none, or a scope or the rate is none."""
    if not _NAME.fullmatch(bearer.name):
        raise BearerError(f'"{bearer.name[:70]}" is no name: small letters, digits and . _ -, at most 64')
    if not bearer.scopes or (unknown := bearer.scopes - set(SCOPES)):
        said = f'"{min(unknown)[:30]}" is no scope' if bearer.scopes else "a token is for something"
        raise BearerError(f"{said} (there are: {', '.join(SCOPES)})")
    if not 0 < bearer.rate <= RATE_MAX:
        raise BearerError(f"a rate is from 1 to {RATE_MAX} requests a minute")
    added = tx.execute(
        "INSERT INTO api_token (name, hash, scopes, rate, created_ms) VALUES (?,?,?,?,?) ON CONFLICT (name) DO NOTHING",
        (bearer.name, token_hash, ",".join(sorted(bearer.scopes)), bearer.rate, to_ms(now)),
    )
    if not added:
        raise BearerError(f"there is a token {bearer.name} already")


def remove(tx: Tx, name: str) -> None:
    """Its next request is refused. BearerError when there is no such token."""
    if not tx.execute("DELETE FROM api_token WHERE name = ?", (name,)):
        raise BearerError(f"there is no token {name[:70]}")


def every(tx: Tx) -> list[Bearer]:
    """All of them, by name."""
    return [_bearer(row) for row in tx.query(f"SELECT {_COLUMNS} FROM api_token ORDER BY name")]


def find(tx: Tx, token: str) -> Bearer | None:
    """Whose token this is."""
    if not _FORM.fullmatch(token):
        return None
    row = tx.one(f"SELECT {_COLUMNS} FROM api_token WHERE hash = ?", (hash_of(token),))
    return None if row is None else _bearer(row)


def _bearer(row: Sequence[Any]) -> Bearer:
    return Bearer(row[0], frozenset(row[1].split(",")), row[2])


# -- repeated requests


@dataclass(frozen=True, slots=True)
class Kept:
    """What a request was answered before, and the hash of what it asked."""

    request: str
    code: int
    answer: str


def claim(tx: Tx, token: str, key: str, request: str, now: datetime) -> Kept | None:
    """Take this key for this request; or, where it was taken before, what came of that."""
    taken = tx.execute(
        "INSERT INTO api_answer (token, key, request, answer, code, at_ms) VALUES (?,?,?,'',0,?)"
        " ON CONFLICT (token, key) DO NOTHING",
        (token, key, request, to_ms(now)),
    )
    if taken:
        return None
    row = tx.one("SELECT request, code, answer FROM api_answer WHERE token = ? AND key = ?", (token, key))
    return None if row is None else Kept(*row)


def keep(tx: Tx, token: str, key: str, code: int, answer: str) -> None:
    """Write down what a claimed key was answered."""
    tx.execute("UPDATE api_answer SET code = ?, answer = ? WHERE token = ? AND key = ?", (code, answer, token, key))


def has_old(tx: Tx, now: datetime) -> bool:
    """Whether `drop_old` would find any."""
    return tx.one("SELECT 1 FROM api_answer WHERE at_ms < ? LIMIT 1", (to_ms(now - KEEP),)) is not None


def drop_old(tx: Tx, now: datetime, limit: int = 200) -> None:
    """Forget answers that nobody will ask for again."""
    rows = tx.query(
        "SELECT token, key FROM api_answer WHERE at_ms < ? ORDER BY at_ms LIMIT ?", (to_ms(now - KEEP), limit)
    )
    tx.executemany("DELETE FROM api_answer WHERE token = ? AND key = ?", rows)
