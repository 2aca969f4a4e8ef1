"""DNS from a file: what a test, or an administrator before publishing, says that names answer.

    example.com:
      - TXT: v=spf1 a -all
      - A: 192.0.2.1
      - MX: [10, mail.example.com]
    slow.example.com:
      - TIMEOUT

A text instead of a list is the name's one TXT record. A name's SPF entries stand for TXT where it has no TXT of its own;
TIMEOUT, alone or as a value, means that nobody answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from deliverability.checks.spf import DnsTrouble

MAX_CHAIN: Final = 10
_NO_ANSWER: Final = frozenset({"TIMEOUT", "SERVFAIL"})


class ZoneFault(ValueError):
    """Not such a file; says where."""


class Zone:
    """Answers as `deliverability.checks.spf.Dns` wants them."""

    def __init__(self, data: object) -> None:
        if isinstance(data, Mapping) and isinstance(data.get("zonedata"), Mapping):
            data = data["zonedata"]
        if not isinstance(data, Mapping):
            raise ZoneFault("it is no mapping of names to lists of records")
        self._names = {str(name).rstrip(".").lower(): _records(str(name), rows) for name, rows in data.items()}

    def __call__(self, name: str, kind: str) -> list[str]:
        """DnsTrouble where nobody answers. CNAMEs are followed."""
        name = name.rstrip(".").lower()
        for _ in range(MAX_CHAIN):
            records = self._names.get(name, [])
            found = self._found(records, kind, name)
            alias = next((value for each, value in records if each == "CNAME"), None)
            if found or alias is None or kind == "CNAME":
                return found
            name = _text(alias).rstrip(".").lower()
        return []

    def _found(self, records: Sequence[tuple[str, Any]], kind: str, name: str) -> list[str]:
        found: list[tuple[int, str]] = []
        for each, value in records:
            if each in _NO_ANSWER and not found:
                raise DnsTrouble(f"nobody answers for {name}")
            if each != kind:
                continue
            if isinstance(value, str) and value in _NO_ANSWER:
                raise DnsTrouble(f"nobody answers for {kind} of {name}")
            if kind == "MX" and isinstance(value, Sequence) and not isinstance(value, str):
                found.append((int(value[0]), str(value[1])))
            else:
                found.append((0, _text(value)))
        return [value for _, value in sorted(found, key=lambda each: each[0])]


def _records(name: str, rows: object) -> list[tuple[str, Any]]:
    if isinstance(rows, str):
        rows = [rows if rows in _NO_ANSWER else {"TXT": rows}]
    if not isinstance(rows, Sequence):
        raise ZoneFault(f"{name} has no list of records")
    records: list[tuple[str, Any]] = []
    for row in rows:
        if isinstance(row, str):
            records.append((row.upper(), ""))
        elif isinstance(row, Mapping):
            records += [(str(kind).upper(), value) for kind, value in row.items()]
        else:
            raise ZoneFault(f"{name} has a record that is none")
    if not any(kind == "TXT" for kind, _ in records):
        records += [("TXT", value) for kind, value in records if kind == "SPF"]
    return [(kind, value) for kind, value in records if value != "NONE"]


def _text(value: object) -> str:
    """A TXT's strings joined (RFC 7208 section 3.3), octets as they come."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "".join(_text(each) for each in value)
    return str(value)
