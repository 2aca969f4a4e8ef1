"""What an application says to Posthouse in its mail's header: the X-Posthouse-* fields.

    X-Posthouse-Event: order.placed            an event happened to the mail's recipient
    X-Posthouse-Data: {"number": "A-1001"}     its data, a JSON object (encoded words are read, at most 32 KiB)
    X-Posthouse-Key: A-1001                    what it is about, where the data does not tell
    X-Posthouse-Deliver: no                    read the event, deliver nothing: a flow writes instead
    X-Posthouse-Expires: 10m                   worthless after this long
    X-Posthouse-Stream: marketing              transactional when it says nothing
    X-Posthouse-Campaign: spring-sale          what limits, lists and questions know it by
    X-Posthouse-List: tea                      mail of a mailing list (marketing): who has left it gets none

All of them are taken out before the mail leaves the house. What can't be understood is said, and the mail goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar

from deliverability.encoded_words import MAX_DECODED, decode_text
from deliverability.rawmail import MessageError, fields, first_value
from deliverability.settings import parse_duration
from deliverability.shaping.scopes import parse_campaign
from engine.flow.spelling import near
from mta.queue.delivery import Stream

T = TypeVar("T")

PREFIX: Final = "x-posthouse-"
STRIP: Final = ("X-Posthouse-*",)
NAMES: Final = ("Event", "Data", "Key", "Deliver", "Expires", "Stream", "Campaign", "List")
_KNOWN: Final = {f"{PREFIX}{name.lower()}": f"X-Posthouse-{name}" for name in NAMES}


@dataclass(slots=True)
class Said:
    """The fields as values; `troubles` are those that could not be understood."""

    event: str = ""
    data: str = ""
    key: str = ""
    deliver: bool = True
    expires_after: timedelta | None = None
    stream: Stream | None = None
    campaign: str = ""
    mailing_list: str = ""
    is_said: bool = False  # whether there was any such field, to be taken out
    message_id: str = ""
    language: str = ""
    troubles: list[str] = field(default_factory=list)


def read_headers(header: bytes) -> Said:
    """What the header of a mail says to us. Never raises."""
    said = Said()
    if PREFIX.encode() not in header.lower():
        # Nearly all mail: it says nothing to us. What is understood of it all the same is looked up.
        said.message_id = decode_text(first_value(header, "Message-ID") or b"")[:998]
        said.language = _language(decode_text(first_value(header, "Content-Language") or b""))
        return said
    said.is_said = True
    try:
        found = fields(header)
    except MessageError as err:
        said.troubles.append(f"the header was not read: {err}")
        return said
    values: dict[str, str] = {}
    for name, raw in found:
        lowered = name.lower()
        if lowered in ("message-id", "content-language"):
            values.setdefault(lowered, decode_text(raw))
        elif lowered.startswith(PREFIX):
            _note(said, values, lowered, raw)
    said.message_id = values.get("message-id", "")[:998]
    said.language = _language(values.get("content-language", ""))
    _understand(said, values)
    return said


def _language(text: str) -> str:
    return text.partition(",")[0].strip()[:35]


def _note(said: Said, values: dict[str, str], name: str, raw: bytes) -> None:
    if name not in _KNOWN:
        shown = f"X-Posthouse-{name[len(PREFIX) :][:40].title()}"
        said.troubles.append(f"{shown} is not known{near(shown, _KNOWN.values())}")
    elif name in values:
        said.troubles.append(f"{_KNOWN[name]} stands there twice: the first one counts")
    elif len(raw) > MAX_DECODED:
        said.troubles.append(f"{_KNOWN[name]} is longer than {MAX_DECODED} octets")
    else:
        values[name] = decode_text(raw)


def _understand(said: Said, values: dict[str, str]) -> None:
    said.event, said.data, said.key = (values.get(f"{PREFIX}{name}", "") for name in ("event", "data", "key"))
    if said.data and not said.event:
        said.troubles.append("X-Posthouse-Data without X-Posthouse-Event: which event it is about is not known")
    said.deliver = _read(said, values, "deliver", _yes_or_no) is not False
    said.expires_after = _read(said, values, "expires", _lifetime)
    said.stream = _read(said, values, "stream", _stream)
    said.campaign = _read(said, values, "campaign", parse_campaign) or ""
    said.mailing_list = values.get(f"{PREFIX}list", "").strip()
    if said.mailing_list and said.stream is None:
        said.stream = Stream.MARKETING


def _read(said: Said, values: dict[str, str], name: str, reader: Callable[[str], T]) -> T | None:
    text = values.get(f"{PREFIX}{name}")
    if text is None:
        return None
    try:
        return reader(text.strip())
    except ValueError as err:
        said.troubles.append(f"X-Posthouse-{name.title()}: {err}")
        return None


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError("yes or no is expected")
    return text.lower() == "yes"


def _lifetime(text: str) -> timedelta:
    lifetime = parse_duration(text)
    if not timedelta(seconds=1) <= lifetime <= timedelta(days=30):
        raise ValueError("a duration from 1s to 30 days is expected")
    return lifetime


def _stream(text: str) -> Stream:
    for stream in Stream:
        if text.lower() == stream.word:
            return stream
    raise ValueError("transactional or marketing is expected")
