"""The record of a dialogue: all lines with their times, no secret, no content, and never more than a bound."""

from deliverability.reply import Reply
from mta.smtp.client import ClientSession
from mta.smtp.outcome import Stage
from mta.smtp.record import CHARACTERS, LINES, SHORT, Record


class Ticks:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_dialogue_is_kept_line_by_line_with_seconds_since_it_began() -> None:
    clock = Ticks()
    record = Record(clock)
    session = ClientSession("out.example", record=record)
    clock.now += 0.25
    session.receive(b"220 mx.example ESMTP\r\n")
    session.bytes_to_send()
    clock.now += 1
    session.receive(b"250-mx.example\r\n250 SIZE 1000\r\n")
    assert record.whole("the connection was closed").splitlines() == [
        "+0.250 S: 220 mx.example ESMTP", "+0.250 C: EHLO out.example", "+1.250 S: 250-mx.example", "+1.250 S: 250 SIZE 1000",
        "+1.250 -: the connection was closed",
    ]  # fmt: skip


def test_a_message_is_only_a_size_and_what_logs_in_is_no_line_at_all() -> None:
    record = Record(Ticks())
    record.said(Stage.AUTH, b"AUTH PLAIN AGFubgBzZWNyZXQ=\r\n")
    record.said(Stage.DOT, b"Subject: secret\r\n\r\nhello\r\n.\r\n")
    whole = record.whole()
    assert "AGFubg" not in whole and "secret" not in whole
    assert "AUTH PLAIN ..." in whole and "(29 octets, the final dot among them)" in whole


def test_the_first_message_of_a_connection_has_its_opening_and_later_ones_only_themselves() -> None:
    record = Record(Ticks())
    record.heard(Stage.GREETING, Reply.parse("220 hello"))
    record.begin()
    record.said(Stage.MAIL, b"MAIL FROM:<a@b>\r\n")
    assert record.whole().count("\n") == 1 and "220 hello" in record.whole()
    for letter in "cd":
        record.begin()
        record.said(Stage.MAIL, b"MAIL FROM:<%s@b>\r\n" % letter.encode())
        assert record.whole() == f"+0.000 C: MAIL FROM:<{letter}@b>"


def test_whatever_is_said_the_record_is_bounded() -> None:
    record = Record(Ticks())
    for number in range(1_000):
        record.heard(Stage.RCPT, Reply(451, None, ("x" * 5_000,) * 3))
        record.said(Stage.RCPT, b"RCPT TO:<%d>" % number + b"y" * 1_000)
    lines = record.whole("z" * 1_000).splitlines()
    assert len(lines) == LINES + 1 and max(map(len, lines)) <= CHARACTERS + 20
    assert any("left out" in line for line in lines) and lines[-1].endswith("z")
    assert len(record.short()) <= SHORT


def test_the_short_form_is_how_long_each_answer_took() -> None:
    clock = Ticks()
    record = Record(clock)
    record.begin()
    record.said(Stage.MAIL, b"MAIL FROM:<a@b>\r\n")
    clock.now += 0.004
    record.heard(Stage.MAIL, Reply.parse("250 ok"))
    clock.now += 0.04
    record.heard(Stage.DOT, Reply.parse("250 ok"))
    assert record.short() == "mail 4 dot 40 ms"
    assert Record(clock).short() == ""
