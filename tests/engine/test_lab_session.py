"""The lab's SMTP session without a socket: octets in, octets out."""

from itertools import pairwise
from pathlib import Path

import pytest
from clock import FakeChance, FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.lab.keep import Kept, KeptReader, Refusal
from engine.lab.moods import load
from engine.lab.reception import Memory, Reception
from engine.lab.session import Session
from engine.lab.speaker import Next

CATALOGUE = load()


def session_with(kept: Kept, host: str = "shop") -> Session:
    memory = Memory(FakeClock(), FakeChance())
    session = Session(Reception(CATALOGUE, CATALOGUE.host[host], memory, kept), "127.0.0.1", 1)
    session.greet()
    return session


def said(session: Session) -> str:
    output = session.output.decode()
    session.output.clear()
    return output


def codes(text: str) -> list[str]:
    return [line[:3] for line in text.splitlines() if line[3:4] != "-"]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_a_whole_mail_in_one_pipelined_chunk_is_taken_and_the_next_too(kept: Kept) -> None:
    session = session_with(kept)
    mail = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@shop.lab>\r\nDATA\r\nSubject: %d\r\n\r\nx\r\n.\r\n"
    session.receive(b"EHLO me\r\n" + mail % 1 + mail % 2 + b"QUIT\r\n")
    assert codes(said(session)) == ["220", "250", *(["250", "250", "354", "250"] * 2), "221"]
    assert [mail.raw for mail in Kept.read(kept.folder)] == [b"Subject: 1\r\n\r\nx\r\n", b"Subject: 2\r\n\r\nx\r\n"]
    assert [(mail.session, mail.nth) for mail in Kept.read(kept.folder)] == [(1, 1), (1, 2)]


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 120), max_size=8))
def test_any_split_of_the_octets_keeps_the_same_mail(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    kept = Kept(tmp_path_factory.mktemp("kept"))
    session = session_with(kept)
    octets = b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@shop.lab>\r\nDATA\r\n"
    octets += b"..x\r\n.\n.\r\n\r\n...\r\n.\r\nQUIT\r\n"
    edges = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    for start, end in pairwise(edges):
        session.receive(octets[start:end])
    assert codes(said(session))[-2:] == ["250", "221"]
    (mail,) = Kept.read(kept.folder)
    kept.close()
    assert mail.raw == b".x\r\n\n.\r\n\r\n..\r\n"
    assert mail.faults == ("bare LF", "dot not stuffed")


@settings(deadline=None)
@given(noise=st.binary(max_size=400))
def test_no_octets_make_it_raise(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    kept = Kept(tmp_path_factory.mktemp("kept"))
    for lead in (b"", b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@shop.lab>\r\nDATA\r\n"):
        session = session_with(kept)
        session.receive(lead + noise)
        session.receive(b"\r\n.\r\nNOOP\r\n")
        assert session.output
    kept.close()


@pytest.mark.parametrize(
    "not_the_end", [b"\n.\r\n", b"\r\n.\n", b"\n.\n", b"\r.\r", b"\r\n.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n"]
)
def test_only_a_dot_between_two_crlf_ends_a_message(kept: Kept, not_the_end: bytes) -> None:
    session = session_with(kept)
    session.receive(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@shop.lab>\r\nDATA\r\n")
    said(session)
    session.receive(b"x" + not_the_end + b"MAIL FROM:<smuggled@b.example>\r\n")
    assert said(session) == ""


def test_an_empty_message_is_a_message(kept: Kept) -> None:
    session = session_with(kept)
    session.receive(b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<ann@shop.lab>\r\nDATA\r\n.\r\n")
    assert [(mail.raw, mail.mail_from) for mail in Kept.read(kept.folder)] == [(b"", "")]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (b"MAIL FROM:<a@b.example>", "250"),
        (b"mail from:<a@b.example> size=10 body=8bitmime", "250"),
        (b'MAIL FROM:<"odd > local"@b.example>', "250"),
        (b"MAIL FROM:<a@b.example> SIZE=99999999999", "552"),
        (b"MAIL FROM:<a@b.example> RET=HDRS", "555"),
        (b"MAIL FROM:<a@b.example> X-NEW", "555"),
        (b"MAIL FROM:a@b.example", "501"),
        (b"MAIL TO:<a@b.example>", "501"),
        ("MAIL FROM:<ä@b.example>".encode(), "553"),
        ("MAIL FROM:<ä@b.example> SMTPUTF8".encode(), "250"),
        (b"MAIL FROM:<\xff@b.example>", "500"),
        (b"RCPT TO:<ann@shop.lab>", "503"),
        (b"DATA", "503"),
        (b"VRFY ann", "252"),
        (b"NOOP", "250"),
        (b"RSET", "250"),
        (b"STARTTLS now", "501"),
        (b"EHLO", "501"),
        (b"HELO", "501"),
        (b"WHAT", "500"),
        (b"NOOP\n", "500"),
        (b"x" * 5000, "500"),
    ],
)
def test_a_command_is_granted_or_refused_by_the_protocols_rules(kept: Kept, command: bytes, code: str) -> None:
    session = session_with(kept)
    session.receive(b"EHLO me\r\n")
    said(session)
    session.receive(command + b"\r\n")
    assert codes(said(session))[0] == code


def test_mail_before_ehlo_and_mail_in_mail_are_refused(kept: Kept) -> None:
    session = session_with(kept)
    said(session)
    session.receive(b"MAIL FROM:<a@b.example>\r\nHELO me\r\nMAIL FROM:<a@b.example>\r\nMAIL FROM:<a@b.example>\r\n")
    assert codes(said(session)) == ["503", "250", "250", "503"]


def test_after_helo_nothing_is_offered(kept: Kept) -> None:
    session = session_with(kept)
    said(session)
    session.receive(b"HELO me\r\nMAIL FROM:<a@b.example> SIZE=5\r\n")
    assert codes(said(session)) == ["250", "555"]


def test_what_follows_starttls_in_the_clear_is_not_obeyed(kept: Kept) -> None:
    session = session_with(kept)
    said(session)
    session.receive(b"EHLO me\r\nSTARTTLS\r\nMAIL FROM:<injected@b.example>\r\n")
    assert codes(said(session)) == ["250", "503"]
    assert session.next is Next.READ


def test_after_the_handshake_the_client_begins_anew(kept: Kept) -> None:
    session = session_with(kept)
    session.receive(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nSTARTTLS\r\n")
    assert session.next is Next.START_TLS
    said(session)
    session.secured("TLSv1.3")
    session.receive(b"RCPT TO:<ann@shop.lab>\r\nMAIL FROM:<a@b.example>\r\nEHLO me\r\n")
    answer = said(session)
    assert codes(answer) == ["503", "503", "250"]
    assert "STARTTLS" not in answer


def test_a_full_disk_is_452_and_the_mail_is_not_answered_for(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "keep", full)
    session = session_with(kept)
    said(session)
    session.receive(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@shop.lab>\r\nDATA\r\nx\r\n.\r\n")
    assert codes(said(session))[-1] == "452"


def test_a_message_over_the_stated_size_is_refused_after_the_dot(kept: Kept) -> None:
    session = session_with(kept)
    session.receive(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@shop.lab>\r\nDATA\r\n")
    said(session)
    session.receive(b"x" * 52_428_800 + b"\r\n.\r\n")
    assert codes(said(session)) == ["552"]
    assert Kept.read(kept.folder) == []


def test_each_refusal_is_noted_with_whom_it_is_about(kept: Kept, tmp_path: Path) -> None:
    session = session_with(kept)
    session.receive(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<unknown@shop.lab>\r\n")
    (refusal,) = KeptReader(tmp_path).refusals()
    assert isinstance(refusal, Refusal)
    assert (refusal.stage, refusal.mail_from, refusal.rcpt_to) == ("rcpt", "a@b.example", "unknown@shop.lab")
    assert refusal.reply.startswith("550 5.1.1 <unknown@shop.lab>")


def test_braces_in_an_address_are_not_filled_in(kept: Kept) -> None:
    session = session_with(kept)
    said(session)
    session.receive(b"EHLO me\r\nMAIL FROM:<{host}@b.example>\r\nRCPT TO:<unknown+{sender}@shop.lab>\r\n")
    assert "<unknown+{sender}@shop.lab>" in said(session)
