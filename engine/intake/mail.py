"""Reading a submitted mail for events, before it is accepted, so that both are one commit.

First `examine`, at once and in this process: our own header fields, a look for a marker of structured data, and which
extractors the mail is for. Only then is it worth asking the parser worker about; `with_answer` adds what it answered.
Nothing raises on any mail: what could not be read is among `troubles`, and the mail is relayed.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from deliverability.address import Address, AddressError
from deliverability.homographs import is_homograph, refusal
from deliverability.rawmail import split_message
from engine.flow.events import Event, EventError, idempotency, make_event
from engine.flow.spelling import near
from engine.intake.extractors.book import Book
from engine.intake.headers import STRIP, Said, read_headers
from engine.intake.wants import Wants
from mta.queue.delivery import Stream

LOOKED_AT: Final = 4 * 1024 * 1024  # octets; what people read comes before what is attached
_WORD_MAX: Final = 200  # characters of what a body says beside data
_MARKS: Final = (b"ld+json", b"schema.org")


@dataclass(frozen=True, slots=True)
class Examined:
    """What a submitted mail says to Posthouse."""

    events: tuple[Event, ...]
    strip: tuple[str, ...]  # header fields to take out, as deliverability.rawmail.without takes them
    wants: Wants  # what the parser worker is asked; false for nothing
    keep_back: bool  # X-Posthouse-Deliver: no, or an extractor's deliver: no
    expires_after: timedelta | None
    stream: Stream | None
    contact: Address | None
    message_id: str
    locale: str
    troubles: tuple[str, ...]
    campaign: str = ""
    mailing_list: str = ""  # by its name
    is_posted: bool = False  # its body is meant as events
    unread: str = ""  # why the parser worker did not read it

    @property
    def no_event(self) -> str:
        """Why a mail that is for us alone, and meant as events, tells none; "" for any other."""
        if self.contact is not None or not self.wants.body or self.events:
            return ""
        return self.troubles[-1] if self.troubles and (self.is_posted or self.unread) else ""

    @property
    def deliver(self) -> bool:
        """Whether the mail itself is to be delivered: also when nothing could be read that a flow might answer."""
        return not (self.keep_back and self.events)


@dataclass(frozen=True, slots=True)
class Intake:
    """Where events come from beside headers and mark-up: the address that takes them ("" for none), and extractors."""

    address: str = ""
    book: Book = field(default_factory=Book)

    def is_ours(self, forward_path: Address) -> bool:
        """Whether mail to it is for us alone."""
        return bool(self.address) and forward_path.key == self.address


def examine(content: bytes, recipients: Sequence[Address], now: datetime, intake: Intake = Intake()) -> Examined:
    """Read a submitted mail's header; its events happen to the first recipient that is a person. Cheap: no part is
    decoded."""
    header, _ = split_message(content)
    said = read_headers(header)
    people = [each for each in recipients if not intake.is_ours(each)]
    contact = people[0] if people else None
    examined = Examined(
        events=(),
        strip=STRIP if said.is_said else (),
        wants=Wants(
            shows_marker(content), tuple(intake.book.for_mail(header, recipients)), len(people) < len(recipients)
        ),
        keep_back=not said.deliver,
        expires_after=said.expires_after,
        stream=said.stream,
        contact=contact,
        message_id=said.message_id,
        locale=said.language,
        troubles=tuple(said.troubles),
        campaign=said.campaign,
        mailing_list=said.mailing_list,
    )
    return _with_header_event(examined, said, now) if said.event else examined


def _with_header_event(examined: Examined, said: Said, now: datetime) -> Examined:
    try:
        event = _event(examined, said.event, said.data, "header", said.key, now)
    except EventError as err:
        return replace(examined, troubles=(*examined.troubles, f"X-Posthouse-Event: {err}"))
    return replace(examined, events=(event,))


def with_answer(examined: Examined, answer: Mapping[str, Any], now: datetime) -> Examined:
    """`examined` with what the parser worker answered. An event that a header told too is the header's."""
    read = answer.get("read")
    if not isinstance(read, dict):
        why = str(answer.get("unread"))
        return replace(examined, troubles=(*examined.troubles, f"structured data unread: {why}"), unread=why)
    told = {event.name for event in examined.events}
    events, troubles = list(examined.events), [*examined.troubles, *map(str, read.get("left_out", ()))]
    keep_back = examined.keep_back
    for place, found in enumerate(read.get("events", ())):
        if found["source"] != "address" and found["name"] in told:
            continue
        try:
            events.append(_found(examined, found, place, now))
        except (EventError, AddressError) as err:
            troubles.append(f"structured data: {err}")
        else:
            keep_back = keep_back or found.get("deliver") is False
    is_posted = read.get("is_posted") is True
    return replace(examined, events=tuple(events), troubles=tuple(troubles), keep_back=keep_back, is_posted=is_posted)


