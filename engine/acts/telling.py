"""What of a request is kept: no secret, no long text, no data of an event.

The address that it is about, or the name of what was changed, stands in a column of its own, so that acts are found by it.
What a request says of a person (a name, a birthday) goes with it when that person has their data erased. All of it pure.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from deliverability.address import Address, AddressError
from deliverability.text import clean
from engine.counts import counted, deliveries

TEXT_MAX: Final = 300  # characters of a text that are kept whole
MANY: Final = 600  # characters of JSON of an object or a list that are kept whole
ABOUT_MAX: Final = 320
LEFT_OUT: Final = "left out"

_SECRET: Final = re.compile(r"pass(word|phrase)|secret|token|credential_key|private", re.IGNORECASE)
_PERSONAL: Final = ("data",)  # of an event: it stands with the event, as long as that is kept
_OWN_COLUMN: Final = ("by", "dry_run")
_OPPOSITES: Final = {
    "coupon pool add": "coupon pool drop", "credential add": "credential remove", "token add": "token remove",
    "pair pin": "pair free", "pair ban": "pair free",
}  # fmt: skip
_NAMES: Final = ("about", "list", "flow", "campaign", "site", "domain", "segment", "name", "mail", "q")


def told(body: Mapping[str, Any]) -> str:
    """The request as JSON, fit to be kept."""
    kept = {name: _kept(name, value) for name, value in body.items() if name not in _OWN_COLUMN}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True)


def about(body: Mapping[str, Any]) -> str:
    """Whom or what a request is about: an address's key, a name, or so many deliveries; "" when it says none."""
    if isinstance(address := body.get("address"), str) and address:
        return key(address)
    for name in _NAMES:
        if isinstance(value := body.get(name), str) and value:
            return key(value)
    numbers = body.get("deliveries")
    if isinstance(numbers, list) and numbers:
        return f"delivery {numbers[0]}" if len(numbers) == 1 else deliveries(len(numbers))
    return ""


def key(text: str) -> str:
    """How the column writes an address or a name."""
    try:
        return Address.parse(text).key
    except AddressError:
        return clean(text.strip().lower())[:ABOUT_MAX]


def typed(argv: Sequence[str]) -> tuple[str, str]:
    """The words of a command as they may be kept, and what they are about."""
    kept, hide = [], False
    for word in argv:
        name, has_value, _ = word.partition("=")
        kept.append(f"({LEFT_OUT})" if hide else f"{name}=({LEFT_OUT})" if has_value and _is_secret(name) else word)
        hide = _is_secret(word) and not has_value
    addresses = [each for word in kept if "@" in word and (each := _address(word))]
    names = [word for word in kept[2:] if not word.startswith("-")]
    return " ".join(clean(each)[:TEXT_MAX] for each in kept), key((addresses or names or [""])[0])


def way_back(argv: Sequence[str]) -> str:
    """What is said of undoing a command beside the daemon: the one that takes back what it made, where there is one."""
    for words, opposite in _OPPOSITES.items():
        if " ".join(argv).startswith(f"{words} "):
            return f"a command beside the daemon: `posthouse {opposite}` takes back what it made"
    return "a command beside the daemon, and none takes it back"


def _address(word: str) -> str:
    try:
        return str(Address.parse(word))
    except AddressError:
        return ""


def _is_secret(name: str) -> bool:
    return name.startswith("-") and _SECRET.search(name) is not None


def _kept(name: str, value: Any) -> Any:
    if _SECRET.search(name) or name in _PERSONAL:
        return f"({LEFT_OUT})"
    if isinstance(value, str):
        return value if len(value) <= TEXT_MAX else f"({len(value):,} characters)"
    if isinstance(value, dict):
        value = {each: _kept(each, inner) for each, inner in value.items()}
    if isinstance(value, dict | list) and len(json.dumps(value, ensure_ascii=False)) > MANY:
        return f"({counted(len(value), 'entry', 'entries')})"
    return value
