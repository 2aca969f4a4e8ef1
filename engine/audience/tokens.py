"""Tokens: what lets the holder of a link do one thing, and nothing else.

A token is base64url, without padding, of

    key id (1 octet), purpose (1), expiry (5, seconds since 1970; 0 is never), ids (each a varint), MAC (16)

The MAC is HMAC-SHA256 over all before it, cut to 128 bits. So a token can't be guessed, bent, lengthened, or used for
another purpose or another person; it needs no table, and an unsubscribe link works for as long as its key is kept.
Reading has one failure for every kind of wrong token, so that nobody learns which part was right.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

MAC_OCTETS: Final = 16
SHORT_MAC_OCTETS: Final = 5
TOKEN_MAX: Final = 128  # characters; a longer text is not looked at

_HEAD: Final = 7
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{31,128}", re.ASCII)
_SEALED: Final = re.compile(r"[A-Za-z0-9_-]{31,3000}", re.ASCII)
_SHORT: Final = re.compile(r"[A-Za-z2-7]{10,24}", re.ASCII)
_MAILBOX: Final = re.compile(r"[A-Za-z2-7]{37,64}", re.ASCII)


YES: Final = "yes+"  # what the local part of an address begins with that confirms
LEAVE: Final = "leave+"  # ... and that unsubscribes


class Purpose(IntEnum):
    """What a token is good for. The numbers are in people's mailboxes: never reuse one."""

    CONFIRM = 1  # ids: contact, list, when it was asked (ms)
    UNSUBSCRIBE = 2  # ids: contact, list (0: all marketing mail)
    CLICK = 20  # a payload of engine.tracking.marks, like the next two
    OPEN = 21
    VIEW = 22
    FORM = 10  # ids: list, when its form was shown (s)
    PREFERENCES = 11  # ids: contact
    SURVEY = 12  # ids: contact, the survey's code, when it was asked (s)
    REFERRAL = 13  # short; id: contact
    ANSWER = 14  # ids: contact, enrolment or run, which of the two and the occurrence, a code of the step


class BadToken(Exception):
    """Not a token of ours for this purpose, now. It never says why."""

    def __init__(self) -> None:
        super().__init__("this link is not valid")


