"""Composed mail, read back by the standard library: structure, headers, injection, determinism."""

import base64
import quopri
import re
import time
from html.parser import HTMLParser

import pytest
from clock import NOON
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_shop import BASE, OCTETS, ORDER, compose, make_composer, part, person, read

from deliverability.address import Address
from deliverability.settings import DkimSettings
from engine.audience.tokens import Purpose
from engine.sending.mime import encode_text
from engine.sending.render import TemplateFault
from engine.sending.settings import MailSettings
from mta.queue.delivery import Stream

MAILS = ("confirm", "confirm-reminder", "order-thanks", "order-thanks-gold", "review-request", "cart-reminder")
COMPOSER = make_composer()

# What strangers put where a name is asked for.
NASTY = (
    "Ann\r\nBcc: victim@example.net",
    "Ann\nSubject: free money\n\nbody",
    "Ann\u2028Bcc: x@example.net\u2029\x85\x0b\x0c",
    "{{ 7*7 }}{% for a in b %}{{ config }}",
    "{name} {0} {{order}} %s %(a)s",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "Ann\x00\x1b[2J\x07",
    "\u202egnp.exe\u2066",
    "=?utf-8?q?=0d=0aBcc:_x=40y.example?=",
    "bad\ud800surrogate",
    "paypal@example.com",
    "x" * 5000,
)