def _found(examined: Examined, found: Mapping[str, Any], place: int, now: datetime) -> Event:
    """An event of the worker's answer. EventError, AddressError."""
    name, data, source = found["name"], found["data"], str(found["source"])
    if source == "address":
        return _posted(examined, found, place, now)
    if source == "extractor" and found.get("contact"):
        examined = replace(examined, contact=Address.parse(str(found["contact"])))
    return _event(examined, name, data, source, str(found.get("key") or ""), now)


POSTED: Final = ("name", "address", "data", "key", "idempotency_key", "contact_name", "locale")


def _posted(examined: Examined, found: Mapping[str, Any], place: int, now: datetime) -> Event:
    """An event as a body says it: in the words of `POST /v1/events`."""
    for word in found:
        if word not in (*POSTED, "source"):
            raise EventError(f'"{word[:40]}" is not known{near(word, POSTED)} (known are {", ".join(POSTED)})')
    texts = {word: found.get(word) or "" for word in POSTED if word not in ("name", "data")}
    for word, value in texts.items():
        if not isinstance(value, str) or len(value) > _WORD_MAX:
            raise EventError(f"{word}: a text of at most {_WORD_MAX} characters is expected")
    if not isinstance(found["data"], dict):
        raise EventError("data: a JSON object is expected")
    who = Address.parse(texts["address"]) if texts["address"] else None
    given = texts["idempotency_key"] or (idempotency(examined.message_id, str(place)) if examined.message_id else None)
    event = make_event(
        found["name"], found["data"], at=now, source="address", key=texts["key"], address=who,
        contact_name=texts["contact_name"], locale=texts["locale"], idempotency_key=given,
    )  # fmt: skip
    _refuse_homograph(who)
    return event


def _event(examined: Examined, name: str, data: str | dict[str, Any], source: str, key: str, now: datetime) -> Event:
    who = examined.contact
    event = make_event(name, data, at=now, source=source, key=key, address=who, locale=examined.locale)
    _refuse_homograph(who)
    return replace(
        event, contact_name=_customer(event.data, examined.contact), idempotency_key=_idempotency(examined, event)
    )


def _refuse_homograph(who: Address | None) -> None:
    if who is not None and is_homograph(who.local, who.domain):
        raise EventError(refusal(str(who)))


def _idempotency(examined: Examined, event: Event) -> str | None:
    """One mail told twice (an application that tried again after a time-out) is one event."""
    if not examined.message_id:
        return None
    contact = examined.contact.key if examined.contact else ""
    return idempotency(examined.message_id, event.name, event.key, contact)


def _customer(data: Mapping[str, Any], contact: Address | None) -> str:
    """The customer's name, where the customer is who the mail goes to."""
    customer = data.get("customer")
    if contact is None or not isinstance(customer, dict) or not isinstance(customer.get("name"), str):
        return ""
    try:
        is_same = Address.parse(str(customer.get("email", contact))).key == contact.key
    except AddressError:
        return ""
    return str(customer["name"]) if is_same else ""


# -- the marker


def shows_marker(content: bytes) -> bool:
    """Whether a mail shows a sign of structured data, also through quoted-printable and base64, within LOOKED_AT."""
    content = content[:LOOKED_AT]
    lowered = content.lower()
    if any(mark in lowered for mark in _MARKS):
        return True
    if b"text/html" not in lowered or b"content-transfer-encoding" not in lowered:
        return False
    if b"quoted-printable" in lowered:
        whole = lowered.replace(b"=\r\n", b"")
        if any(mark in whole for mark in _MARKS):
            return True
    return b"base64" in lowered and _in_base64(content)


def _in_base64(content: bytes) -> bool:
    letters = content.replace(b"\r\n", b"")
    return any(each in letters for each in _ENCODED_MARKS)


def _encodings(mark: bytes) -> list[bytes]:
    """What base64 makes of the mark's inner octets at each of the three places it can have in a group."""
    found = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + mark)
        begin = (0, 2, 3)[shift]
        end = (shift + len(mark)) * 8 // 6
        found.append(encoded[begin:end])
    return found


_ENCODED_MARKS: Final = tuple(each for mark in _MARKS for each in _encodings(mark))
