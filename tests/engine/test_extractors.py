"""Extractors: files of users that find events in mails; every fault has its place, and no pattern stalls anybody."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.address import Address
from engine.commands import run
from engine.flow.events import read_data
from engine.intake.extractors.applying import apply, open_mail
from engine.intake.extractors.book import Book, extract, read_folder
from engine.intake.extractors.model import Extractor
from engine.intake.extractors.reading import read_extractor
from engine.intake.patterns import Pattern, PatternError

SAMPLES = Path("tests/data/extractors")
COURIER = (SAMPLES / "post-coach.yaml").read_text("utf-8")
ORDER = (SAMPLES / "shop-order.yaml").read_text("utf-8")
ANN = Address.parse("ann@example.org")

ORDER_HTML = """<html><head><style>.x{}</style></head><body><table class="order-list">
<tr class="order-list__item"><td><img src="https://cdn.example/cup.png"></td>
 <td><span class="order-list__item-title">Cup &amp; saucer &times; 2</span></td>
 <td class="order-list__item-price">€1.039,80</td></tr>
<tr class="order-list__item"><td><img src="javascript:x"></td>
 <td><span class="order-list__item-title">Strainer × 1</span></td><td class="order-list__item-price">10.00</td></tr>
</table><p class="total-price">Total <b>1.049,80</b> EUR</p></body></html>"""


def mail(
    html: str = "", *, sender: str = "orders@shop.example", subject: str = "Order #1001 confirmed", text: str = ""
) -> bytes:
    kind, body = ("text/html", html) if html else ("text/plain", text)
    head = f"From: Shop <{sender}>\r\nTo: ann@example.org\r\nSubject: {subject}\r\nContent-Type: {kind}; charset=utf-8\r\n\r\n"
    return head.encode() + body.encode()


def made(text: str) -> Extractor:
    found = read_extractor(text, "x.yaml")
    assert isinstance(found, Extractor), [str(fault) for fault in found]
    return found


def faults(text: str) -> list[str]:
    found = read_extractor(text, "x.yaml")
    assert isinstance(found, list)
    return [str(each) for each in found]


def event(text: str, content: bytes) -> dict[str, Any]:
    found, why = apply(made(text), open_mail(content))
    assert found is not None, why
    return found


def test_an_order_is_found_with_its_lines_in_html_that_has_no_mark_up() -> None:
    found = event(ORDER, mail(ORDER_HTML))
    assert (found["name"], found["key"], found["deliver"], found["contact"]) == ("order.placed", "1001", True, None)
    assert found["data"] == {
        "number": "1001", "total": 1049.8, "currency": "EUR",
        "lines": [
            {"name": "Cup & saucer", "quantity": 2, "price": 1039.8, "image": "https://cdn.example/cup.png"},
            {"name": "Strainer", "quantity": 1, "price": 10},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Delivered", "parcel.delivered"), ("Ihr Paket wurde zugestellt", "parcel.delivered"),
        ("Посылка доставлена", "parcel.delivered"), ("已签收", "parcel.delivered"), ("החבילה נמסרה? נמסר", "parcel.delivered"),
        ("Out for delivery today", "parcel.out_for_delivery"), ("Посылка в пути", "parcel.in_transit"),
    ],
)  # fmt: skip
def test_a_couriers_word_says_which_event_it_is_in_its_own_language(said: str, name: str) -> None:
    html = (
        f'<p>Parcel number: PC 123 456</p><b id=status>{said}</b><a class=track href="https://pc.example/t">track</a>'
    )
    found = event(COURIER, mail(html, sender="notice@post-coach.example"))
    assert found["name"] == name
    assert found["data"] == {"tracking_number": "PC 123 456", "carrier": "Post Coach", "url": "https://pc.example/t"}


@pytest.mark.parametrize(
    ("html", "why"),
    [
        ("<b id=status>We are on holiday</b>", "knows no event for what the mail says"),
        ("<b id=status>Delivered</b>", "did not find tracking_number"),
        ("", "knows no event for what the mail says"),
    ],
)
def test_what_an_extractor_does_not_find_is_said(html: str, why: str) -> None:
    assert extract([COURIER], mail(html))["left_out"] == [f"the extractor post-coach {why}"]


def test_an_extractor_is_for_the_mails_that_it_names_only() -> None:
    book = Book((made(ORDER), made(COURIER)))

    def names(sender: str, subject: str) -> list[str]:
        return [each.name for each in book.for_mail(mail(sender=sender, subject=subject), [ANN])]

    assert names("Orders@SHOP.example", "Order #7 confirmed") == ["shop-order"]
    assert names("hello@shop.example", "=?utf-8?q?Order_=237_confirmed?=") == ["shop-order"]
    assert names("hello@shop.example", "Order #7 shipped") == names("eve@evil.example", "Order #7 confirmed") == []
    assert names("any@post-coach.example", "x") == ["post-coach"]
    to = made("name: a\nevent: inquiry.received\nmatch: {to: ask@shop.example}\n")
    assert not Book((to,)).for_mail(mail(), [ANN])
    assert Book((to,)).for_mail(mail(), [ANN, Address.parse("ask@shop.example")])


def test_the_text_is_what_a_reader_sees_and_the_contact_is_who_the_mail_names() -> None:
    text = (
        "name: ask\nmatch: {subject: Question}\nevent: inquiry.received\ndeliver: no\n"
        r"contact: {text: 'E-Mail:\s*(\S+@\S+)'}" + "\n"
        r"data: {subject: {is: A question}, text: {text: '(?s)Question:\s+(?P<value>.*)'}}" + "\n"
    )
    found = event(
        text,
        mail("<script>E-Mail: x@y.z</script><div>E-Mail: <b>Bob@example.org</b></div><p>Question:</p><p>When?</p>"),
    )
    assert (found["contact"], found["data"]["text"], found["deliver"]) == ("Bob@example.org", "When?", False)
    assert event(text, mail(text="E-Mail: c@d.example\r\nQuestion: Why?"))["data"]["text"] == "Why?"


WRONG = """\
name: Shop Order
match: {from: nobody, subjekt: x}
event: order.place
data:
  number: {subject: '(['}
  total: {css: 'td[', as: amount}
  url: {css: a, subject: x}
  place: {subject: x, attribute: href}
  lines: {each: tr, data: {a: {each: td, data: {}}}}
  Bad Name: {is: x}
