"""DKIM signatures (RFC 6376): relaxed/relaxed, RSA and Ed25519 in one pass over the message.

Signed are the last octets: what is given here must go onto the wire unchanged, with CRLF line ends. The same message
and the same `now` give the same octets, so a later attempt at a delivery repeats the first. Never l= (anything could be
appended) and never sha1.
"""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from deliverability.rawmail import split_message
from deliverability.settings import OVERSIGNED, SIGNED
from deliverability.signing.canonical import relaxed_body, relaxed_fields
from deliverability.signing.keys import Key

_FOLD: Final = b"\r\n "  # on the wire; its relaxed form is one blank
_WIDTH: Final = 76


class Signer:
    """Signs for one domain, once with each of its keys."""

    def __init__(
        self, keys: Sequence[Key], *, headers: Sequence[str] = SIGNED, oversigned: Sequence[str] = OVERSIGNED
    ) -> None:
        """`headers` are signed where present; `oversigned` once more than present, so that none can be added unseen."""
        if len({key.domain for key in keys}) != 1:
            raise ValueError("a signer needs keys, and all of one domain")
        self.domain = keys[0].domain
        # Names in one case: a verifier was seen to fail on repeated names whose case differs.
        self._oversigned = frozenset(name.lower().encode("ascii") for name in oversigned)
        self._headers = tuple(dict.fromkeys(name.lower().encode("ascii") for name in ("from", *oversigned, *headers)))
        self._keys = tuple((_opening(key), key.signer()) for key in keys)

    def sign(self, content: bytes, now: datetime) -> bytes:
        """The DKIM-Signature fields, each with its line end, to put before `content`."""
        header, body = split_message(content)
        names, signed = self._select(relaxed_fields(header))
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
        closing = (b"t=%d;" % int(now.timestamp()), *_fold_names(names), b"bh=" + body_hash + b";", b"b=")
        signatures = []
        for opening, sign in self._keys:
            lines = (*opening, *closing)
            octets = sign(signed + b"dkim-signature:" + b" ".join(lines))
            signatures.append(b"DKIM-Signature: " + _FOLD.join((*lines, *_fold_base64(octets))) + b"\r\n")
        return b"".join(signatures)

    def _select(self, fields: list[tuple[bytes, bytes]]) -> tuple[tuple[bytes, ...], bytes]:
        """The names of h= and the octets they stand for: of repeated fields the last comes first (section 5.4.2)."""
        present: dict[bytes, list[bytes]] = {}
        for name, field in fields:
            present.setdefault(name, []).append(field)
        names: list[bytes] = []
        signed: list[bytes] = []
        for name in self._headers:
            found = present.get(name, ())
            signed.extend(reversed(found))
            names.extend([name] * (len(found) + (name in self._oversigned)))
        return tuple(names), b"".join(signed)


def _opening(key: Key) -> tuple[bytes, bytes]:
    return (
        f"v=1; a={key.algorithm}; c=relaxed/relaxed;".encode("ascii"),
        f"d={key.domain}; s={key.selector};".encode("ascii"),
    )


@lru_cache(maxsize=256)
def _fold_names(names: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """h= in lines, folded at colons only: a name cut by a fold is a permanent error to some verifiers."""
    lines = [b"h="]
    for position, name in enumerate(names, 1):
        piece = name + (b":" if position < len(names) else b";")
        if len(lines[-1]) + len(piece) > _WIDTH:
            lines.append(b"")
        lines[-1] += piece
    return tuple(lines)


def _fold_base64(octets: bytes) -> list[bytes]:
    text = base64.b64encode(octets)
    return [text[start : start + _WIDTH] for start in range(0, len(text), _WIDTH)]
