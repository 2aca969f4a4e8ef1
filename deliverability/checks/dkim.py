"""Whether a published DKIM record lets receivers verify what a key signs (RFC 6376 section 3.6.1, RFC 8301, RFC 8463)."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from deliverability.signing.keys import Key, dns_record
from deliverability.text import clean


@dataclass(frozen=True, slots=True)
class Shown:
    """What a name server shows for a key. `fault`: why receivers can't verify with it; "" when they can."""

    fault: str
    advice: tuple[str, ...] = ()


def read_tags(text: str) -> dict[str, str] | None:
    """The tag list of a record (section 3.2): names in lower case, values without blanks at their ends. None where it
    is no tag list, or a tag comes twice."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals or name.strip().lower() in tags:
            return None
        tags[name.strip().lower()] = value.strip()
    return tags


def judge(key: Key, texts: Sequence[str]) -> Shown:
    """The TXT records at the key's name, each joined to one string, against the key."""
    if not texts:
        return Shown("it shows no TXT record there")
    if len(texts) > 1:
        return Shown(f"it shows {len(texts)} TXT records there; receivers may take any of them: leave only ours")
    tags = read_tags(texts[0])
    if tags is None or tags.get("v", "DKIM1") != "DKIM1":
        return Shown(f'what it shows is no DKIM record: "{clean(texts[0][:60])}"')
    if not tags.get("p"):
        return Shown("it shows a record with an empty p=, which says that the key was withdrawn")
    return Shown(_fault(key, tags), _advice(tags))


def _fault(key: Key, tags: dict[str, str]) -> str:
    ours = read_tags(dns_record(key).value) or {}
    if tags.get("k", "rsa").lower() != ours["k"]:
        return f"it shows a key of the kind {clean(tags.get('k', 'rsa')[:40])}, not {ours['k']}"
    if _octets(tags["p"]) != _octets(ours["p"]):
        return "it shows another key than the one we hold (p= differs)"
    if "h" in tags and "sha256" not in _words(tags["h"]):
        return f"its h={clean(tags['h'][:40])} does not allow sha256"
    if not {"*", "email"} & _words(tags.get("s", "*")):
        return f"its s={clean(tags['s'][:40])} does not allow e-mail"
    return ""


def _advice(tags: dict[str, str]) -> tuple[str, ...]:
    found = []
    if "y" in _words(tags.get("t", "")):
        found.append("t=y says that you are only testing: receivers may ignore the signature; take it out")
    if "v" not in tags:
        found.append("v=DKIM1 is missing: put it first")
    return tuple(found)


def _octets(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _words(text: str) -> set[str]:
    return {word.strip().lower() for word in text.split(":")}
