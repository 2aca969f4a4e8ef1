"""Structured data that mails carry: JSON-LD that can't end its element, and events for calendars (RFC 5545)."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from clock import NOON
from mail_shop import ORDER, compose, make_composer, part, person, read

from deliverability.address import Address
from engine.sending import structured
from engine.sending.calendar import CalendarError, calendar
from engine.sending.render import TemplateFault, zone_named
from mta.queue.delivery import Stream

EVENT: dict[str, Any] = {
    "number": "R-77", "title": "An evening; with tea, and “more”", "starts": "2026-03-12T18:00:00+02:00",
    "ends": "2026-03-12T20:30:00+02:00", "place": "Old Customs House", "address": "12 Harbour Street, Haifa",
    "url": "https://shop.example/events/77",
}  # fmt: skip
WHO = ("Blue Teapot", Address.parse("hello@shop.example"))


def ld(html: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.S)
    told: dict[str, Any] = json.loads(found)
    return told


def ics(data: dict[str, Any], zone: str = "Asia/Jerusalem") -> str:
    return calendar(data, organizer=WHO, uid="u1", now=NOON, zone=zone_named(zone, "UTC"))


def test_an_order_s_mail_says_so_to_programs() -> None:
    told = ld(part(compose("order-thanks"), "html"))
    assert (told["@type"], told["orderNumber"], told["price"], told["priceCurrency"]) == (
        "Order",
        "BT-1042",
        "66.4",
        "EUR",
    )
    assert told["merchant"] == {"@type": "Organization", "name": "Blue Teapot"}
    assert [each["itemOffered"]["name"] for each in told["acceptedOffer"]] == [each["name"] for each in ORDER["lines"]]
    assert "script" not in part(compose("order-thanks"), "plain")


def test_nothing_that_somebody_is_called_ends_the_element() -> None:
    evil = "</script><script>alert(1)</script><!-- \u2028 & ]]>"
    html = part(compose("order-thanks", event={**ORDER, "number": evil, "lines": [{"name": evil}]}), "html")
    assert html.count("<script") == html.count("</script") == 1
    assert ld(html)["acceptedOffer"][0]["itemOffered"]["name"] == evil.replace("\u2028", " ")


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//evil.example", " https://x", 7, ["a"]]
)
def test_an_address_that_is_none_of_the_web_s_is_not_said(address: Any) -> None:
    lines = [{"name": "Teapot", "price": "42.50", "quantity": 1, "sku": "T-1", "url": address, "image": address}]
    said = structured.script(structured.order({"number": "A-1", "url": address}, {"name": "Shop"}, lines, "placed"))
    assert "A-1" in said and "Teapot" in said
    assert '"url"' not in said and '"image"' not in said


def test_what_is_not_known_is_not_said() -> None:
    told = json.loads(structured.script(structured.parcel({"order": 7, "expected": "soon"}, {}))[35:-9])
    assert told == {"@context": "http://schema.org", "@type": "ParcelDelivery",
                    "partOfOrder": {"@type": "Order", "orderNumber": "7"}}  # fmt: skip
    told = structured.reservation(EVENT, {"name": "Tea"}, "Ann", "cancelled")
    assert told["reservationStatus"] == "http://schema.org/Cancelled"
    assert told["reservationFor"]["startDate"] == EVENT["starts"]


@pytest.mark.parametrize("name", ["event-invitation", "event-soon"])
def test_an_invitation_says_to_programs_what_it_invites_to(name: str) -> None:
    told = ld(part(compose(name, event=EVENT), "html"))
    assert (told["@type"], told["name"], told["startDate"]) == ("Event", EVENT["title"], EVENT["starts"])
    assert told["location"] == {"@type": "Place", "name": EVENT["place"], "address": EVENT["address"]}


def test_an_event_has_a_file_for_calendars_that_is_rfc_5545() -> None:
    text = ics(EVENT)
    assert text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
    assert text.endswith("END:VEVENT\r\nEND:VCALENDAR\r\n")
    lines = text.replace("\r\n ", "").split("\r\n")
    for line in ("METHOD:PUBLISH", "UID:R-77@shop.example", "DTSTART:20260312T160000Z", "DTEND:20260312T183000Z",
                 "DTSTAMP:20260302T120000Z", "SUMMARY:An evening\\; with tea\\, and “more”",
                 "LOCATION:Old Customs House\\, 12 Harbour Street\\, Haifa",
                 'ORGANIZER;CN="Blue Teapot":mailto:hello@shop.example'):  # fmt: skip
        assert line in lines
    assert "DTSTART;VALUE=DATE:20260312" in ics({**EVENT, "starts": "2026-03-12"})
    assert "DTSTART:20260312T160000Z" in ics({**EVENT, "starts": "2026-03-12T18:00:00"})


def test_no_line_of_it_is_too_long_and_no_character_is_cut() -> None:
    text = ics({**EVENT, "title": "茶会🍵" * 60})
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert f"SUMMARY:{'茶会🍵' * 60}" in text.replace("\r\n ", "")


def test_no_title_adds_a_line_to_it() -> None:
    text = ics({**EVENT, "title": "x\r\nATTENDEE:mailto:a@b.example", "url": "https://x.example/\r\nX: y"})
    assert "\r\nATTENDEE" not in text
    assert "\r\nX:" not in text


@pytest.mark.parametrize("data", [{}, {"title": "x"}, {"title": "x", "starts": "soon"}, {"title": 7, "starts": "2026-01-01"},
                                  {**EVENT, "ends": "never"}])  # fmt: skip
def test_an_event_without_a_time_is_refused_in_words(data: dict[str, Any]) -> None:
    with pytest.raises(CalendarError):
        ics(data)


def test_a_mail_whose_file_says_so_brings_its_event_along(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "order-thanks.toml").write_text('calendar = "event"\n')
    composer = make_composer(tmp_path)
    mail = compose("order-thanks", person(), composer=composer, event={**ORDER, **EVENT})
    message = read(mail)
    assert message.get_content_type() == "multipart/mixed"
    inner, attached = message.iter_parts()
    assert inner.get_content_type() == "multipart/alternative"
    assert attached.get_content_type() == "text/calendar"
    assert attached.get_filename() == "event.ics"
    assert "BEGIN:VEVENT" in attached.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert max(map(len, mail.content.split(b"\r\n"))) <= 98
    with pytest.raises(TemplateFault, match="needs a title and when it starts"):
        compose("order-thanks", person(), composer=composer)
    assert mail == composer.compose(
        "order-thanks", person(), {"event": {**ORDER, **EVENT}}, stream=Stream.TRANSACTIONAL, now=NOON,
        octets=b"0123456789abcdef",
    )  # fmt: skip
