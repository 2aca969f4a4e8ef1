"""The scalars of a flow file: what each reads as, and what an editor is told of it.

YAML makes numbers and truths of some words (404, true), and readers here take the word as it was written; so a schema
that allows a text allows those too.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, time
from typing import Final
from urllib.parse import urlsplit

from deliverability.address import Address
from deliverability.text import is_clean
from engine.flow.actions import Given
from engine.flow.civil import LONGEST_DAYS, Span
from engine.flow.conditions import MAX_LENGTH, NAMES, Condition, Names
from engine.flow.days import COUNTRIES, SKIPS, WEEKDAYS
from engine.flow.document import Entry
from engine.flow.events import MAX_NAME, check_known, check_told
from engine.flow.festivals import FESTIVALS
from engine.flow.known import Known
from engine.flow.recurrence import RULE_PATTERN, read_rule
from engine.flow.shapes import NameOf, OneOf, Page, Schema, Text, TextAmong
from engine.flow.spelling import near
from engine.flow.vocabulary import FAMILIES, OWN, TOLD, VOCABULARY
from mta.queue.delivery import Stream
from mta.routing.prohibited import prohibited

MAX_TEXT: Final = 500
TAG_MAX: Final = 60
MAX_TIMES: Final = 1000
MAX_PRIORITY: Final = 1000

NAME_FORM: Final = "[a-z0-9][a-z0-9-]{0,62}"  # what names that we give look like
_ID: Final = "[a-z0-9][a-z0-9_-]{0,62}"
_FIELD: Final = "[A-Za-z_][A-Za-z0-9_]{0,62}"
_CLOCK: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"
_OFFSET: Final = "[+-]?[0-9]{1,4}[dw]"
_SPAN: Final = "([0-9]{1,6} *(weeks?|w|days?|d|hours?|h|minutes?|min|m|seconds?|s) *)+"
_PERCENT: Final = r"[0-9]{1,2}(\.[0-9]{1,2})?%"
_DAY: Final = "([0-9]{4}-)?[0-9]{2}-[0-9]{2}"


def _pattern(pattern: str, *also: str) -> Schema:
    """Of a text that follows a pattern wholly; `also` are JSON types that YAML makes of some such texts."""
    return {"type": ["string", *also] if also else "string", "pattern": f"^{pattern}$"}


def _matching(pattern: str, expected: str) -> Callable[[str], str]:
    known = re.compile(pattern)

    def parse(text: str) -> str:
        if not known.fullmatch(text):
            raise ValueError(expected)
        return text

    return parse


def _digits(pattern: str) -> Schema:
    """Of a pattern that whole numbers and truths follow too, which YAML does not read as texts."""
    return {**_pattern(pattern, "integer", "boolean"), "minimum": 0}


def _named(what: str) -> Callable[[str], str]:
    return _matching(NAME_FORM, f"{what} is expected: small letters, digits and hyphens")


# -- names


NAME: Final = Text(_named("a name"), _digits(NAME_FORM))
ID: Final = Text(_matching(_ID, "small letters, digits, - and _ are expected"), _digits(_ID))
STEP: Final = Text(_matching(_ID, "the id of a step is expected"), _digits(_ID))
TEMPLATE: Final = NameOf("templates", _named("a mail template's name"), _digits(NAME_FORM))
LIST: Final = NameOf("lists", _named("a list's name"), _digits(NAME_FORM))
SEGMENT: Final = NameOf("segments", _named("a segment's name"), _digits(NAME_FORM))
FLOW: Final = NameOf("flows", _named("a flow's name"), _digits(NAME_FORM))
POOL: Final = NameOf("pools", _named("the name of a pool of coupons"), _digits(NAME_FORM))
FIELD: Final = NameOf(
    "fields", _matching(_FIELD, "a field's name is expected: letters, digits and _"), _pattern(_FIELD, "boolean")
)
DATUM: Final = Text(_matching(_FIELD, "a name is expected: letters, digits and _"), _pattern(_FIELD, "boolean"))


def _read_tag(text: str) -> str:
    tag = text.strip()
    if len(tag) > TAG_MAX or not tag.isprintable():
        raise ValueError(f"a tag of at most {TAG_MAX} printable characters, in one line, is expected")
    return tag


TAG: Final = Text(_read_tag, {"type": ["string", "number", "boolean"], "pattern": r"\S", "maxLength": TAG_MAX})


def _read_words(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"at most {MAX_TEXT} characters are expected")
    if not is_clean(text.replace("\n", " ").replace("\t", " ")):
        raise ValueError("holds characters that can't be shown; take them out")
    return text.strip()


WORDS: Final = Text(_read_words, {"type": ["string", "number", "boolean"], "pattern": r"\S", "maxLength": MAX_TEXT})


# -- events


def _read_event(text: str) -> str:
    return check_known(text.strip())


def _read_told_event(text: str) -> str:
    return check_told(text.strip())


def _event_schema(known: Iterable[str], ours: Iterable[str]) -> Schema:
    """One of these names, or one that begins with no word of ours."""
    pattern = rf"^(?!({'|'.join(sorted(ours))})(\.|$))[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*$"
    return {
        "anyOf": [{"enum": sorted(known)}, {"type": ["string", "boolean"], "pattern": pattern, "maxLength": MAX_NAME}]
    }


EVENT: Final = Text(_read_event, _event_schema(VOCABULARY, FAMILIES))
_TOLD_NAMES: Final = [name for name in VOCABULARY if name.partition(".")[0] not in OWN or name in TOLD]
TOLD_EVENT: Final = Text(_read_told_event, _event_schema(_TOLD_NAMES, FAMILIES | OWN))


# -- conditions


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition over these names."""

    names: Names

    def read(self, page: Page, entry: Entry) -> Condition | None:
        return page.sheet.read(entry, lambda text: Condition.parse(text, self.names, page.known))

    def schema(self) -> Schema:
        return {"type": ["string", "number", "boolean"], "pattern": r"\S", "maxLength": MAX_LENGTH}


