"""Cutting a message as octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.rawmail import (
    MessageError,
    count_fields,
    fields,
    first_value,
    normalise_newlines,
    split_message,
    without,
)

MESSAGE = (
    b"Received: by mx\r\n\tfor <ann@example.org>\r\n"
    b"X-Posthouse-Event: order.placed\r\n"
    b"Subject : hello\r\n"
    b"x-posthouse-data: {\r\n }\r\n"
    b"BCC: secret@example.org\r\n"
    b"To: ann@example.org\r\n"
    b"\r\n"
    b"Bcc: not a header\r\n"
)


@pytest.mark.parametrize(
    ("content", "header", "body"),
    [
        (b"A: b\r\n\r\nbody", b"A: b\r\n", b"body"),
        (b"A: b\n\nbody", b"A: b\n", b"body"),
        (b"A: b\n\nbody\r\n\r\n", b"A: b\n", b"body\r\n\r\n"),
        (b"A: b\r\n\r\n\n\nbody", b"A: b\r\n", b"\n\nbody"),
        (b"\r\nbody", b"", b"body"),
        (b"\nbody", b"", b"body"),
        (b"A: b\r\n", b"A: b\r\n", b""),
        (b"", b"", b""),
    ],
)
def test_a_message_is_cut_at_its_first_empty_line(content: bytes, header: bytes, body: bytes) -> None:
    assert split_message(content) == (header, body)


def test_fields_are_unfolded_in_order_and_other_lines_left_out() -> None:
    header = b"From nobody\r\n folded: junk\r\nA:1\r\nb :\t2 \r\n 3\r\nC:\r\n=?x: y\r\nA: 4"
    assert fields(header) == [("A", b"1"), ("b", b"2  3"), ("C", b""), ("=?x", b"y"), ("A", b"4")]


def test_half_a_header_is_not_judged() -> None:
    with pytest.raises(MessageError, match="more than 3 fields"):
        fields(b"A: 1\r\n" * 4, max_fields=3)
    with pytest.raises(MessageError, match="longer than 10 octets"):
        fields(b"A: 1\r\n" * 4, max_size=10)


def test_the_first_value_is_found_whatever_its_case_and_folding() -> None:
    header, _ = split_message(MESSAGE)
    assert first_value(header, "received") == b"by mx\tfor <ann@example.org>"
    assert first_value(header, "SUBJECT") == b"hello"
    assert first_value(header, "Sub") is None


def test_fields_of_a_name_are_counted_whatever_their_case_and_folding() -> None:
    header = b"From: a@b.example\r\nX-From: c\r\n\tFrom: d\r\nfRoM : e\r\nFromage: f\r\n"
    assert [count_fields(header, name) for name in ("From", "from", "Sender")] == [2, 2, 0]


def test_fields_are_taken_out_by_name_and_by_the_beginning_of_a_name() -> None:
    left = without(MESSAGE, ("X-Posthouse-*", "Bcc"))
    assert left == (
        b"Received: by mx\r\n\tfor <ann@example.org>\r\nSubject : hello\r\nTo: ann@example.org\r\n"
        b"\r\nBcc: not a header\r\n"
    )


def test_a_message_without_such_fields_is_the_very_same_object() -> None:
    assert without(MESSAGE, ("X-Other",)) is MESSAGE


@pytest.mark.parametrize("content", [b"Bcc: x", b"Bcc: x\r\n", b"Bcc: x\r\n y", b"bcc : x\r\n\r\n"])
def test_a_field_at_the_very_end_is_taken_out_too(content: bytes) -> None:
    assert without(content, ("Bcc",)) == content[len(split_message(content)[0]) :]


@pytest.mark.parametrize(
    ("content", "normal"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\rb\r", b"a\r\nb\r\n"),
        (b"a\r\r\nb\n\r", b"a\r\n\r\nb\r\n\r\n"),
        (b"no line end", b"no line end"),
        (b"", b""),
    ],
)
def test_every_line_end_becomes_crlf(content: bytes, normal: bytes) -> None:
    assert normalise_newlines(content) == normal


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"."])).map(b"".join))
def test_no_bare_line_end_is_left_and_normal_content_stays(content: bytes) -> None:
    normal = normalise_newlines(content)
    assert normal.count(b"\r") == normal.count(b"\n") == normal.count(b"\r\n")
    assert normalise_newlines(normal) == normal


@given(st.lists(st.sampled_from([b"Bcc", b"X-Posthouse-A", b":", b" ", b"\t", b"\r\n", b"To", b"x"])).map(b"".join))
def test_what_is_taken_out_is_gone_and_the_rest_is_there(content: bytes) -> None:
    names = [name.lower() for name, _ in fields(split_message(without(content, ("Bcc", "X-Posthouse-*")))[0])]
    before = [name.lower() for name, _ in fields(split_message(content)[0])]
    assert names == [name for name in before if name != "bcc" and not name.startswith("x-posthouse-")]