@pytest.mark.parametrize("template", MAILS)
@pytest.mark.parametrize("locale", ["en", "he"])
def test_every_mail_has_a_text_and_an_html_part_that_say_the_same(template: str, locale: str) -> None:
    mail = compose(template, person(locale=locale), composer=COMPOSER)
    message = read(mail)
    assert message.get_content_type() == "multipart/alternative"
    assert [each.get_content_type() for each in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["Subject"] == mail.subject
    html_words = set(re.findall(r"\w{4,}", re.sub(r"<style.*?</style>|<[^>]+>", " ", part(mail, "html"), flags=re.S)))
    text_words = set(re.findall(r"\w{4,}", part(mail, "plain")))
    assert len(text_words - html_words) <= len(text_words) / 10
    assert f'<html lang="{locale}" dir="{"rtl" if locale == "he" else "ltr"}">' in part(mail, "html")


def test_the_octets_keep_to_what_every_relay_carries() -> None:
    for template in MAILS:
        content = compose(template, person(locale="he"), composer=COMPOSER).content
        assert content.isascii()
        assert b"\r" not in content.replace(b"\r\n", b"")
        assert b"\n" not in content.replace(b"\r\n", b"")
        assert max(map(len, content.split(b"\r\n"))) <= 98  # 78 but for a long word: List-Unsubscribe


def test_the_headers_that_a_transactional_mail_has_and_those_it_has_not() -> None:
    message = read(compose("order-thanks", composer=COMPOSER))
    assert message["From"] == "Blue Teapot <hello@shop.example>"
    assert message["To"] == "Ann Archer <ann@example.org>"
    assert message["Date"].datetime == NOON
    assert re.fullmatch(r"<[a-z2-7]+@shop\.example>", message["Message-ID"])
    assert message["MIME-Version"] == "1.0"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Feedback-ID"] == "order-thanks::transactional:shop.example"
    assert not [name for name in message if name.lower().startswith("list-")]
    assert len({name.lower() for name in message}) == len(message.keys())


def test_marketing_mail_can_be_unsubscribed_with_one_click() -> None:
    composer = make_composer(mail_domain="bounce.shop.example")
    mail = compose("cart-reminder", composer=composer, stream=Stream.MARKETING, list={"id": 3, "name": "tea"})
    message = read(mail)
    link, mailto = re.findall(r"<([^>]+)>", message["List-Unsubscribe"])
    token = link.removeprefix(f"{BASE}/unsubscribe/")
    assert composer.tokens.read(Purpose.UNSUBSCRIBE, token, NOON) == (7, 3)
    leave = re.fullmatch(r"mailto:leave\+([a-z2-7]{40,58})@bounce\.shop\.example\?subject=unsubscribe", mailto)
    assert leave is not None
    assert composer.tokens.read_mailbox(Purpose.UNSUBSCRIBE, leave[1].upper(), NOON) == (7, 3), "a server may fold case"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "<tea.list.shop.example>"
    assert mail.content.count(b"\r\nList-Unsubscribe: <https://") == 1
    assert link in part(mail, "plain")
    assert link in part(mail, "html")


def test_marketing_mail_cites_the_consent_it_rests_on_in_a_field_that_is_signed() -> None:
    yes = {"entry": 17, "hash": "5e" * 32}
    for stream, cited in ((Stream.MARKETING, f"17; sha256={yes['hash']}"), (Stream.TRANSACTIONAL, None)):
        mail = compose("cart-reminder", person() | {"consent": yes}, composer=COMPOSER, stream=stream)
        assert read(mail)["X-Consent-Entry"] == cited
    assert "x-consent-entry" in DkimSettings().headers


def test_marketing_mail_of_no_list_unsubscribes_from_all_of_it() -> None:
    token = read(compose("cart-reminder", composer=COMPOSER, stream=Stream.MARKETING))["List-Unsubscribe"]
    assert COMPOSER.tokens.read(Purpose.UNSUBSCRIBE, token[len(BASE) + 14 : -1], NOON) == (7, 0)


def test_the_same_arguments_give_the_same_octets_in_any_process() -> None:
    first, second = compose("order-thanks", composer=make_composer()), compose("order-thanks", composer=make_composer())
    assert first == second
    other = make_composer().compose(
        "order-thanks", person(), {"event": ORDER}, stream=Stream.TRANSACTIONAL, now=NOON, octets=OCTETS[::-1]
    )
    assert first.message_id != other.message_id


def test_the_confirmation_mail_never_repeats_what_was_typed_as_a_name() -> None:
    mail = compose("confirm", person(name="Cheap Pills at pills.example"), composer=COMPOSER)
    assert b"Pills" not in mail.content
    assert "Pills" not in part(mail, "plain") + part(mail, "html") + mail.subject
    assert read(mail)["To"] == "ann@example.org"


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("template", ["order-thanks", "review-request", "cart-reminder"])
def test_no_name_adds_a_header_a_tag_or_a_rendering(name: str, template: str) -> None:
    goods = [{"name": name, "quantity": 1, "price": 1}]
    event = {**ORDER, "number": name[:150], "lines": goods}
    mail = compose(template, person(name=name), composer=COMPOSER, event=event)
    clean = compose(
        template, composer=COMPOSER, event={**ORDER, "lines": [{"name": "Teapot", "quantity": 1, "price": 1}]}
    )
    assert read(mail).keys() == read(clean).keys()
    assert read(mail)["To"].addresses[0].addr_spec == "ann@example.org"
    html, text = part(mail, "html"), part(mail, "plain")
    assert tags(html) == tags(part(clean, "html"))
    assert "49" not in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", html + text)
    assert mail.content.isascii()


def tags(html: str) -> list[tuple[str, list[str]]]:
    """Every element with the names of its attributes, as a foreign parser sees them."""
    found: list[tuple[str, list[str]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, [name for name, _ in attrs]))

    Reader().feed(html)
    return found


def test_html_in_a_name_is_shown_and_not_obeyed() -> None:
    html = part(compose("order-thanks", person(name='<b title="x">Ann & Bob</b>'), composer=COMPOSER), "html")
    assert "&lt;b title=&#34;x&#34;&gt;Ann &amp; Bob&lt;/b&gt;" in html
    assert "<b title" not in html


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "/orders", "", "https://", 7]
)
def test_a_button_leads_only_to_the_web_or_to_a_mailbox(url: object) -> None:
    with pytest.raises(TemplateFault, match="a link must begin with https://"):
        compose("order-thanks", composer=COMPOSER, event={**ORDER, "url": url})


def test_a_link_can_not_break_out_of_its_attribute() -> None:
    url = 'https://shop.example/?a=1&b=2"><script>x</script>\r\n\u202e'
    html = part(compose("order-thanks", composer=COMPOSER, event={**ORDER, "url": url}), "html")
    assert 'href="https://shop.example/?a=1&amp;b=2%22%3E%3Cscript%3Ex%3C/script%3E' in html
    assert html.count("<script") == 1  # our own, which tells programs of the order


