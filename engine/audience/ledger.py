"""The arithmetic of the consent ledger: commitments and a chain of hashes. Pure; whoever holds a bundle can do it again.

An entry says when something happened and what kind of act it was; all that is personal (who, which list, the words shown,
address, circumstances) is only committed to, with a salt:

    commitment = SHA-256(salt || facts)                                    facts: canonical JSON in UTF-8
    hash       = SHA-256({"act", "at", "commitment", "previous", "seq"})   canonical JSON; hashes in hex

So the personal values can be erased, salt and all, and nobody can guess them back from the commitment, while the chain
still verifies: no entry was changed, taken out, put in or moved since a later hash was seen. Canonical JSON has sorted
keys, no blanks, and no escapes but those that JSON demands (close to RFC 8785; the facts hold no fractions).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

GENESIS: Final = "0" * 64  # what the first entry follows
SALT_OCTETS: Final = 32

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class Broken(ValueError):
    """A ledger or a bundle that does not verify; the words say where."""


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the chain, without anything personal."""

    seq: int
    at_ms: int
    act: str
    commitment: str
    previous: str
    hash: str


def canonical(values: Mapping[str, Any]) -> bytes:
    """The one way to write these values down."""
    return _ENCODER.encode(values).encode()


def commit_to(salt: bytes, facts: bytes) -> str:
    """The commitment to facts, in hex."""
    return hashlib.sha256(salt + facts).hexdigest()


def link(seq: int, at_ms: int, act: str, commitment: str, previous: str) -> Link:
    """The entry that follows `previous`."""
    said = {"seq": seq, "at": at_ms, "act": act, "commitment": commitment, "previous": previous}
    return Link(seq, at_ms, act, commitment, previous, hashlib.sha256(canonical(said)).hexdigest())


def verify_chain(links: Iterable[Link], first: int = 1, previous: str = GENESIS) -> Link | None:
    """Go over entries from `first` on, which follows `previous`; the last one. Broken at the first that does not fit."""
    last = None
    for each in links:
        if each.seq != first:
            raise Broken(f"entry {first} is missing: {each.seq} comes in its place")
        if each.previous != previous:
            raise Broken(f"entry {each.seq} does not follow the one before it")
        if link(each.seq, each.at_ms, each.act, each.commitment, each.previous).hash != each.hash:
            raise Broken(f"entry {each.seq} was changed: its hash is not that of what it says")
        first, previous, last = each.seq + 1, each.hash, each
    return last


def verify_facts(each: Link, salt: bytes, facts: bytes) -> None:
    """Broken where these facts are not those that the entry committed to."""
    if commit_to(salt, facts) != each.commitment:
        raise Broken(f"the facts of entry {each.seq} were changed: they are not those it committed to")
