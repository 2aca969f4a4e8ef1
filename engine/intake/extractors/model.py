"""An extractor as values: which mails it is for, and where in them an event and its data stand. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.intake.patterns import Pattern


class Place(StrEnum):
    """Where a pattern looks."""

    SUBJECT = "subject"
    FROM = "from"
    TO = "to"
    TEXT = "text"  # what a reader sees: the plain part, else the HTML without its tags
    HTML = "html"  # as it was written


class Kind(StrEnum):
    """What a value is."""

    TEXT = "text"
    NUMBER = "number"  # "1.299,00 EUR" is 1299
    LINK = "link"  # http or https


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a value stands: fixed words; or what a pattern finds in a place; or in an element's text or attribute."""

    fixed: str | None = None
    place: Place | None = None
    selector: str = ""
    attribute: str = ""
    pattern: Pattern | None = None
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Repeated:
    """A list: one record for each element that the selector finds; its readings look inside that element."""

    selector: str
    data: Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class Match:
    """Which mails. Empty is any; `senders` and `recipients` are addresses, or domains with an @ before them."""

    senders: frozenset[str] = frozenset()
    recipients: frozenset[str] = frozenset()
    subject: Pattern | None = None

    def fits(self, sender: str, recipients: frozenset[str], subject: str) -> bool:
        """`sender` and `recipients` are addresses in small letters."""
        return (
            _is_among({sender}, self.senders)
            and _is_among(recipients, self.recipients)
            and (self.subject is None or self.subject.matches(subject))
        )


def _is_among(addresses: set[str] | frozenset[str], wanted: frozenset[str]) -> bool:
    return not wanted or any(each in wanted or f"@{each.rpartition('@')[2]}" in wanted for each in addresses)


@dataclass(frozen=True, slots=True)
class Extractor:
    """`event` is the name, or `cases` say by what `told` reads: the first pattern that it matches. `deliver` False keeps
    the mail back as X-Posthouse-Deliver: no does. `source` is the file's text."""

    name: str
    match: Match
    event: str
    data: Mapping[str, Reading | Repeated]
    source: str
    told: Reading | None = None
    cases: tuple[tuple[Pattern, str], ...] = ()
    contact: Reading | None = None
    required: frozenset[str] = frozenset()
    deliver: bool = True
