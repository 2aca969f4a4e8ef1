"""Surveys: a question that mails ask, and what people answer: a scale from 0 to 10, stars, or a choice.

An answer is an event (`survey.answered`), and where the survey says so a field of the contact. Answering again with the
same link counts as a change of mind: another answer is another event, the same answer is none.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from deliverability.text import clean
from engine.audience.contacts import note_change, note_once
from engine.audience.fields import FieldError, declared
from mta.ports import Tx, to_ms

CHOICES_MAX: Final = 20
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_COLUMNS: Final = "name, kind, question, choices, field"


class SurveyError(ValueError):
    """A survey that can't be; the words can be shown to an operator."""


class Kind(StrEnum):
    """How a question is answered. The words are in the table."""

    SCALE = "scale"  # 0 to 10
    STARS = "stars"  # 1 to 5
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Survey:
    """A question. `field` is the declared field that keeps the last answer, or ""."""

    name: str
    kind: Kind
    question: str = ""
    choices: tuple[str, ...] = ()
    field: str = ""

    @property
    def answers(self) -> tuple[str, ...]:
        """All that can be answered."""
        if self.kind is Kind.CHOICE:
            return self.choices
        return tuple(map(str, range(11) if self.kind is Kind.SCALE else range(1, 6)))


def code_of(name: str) -> int:
    """What stands for a survey's name in a token."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")


def put(tx: Tx, survey: Survey, now: datetime) -> None:
    """A new survey, or another question, more choices or another field for one that is there. SurveyError."""
    if not _NAME.fullmatch(survey.name):
        raise SurveyError(f'"{survey.name[:50]}" is no name of a survey: small letters, digits, - and _')
    if (survey.kind is Kind.CHOICE) != bool(survey.choices) or len(survey.choices) > CHOICES_MAX:
        raise SurveyError(f"a choice has up to {CHOICES_MAX} choices, and no other kind has any")
    if any(not each or each != clean(each).strip() or len(each) > 200 for each in survey.choices):
        raise SurveyError("a choice is one line of at most 200 characters")
    there = by_code(tx, code_of(survey.name))
    if there is not None and (there.name, there.kind) != (survey.name, survey.kind):
        raise SurveyError(f"{survey.name} is a {there.kind} already; take a new name for a {survey.kind}")
    _check_field(tx, survey)
    tx.execute(
        "INSERT INTO survey (name, code, kind, question, choices, field, created_ms) VALUES (?,?,?,?,?,?,?)"
        " ON CONFLICT (name) DO UPDATE SET question = excluded.question, choices = excluded.choices,"
        " field = excluded.field",
        (
            survey.name, code_of(survey.name), str(survey.kind), clean(survey.question)[:500],
            json.dumps(survey.choices, ensure_ascii=False), survey.field, to_ms(now),
        ),
    )  # fmt: skip


def every(tx: Tx) -> list[Survey]:
    """The surveys there are, by name."""
    return [_survey(row) for row in tx.query(f"SELECT {_COLUMNS} FROM survey ORDER BY name")]


def by_code(tx: Tx, code: int) -> Survey | None:
    """The survey that a token names."""
    row = tx.one(f"SELECT {_COLUMNS} FROM survey WHERE code = ?", (code,))
    return None if row is None else _survey(row)


def answer(tx: Tx, survey: Survey, contact_id: int, value: str, asked_s: int, now: datetime) -> bool:
    """Write an answer down; False when this link has brought the same one before. `asked_s`: when its mail asked."""
    said: Any = value if survey.kind is Kind.CHOICE else int(value)
    data = {"survey": survey.name, "answer": said, "answers": {survey.name: said}}
    once = f"survey:{survey.name}:{contact_id}:{asked_s}:{value}"
    is_new = note_once(tx, "survey.answered", contact_id, data, once, key=survey.name, now=now)
    field = declared(tx).get(survey.field) if survey.field else None
    row = tx.one("SELECT fields FROM contact WHERE id = ?" + tx.for_update(), (contact_id,))
    if field is not None and row is not None:
        was, parsed = json.loads(row[0]), field.parse(said)
        text = json.dumps(was | {field.name: parsed}, ensure_ascii=False, sort_keys=True)
        tx.execute("UPDATE contact SET fields = ? WHERE id = ?", (text, contact_id))
        if was.get(field.name) != parsed:
            note_change(tx, contact_id, {f"fields.{field.name}": parsed}, now)
    return is_new


def _check_field(tx: Tx, survey: Survey) -> None:
    """Whether the field can hold every answer. SurveyError."""
    if not survey.field:
        return
    field = declared(tx).get(survey.field)
    if field is None:
        raise SurveyError(f'there is no field "{survey.field[:50]}" (`posthouse field add` declares one)')
    try:
        for each in survey.answers:
            field.parse(each)
    except FieldError as err:
        raise SurveyError(f"that field can't hold the answers: {err}") from None


def _survey(row: Sequence[Any]) -> Survey:
    name, kind, question, choices, field = row
    return Survey(name, Kind(kind), question, tuple(json.loads(choices)), field)