CONDITION: Final = Asked(NAMES)
LATER_CONDITION: Final = Asked({**NAMES, "trigger": None})
"""Where `event` is what came later, and `trigger` the run's own."""


def _read_plain(text: str) -> Given:
    """A number or a truth as YAML 1.2 reads it; else the text."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[+-]?[0-9]{1,15}", text):
        return int(text)
    if re.fullmatch(r"[+-]?[0-9]{1,15}\.[0-9]{1,15}", text):
        return float(text)
    return _read_words(text)


def _read_number(text: str) -> Given:
    found = _read_plain(text)
    if isinstance(found, bool | str):
        raise ValueError("a number is expected, such as 10 or -2.5, or {from: event.total}")
    return found


NUMBER: Final = Text(_read_number, {"type": ["number", "string"], "pattern": r"^[+-]?[0-9]{1,15}(\.[0-9]{1,15})?$"})
PLAIN: Final = Text(_read_plain, {"type": ["string", "number", "boolean"], "pattern": r"\S", "maxLength": MAX_TEXT})


# -- time


def _read_date_field(text: str) -> str:
    if text not in DATE_FIELDS and not re.fullmatch(rf"fields\.{_FIELD}", text):
        known = ", ".join(DATE_FIELDS)
        raise ValueError(f"one of {known} or fields.NAME is expected{near(text, DATE_FIELDS)}")
    return text


DATE_FIELDS: Final = ("birthday", "created", "orders.first_at", "orders.last_at")
_DATE_PATTERN: Final = "|".join(re.escape(each) for each in DATE_FIELDS)
DATE_FIELD: Final = Text(_read_date_field, _pattern(rf"({_DATE_PATTERN}|fields\.{_FIELD})"))
RRULE: Final = Text(read_rule, {"type": "string", "pattern": RULE_PATTERN})


def _read_clock(text: str) -> time:
    if not re.fullmatch(_CLOCK, text):
        raise ValueError('a clock time is expected, such as "09:00"')
    return time.fromisoformat(text)


def _read_offset(text: str) -> int:
    if not re.fullmatch(_OFFSET, text) or (days := int(text[:-1]) * (7 if text.endswith("w") else 1)) not in _DAYS:
        raise ValueError("a number of days or weeks is expected, such as -3d or 1w")
    return days


def _read_percent(text: str) -> float:
    if not re.fullmatch(_PERCENT, text) or not 0 < float(text[:-1]) < 100:
        raise ValueError("a share between 0% and 100% is expected, such as 10%")
    return float(text[:-1]) / 100


def _read_day(text: str) -> date | tuple[int, int]:
    try:
        if re.fullmatch("[0-9]{2}-[0-9]{2}", text):
            leap = date.fromisoformat(f"2000-{text}")
            return leap.month, leap.day
        return date.fromisoformat(text) if re.fullmatch(_DAY, text) else _no_day()
    except ValueError:
        return _no_day()


def _no_day() -> date:
    raise ValueError("a day is expected, such as 2026-12-24, or 12-24 for each year")


def _read_date(text: str) -> date:
    found = _read_day(text)
    return found if isinstance(found, date) else _no_day()


_DAYS: Final = range(-LONGEST_DAYS, LONGEST_DAYS + 1)
SPAN: Final = Text(Span.parse, _pattern(_SPAN))
CLOCK: Final = Text(_read_clock, _pattern(_CLOCK))
OFFSET: Final = Text(_read_offset, _pattern(_OFFSET))
PERCENT: Final = Text(_read_percent, _pattern(_PERCENT))
DAY: Final = Text(_read_day, _pattern(_DAY))
DATE: Final = Text(_read_date, _pattern("[0-9]{4}-[0-9]{2}-[0-9]{2}"))
WEEKDAY: Final = OneOf(WEEKDAYS)
SKIP: Final = OneOf(SKIPS)
FESTIVAL: Final = OneOf(tuple(FESTIVALS), "the name of a holiday")
COUNTRY: Final = OneOf(COUNTRIES, "a country by its two letters, such as IL (ISO 3166),")


# -- others


def _read_count(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,7}", text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most} is expected")
        return int(text)

    return parse


def count(least: int, most: int) -> Text:
    """A whole number within bounds."""
    return Text(_read_count(least, most), {"type": "integer", "minimum": least, "maximum": most}, bare=True)


def _read_stream(text: str) -> Stream:
    words = {stream.word: stream for stream in Stream}
    if text not in words:
        raise ValueError(f"transactional or marketing is expected{near(text, words)}")
    return words[text]


STREAM: Final = Text(_read_stream, {"enum": [stream.word for stream in Stream]})


def _read_truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false is expected")
    return text == "true"


def _read_truth_of(word: str) -> Callable[[str], bool]:
    def parse(text: str) -> bool:
        if text != word:
            raise ValueError(f"{word} is expected")
        return _read_truth(text)

    return parse


def _read_switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("on or off is expected")
    return text == "on"


TRUTH: Final = Text(_read_truth, {"type": "boolean"}, bare=True)
YES: Final = Text(_read_truth_of("true"), {"const": True}, bare=True)
NO: Final = Text(_read_truth_of("false"), {"const": False}, bare=True)
SWITCH: Final = Text(_read_switch, {"enum": ["on", "off"]})


def _read_url(text: str) -> str:
    """An address that may be called, as far as it can be seen by itself: no password in it, and a host that is one."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("an address is expected, such as https://shop.example/hook") from None
    if parts.scheme not in ("https", "http") or not host or port == 0 or not text.isprintable() or " " in text:
        raise ValueError("an address is expected, such as https://shop.example/hook")
    if parts.username is not None:
        raise ValueError("no names or passwords in an address: webhooks are signed")
    if _is_odd(host):
        raise ValueError("an IP address is written in full and in decimal numbers, or better by a name")
    if _is_private(host.rstrip(".")):
        raise ValueError("a private address is never called by its number: hooks.permit is for names that lead to one")
    return text


