"""Do the DKIM signatures of a message hold? (RFC 6376 section 6, RFC 8301, RFC 8463.)

The arithmetic is dkimpy's, an implementation that is not ours, which is the point. What it folds into one "no" is told apart
here: a signature that does not hold, one that can't be judged for good, and one that DNS gave no answer for.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import dkim

from deliverability.checks.dkim import read_tags
from deliverability.checks.spf import Dns, DnsTrouble
from deliverability.rawmail import MessageError, fields, normalise_newlines, split_message
from deliverability.text import clean

MAX_SIGNATURES: Final = 10  # of one message that are looked at
MAX_SIZE: Final = 33_554_432  # octets of a message
MIN_BITS: Final = 1024  # RFC 8301 section 3.2
_KEYS: Final = {"rsa-sha256": "rsa", "rsa-sha1": "rsa", "ed25519-sha256": "ed25519"}


class Holds(StrEnum):
    """RFC 8601 section 2.7.1."""

    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of a message, in the order of its fields. reason: why it does not pass, or ""."""

    domain: str
    selector: str
    result: Holds
    reason: str


class _Unusable(Exception):
    """The signature or its key can't be judged; the words say why."""


def verify(content: bytes, dns: Dns) -> list[Signature]:
    """The signatures of a message, each judged by itself. MessageError when the message has no readable header."""
    content = normalise_newlines(content)
    values = [value for name, value in fields(split_message(content)[0]) if name.lower() == "dkim-signature"]
    return [_judged(content, index, value, dns) for index, value in enumerate(values[:MAX_SIGNATURES])]


def _judged(content: bytes, index: int, value: bytes, dns: Dns) -> Signature:
    tags = read_tags(value.decode("utf-8", "replace")) or {}
    domain, selector = clean(tags.get("d", "")).lower(), clean(tags.get("s", ""))
    try:
        result, reason = _verdict(content, index, tags, dns)
    except DnsTrouble as err:
        result, reason = Holds.TEMPERROR, clean(str(err)) or "DNS gave no answer"
    except _Unusable as err:
        result, reason = Holds.PERMERROR, str(err)
    return Signature(domain, selector, result, reason)


def _verdict(content: bytes, index: int, tags: Mapping[str, str], dns: Dns) -> tuple[Holds, str]:
    _check_signature(tags)
    record = _record(tags, dns)
    try:
        holds = dkim.DKIM(content, minkey=MIN_BITS).verify(index, dnsfunc=lambda *_, **__: record)
    except dkim.KeyFormatError as err:
        raise _Unusable(f"the key can't be used: {clean(str(err))}") from None
    except dkim.ValidationError as err:
        words = clean(str(err))
        if words.startswith("body hash mismatch"):
            return Holds.FAIL, "the body was changed: its hash is another"
        raise _Unusable(words) from None
    except (dkim.DKIMException, binascii.Error, ValueError, TypeError, LookupError, AttributeError) as err:
        raise _Unusable(f"the signature is malformed: {clean(str(err))[:200]}") from None
    return (Holds.PASS, "") if holds else (Holds.FAIL, "a signed field was changed, or another key signed")


def _check_signature(tags: Mapping[str, str]) -> None:
    """What section 6.1.1 asks before the key is fetched."""
    if not tags:
        raise _Unusable("the field is no tag list")
    if missing := [name for name in ("v", "a", "b", "bh", "d", "h", "s") if not tags.get(name)]:
        raise _Unusable(f"the signature has no {missing[0]}=")
    if tags["a"].lower() not in _KEYS:
        raise _Unusable(f"the algorithm {clean(tags['a'])[:40]} is not known")
    signed = [name.strip().lower() for name in tags["h"].split(":")]
    if "from" not in signed:
        raise _Unusable("the From field is not signed")  # section 5.4


def _record(tags: Mapping[str, str], dns: Dns) -> bytes:
    """The public key's record, where this signature may use it (section 6.1.2)."""
    name = f"{''.join(tags['s'].split())}._domainkey.{''.join(tags['d'].split())}"
    texts = dns(name, "TXT")
    if not texts:
        raise _Unusable(f"there is no key at {clean(name)}")
    found = read_tags(texts[0])
    if found is None or found.get("v", "DKIM1") != "DKIM1":
        raise _Unusable(f"what is at {clean(name)} is no DKIM record")
    key = "".join(found.get("p", "").split())
    if not key:
        raise _Unusable("the key was revoked")
    kind = found.get("k", "rsa").lower()
    if kind != _KEYS[tags["a"].lower()]:
        raise _Unusable(f"the key is of the kind {clean(kind)[:40]}, and the signature of {clean(tags['a'])}")
    if "h" in found and tags["a"].lower().partition("-")[2] not in found["h"].lower().replace(" ", "").split(":"):
        raise _Unusable("the key may not be used with this hash")
    if "s" in found.get("t", "").lower().replace(" ", "").split(":"):
        _check_identity(tags)
    record = texts[0].encode("latin-1", "replace")
    try:
        base64.b64decode(key, validate=True)
        _, bits, *_ = dkim.evaluate_pk(name.encode("latin-1", "replace"), record)
    except (dkim.KeyFormatError, dkim.DKIMException, binascii.Error, ValueError, TypeError, LookupError):
        raise _Unusable("the key is malformed") from None
    if kind == "rsa" and bits < MIN_BITS:
        raise _Unusable(f"the key has {bits} bits, less than the {MIN_BITS} that are asked for")
    return record


def _check_identity(tags: Mapping[str, str]) -> None:
    """A key with the flag s signs for its very domain only (section 3.6.1)."""
    identity = tags.get("i", "@" + tags["d"]).rpartition("@")[2].strip()
    if identity.lower() != tags["d"].strip().lower():
        raise _Unusable("the key signs for its domain only, and the signature names one below it")


__all__ = ["Holds", "MessageError", "Signature", "verify"]
