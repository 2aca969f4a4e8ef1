"""One event as a value: what may be one, and what may be in it.

An event says that something happened in a contact's affairs. The names of the vocabulary are documented and typed; any
other well-formed name is a custom event with whatever data it brings. Data is plain JSON within limits, so that whoever wrote
it (a shop, a mail, a stranger) can't make anything behind it slow or fail.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from deliverability.address import Address
from engine.flow.spelling import near
from engine.flow.values import LARGEST
from engine.flow.vocabulary import FAMILIES, OWN, TOLD, VOCABULARY

MAX_DATA: Final = 65_536  # octets of an event's data as JSON
MAX_DEPTH: Final = 10
MAX_NAME: Final = 64
MAX_KEY: Final = 200

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*")


class EventError(ValueError):
    """No event; the message says why, in words that can be shown to whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `address` is whom it concerns, None for nobody (a product came back in stock)."""

    name: str
    at: datetime
    source: str  # header, markup, extractor, address, command, http, relay, engine
    data: dict[str, Any] = field(default_factory=dict)
    key: str = ""  # what it is about: the order's number, the cart
    address: Address | None = None
    contact_name: str = ""
    locale: str = ""
    idempotency_key: str | None = None  # a second event with the same one is the first, told again


def make_event(
    name: str,
    data: str | bytes | dict[str, Any],
    *,
    at: datetime,
    source: str,
    key: str = "",
    address: Address | None = None,
    contact_name: str = "",
    locale: str = "",
    idempotency_key: str | None = None,
) -> Event:
    """An event out of foreign parts. EventError when the name or the data won't do, or only Posthouse makes such.

    Without a key the vocabulary's own is taken out of the data (an order's number, a cart's id).
    """
    name = check_told(name)
    plain = read_data(data)
    return Event(
        name=name,
        at=at,
        source=source,
        data=plain,
        key=(key or natural_key(name, plain))[:MAX_KEY],
        address=address,
        contact_name=contact_name,
        locale=locale,
        idempotency_key=idempotency_key,
    )


def check_name(name: str) -> str:
    """The name, when it is well formed. EventError otherwise."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        shown = name[:MAX_NAME].encode("ascii", "backslashreplace").decode()
        raise EventError(f"{shown!r} is no event name (small letters, digits, - and _, parts joined by dots)")
    return name


def check_known(name: str) -> str:
    """The name, when it is well formed and, where its first word is one of ours, in the vocabulary. EventError otherwise,
    with the nearest right word: a misspelt name would be an event that nothing ever looks at."""
    family = check_name(name).partition(".")[0]
    if family in FAMILIES and name not in VOCABULARY:
        known = ", ".join(each for each in VOCABULARY if each.partition(".")[0] == family)
        raise EventError(f"no such event{near(name, VOCABULARY)}; there are {known}")
    return name


def check_told(name: str) -> str:
    """The same, when somebody else than Posthouse may tell of it. EventError otherwise."""
    family = check_name(name).partition(".")[0]
    if family in OWN and name not in TOLD:
        raise EventError(f'"{name}" is for Posthouse alone to make: no name of yours begins with "{family}."')
    return check_known(name)


def natural_key(name: str, data: Mapping[str, Any]) -> str:
    """What the vocabulary says this kind of event is about, as text; "" where the data does not tell."""
    kind = VOCABULARY.get(name)
    found = data.get(kind.key) if kind and kind.key else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def idempotency(*parts: str) -> str:
    """A key that is the same for the same parts, and for no others."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


def read_data(data: str | bytes | dict[str, Any]) -> dict[str, Any]:
    """A JSON object within the limits, from its text or already read. EventError says what is wrong with it."""
    if isinstance(data, str | bytes):
        data = _read_json(data)
    if not isinstance(data, dict):
        raise EventError('the data is no JSON object, such as {"number": "A-1"}')
    _check(data, 0)
    if len(json.dumps(data, ensure_ascii=False).encode()) > MAX_DATA:
        raise EventError(f"the data is larger than {MAX_DATA} octets")
    return data


def _read_json(text: str | bytes) -> Any:
    if len(text) > MAX_DATA:
        raise EventError(f"the data is larger than {MAX_DATA} octets")
    try:
        return json.loads(text or "{}", parse_constant=_no_number)
    except RecursionError:
        raise EventError(f"the data is nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as err:
        raise EventError(f"the data is no JSON: {err.msg} at line {err.lineno}, column {err.colno}") from None
    except ValueError as err:  # not UTF-8, or a number of thousands of digits
        raise EventError(f"the data is no JSON: {str(err)[:80]}") from None


def _no_number(word: str) -> Any:
    raise EventError(f"the data holds {word}, which is no JSON")


def _check(thing: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise EventError(f"the data is nested deeper than {MAX_DEPTH} levels")
    match thing:
        case dict():
            for name, value in thing.items():
                _check_text(name)
                _check(value, depth + 1)
        case list():
            for value in thing:
                _check(value, depth + 1)
        case str():
            _check_text(thing)
        case bool() | None:
            pass
        case int() if not -LARGEST <= thing <= LARGEST:
            raise EventError("the data holds a whole number that is too large")
        case float() if thing != thing or thing in (float("inf"), float("-inf")):
            raise EventError("the data holds a number that is none")
        case int() | float():
            pass
        case _:
            raise EventError(f"the data holds a {type(thing).__name__}, which is no JSON")


def _check_text(text: Any) -> None:
    if not isinstance(text, str):
        raise EventError("the data has a name that is no text")
    if not text.isascii() or "\x00" in text:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise EventError("the data holds half of a surrogate pair") from None
        if "\x00" in text:
            raise EventError("the data holds a NUL")
