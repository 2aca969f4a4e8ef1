"""Reading a submitted mail for events, before it is accepted, so that both are one commit.

First `examine`, at once and in this process: our own header fields, and a look for a marker of structured data. Only a
mail that shows one is worth asking the parser worker about; `with_structured` adds what it answered. Nothing raises on
any mail: what could not be read is among `troubles`, and the mail is relayed.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from deliverability.address import Address, AddressError
from deliverability.homographs import is_homograph, refusal
from deliverability.rawmail import split_message
from engine.flow.events import Event, EventError, idempotency, make_event
from engine.intake.headers import STRIP, Said, read_headers
from mta.queue.delivery import Stream

LOOKED_AT: Final = 4 * 1024 * 1024  # octets; what people read comes before what is attached
_MARKS: Final = (b"ld+json", b"schema.org")


@dataclass(frozen=True, slots=True)
class Examined:
    """What a submitted mail says to Posthouse."""

    events: tuple[Event, ...]
    strip: tuple[str, ...]  # header fields to take out, as deliverability.rawmail.without takes them
    wants_parser: bool  # whether the parser worker should be asked for "structured"
    keep_back: bool  # X-Posthouse-Deliver: no
    expires_after: timedelta | None
    stream: Stream | None
    contact: Address | None
    message_id: str
    locale: str
    troubles: tuple[str, ...]
    campaign: str = ""
    mailing_list: str = ""  # by its name

    @property
    def deliver(self) -> bool:
        """Whether the mail itself is to be delivered: also when nothing could be read that a flow might answer."""
        return not (self.keep_back and self.events)


def examine(content: bytes, recipients: Sequence[Address], now: datetime) -> Examined:
    """Read a submitted mail's header; its events happen to the first recipient. Cheap: no part is decoded."""
    header, _ = split_message(content)
    said = read_headers(header)
    contact = recipients[0] if recipients else None
    examined = Examined(
        events=(),
        strip=STRIP if said.is_said else (),
        wants_parser=shows_marker(content),
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


def with_structured(examined: Examined, answer: Mapping[str, Any], now: datetime) -> Examined:
    """`examined` with what the parser worker answered. An event that a header told too is the header's."""
    read = answer.get("read")
    if not isinstance(read, dict):
        return replace(examined, troubles=(*examined.troubles, f"structured data unread: {answer.get('unread')}"))
    told = {event.name for event in examined.events}
    events, troubles = list(examined.events), [*examined.troubles, *map(str, read.get("left_out", ()))]
    for found in read.get("events", ()):
        if found["name"] not in told:
            try:
                events.append(_event(examined, found["name"], found["data"], "markup", "", now))
            except EventError as err:
                troubles.append(f"structured data: {err}")
    return replace(examined, events=tuple(events), troubles=tuple(troubles))


def _event(examined: Examined, name: str, data: str | dict[str, Any], source: str, key: str, now: datetime) -> Event:
    who = examined.contact
    event = make_event(name, data, at=now, source=source, key=key, address=who, locale=examined.locale)
    if who is not None and is_homograph(who.local, who.domain):
        raise EventError(refusal(str(who)))
    return replace(
        event, contact_name=_customer(event.data, examined.contact), idempotency_key=_idempotency(examined, event)
    )


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