def _is_odd(host: str) -> bool:
    """Whether this is an IP address in a spelling that some programs read and others look up as a name: 127.1, 0x7f000001,
    digits of another script. A name never ends in a number (URL Standard, section 3.5)."""
    plain = unicodedata.normalize("NFKC", host).rstrip(".").lower()
    try:
        ipaddress.ip_address(plain)
    except ValueError:
        return bool(_NUMBER_LAST.fullmatch(plain.rpartition(".")[2]))
    return plain != host


_NUMBER_LAST: Final = re.compile(r"\d+|0x[0-9a-f]*")


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    return not address.is_global or prohibited(host) is not None


def _read_hook(text: str, known: Known) -> str:
    """An address that may be called, with what is known of hooks.permit; what a name leads to, the call itself judges."""
    if _read_url(text).startswith("http:") and known.permits is not None and not known.permits:
        raise ValueError("http: is for networks of hooks.permit alone, and it names none: use https:")
    return text


def _read_address(text: str) -> str:
    return str(Address.parse(text.strip()))


URL: Final = TextAmong(_read_hook, {"type": "string", "pattern": r"^https?://\S+$"})
_ADDRESS: Final[Schema] = {"type": "string", "pattern": r"^\S+@\S+$"}
ADDRESS: Final = Text(_read_address, _ADDRESS)
STAFF: Final = NameOf("staff", _read_address, _ADDRESS, lambda text: Address.parse(text).key)
