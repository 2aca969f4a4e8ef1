"""Lists: what people may ask for, and what each of them is set to."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from engine.audience import figures
from engine.audience.contacts import tidy_name
from engine.audience.list_settings import ListSettings, SettingError, changed, in_language, read
from mta.ports import Tx, to_ms

CONFIRMATIONS: Final = ("double", "single")

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class ListError(ValueError):
    """A list that can't be made or is not there; the words can be shown to an operator."""


@dataclass(frozen=True, slots=True)
class MailingList:
    id: int
    name: str
    title: str
    confirmation: str  # double, single
    purpose: str  # the words a person agrees to
    settings: ListSettings = field(default_factory=ListSettings)

    def in_language(self, locale: str) -> "MailingList":
        """The list with its title and purpose in a reader's language, where there are such."""
        title = in_language(self.settings.title, locale, self.title)
        return replace(self, title=title, purpose=in_language(self.settings.purpose, locale, self.purpose))


def create(
    tx: Tx, name: str, *, title: str, purpose: str = "", confirmation: str = "double", now: datetime
) -> MailingList:
    """A new list. ListError when the name is taken or is no name."""
    if not NAME.fullmatch(name):
        raise ListError(f'"{name[:70]}" is no list name: use small letters, digits and hyphens')
    if confirmation not in CONFIRMATIONS:
        raise ListError(f'confirmation is "double" or "single", not "{confirmation[:20]}"')
    if get(tx, name) is not None:
        raise ListError(f"there is already a list {name}")
    title = tidy_name(title) or name
    list_id = tx.insert(
        "INSERT INTO list (name, title, confirmation, purpose, created_ms) VALUES (?,?,?,?,?)",
        (name, title, confirmation, purpose, to_ms(now)),
    )
    return MailingList(list_id, name, title, confirmation, purpose)


def get(tx: Tx, name: str) -> MailingList | None:
    """The list of this name."""
    return _list(tx.one(f"{_SELECT} WHERE name = ?", (name,)))


def by_id(tx: Tx, list_id: int) -> MailingList | None:
    """The list with this id."""
    return _list(tx.one(f"{_SELECT} WHERE id = ?", (list_id,)))


def every(tx: Tx) -> list[MailingList]:
    """All lists, by name."""
    return [found for row in tx.query(f"{_SELECT} ORDER BY name") if (found := _list(row)) is not None]


def change(tx: Tx, name: str, told: Mapping[str, str]) -> MailingList:
    """Set what is told of a list by key: title, purpose, confirmation, or one of its settings. ListError with all that is
    wrong; then nothing was set. What was agreed to before stays as it was shown."""
    row = tx.one("SELECT id, settings FROM list WHERE name = ?" + tx.for_update(), (name,))
    if row is None:
        raise ListError(f"there is no list {name[:70]}")
    columns = {key: value for key, value in told.items() if key in ("title", "purpose", "confirmation")}
    if "confirmation" in columns and columns["confirmation"] not in CONFIRMATIONS:
        raise ListError(f'confirmation is "double" or "single", not "{columns["confirmation"][:20]}"')
    if "title" in columns and not (title := tidy_name(columns["title"])):
        raise ListError("title is empty: readers see it")
    if "title" in columns:
        columns["title"] = title
    try:
        columns["settings"] = changed(row[1], {key: value for key, value in told.items() if key not in columns})
    except SettingError as err:
        raise ListError(str(err)) from None
    assigned = ", ".join(f"{key} = ?" for key in columns)
    tx.execute(f"UPDATE list SET {assigned} WHERE id = ?", (*columns.values(), row[0]))
    found = by_id(tx, row[0])
    assert found is not None
    return found


def counts(tx: Tx, list_id: int) -> dict[str, int]:
    """How many subscriptions there are in each state."""
    return figures.of_list(tx, list_id)


_SELECT: Final = "SELECT id, name, title, confirmation, purpose, settings FROM list"


def _list(row: Sequence[Any] | None) -> MailingList | None:
    return None if row is None else MailingList(row[0], row[1], row[2], row[3], row[4], read(row[5]))


def list_facts(mailing_list: MailingList) -> dict[str, Any]:
    """What a mail's templates see of the list that it is of."""
    return {
        "id": mailing_list.id, "name": mailing_list.name, "title": mailing_list.title, "purpose": mailing_list.purpose,
    }  # fmt: skip
