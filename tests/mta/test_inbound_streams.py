"""However the network cuts a client's octets into packets, the transactions and the replies are the same."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smtp_door import ENVELOPE
from stream_door import hear

from deliverability.reply import Reply
from mta.inbound.content import END, MAX_LINE, MessageReader
from mta.inbound.settings import LongLines, Newlines, SubmissionSettings

STREAMS = {
    "two pipelined messages": ENVELOPE
    + b"DATA\r\nSubject: one\r\n\r\n..\r\n.\r\n"
    + ENVELOPE
    + b"DATA\r\n.\r\nQUIT\r\n",
    "bare ends in a message": ENVELOPE + b"DATA\r\na\n.\nb\r.\rc\r\n.\r\r\n.\r\nRSET\r\nQUIT\r\n",
    "bare ends in commands": b"EHLO a\nMAIL FROM:<x@y.example>\r\nNOOP \rRSET\r\n\n\r\nEHLO a\r\n\r\r\nQUIT\r\n",
    "long lines": b"NOOP " + b"x" * 3000 + b"\r\n" + ENVELOPE + b"DATA\r\n" + b"y" * 1500 + b"\r\n.\r\nQUIT\r\n",
    "a body that ends in dots": ENVELOPE + b"DATA\r\nx\r\n..\r\n\r\n.x\r\n.\r\n.\r\nQUIT\r\n",
    "hung up in data": ENVELOPE + b"DATA\r\nSubject: half\r\n\r\n.",
    "too many errors": b"A\r\n" * 12 + ENVELOPE + b"DATA\r\n.\r\n",
    "a form posted by a browser": b"POST / HTTP/1.1\r\nHost: x\r\n\r\n" + ENVELOPE + b"DATA\r\n.\r\n",
}
DOORS = [SubmissionSettings(), SubmissionSettings(newlines=Newlines.NORMALISE, long_lines=LongLines.WRAP)]


def cut(octets: bytes, sizes: list[int]) -> list[bytes]:
    """The octets in portions of these sizes, over and over."""
    portions, start = [], 0
    while start < len(octets):
        size = sizes[len(portions) % len(sizes)]
        portions.append(octets[start : start + size])
        start += size
    return portions


@pytest.mark.parametrize("name", STREAMS)
@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8), door=st.sampled_from(DOORS))
def test_any_split_of_the_stream_gives_the_same_transactions(
    name: str, sizes: list[int], door: SubmissionSettings
) -> None:
    whole, parts = hear([STREAMS[name]], door), hear(cut(STREAMS[name], sizes), door)
    assert parts == whole
    assert whole.reports == []


TOKENS = st.sampled_from(
    [
        b"\r\n", b"\r\n", b"\r", b"\n", b"\0", b".", b"\r\n.\r\n", b"EHLO x\r\n", b"MAIL FROM:<a@b.example>\r\n",
        b"RCPT TO:<c@d.example>\r\n", b"DATA\r\n", b"RSET\r\n", b"QUIT\r\n", b"NOOP ", b" SIZE=", b" NOTIFY=",
        b" ORCPT=rfc822;+", b"x" * 1000, "é".encode(), b"\xff", b"@", b":", b"=", b"<", b">", b'"', b"\\",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(portions=st.lists(TOKENS | st.binary(max_size=8), max_size=40))
def test_no_octets_bring_a_session_out_of_its_own_words(portions: list[bytes]) -> None:
    heard = hear(portions, SubmissionSettings())
    assert heard.reports == []
    assert all(code[:1] in b"2345" and code.isdigit() and len(code) == 3 for code in heard.codes)
    for transaction in heard.transactions:
        assert b"\0" not in transaction.content
        assert (
            transaction.content.count(b"\r") == transaction.content.count(b"\n") == transaction.content.count(b"\r\n")
        )


BODY = st.lists(
    st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"..", b" ", b"a", "ж".encode(), b"x" * 700, b"y" * 1300]),
    max_size=30,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(body=BODY, sizes=st.lists(st.integers(1, 900), min_size=1, max_size=5))
def test_what_is_handed_on_is_made_of_clean_lines_whatever_came(body: bytes, sizes: list[int]) -> None:
    reader = MessageReader(SubmissionSettings(newlines=Newlines.NORMALISE, long_lines=LongLines.WRAP))
    stuffed = (b"\r\n" + body).replace(b"\r\n.", b"\r\n..").removeprefix(b"\r\n")
    rests = (reader.feed(portion) for portion in cut(stuffed + END, sizes))
    assert next(rest for rest in rests if rest is not None) == b""
    assert reader.fault is None
    lines = reader.content.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) <= MAX_LINE and b"\r" not in line and b"\n" not in line for line in lines)
    for line in lines:
        line.decode()  # no character was parted
    assert reader.content.count("ж".encode()) == body.count("ж".encode())


def test_an_endless_line_is_given_up_early_and_its_message_read_to_the_end() -> None:
    reader = MessageReader(SubmissionSettings())
    for _ in range(1000):
        assert reader.feed(b"x" * 10_000) is None
        assert reader.held <= 10_004
    assert reader.feed(b"\r\n.\r\nRSET") == b"RSET"
    assert reader.fault is not None and reader.fault.code == 550


@pytest.mark.parametrize("size", [65_536, 65_537])
def test_the_size_limit_counts_every_octet_and_no_other(size: int) -> None:
    reader = MessageReader(SubmissionSettings(max_size=65_536))
    line = b"x" * 62 + b"\r\n"
    octets = line * 1023 + b"x" * (size - 1023 * 64 - 2) + b"\r\n"
    assert len(octets) == size
    assert reader.feed(octets + b".\r\n") == b""
    assert (reader.fault is None) == (size <= 65_536)
    assert reader.fault is None or (reader.fault.code, str(reader.fault.enhanced)) == (552, "5.3.4")


@pytest.mark.parametrize(
    ("hops", "fault"),
    [(30, None), (31, "554 5.4.6")],
)
def test_more_hops_than_a_mail_can_have_are_a_loop(hops: int, fault: str | None) -> None:
    reader = MessageReader(SubmissionSettings())
    noise = b"Received-SPF: pass\r\nX-Received: x\r\n" * 40
    reader.feed(noise + b"RECEIVED: from a by b\r\n" * hops + b"\r\n" + b"Received: in the body\r\n" * 99 + b".\r\n")
    assert (reader.fault and str(reader.fault)[:9]) == fault


def test_a_header_section_without_end_is_refused() -> None:
    reader = MessageReader(SubmissionSettings(max_header_size=16_384))
    reader.feed(b"X-A: b\r\n" * 3000 + b".\r\n")
    assert reader.fault is not None and str(reader.fault).startswith("552 5.3.4 Header section")


def test_the_first_fault_is_the_one_that_is_told() -> None:
    reader = MessageReader(SubmissionSettings())
    reader.feed(b"a\nb\r\n" + b"x" * 2000)
    reader.refuse("max_memory", Reply.of(452, "4.3.1", "later"))
    assert reader.feed(b"\0\r\n.\r\n") == b""
    assert reader.fault is not None and reader.fault.text.startswith("Line 1 of the message holds a CR or LF")
    assert reader.limit == "newlines"


def test_nothing_but_the_connection_knows_aiosmtpd() -> None:
    root = Path(__file__).parents[2]
    files = [path for package in ("tui", "engine", "mta", "deliverability") for path in (root / package).rglob("*.py")]
    assert [
        path.name for path in files if "import aiosmtpd" in path.read_text() or "from aiosmtpd" in path.read_text()
    ] == ["connection.py"]