require: [numbr]
deliver: perhaps
"""


def test_all_faults_of_a_file_are_said_at_once_with_line_and_column() -> None:
    found = faults(WRONG)
    for place, words in [
        ("1:7: name", "small letters, digits, - and _"),
        ("2:15: match.from", "an address, or a domain such as @shop.example"),
        ("2:23: match.subjekt", 'did you mean "subject"?'),
        ("3:8: event", 'did you mean "order.placed"?'),
        ("5:22: data.number.subject", "no pattern: missing ]"),
        ("6:17: data.total.css", "no CSS selector"),
        ("6:27: data.total.as", "(known are text, number, link)"),
        ("7:3: data.url", "one of subject, from, to, text, html, css, is is expected"),
        ("8:23: data.place.attribute", "goes with css only"),
        ("9:3: data.lines", "a list in a list is not read"),
        ("10:3: data", "small letters, digits and _"),
        ("11:11: require", 'did you mean "number"?'),
        ("12:10: deliver", "yes or no is expected"),
    ]:
        assert any(each.startswith(f"x.yaml:{place}") and words in each for each in found), (place, words, found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"), ("a: [", "no YAML"), ("- a", "keys with values are expected here"),
        ("name: a\nevent: order.placed\n", "match: is missing"),
        ("name: a\nevent: order.placed\nmatch: {}\n", "every mail would be read"),
        ("name: a\nevent: mail.opened\nmatch: {subject: a}\n", "is for Posthouse alone to make"),
        ("name: a\nevent: {when: {a: order.placed}}\nmatch: {subject: a}\n", "event.read: is missing"),
        ("name: a\nevent: x\nmatch: {subject: (?=a)}\n", "no look-around: RE2 keeps every pattern fast"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_extractor_is_refused_with_the_reason(text: str, words: str) -> None:
    assert any(words in each for each in faults(text))


def test_a_folder_gives_those_that_can_be_read_and_the_faults_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ORDER, "utf-8")
    (tmp_path / "b.yaml").write_text("name: b\n", "utf-8")
    (tmp_path / "c.yaml").write_text(ORDER, "utf-8")
    (tmp_path / "d.yaml").write_bytes(b"\xff")
    (tmp_path / "notes.txt").write_text("not read")
    book = read_folder(tmp_path)
    assert [each.name for each in book.extractors] == ["shop-order"]
    assert [Path(each.file).name for each in book.faults] == ["b.yaml", "b.yaml", "c.yaml", "d.yaml"]
    assert read_folder(None) == Book() and read_folder(tmp_path / "none").faults[0].message == "is no folder"


@pytest.mark.parametrize(
    "example", re.findall(r"^```yaml\n(.*?)^```$", Path("docs/extractors.md").read_text("utf-8"), re.M | re.S)
)
def test_the_examples_of_the_page_are_extractors(example: str) -> None:
    made(example)


# -- hostile


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x", "((a{0,9}){0,9}){0,9}b", "(?i)(x+x+)+y"])
def test_patterns_that_stall_others_are_looked_for_in_a_million_letters(pattern: str) -> None:
    Pattern.parse(pattern).find("a" * 1_000_000 + "!")


@given(st.text(max_size=60), st.text(max_size=200))
def test_any_pattern_is_refused_or_finds_something_or_nothing(pattern: str, text: str) -> None:
    try:
        found = Pattern.parse(pattern).find(text)
    except PatternError as err:
        assert str(err)
    else:
        assert found is None or isinstance(found, str)


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(COURIER.splitlines() + ORDER.splitlines()), max_size=30).map("\n".join)
)
def test_any_file_is_an_extractor_or_has_faults_with_places(text: str) -> None:
    found = read_extractor(text, "x.yaml")
    assert isinstance(found, Extractor) or all(each.line >= 1 and each.column >= 1 for each in found)


PIECES = st.sampled_from([b"<b id=status>", b"delivered", b"Parcel: PC 12", b"<table class=order-list>", b"<tr>", b"\xff",
                          b"</b>",
                          b"=?utf-8?q?", b"\r\n", b"--x", b"<tr class=order-list__item>", b"1.0,0", b"&times; 9"])  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=20), max_size=40).map(b"".join), st.booleans())
def test_any_mail_gives_events_that_are_fit_to_keep_or_reasons(content: bytes, is_html: bool) -> None:
    head = b"Content-Type: text/html\r\n\r\n" if is_html else b""
    found = extract([COURIER, ORDER], head + content)
    assert len(found["events"]) + len(found["left_out"]) == 2
    for each in found["events"]:
        assert read_data(each["data"]) == each["data"]


# -- the command


def test_the_command_says_what_each_mail_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, other = tmp_path / "good.eml", tmp_path / "other.eml"
    good.write_bytes(mail(ORDER_HTML))
    other.write_bytes(mail(ORDER_HTML, subject="News").replace(b"\r\n", b"\n"))
    assert run(["extractor", "test", str(SAMPLES / "shop-order.yaml"), str(good)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1:3] == [f"{good}: order.placed about 1001", '  number: "1001"']
    assert run(["extractor", "test", str(SAMPLES / "shop-order.yaml"), str(good), str(other)]) == 1
    assert f"{other}: no event: match: the mail is not one of those" in capsys.readouterr().out


def test_the_command_lists_every_fault_and_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)
    assert run(["extractor", "test", str(file)]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) >= 13 and f"{file}:3:8: event" in err


def test_what_stands_too_deep_to_be_read_is_said_where_no_event_is_found() -> None:
    deep = "<div>" * 5000 + "Delivered" + "</div>" * 5000
    found, why = apply(made(COURIER), open_mail(mail(deep)))
    assert found is None and "knows no event for what the mail says (not read: the HTML is nested deeper than" in why
    assert "not read" not in apply(made(COURIER), open_mail(mail("<div>Nothing</div>")))[1]
