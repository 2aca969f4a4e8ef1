"""Mailchimp's audience export: a zip archive of CSV files, one for each way that an address stands with an audience.

`subscribed_` are confirmed, with the times and addresses of the sign-up and its confirmation; `unsubscribed_` have left, when
and why; `cleaned_` bounced for good, or too often; `nonsubscribed_` never asked for mail. The names are those of exports
since 2019 (`..._email_audience_export_HASH.csv`) and before (`..._members_export_HASH.csv`).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from engine.audience.suppression import Reason
from engine.exchange.columns import NOTHING, Plan, Shaper, consent_facts
from engine.exchange.people import NOTE_MAX, Person, Standing, Stop, parse_when
from engine.exchange.rows import Row, Table
from engine.exchange.sheet import unguarded

KINDS: Final = ("subscribed", "unsubscribed", "cleaned", "nonsubscribed")

_NAME: Final = re.compile(rf"(?:.*/)?({'|'.join(KINDS)})_[^/]*\.csv", re.IGNORECASE)
_OURS: Final = {
    "Email Address": "address", "First Name": "first_name", "Last Name": "last_name", "Name": "name", "TIMEZONE": "zone",
    "TAGS": "tags", "Birthday": "birthday", "LANGUAGE": "locale",
}  # fmt: skip
_THEIRS: Final = frozenset({
    "MEMBER_RATING", "OPTIN_TIME", "OPTIN_IP", "CONFIRM_TIME", "CONFIRM_IP", "LATITUDE", "LONGITUDE", "GMTOFF", "DSTOFF",
    "CC", "REGION", "LAST_CHANGED", "LEID", "EUID", "NOTES", "UNSUB_TIME", "UNSUB_CAMPAIGN_TITLE", "UNSUB_CAMPAIGN_ID",
    "UNSUB_REASON", "UNSUB_REASON_OTHER", "CLEAN_TIME", "CLEAN_CAMPAIGN_TITLE", "CLEAN_CAMPAIGN_ID",
})  # fmt: skip
_COMPLAINTS: Final = re.compile(r"abuse|spam|complain", re.IGNORECASE)
_DAY: Final = re.compile(r"(\d\d?)/(\d\d?)", re.ASCII)


def kind_of(name: str) -> str:
    """Which of the files this is, by its name; "" for none of them."""
    found = _NAME.fullmatch(name)
    return found[1].lower() if found else ""


def is_export(header: tuple[str, ...]) -> bool:
    """Whether these columns are Mailchimp's."""
    return "Email Address" in header and bool({"LEID", "EUID", "MEMBER_RATING"} & set(header))


def targets(header: tuple[str, ...]) -> dict[str, str]:
    """What the columns hold of which Mailchimp says it; the others are the audience's own."""
    known = {column: _OURS[column] for column in header if column in _OURS}
    if "name" in known.values() and {"first_name", "last_name"} & set(known.values()):
        known["Name"] = NOTHING
    return known | {column: NOTHING for column in header if column in _THEIRS}


class MailchimpShaper:
    """Makes people of the rows of one of the files."""

    def __init__(self, plan: Plan, table: Table, kind: str) -> None:
        self._shape = Shaper(replace(plan, lists=()), by_name=False, is_lenient=True)
        self._lists, self._kind = plan.lists, kind
        self._places = {name: place for place, name in enumerate(table.header)}
        self._birthday = self._places.get("Birthday")

    def __call__(self, row: Row) -> Person:
        """The person of a row. BadRow."""
        if not row.trouble and self._birthday is not None:
            row = _with_birthday(row, self._birthday)
        person = self._shape(row)
        cells: Any = row.cells
        told = {name: unguarded(cells[place]).strip() for name, place in self._places.items() if name in _THEIRS}
        asked, confirmed = _when(told, "OPTIN_TIME"), _when(told, "CONFIRM_TIME")
        said = consent_facts(asked, told.get("OPTIN_IP", ""), confirmed, told.get("CONFIRM_IP", ""))
        if self._kind == "subscribed":
            self._stand(person, "confirmed", asked, confirmed, None)
        elif self._kind == "unsubscribed":
            said |= self._left(person, told, asked, confirmed)
        elif self._kind == "cleaned":
            at = _when(told, "CLEAN_TIME")
            evidence = f"Mailchimp cleaned it: {told.get('CLEAN_CAMPAIGN_TITLE', '')}"[:NOTE_MAX]
            person.stops = (Stop(Reason.HARD_BOUNCE, evidence, at),)
            said |= {"cleaned": told["CLEAN_TIME"]} if at is not None else {}
        person.facts |= said | {"mailchimp": self._kind}
        return person

    def _left(
        self, person: Person, told: Mapping[str, str], asked: int | None, confirmed: int | None
    ) -> dict[str, str]:
        at = _when(told, "UNSUB_TIME")
        words = (told.get(name, "") for name in ("UNSUB_REASON", "UNSUB_REASON_OTHER", "UNSUB_CAMPAIGN_TITLE"))
        why = ", ".join(filter(None, words))[:NOTE_MAX]
        self._stand(person, "unsubscribed", asked, confirmed, at)
        if _COMPLAINTS.search(told.get("UNSUB_REASON", "")):
            person.stops = (Stop(Reason.COMPLAINT, f"Mailchimp: {why}", at),)
        return {"left": told.get("UNSUB_TIME", ""), "why": why} if why else {"left": told.get("UNSUB_TIME", "")}

    def _stand(self, person: Person, state: str, asked: int | None, confirmed: int | None, ended: int | None) -> None:
        person.standings = tuple(Standing(list_id, state, asked, confirmed, ended) for list_id, _ in self._lists)
        person.facts["lists"] = {name: state for _, name in self._lists}


def _when(told: Mapping[str, str], name: str) -> int | None:
    return parse_when(name, told.get(name, ""))


def _with_birthday(row: Row, place: int) -> Row:
    """Mailchimp writes a birthday as month/day."""
    cells = list(row.cells)
    if found := _DAY.fullmatch(cells[place].strip()):
        cells[place] = f"--{int(found[1]):02}-{int(found[2]):02}"
    return Row(row.number, cells)
