"""An event for the reader's calendar: iCalendar (RFC 5545), published, not asked about (RFC 5546 section 3.2.1): nobody has
to answer, and whoever opens it has the date.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from deliverability.address import Address

FILE: Final = "event.ics"
LINE_MAX: Final = 75  # octets of a line without its end (RFC 5545 section 3.1)

_ESCAPED: Final = re.compile(r"[\\;,]")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9-]")


class CalendarError(ValueError):
    """There is no event in these facts; the words say what is missing."""


def calendar(
    data: Mapping[str, Any], *, organizer: tuple[str, Address], uid: str, now: datetime, zone: ZoneInfo
) -> str:
    """The file of the event that these facts tell of: title, starts, ends, place, address, url, number. Times without an
    offset are in `zone`; a day without a time is a whole day. CalendarError."""
    title = data.get("title") or ""
    if not isinstance(title, str) or not title or not data.get("starts"):
        raise CalendarError("an event for the calendar needs a title and when it starts: title, starts (ISO 8601)")
    name, address = organizer
    place = ", ".join(str(each) for each in (data.get("place"), data.get("address")) if each)
    number = _UNSAFE.sub("", str(data.get("number") or ""))[:60]
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Posthouse//Mail//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH",
        "BEGIN:VEVENT", f"UID:{number or uid}@{address.domain}", f"DTSTAMP:{_stamp(now)}",
        _when("DTSTART", data["starts"], zone), _when("DTEND", data.get("ends"), zone), f"SUMMARY:{_text(title)}",
        f"LOCATION:{_text(place)}" if place else "", f"URL:{_address(data.get('url'))}" if data.get("url") else "",
        f'ORGANIZER;CN="{name.replace(chr(34), "")}":mailto:{address}', "STATUS:CONFIRMED", "END:VEVENT", "END:VCALENDAR",
    ]  # fmt: skip
    return "".join(_folded(line) + "\r\n" for line in lines if line)


def _when(name: str, value: Any, zone: ZoneInfo) -> str:
    if not value:
        return ""
    try:
        if len(str(value)) == len("2026-03-12"):
            return f"{name};VALUE=DATE:{date.fromisoformat(str(value)):%Y%m%d}"
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise CalendarError(f"{str(value)[:30]!a} is no ISO 8601 date") from None
    return f"{name}:{_stamp(moment if moment.tzinfo else moment.replace(tzinfo=zone))}"


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    """TEXT (section 3.3.11), on one line."""
    return _ESCAPED.sub(lambda each: f"\\{each[0]}", " ".join(value.split()))


def _address(value: Any) -> str:
    return "".join(each for each in str(value) if each.isprintable() and not each.isspace())


def _folded(line: str) -> str:
    """At most LINE_MAX octets a line, and no character cut in two."""
    folded, length = [], 0
    for each in line:
        octets = len(each.encode())
        if length + octets > LINE_MAX:
            folded.append("\r\n ")
            length = 1
        folded.append(each)
        length += octets
    return "".join(folded)
