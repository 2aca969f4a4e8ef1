"""Custom fields of contacts: declared once with a kind, so that a condition, a form and an import mean the same by them.

A value is kept as plain JSON: text, a number, true or false, a date as `2026-03-31`. Nothing undeclared is kept.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from deliverability.text import clean
from mta.ports import Tx, to_ms

TEXT_MAX: Final = 500  # characters of a text
CHOICES_MAX: Final = 100

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,6})?", re.ASCII)
_YES: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class FieldError(ValueError):
    """A field that can't be declared, or a value that is none of its kind; the words can be shown to an operator."""


class Kind(StrEnum):
    """What a field holds. The words are in the table."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    FLAG = "yes-no"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Field:
    """A declared field. `choices` of a choice, in order."""

    name: str
    kind: Kind
    title: str = ""
    choices: tuple[str, ...] = ()

    def parse(self, value: object) -> Any:
        """The value as it is kept; None takes it away, and so does an empty text. FieldError where it is none."""
        if value is None or value == "":
            return None
        kept = _PARSERS[self.kind](self, value)
        return None if kept == "" else kept


def declare(tx: Tx, field: Field, now: datetime) -> None:
    """A new field, or another title or more choices for one that is there. FieldError where its kind would change."""
    if not _NAME.fullmatch(field.name):
        raise FieldError(f'"{field.name[:50]}" is no field name: small letters, digits and _, a letter first')
    if (field.kind is Kind.CHOICE) != bool(field.choices) or len(field.choices) > CHOICES_MAX:
        raise FieldError(f"a choice has up to {CHOICES_MAX} choices, and no other kind has any")
    there = declared(tx).get(field.name)
    if there is not None and there.kind is not field.kind:
        raise FieldError(f"{field.name} holds {there.kind} already; take a new name for {field.kind}")
    if there is not None and (lost := set(there.choices) - set(field.choices)):
        raise FieldError(f"contacts may hold {', '.join(sorted(lost))}: choices are only added")
    tx.execute(
        "INSERT INTO field (name, kind, title, choices, created_ms) VALUES (?,?,?,?,?)"
        " ON CONFLICT (name) DO UPDATE SET title = excluded.title, choices = excluded.choices",
        (field.name, str(field.kind), clean(field.title)[:120], json.dumps(field.choices, ensure_ascii=False), to_ms(now)),
    )  # fmt: skip


def declared(tx: Tx) -> dict[str, Field]:
    """The fields there are, by name."""
    rows = tx.query("SELECT name, kind, title, choices FROM field ORDER BY name")
    return {name: Field(name, Kind(kind), title, tuple(json.loads(choices))) for name, kind, title, choices in rows}


def parse_all(known: Mapping[str, Field], values: Mapping[str, object]) -> dict[str, Any]:
    """The values as they are kept. FieldError with all that is wrong, not only the first."""
    parsed: dict[str, Any] = {}
    wrong = []
    for name, value in values.items():
        if name not in known:
            wrong.append(f'there is no field "{name[:50]}" (`posthouse field add` declares one)')
            continue
        try:
            parsed[name] = known[name].parse(value)
        except FieldError as err:
            wrong.append(str(err))
    if wrong:
        raise FieldError("; ".join(wrong))
    return parsed


def _text(field: Field, value: object) -> str:
    text = " ".join(clean(str(value)).split())
    if len(text) > TEXT_MAX:
        raise FieldError(f"{field.name}: a text has at most {TEXT_MAX} characters")
    return text


def _number(field: Field, value: object) -> int | float:
    text = str(value).strip()
    try:
        if isinstance(value, bool) or not _NUMBER.fullmatch(text):
            raise InvalidOperation
        number = Decimal(text)
    except InvalidOperation:
        raise FieldError(f'{field.name}: "{text[:40]}" is not a number (such as 12 or 12.5)') from None
    return int(number) if number == number.to_integral_value() else float(number)


def _date(field: Field, value: object) -> str:
    text = str(value).strip()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise FieldError(f'{field.name}: "{text[:40]}" is not a date (such as 2026-03-31)') from None


def _flag(field: Field, value: object) -> bool:
    found = value if isinstance(value, bool) else _YES.get(str(value).strip().lower())
    if found is None:
        raise FieldError(f'{field.name}: "{str(value)[:40]}" is neither yes nor no')
    return found


def _choice(field: Field, value: object) -> str:
    text = str(value).strip()
    if text not in field.choices:
        raise FieldError(f'{field.name}: "{text[:40]}" is none of {", ".join(field.choices[:10])}')
    return text


_PARSERS: Final = {
    Kind.TEXT: _text, Kind.NUMBER: _number, Kind.DATE: _date, Kind.FLAG: _flag, Kind.CHOICE: _choice,
}  # fmt: skip
