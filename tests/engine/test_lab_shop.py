"""The sample shop's mails: the same for the same seed, well formed, and read by a foreign parser."""

import email
import email.policy
import json
import smtplib
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path

import pytest
from clock import NOON
from lab_thread import LabThread
from selectolax.lexbor import LexborHTMLParser

from engine.lab import faults
from engine.lab.hand_over import hand_over
from engine.lab.shop import SampleShop, ShopMail

SHOP = SampleShop(NOON)


def parsed(mail: ShopMail) -> EmailMessage:
    return email.message_from_bytes(mail.content, policy=email.policy.default)


def html(mail: ShopMail) -> str:
    part = parsed(mail).get_body(("html",))
    assert part is not None
    return str(part.get_content())


def markup(mail: ShopMail) -> dict[str, object]:
    script = LexborHTMLParser(html(mail)).css_first('script[type="application/ld+json"]')
    assert script is not None
    found: dict[str, object] = json.loads(script.text())
    return found


def mails() -> list[ShopMail]:
    orders = [SHOP.order(number) for number in range(40)]
    makers = (SHOP.order_mail, SHOP.shipping_mail, SHOP.cart_mail)
    return [make(order) for make in makers for order in orders] + [SHOP.code_mail(SHOP.customer(7), "493 201")]


def test_the_same_seed_gives_the_same_octets_and_another_seed_others() -> None:
    assert SampleShop(NOON).order_mail(SampleShop(NOON).order(3)) == SHOP.order_mail(SHOP.order(3))
    other = SampleShop(NOON, seed=2)
    assert other.order_mail(other.order(3)) != SHOP.order_mail(SHOP.order(3))


def test_customers_write_in_every_language_and_have_their_own_addresses() -> None:
    customers = [SHOP.customer(number) for number in range(200)]
    assert {customer.language for customer in customers} == {"en", "he", "zh-Hans", "zh-Hant", "ru"}
    assert len({customer.address for customer in customers}) == 200


def test_every_mail_is_clean_on_the_wire() -> None:
    for mail in mails():
        assert faults.in_stuffed(mail.content.replace(b"\r\n.", b"\r\n..")) == []
        header = mail.content.partition(b"\r\n\r\n")[0]
        assert header.isascii()


def test_every_mail_is_parsed_without_a_defect() -> None:
    for mail in mails():
        message = parsed(mail)
        assert [part.defects for part in message.walk() if part.defects] == []
        assert message["To"].addresses[0].addr_spec == mail.rcpt_to


def test_an_order_says_its_lines_and_total_in_json_ld() -> None:
    order = max((SHOP.order(number) for number in range(20)), key=lambda order: len(order.lines))
    found = markup(SHOP.order_mail(order))
    assert (found["@type"], found["orderNumber"], found["priceCurrency"]) == ("Order", order.number, order.currency)
    offers = found["acceptedOffer"]
    assert isinstance(offers, list) and len(offers) == len(order.lines) > 1
    total = sum(Decimal(offer["price"]) * offer["eligibleQuantity"]["value"] for offer in offers)
    assert str(total) == found["price"] == str(order.total)


def test_a_parcel_says_its_order_in_json_ld() -> None:
    found = markup(SHOP.shipping_mail(SHOP.order(5)))
    assert found["@type"] == "ParcelDelivery"
    assert found["partOfOrder"]["orderNumber"] == SHOP.order(5).number  # type: ignore[index]


def test_names_with_brackets_and_quotes_break_neither_page_nor_mark_up() -> None:
    for number in range(40):
        order = SHOP.order(number)
        mail = SHOP.order_mail(order)
        assert markup(mail)["customer"]["name"] == order.customer.name  # type: ignore[index]
        page = LexborHTMLParser(html(mail)).text()
        assert all(line.name in page for line in order.lines)


def test_a_hebrew_mail_runs_from_right_to_left() -> None:
    order = next(order for order in map(SHOP.order, range(40)) if order.customer.language == "he")
    page = html(SHOP.order_mail(order))
    assert '<html lang="he" dir="rtl">' in page
    assert "תודה על הזמנה" in str(parsed(SHOP.order_mail(order)).get_body(("plain",)).get_content())  # type: ignore[union-attr]


def test_a_cart_is_an_event_in_the_header_and_is_not_to_be_delivered() -> None:
    for number in range(40):
        order = SHOP.order(number)
        message = parsed(SHOP.cart_mail(order))
        assert message["X-Posthouse-Event"] == "cart.updated"
        data = json.loads(message["X-Posthouse-Data"])
        assert [line["name"] for line in data["lines"]] == [line.name for line in order.lines]
        assert (data["total"], data["currency"]) == (float(order.total), order.currency)
        assert message["X-Posthouse-Deliver"] == "no"
    assert parsed(SHOP.cart_mail(SHOP.order(1), deliver=True))["X-Posthouse-Deliver"] is None


def test_a_code_expires() -> None:
    message = parsed(SHOP.code_mail(SHOP.customer(1), "493 201"))
    assert message["X-Posthouse-Expires"] == "10m"
    assert "493 201" in message["Subject"]


def test_an_application_hands_over_by_smtp(tmp_path: Path) -> None:
    orders = [SHOP.order_mail(SHOP.order(number)) for number in range(30)]
    with LabThread(tmp_path) as lab:
        assert hand_over("127.0.0.10", lab.smtp_port, orders) == 30
        kept = lab.kept()
    assert [mail.raw for mail in kept] == [mail.content for mail in orders]
    assert {mail.faults for mail in kept} == {()}


def test_a_refusal_reaches_the_application(tmp_path: Path) -> None:
    mail = SHOP.order_mail(SHOP.order(1))
    with LabThread(tmp_path) as lab, pytest.raises(smtplib.SMTPRecipientsRefused):
        hand_over("127.0.0.10", lab.smtp_port, [ShopMail(mail.mail_from, "unknown@shop.lab", mail.content)])
