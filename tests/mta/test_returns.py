"""The door for returning mail takes what we asked to be sent, and relays nothing for anybody."""

import pytest
from smtp_door import HOSTNAME, Door, Recorder, codes, door

from deliverability.address import Address
from mta.inbound.returns import ReturnsPolicy
from mta.inbound.settings import InboundSettings

BOUNCES = "bounce.shop.example"
TOKEN = "b-7k2q4w6z"


def returns_policy(recorder: Recorder) -> ReturnsPolicy:
    return ReturnsPolicy(BOUNCES, HOSTNAME, lambda address: address.local.lower() == TOKEN, recorder.accept)


async def answer_to(open_door: Door, recipient: str, sender: str = "") -> str:
    said = await open_door.converse(
        f"EHLO mx.example.org\r\nMAIL FROM:<{sender}> SMTPUTF8\r\nRCPT TO:{recipient}\r\nQUIT\r\n".encode()
    )
    return said[-2]


@pytest.mark.parametrize("sender", ["", "mailer-daemon@example.org"])
async def test_a_bounce_to_a_token_of_ours_is_taken(sender: str) -> None:
    recorder = Recorder()
    async with door(returns_policy(recorder), InboundSettings()) as open_door:
        await open_door.talk(
            "S: 220", "C: EHLO mx.example.org", "S: 250", f"C: MAIL FROM:<{sender}>", "S: 250 2.1.0",
            f"C: RCPT TO:<{TOKEN}@{BOUNCES}>", "S: 250 2.1.5", "C: DATA", "S: 354", "C: Subject: Undeliverable", "C: .",
            "S: 250 2.0.0",
        )  # fmt: skip
    (accepted,) = recorder.accepted
    assert accepted.reverse_path == sender
    assert accepted.recipients[0].forward_path == Address(TOKEN, BOUNCES)


@pytest.mark.parametrize(
    "recipient",
    [
        "<postmaster>", "<Postmaster>", f"<postmaster@{BOUNCES}>", f"<ABUSE@{BOUNCES}>", f"<postmaster@{HOSTNAME}>",
        f"<{TOKEN}@{BOUNCES}>", f"<{TOKEN.upper()}@{BOUNCES.upper()}>",
    ],
)  # fmt: skip
async def test_our_own_addresses_are_taken(recipient: str) -> None:
    async with door(returns_policy(Recorder()), InboundSettings()) as open_door:
        assert (await answer_to(open_door, recipient)).startswith("250 2.1.5")


@pytest.mark.parametrize(
    "recipient",
    [
        "<victim@example.org>",
        f"<unknown@{BOUNCES}>",
        f"<victim%example.org@{BOUNCES}>",
        f"<{TOKEN}%example.org@{BOUNCES}>",
        f"<example.org!victim@{BOUNCES}>",
        f"<{BOUNCES}!victim@example.org>",
        f'<"victim@example.org"@{BOUNCES}>',
        f'<"{TOKEN}@{BOUNCES}"@example.org>',
        f'<"{TOKEN} "@{BOUNCES}>',
        f"<@{BOUNCES}:victim@example.org>",
        f"<@example.org:{TOKEN}@{BOUNCES}>",
        f"<victim@example.org@{BOUNCES}>",
        f"<victim@example.org,{TOKEN}@{BOUNCES}>",
        f"<{TOKEN}@{BOUNCES}.example.org>",
        f"<{TOKEN}@x.{BOUNCES}>",
        f"<{TOKEN}@bounce.shop.example.>",
        f"<{TOKEN}@bounсe.shop.example>",  # a Cyrillic "с"
        f"<{TOKEN}@bounce.shop.exam\u00adple.org>",
        f"<{TOKEN}@[127.0.0.1]>",
        f"<{TOKEN}@127.0.0.1>",
        f"<{TOKEN}@>",
        f"<{TOKEN}>",
        "<postmaster@example.org>",
        '<"postmaster"@example.org>',
        "<>",
        "victim@example.org",
        f"<{TOKEN}@{BOUNCES}><victim@example.org>",
        f"<{TOKEN}@{BOUNCES}> <victim@example.org>",
        f"<{TOKEN}@{BOUNCES}> RCPT=victim@example.org",
    ],
)
async def test_any_other_recipient_is_refused_at_rcpt(recipient: str) -> None:
    async with door(returns_policy(Recorder()), InboundSettings()) as open_door:
        said = await answer_to(open_door, recipient)
    assert said[:1] == "5", said
    assert said[4:5] == "5", "an enhanced code"


async def test_a_transaction_of_refused_recipients_cannot_go_on_to_data() -> None:
    recorder = Recorder()
    async with door(returns_policy(recorder), InboundSettings()) as open_door:
        said = await open_door.converse(
            b"EHLO a.example\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nQUIT\r\n"
        )
    assert codes(said)[-3:] == ["550", "554", "221"]
    assert recorder.accepted == []


async def test_a_refusal_does_not_say_which_part_of_an_address_was_wrong() -> None:
    async with door(returns_policy(Recorder()), InboundSettings()) as open_door:
        answers = {
            await answer_to(open_door, f"<{local}@{domain}>")
            for local, domain in (("unknown", BOUNCES), ("a%b", BOUNCES), (TOKEN, "other.example"))
        }
    assert len(answers) == 1