def test_an_address_that_needs_smtputf8_makes_a_mail_that_says_so() -> None:
    mail = compose("order-thanks", person(address="נועה@example.org"), composer=COMPOSER)
    assert mail.needs_utf8
    assert "To: Ann Archer <נועה@example.org>\r\n".encode() in mail.content


def test_a_missing_fact_is_a_fault_that_names_template_language_variable_and_line() -> None:
    with pytest.raises(TemplateFault) as fault:
        COMPOSER.compose(
            "confirm", person(), {"expires": "2026-01-01"}, stream=Stream.TRANSACTIONAL, now=NOON, octets=OCTETS
        )
    assert (fault.value.template, fault.value.locale) == ("mail/confirm.txt.j2", "en")
    assert (fault.value.variable, fault.value.line) == ("list", 3)
    assert (
        str(fault.value)
        == 'mail/confirm.txt.j2, line 3 (en): list is not among the facts, in {{ t("subject", list=list.title) }}'
    )


@pytest.mark.parametrize("template", ["nothing-like-it", "../../etc/passwd", "", "Confirm", "confirm.html"])
def test_a_mail_that_is_not_there_is_a_fault(template: str) -> None:
    with pytest.raises(TemplateFault):
        compose(template, composer=COMPOSER)


def test_facts_can_not_stand_in_for_what_is_ours() -> None:
    with pytest.raises(TemplateFault, match="the facts may not be named brand, links"):
        compose("order-thanks", composer=COMPOSER, links={"unsubscribe": "https://evil.example"}, brand=1)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.text(max_size=60), st.sampled_from(["en", "he", "fr-CA", ""]))
def test_whatever_people_are_called_and_buy_the_mail_is_whole(name: str, item: str, locale: str) -> None:
    event = {**ORDER, "lines": [{"name": item, "quantity": 2, "price": "3.5"}]}
    mail = compose("review-request", person(name=name, locale=locale), composer=COMPOSER, event=event)
    message = read(mail)
    assert [each.get_content_type() for each in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["Subject"] == mail.subject


@given(st.text(max_size=400))
def test_a_part_comes_back_as_it_was_encoded(text: str) -> None:
    encoding, encoded = encode_text(text)
    decoded = base64.b64decode(encoded) if encoding == "base64" else quopri.decodestring(encoded)
    wanted = "\n".join(text.encode("utf-8", "ignore").decode().splitlines()) + "\n"
    assert decoded.replace(b"\r\n", b"\n").decode() == wanted
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))


def test_a_mail_costs_a_few_milliseconds_of_processor_at_the_most() -> None:
    composer = make_composer()
    compose("order-thanks", composer=composer)
    took = []
    for each in range(20):
        began = time.process_time()
        compose("order-thanks", person(id=each), composer=composer)
        took.append(time.process_time() - began)
    assert min(took) < 0.02  # a collection of garbage, or another thread of this process, is not the mail's


def test_the_sender_may_be_written_in_several_ways() -> None:
    for written in ('"Tea, Ltd." <hello@shop.example>', "Tea, Ltd. <hello@shop.example>"):
        assert compose("confirm", composer=make_composer(sender=written)).content.startswith(
            b'From: "Tea, Ltd." <hello@shop.example>\r\n'
        )
    assert make_composer(sender="hello@shop.example").address == Address("hello", "shop.example")
    for wrong in ("Shop", "Shop <>", "Shop <a@b", "a@b.example, c@d.example", "Shop\r\nX: y <a@b.example>"):
        with pytest.raises(ValueError):
            make_composer(sender=wrong)


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("zone", "Mars/Base", "not a time zone"),
        ("locale", "../x", "not a language tag"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_right_one(setting: str, value: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make_composer(**{setting: value})


def test_the_sender_is_called_from_in_the_configuration() -> None:
    assert MailSettings.model_validate({"from": "Tea <t@shop.example>"}).sender == "Tea <t@shop.example>"
