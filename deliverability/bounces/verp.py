"""Reverse-paths that name their delivery and cannot be made by others (VERP with an HMAC).

A bounce is believed only when it comes to an address that we made: `b+<token>@bounce.example`. The token holds the
key's version, the last day it counts, the delivery's number and 128 bits of HMAC-SHA-256 over these and over the
purpose, so a token made for one thing is worth nothing for another. Its alphabet survives servers that fold case.

    octets   0        1..2              3..8          9..24
             version  day since 1970    delivery id   HMAC          (25 octets: 40 letters of base32, no padding)
"""

import base64
import binascii
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

PREFIX: Final = "b+"
PURPOSE: Final = "reverse-path"
MAX_DELIVERY_ID: Final = 2**48 - 1
MIN_SECRET: Final = 32  # octets

_LENGTH: Final = 40
_MAC: Final = 16
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Forged:
    """Not made with any of our keys (or damaged): whatever came to this address proves nothing."""


@dataclass(frozen=True, slots=True)
class Expired:
    """Ours, but its days are over."""

    delivery_id: int


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A secret of at least 32 octets, and the version (0 to 255) that tells it from those before and after it."""

    secret: bytes = field(repr=False)
    version: int = 1

    def __post_init__(self) -> None:
        if len(self.secret) < MIN_SECRET or not 0 <= self.version <= 255:
            raise ValueError(f"a token key has at least {MIN_SECRET} octets and a version from 0 to 255")

    def mac(self, purpose: str, payload: bytes) -> bytes:
        """128 bits that only the holder of the key can make, for this purpose and payload."""
        return hmac.digest(self.secret, purpose.encode() + b"\0" + payload, "sha256")[:_MAC]

    def make(self, delivery_id: int, expires: date, domain: str) -> str:
        """The reverse-path of a delivery, believed to the end of the day `expires` (UTC). The same in, the same out."""
        if not 0 <= delivery_id <= MAX_DELIVERY_ID:
            raise ValueError(f"{delivery_id} is no delivery id: it must fit 48 bits")
        day = _utc_day(expires).toordinal() - _EPOCH
        payload = bytes((self.version,)) + day.to_bytes(2, "big") + delivery_id.to_bytes(6, "big")
        token = base64.b32encode(payload + self.mac(PURPOSE, payload))
        return f"{PREFIX}{token.decode().lower()}@{domain}"

    def read(self, local_part: str, now: datetime) -> int | Forged | Expired:
        """The delivery that a reverse-path made by `make` names."""
        return read_token(local_part, (self,), now)


def read_token(local_part: str, keys: Iterable[TokenKey], now: datetime) -> int | Forged | Expired:
    """The delivery that a local part names, with the key whose version it carries (keys change, tokens live on)."""
    octets = _octets(local_part)
    key = next((key for key in keys if octets and key.version == octets[0]), None)
    if octets is None or key is None:
        return Forged()
    payload, mac = octets[:-_MAC], octets[-_MAC:]
    if not hmac.compare_digest(key.mac(PURPOSE, payload), mac):
        return Forged()
    delivery_id = int.from_bytes(payload[3:], "big")
    last_day = _EPOCH + int.from_bytes(payload[1:3], "big")
    return delivery_id if _utc_day(now).toordinal() <= last_day else Expired(delivery_id)


def _octets(local_part: str) -> bytes | None:
    prefix, token = local_part[: len(PREFIX)].lower(), local_part[len(PREFIX) :]
    if prefix != PREFIX or len(token) != _LENGTH or not token.isascii():
        return None
    try:
        return base64.b32decode(token.upper())
    except binascii.Error:
        return None


def _utc_day(moment: date) -> date:
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
