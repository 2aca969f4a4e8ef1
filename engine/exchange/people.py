"""What a row says of a person, typed and checked: what an import does with it is in `engine.exchange.taking`."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from deliverability.address import Address, AddressError
from deliverability.homographs import is_homograph, refusal
from engine.audience.suppression import Reason
from mta.ports import to_ms

NOTE_MAX: Final = 500  # characters of what a file says beside a consent

_WHEN: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAMED: Final = re.compile(r"[^<>@:;\\]*<([^<>]*)>")  # Ann <ann@example.org>, and nothing that could be another address


class BadRow(ValueError):
    """A row that can't be taken; the words say which column and why."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person stands on a list, as the file says. Times are milliseconds, None where it does not say."""

    list_id: int
    state: str  # confirmed, unconfirmed, unsubscribed
    asked_ms: int | None = None
    confirmed_ms: int | None = None
    ended_ms: int | None = None
    is_to_ask: bool = False  # unconfirmed, and asked by us


@dataclass(frozen=True, slots=True)
class Stop:
    """Mail that must not go to this person, as the file says."""

    reason: Reason
    evidence: str
    at_ms: int | None = None


@dataclass(slots=True)
class Person:
    """One row, understood. `facts` are what is committed to in the ledger."""

    row: int
    address: Address
    key: str = field(init=False)  # the address's, for comparing
    name: str = ""
    locale: str = ""
    zone: str = ""
    birthday: str = ""
    external_id: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    standings: tuple[Standing, ...] = ()
    stops: tuple[Stop, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = self.address.key


def parse_address(text: str) -> Address:
    """The address in a cell, which may be written as `Ann <ann@example.org>`. BadRow."""
    text = one_line("address", text).strip()
    if named := _NAMED.fullmatch(text):
        text = named[1].strip()
    if not text:
        raise BadRow("address: the cell is empty")
    try:
        found = Address.parse(text)
    except AddressError as err:
        raise BadRow(f"address: {err}") from None
    if "." not in found.domain:
        raise BadRow(f'address: the domain "{found.domain}" has no dot: it is none that mail is sent to')
    if is_homograph(found.local, found.domain):
        raise BadRow(f"address: {refusal(text)}")
    return found


def one_line(column: str, text: str) -> str:
    """The text of a cell that is one line. BadRow where it holds a control character: whoever wrote it means something
    else than it looks like, or a quote is in the wrong place."""
    if not text.isprintable() and (found := _CONTROL.search(text)):
        raise BadRow(f"{column}: it holds a control character (U+{ord(found[0]):04X})")
    return text


def parse_when(name: str, text: str) -> int | None:
    """A time in ISO 8601, or as exports write it (UTC where no zone stands with it), in milliseconds. BadRow."""
    text = text.strip()
    if not text or text.startswith("0000-00-00"):
        return None
    found = _WHEN.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        zone = found[3] or "+00:00"
        zone = "+00:00" if zone in ("Z", "UTC") else zone if len(zone) > 3 else f"{zone}:00"
        moment = datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRow(f'{name}: "{text[:40]}" is no time (such as 2024-05-31 09:30:00)') from None
    return to_ms(moment)
