"""The grammar of MAIL and RCPT as a table."""

import pytest

from deliverability.address import Address
from mta.inbound.commands import MailCommand, parse_mail, parse_rcpt
from mta.inbound.replies import Refused, wire
from mta.inbound.settings import InboundSettings, SubmissionSettings, parse_endpoint
from mta.inbound.transaction import DeliverBy
from mta.queue.queue import Recipient

HOSTNAME = "mail.shop.example"


@pytest.mark.parametrize(
    ("argument", "command"),
    [
        ("FROM:<>", MailCommand("")),
        ("from: <a@B.Example>", MailCommand("a@b.example")),
        ("FROM:<a@b.example>  SIZE=00012 ", MailCommand("a@b.example", size=12)),
        ("FROM:<a@b.example> body=8bitmime ret=full", MailCommand("a@b.example", ret="FULL")),
        ("FROM:<a@b.example> ENVID=a+20b", MailCommand("a@b.example", envid="a b")),
        ('FROM:<"a> SIZE=1"@b.example>', MailCommand('"a> SIZE=1"@b.example')),
        ("FROM:<a@b.example> BY=120;R", MailCommand("a@b.example", by=DeliverBy(120, is_return=True))),
        ("FROM:<a@b.example> by=-5;nt", MailCommand("a@b.example", by=DeliverBy(-5, is_return=False))),
        ("FROM:<é@b.example> SMTPUTF8", MailCommand("é@b.example", smtputf8=True)),
    ],
)
def test_mail_is_read_into_its_values(argument: str, command: MailCommand) -> None:
    assert parse_mail(argument) == command


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        ("", "501 5.5.2"),
        ("FROM", "501 5.5.2"),
        ("TO:<a@b.example>", "501 5.5.2"),
        ("FROM:a@b.example", "501 5.5.2"),
        ("FROM:<a@b.example", "501 5.5.2"),
        ("FROM:<a@b.example>SIZE=1", "501 5.5.2"),
        ("FROM:<a@b.example>>", "501 5.5.2"),
        ("FROM:<a@@b.example>", "553 5.1.7"),
        ("FROM:<a@b_c.example>", "553 5.1.7"),
        ("FROM:<@b.example:a@c.example>", "553 5.1.7"),
        ("FROM:<é@b.example>", "553 5.6.7"),
        ("FROM:<a@b.example> SIZE", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=-1", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=" + "9" * 21, "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=٣", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=1 SIZE=2", "501 5.5.4"),
        ("FROM:<a@b.example> =1", "501 5.5.4"),
        ("FROM:<a@b.example> BODY=BINARYMIME", "501 5.5.4"),
        ("FROM:<a@b.example> SMTPUTF8=1", "501 5.5.4"),
        ("FROM:<a@b.example> RET=SOME", "501 5.5.4"),
        ("FROM:<a@b.example> ENVID=", "501 5.5.4"),
        ("FROM:<a@b.example> ENVID=+", "501 5.5.4"),
        ("FROM:<a@b.example> ENVID=+2b", "501 5.5.4"),
        ("FROM:<a@b.example> ENVID=+0D+0A", "501 5.5.4"),
        ("FROM:<a@b.example> ENVID=" + "x" * 101, "501 5.5.4"),
        ("FROM:<a@b.example> AUTH=<>", "555 5.5.4"),
        ("FROM:<a@b.example> NOTIFY=NEVER", "555 5.5.4"),
        ("FROM:<a@b.example> XFOO=1", "555 5.5.4"),
    ],
)
def test_what_is_no_mail_command_gets_the_code_for_it(argument: str, reply: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_mail(argument)
    assert str(refused.value.reply).startswith(reply)


@pytest.mark.parametrize(
    ("argument", "recipient"),
    [
        ("TO:<ann@example.org>", Recipient(Address("ann", "example.org"))),
        ("to: <Ann@EXAMPLE.org> ", Recipient(Address("Ann", "example.org"))),
        ("TO:<PostMaster>", Recipient(Address("PostMaster", HOSTNAME))),
        ('TO:<"a b"@example.org>', Recipient(Address('"a b"', "example.org"))),
        ("TO:<a@example.org> NOTIFY=Never", Recipient(Address("a", "example.org"), frozenset({"NEVER"}))),
        ("TO:<a@example.org> ORCPT=rfc822;a+3Db", Recipient(Address("a", "example.org"), orcpt="rfc822;a=b")),
        ("TO:<a@example.org> ORCPT=utf-8;é@b", Recipient(Address("a", "example.org"), orcpt="utf-8;é@b")),
    ],
)
def test_rcpt_is_read_into_its_values(argument: str, recipient: Recipient) -> None:
    assert parse_rcpt(argument, HOSTNAME, smtputf8=True) == recipient


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        ("TO:<>", "553 5.1.3"),
        ("TO:ann@example.org", "501 5.5.2"),
        ("TO:<ann>", "553 5.1.3"),
        ("TO:<ann@[127.0.0.1]>", "553 5.1.3"),
        ("TO:<ann@2130706433>", "553 5.1.3"),
        ("TO:<@relay.example:ann@example.org>", "553 5.1.3"),
        ("TO:<é@example.org>", "553 5.6.7"),
        ("TO:<a@example.org> NOTIFY", "501 5.5.4"),
        ("TO:<a@example.org> NOTIFY=NEVER,DELAY", "501 5.5.4"),
        ("TO:<a@example.org> NOTIFY=DELAY,DELAY", "501 5.5.4"),
        ("TO:<a@example.org> NOTIFY=ALWAYS", "501 5.5.4"),
        ("TO:<a@example.org> ORCPT=a@example.org", "501 5.5.4"),
        ("TO:<a@example.org> ORCPT=rfc822;", "501 5.5.4"),
        ("TO:<a@example.org> ORCPT=rfc822;+0Ax", "501 5.5.4"),
        ("TO:<a@example.org> ORCPT=rfc822;" + "x" * 500, "501 5.5.4"),
        ("TO:<a@example.org> SIZE=1", "555 5.5.4"),
    ],
)
def test_what_is_no_rcpt_command_gets_the_code_for_it(argument: str, reply: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_rcpt(argument, HOSTNAME, smtputf8=False)
    assert str(refused.value.reply).startswith(reply)


def test_no_reply_breaks_its_line_or_leaves_ascii() -> None:
    with pytest.raises(Refused) as refused:
        parse_rcpt("TO:<\u202eé \u2028@" + "x" * 900 + ".example>", HOSTNAME, smtputf8=True)
    octets = wire(refused.value.reply)
    assert octets.isascii() and octets.endswith(b"\r\n")
    assert octets.count(b"\n") == octets.count(b"\r") == 1
    assert len(octets) <= 512


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:2525", ("127.0.0.1", 2525)),
        ("[::1]:2525", ("::1", 2525)),
        ("*:25", ("", 25)),
        ("localhost:1", ("localhost", 1)),
    ],
)
def test_an_address_to_listen_on_is_host_and_port(text: str, endpoint: tuple[str, int]) -> None:
    assert parse_endpoint(text) == endpoint
    assert InboundSettings(listen=(text,)).listen == (text,)


@pytest.mark.parametrize("text", ["2525", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "::1:25", "a b:25", ""])
def test_what_is_no_address_to_listen_on_is_refused_with_a_right_one(text: str) -> None:
    with pytest.raises(ValueError, match=r'try "127\.0\.0\.1:2525"'):
        SubmissionSettings(listen=(text,))
