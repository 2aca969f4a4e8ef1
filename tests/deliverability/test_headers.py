"""Header fields as we write them."""

from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.address import Address
from deliverability.encoded_words import decode_text
from deliverability.headers import (
    HeaderError,
    format_date,
    format_mailbox,
    header,
    mailbox_header,
    make_message_id,
    text_header,
)
from deliverability.rawmail import fields

ANN = Address.parse("ann@example.org")

# Everything that a field may hold: no control characters, no line or paragraph separators, no lone surrogates.
_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=300)


def value_of(field: bytes) -> bytes:
    [(_, value)] = fields(field)
    return value


def test_plain_text_is_written_as_it_is() -> None:
    assert text_header("Subject", "Your order 41") == b"Subject: Your order 41\r\n"


def test_other_text_is_written_in_encoded_words() -> None:
    assert text_header("Subject", "Viele Grüße") == b"Subject: =?utf-8?q?Viele_Gr=C3=BC=C3=9Fe?=\r\n"
    assert text_header("Subject", "订单") == b"Subject: =?utf-8?b?6K6i5Y2V?=\r\n"


def test_text_that_looks_like_an_encoded_word_is_encoded_lest_it_be_decoded() -> None:
    field = text_header("Subject", "=?utf-8?q?a?=")
    assert b"=?utf-8?q?a?=" not in field
    assert decode_text(value_of(field)) == "=?utf-8?q?a?="


@given(_TEXT)
def test_any_subject_survives_writing_and_reading(text: str) -> None:
    field = text_header("Subject", text)
    lines = field.split(b"\r\n")
    assert lines.pop() == b""
    assert all(0 < len(line) <= 78 for line in lines)
    assert all(len(line) <= 76 for line in lines if b"=?" in line)  # RFC 2047 section 2
    assert all(line.startswith(b" ") and line.strip() for line in lines[1:])
    assert field.isascii()
    assert _shown(decode_text(value_of(field))) == _shown(text)


@given(_TEXT)
def test_a_foreign_reader_sees_the_same_subject(text: str) -> None:
    message = message_from_bytes(text_header("Subject", text) + b"\r\n", policy=policy.default)
    assert _shown(str(message["Subject"])) == _shown(text)


def _shown(text: str) -> str:
    """Blanks at the ends are not kept, and direction controls are for a screen to decide."""
    return "".join(character for character in text.strip() if character.isprintable()).strip()


@pytest.mark.parametrize(
    "character", ["\r", "\n", "\0", "\t", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\udc80"]
)
def test_no_value_may_hold_a_control_character_or_a_line_end(character: str) -> None:
    injected = f"Hi{character}Bcc: everybody@example.org"
    for write in (header, text_header):
        with pytest.raises(HeaderError, match="control character or a line end"):
            write("Subject", injected)
    with pytest.raises(HeaderError, match="control character or a line end"):
        format_mailbox(injected, ANN)


@pytest.mark.parametrize("name", ["", "Sub ject", "Subject:", "Sübject", "Subject\r\nBcc", "x" * 77])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(HeaderError, match="not the name"):
        header(name, "x")


def test_a_structured_field_is_ascii_and_folds_at_its_blanks_only() -> None:
    with pytest.raises(HeaderError, match="ASCII"):
        header("Content-Type", "text/plain; charset=ütf")
    references = " ".join(f"<{number}@mail.shop.example>" for number in range(9))
    field = header("References", references)
    assert max(map(len, field.split(b"\r\n"))) <= 78
    assert value_of(field) == references.encode()


def test_a_word_that_fits_no_line_is_refused_not_cut() -> None:
    with pytest.raises(HeaderError, match="998"):
        header("X-Long", "x" * 1000)


def test_list_fields_stay_on_one_line_however_long() -> None:
    value = f"<https://shop.example/u/{'a' * 200}>, <mailto:leave@shop.example?subject={'b' * 100}>"
    assert header("List-Unsubscribe", value) == f"List-Unsubscribe: {value}\r\n".encode()
    with pytest.raises(HeaderError, match="998"):
        header("List-Unsubscribe", f"<https://shop.example/{'a' * 1000}>")
    with pytest.raises(HeaderError, match="ASCII"):
        header("List-Unsubscribe", "<https://shöp.example/>")


@pytest.mark.parametrize(
    ("name", "mailbox"),
    [
        ("", "ann@example.org"),
        ("Ann Lee", "Ann Lee <ann@example.org>"),
        ("Ann (Lee)", '"Ann (Lee)" <ann@example.org>'),
        ('Ann "A" Lee\\', '"Ann \\"A\\" Lee\\\\" <ann@example.org>'),
        ("Lee, Ann", '"Lee, Ann" <ann@example.org>'),
        ("eve@example.org", '"eve@example.org" <ann@example.org>'),
        ("Jörg Lee", "=?utf-8?q?J=C3=B6rg_Lee?= <ann@example.org>"),
        ("=?x?=", "=?utf-8?b?PT94Pz0=?= <ann@example.org>"),
    ],
)
def test_a_display_name_is_plain_quoted_or_encoded_as_it_needs(name: str, mailbox: str) -> None:
    assert format_mailbox(name, ANN) == mailbox


@given(st.lists(_TEXT.filter(lambda name: len(name) < 80), min_size=1, max_size=4))
def test_a_foreign_reader_finds_the_same_addresses_whatever_the_names(names: list[str]) -> None:
    mailboxes = [(name, Address.parse(f"a{number}@example.org")) for number, name in enumerate(names)]
    field = mailbox_header("To", mailboxes)
    assert max(map(len, field.split(b"\r\n"))) <= 998
    message = message_from_bytes(field + b"\r\n", policy=policy.default)
    assert [found.addr_spec for found in message["To"].addresses] == [str(address) for _, address in mailboxes]


def test_an_address_beyond_ascii_is_never_in_an_encoded_word() -> None:
    field = mailbox_header("To", [("Jörg", Address.parse("jörg@example.org"))])
    assert "<jörg@example.org>".encode() in field


def test_a_field_of_nobody_is_refused() -> None:
    with pytest.raises(HeaderError, match="nobody"):
        mailbox_header("To", [])


def test_dates_are_english_and_carry_their_zone() -> None:
    assert format_date(datetime(2026, 3, 1, 9, 5, 7, tzinfo=UTC)) == "Sun, 01 Mar 2026 09:05:07 +0000"
    west = timezone(-timedelta(hours=3, minutes=30))
    assert format_date(datetime(2026, 11, 22, 23, 0, 0, tzinfo=west)) == "Sun, 22 Nov 2026 23:00:00 -0330"
    with pytest.raises(ValueError, match="naive"):
        format_date(datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_message_id_is_an_atom_at_our_domain() -> None:
    assert make_message_id(bytes(range(16)), "shop.example") == "<aaaqeayeaudaocajbifqydiob4@shop.example>"