class Tokens:
    """Makes tokens with one secret; also reads those of the secrets before it."""

    def __init__(self, secret: bytes, older: Sequence[bytes] = ()) -> None:
        if any(len(each) < 16 for each in (secret, *older)):
            raise ValueError("a token secret has at least 16 octets")
        self._keys = [_derive(each) for each in (secret, *older)]

    def make(self, purpose: Purpose, ids: Iterable[int], expires: datetime | None = None) -> str:
        """A token for `purpose` that names `ids`; it works up to `expires`, or for ever."""
        return base64.urlsafe_b64encode(self._octets(purpose, ids, expires)).rstrip(b"=").decode("ascii")

    def make_mailbox(self, purpose: Purpose, ids: Iterable[int], expires: datetime | None = None) -> str:
        """The same for a local part: in base32, since there are mail servers that fold its case."""
        return base64.b32encode(self._octets(purpose, ids, expires)).rstrip(b"=").decode("ascii").lower()

    def seal(self, purpose: Purpose, payload: bytes) -> str:
        """A token for `purpose` that says `payload` to whoever can read base64; it works for ever."""
        return base64.urlsafe_b64encode(self._signed(purpose, payload, None)).rstrip(b"=").decode("ascii")

    def unseal(self, purpose: Purpose, token: str, now: datetime) -> bytes:
        """The payload of what `seal` made. BadToken for everything else."""
        return self._verified(purpose, _decode(token, _SEALED), now)

    def read(self, purpose: Purpose, token: str, now: datetime) -> tuple[int, ...]:
        """The ids that a token of ours names. BadToken for everything else."""
        return _varints(self._verified(purpose, _decode(token, _FORM), now))

    def read_mailbox(self, purpose: Purpose, token: str, now: datetime) -> tuple[int, ...]:
        """The same for what `make_mailbox` made."""
        if not _MAILBOX.fullmatch(token):
            raise BadToken
        try:
            octets = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        except ValueError:
            raise BadToken from None
        return _varints(self._verified(purpose, octets, now))

    def make_short(self, purpose: Purpose, value: int) -> str:
        """A token that people read out and pass on: one id and 40 bits of MAC. Guessing one must be worth nothing."""
        said = varint(value)
        return base64.b32encode(said + _short_mac(self._keys[0], purpose, said)).rstrip(b"=").decode("ascii").lower()

    def read_short(self, purpose: Purpose, token: str) -> int:
        """The id of what `make_short` made, in letters of either case. BadToken for everything else."""
        if not _SHORT.fullmatch(token):
            raise BadToken
        try:
            octets = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        except ValueError:
            raise BadToken from None
        said, mac = octets[:-SHORT_MAC_OCTETS], octets[-SHORT_MAC_OCTETS:]
        genuine = any(hmac.compare_digest(_short_mac(key, purpose, said), mac) for key in self._keys)
        # Spare bits in the last letter would let several texts stand for one token.
        if not genuine or base64.b32encode(octets).rstrip(b"=").decode("ascii").lower() != token.lower():
            raise BadToken
        return _varints(said)[0]

    def _octets(self, purpose: Purpose, ids: Iterable[int], expires: datetime | None) -> bytes:
        return self._signed(purpose, b"".join(varint(each) for each in ids), expires)

    def _signed(self, purpose: Purpose, payload: bytes, expires: datetime | None) -> bytes:
        key = self._keys[0]
        seconds = int(expires.timestamp()) if expires else 0
        said = bytes((_key_id(key), purpose)) + seconds.to_bytes(5, "big") + payload
        return said + _mac(key, said)

    def _verified(self, purpose: Purpose, octets: bytes, now: datetime) -> bytes:
        """What stands between head and MAC."""
        said, mac = octets[:-MAC_OCTETS], octets[-MAC_OCTETS:]
        genuine = False
        for key in self._keys:
            genuine |= hmac.compare_digest(_mac(key, said), mac) and _key_id(key) == said[0]
        expires = int.from_bytes(said[2:_HEAD], "big")
        if not genuine or said[1] != purpose or (expires and now > datetime.fromtimestamp(expires, UTC)):
            raise BadToken
        return said[_HEAD:]


def _derive(secret: bytes) -> bytes:
    # The same secret serves other things (bounce addresses); a key of its own keeps one from standing for another.
    return hmac.digest(secret, b"posthouse: tokens in links, form 1", hashlib.sha256)


def _key_id(key: bytes) -> int:
    return hmac.digest(key, b"key id", hashlib.sha256)[0]


def _mac(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, said, hashlib.sha256)[:MAC_OCTETS]


def _short_mac(key: bytes, purpose: Purpose, said: bytes) -> bytes:
    return hmac.digest(key, b"short" + bytes((purpose,)) + said, hashlib.sha256)[:SHORT_MAC_OCTETS]


def _decode(token: str, form: re.Pattern[str]) -> bytes:
    if not form.fullmatch(token):
        raise BadToken
    try:
        octets = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise BadToken from None
    # Spare bits in the last character would let several texts stand for one token.
    if base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii") != token:
        raise BadToken
    return octets


def varint(value: int) -> bytes:
    """A whole number in as few octets as it needs, seven bits in each, the lowest first."""
    if value < 0:
        raise ValueError("an id is not negative")
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _varints(octets: bytes) -> tuple[int, ...]:
    """The ids one after the other. Only ever given octets whose MAC was right, so they are ours and whole."""
    values, value, shift = [], 0, 0
    for octet in octets:
        value |= (octet & 0x7F) << shift
        shift += 7
        if not octet & 0x80:
            values.append(value)
            value, shift = 0, 0
    return tuple(values)
