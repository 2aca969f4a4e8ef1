"""Passwords at the submission door: the two mechanisms, where they are refused, and what guessing costs."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from smtp_door import Recorder, codes, door
from tls_door import NAME, PASSWORD, b64, plain, secured, tls_door

from deliverability.address import Address
from deliverability.reply import Reply
from mta.inbound.guard import Guard
from mta.inbound.settings import SubmissionSettings
from mta.inbound.submission import NOT_PERMITTED, NOT_YOUR_ADDRESS, PASSWORD_FIRST, SubmissionPolicy
from mta.inbound.transaction import Grant, Peer, Transaction
from mta.ports import StoreBusy

RIGHT = plain(NAME, PASSWORD)
WRONG = plain(NAME, "wrong")
SEND = ("C: MAIL FROM:<shop@shop.example>", "S: 250", "C: RCPT TO:<ann@example.org>", "S: 250", "C: DATA", "S: 354",
        "C: .", "S: 250 2.0.0")  # fmt: skip


@pytest.mark.parametrize(
    "dialogue",
    [
        (f"C: AUTH PLAIN {RIGHT}",),
        (f"C: auth plain {plain(NAME, PASSWORD, acts_for=NAME)}",),
        ("C: AUTH PLAIN", "S: 334 ", f"C: {RIGHT}"),
        ("C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", f"C: {b64(NAME)}", "S: 334 UGFzc3dvcmQ6", f"C: {b64(PASSWORD)}"),
        (f"C: AUTH LOGIN {b64(NAME)}", "S: 334 UGFzc3dvcmQ6", f"C: {b64(PASSWORD)}"),
    ],
)
async def test_either_mechanism_lets_the_right_password_in(tmp_path: Path, dialogue: tuple[str, ...]) -> None:
    policy = Recorder()
    async with tls_door(tmp_path, policy) as opened:
        await (await secured(opened)).talk(*dialogue, "S: 235 2.7.0", *SEND)
    (accepted,) = policy.accepted
    assert (accepted.credential, accepted.protocol) == (NAME, "ESMTPSA")


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (f"AUTH PLAIN {WRONG}", "535 5.7.8"),
        (f"AUTH PLAIN {plain('nobody', PASSWORD)}", "535 5.7.8"),
        (f"AUTH PLAIN {plain(NAME, PASSWORD, acts_for='root')}", "501 5.5.2"),
        (f"AUTH PLAIN {b64('no zeros')}", "501 5.5.2"),
        (f"AUTH PLAIN {b64('a' + chr(0) + 'b' + chr(0) + 'c' + chr(0) + 'd')}", "501 5.5.2"),
        (f"AUTH PLAIN {plain('', PASSWORD)}", "501 5.5.2"),
        (f"AUTH PLAIN {plain(NAME, '')}", "501 5.5.2"),
        (f"AUTH PLAIN {plain(NAME, 'x' * 300)}", "501 5.5.2"),
        ("AUTH PLAIN AP8A/w==", "501 5.5.2"),  # no UTF-8
        ("AUTH PLAIN =", "501 5.5.2"),
        ("AUTH PLAIN !!!!", "501 5.5.2"),
        ("AUTH PLAIN AGE", "501 5.5.2"),
        ("AUTH PLAIN *", "501 5.7.0"),
        (f"AUTH PLAIN {RIGHT} more", "501 5.5.2"),
        ("AUTH", "504 5.5.4"),
        ("AUTH CRAM-MD5", "504 5.5.4"),
        ("AUTH GSSAPI YII=", "504 5.5.4"),
    ],
)
async def test_what_is_not_the_right_password_is_refused_in_the_right_words(
    tmp_path: Path, command: str, reply: str
) -> None:
    async with tls_door(tmp_path) as opened:
        await (await secured(opened)).talk(f"C: {command}", f"S: {reply}", f"C: AUTH PLAIN {RIGHT}", "S: 235")


async def test_a_dialogue_may_be_cancelled_and_a_lie_in_it_is_refused(tmp_path: Path) -> None:
    async with tls_door(tmp_path) as opened:
        await (await secured(opened)).talk(
            "C: AUTH LOGIN", "S: 334", "C: *", "S: 501 5.7.0", "C: AUTH LOGIN", "S: 334", "C: QUIT!", "S: 501 5.5.2",
            "C: AUTH LOGIN", "S: 334", f"C: {b64(NAME)}", "S: 334", "C: *", "S: 501 5.7.0", "C: NOOP", "S: 250",
        )  # fmt: skip


async def test_a_client_that_leaves_in_the_middle_of_the_dialogue_harms_nobody(tmp_path: Path) -> None:
    async with tls_door(tmp_path) as opened:
        client = await secured(opened)
        await client.talk("C: AUTH LOGIN", "S: 334")
        client.writer.close()
        await (await secured(opened)).talk("C: NOOP", "S: 250")


async def test_no_password_is_taken_in_clear_nor_where_none_is_known(tmp_path: Path) -> None:
    async with tls_door(tmp_path) as opened:
        said = await opened.converse(f"EHLO a.example\r\nAUTH PLAIN {RIGHT}\r\nAUTH LOGIN\r\nNOOP\r\n".encode())
        assert codes(said) == ["220", "250", "538", "538", "250"]
    async with door(Recorder()) as opened:
        assert codes(await opened.converse(f"EHLO a.example\r\nAUTH PLAIN {RIGHT}\r\n".encode()))[-1] == "502"


async def test_a_password_has_its_place(tmp_path: Path) -> None:
    async with tls_door(tmp_path) as opened:
        client = await secured(opened)
        await client.talk(
            "C: MAIL FROM:<a@b.example>", "S: 250", f"C: AUTH PLAIN {RIGHT}", "S: 503 5.5.1", "C: RSET", "S: 250",
            f"C: AUTH PLAIN {RIGHT}", "S: 235", f"C: AUTH PLAIN {RIGHT}", "S: 503 5.5.1",
        )  # fmt: skip


async def test_three_wrong_passwords_end_the_connection(tmp_path: Path) -> None:
    async with tls_door(tmp_path) as opened:
        client = await secured(opened)
        for _ in range(2):
            await client.talk(f"C: AUTH PLAIN {WRONG}", "S: 535 5.7.8")
        client.writer.write(f"AUTH PLAIN {WRONG}\r\nAUTH PLAIN {RIGHT}\r\n".encode())
        await client.talk("S: 535 5.7.8", "S: 421 4.7.0", "S: ")
        assert opened.listener.hits["auth_tries"] == 1


async def test_who_guesses_too_often_is_not_listened_to_even_when_right(tmp_path: Path) -> None:
    settings = SubmissionSettings(auth_delay=timedelta(0), auth_failures=2)
    async with tls_door(tmp_path, settings=settings) as opened:
        client = await secured(opened)
        await client.talk(*[f"C: AUTH PLAIN {WRONG}", "S: 535"] * 2, f"C: AUTH PLAIN {RIGHT}", "S: 421 4.7.0", "S: ")
        await (await secured(opened)).talk(f"C: AUTH PLAIN {RIGHT}", "S: 421 4.7.0", "S: ")
        await (await secured(opened)).talk(f"C: AUTH PLAIN {plain('other', 'x')}", "S: 535")
        assert opened.listener.hits["auth_failures"] == 2


async def test_each_wrong_password_is_answered_later_than_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("mta.inbound.authentication.asyncio.sleep", note)
    settings = SubmissionSettings(auth_tries=5, auth_delay_max=timedelta(seconds=3))
    async with tls_door(tmp_path, settings=settings) as opened:
        client = await secured(opened)
        await client.talk(*[f"C: AUTH PLAIN {WRONG}", "S: 535"] * 4, f"C: AUTH PLAIN {plain('nobody', 'x')}", "S: 535")
    assert [each for each in waits if each] == [1, 2, 3, 3, 1]


async def test_when_passwords_cannot_be_looked_up_the_client_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(name: str, password: str) -> Grant | None:
        raise StoreBusy("locked")

    monkeypatch.setattr("tls_door.knows_shop", fail)
    async with tls_door(tmp_path) as opened:
        await (await secured(opened)).talk(f"C: AUTH PLAIN {RIGHT}", "S: 454 4.7.0", "C: NOOP", "S: 250")


async def test_the_log_names_who_came_and_never_what_was_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with tls_door(tmp_path) as opened:
        await (await secured(opened)).talk(
            f"C: AUTH PLAIN {plain(NAME, 'gue55')}", "S: 535", f"C: AUTH PLAIN {RIGHT}", "S: 235"
        )
    kept = " ".join(str(vars(record)) for record in caplog.records)
    assert [record.message for record in caplog.records if record.name == "posthouse.mail"] == [
        "not authenticated", "authenticated",
    ]  # fmt: skip
    for secret in ("gue55", PASSWORD, RIGHT, b64(PASSWORD)):
        assert secret not in kept


async def test_a_credential_s_own_size_limit_is_offered_and_holds(tmp_path: Path) -> None:
    policy = Recorder()
    async with tls_door(tmp_path, policy, grant=Grant(NAME, max_size=70_000)) as opened:
        client = await secured(opened)
        await client.talk(f"C: AUTH PLAIN {RIGHT}", "S: 235")
        client.writer.write(b"EHLO app.example\r\nMAIL FROM:<a@b.example> SIZE=70001\r\nQUIT\r\n")
        said = (await client.reader.read()).decode()
        assert "SIZE 70000\r\n" in said and "552 5.3.4" in said
        client = await secured(opened)
        await client.talk(
            f"C: AUTH PLAIN {RIGHT}", "S: 235", "C: MAIL FROM:<a@b.example>", "S: 250", "C: RCPT TO:<ann@example.org>",
            "S: 250", "C: DATA", "S: 354",
        )  # fmt: skip
        client.writer.write(b"a line\r\n" * 10_000 + b".\r\n")
        await client.talk("S: 552 5.3.4")
    assert policy.accepted == []


async def test_mail_may_say_who_submitted_it_first_only_where_passwords_are_offered(tmp_path: Path) -> None:
    async with tls_door(tmp_path) as opened:
        await (await secured(opened)).talk(
            "C: MAIL FROM:<a@b.example> AUTH=<>", "S: 250", "C: RSET", "S: 250",
            "C: MAIL FROM:<a@b.example> AUTH=e+3Dmc2@example.com", "S: 250", "C: RSET", "S: 250",
            "C: MAIL FROM:<a@b.example> AUTH=+zz", "S: 501 5.5.4", "C: MAIL FROM:<a@b.example> AUTH", "S: 501 5.5.4",
        )  # fmt: skip
        assert codes(await opened.converse(b"EHLO a.example\r\nMAIL FROM:<a@b.example> AUTH=<>\r\n"))[-1] == "555"


# -- the policy: never an open relay


async def refuse_nobody(transaction: Transaction, forward_path: Address) -> Reply | None:
    return None


def policy(*, knows_passwords: bool) -> SubmissionPolicy:
    return SubmissionPolicy(
        SubmissionSettings().networks, Recorder().accept, refuse_nobody, knows_passwords=knows_passwords
    )


def mail_from(reverse_path: str, ip: str, grant: Grant | None = None) -> Transaction:
    return Transaction(reverse_path, Peer(ip, 4711), "app.example", True, grant=grant)


FAR, NEAR = "192.0.2.7", "127.0.0.1"
LIMITED = Grant(NAME, domains=frozenset({"shop.example"}))


@pytest.mark.parametrize(
    ("transaction", "refusal"),
    [
        (mail_from("a@b.example", NEAR), None),
        (mail_from("a@b.example", FAR), PASSWORD_FIRST),
        (mail_from("", FAR), PASSWORD_FIRST),
        (mail_from("a@b.example", ""), PASSWORD_FIRST),
        (mail_from("a@b.example", FAR, Grant(NAME)), None),
        (mail_from("a@shop.example", FAR, LIMITED), None),
        (mail_from("", FAR, LIMITED), None),
        (mail_from("a@b.example", FAR, LIMITED), NOT_YOUR_ADDRESS),
        (mail_from("a@b.example", NEAR, LIMITED), NOT_YOUR_ADDRESS),
        (mail_from("a@sub.shop.example", FAR, LIMITED), NOT_YOUR_ADDRESS),
        (mail_from('"x@shop.example"@b.example', FAR, LIMITED), NOT_YOUR_ADDRESS),
    ],
)
def test_who_is_neither_near_nor_known_may_not_send(transaction: Transaction, refusal: Reply | None) -> None:
    assert policy(knows_passwords=True).check_sender(transaction) == refusal


def test_a_stranger_may_speak_only_where_it_can_show_a_password() -> None:
    assert policy(knows_passwords=True).admit(Peer(FAR, 4711)) is None
    assert policy(knows_passwords=False).admit(Peer(FAR, 4711)) == NOT_PERMITTED


async def test_a_stranger_who_shows_nothing_gets_no_further_than_mail(tmp_path: Path) -> None:
    recorder = Recorder()
    strict = SubmissionPolicy((), recorder.accept, refuse_nobody, knows_passwords=True)
    async with tls_door(tmp_path, strict) as opened:
        said = await opened.converse(b"EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n")
        assert codes(said) == ["220", "250", "530", "503", "503"]
        client = await secured(opened)
        await client.talk("C: MAIL FROM:<a@b.example>", "S: 530 5.7.0", f"C: AUTH PLAIN {RIGHT}", "S: 235", *SEND)
    assert [each.credential for each in recorder.accepted] == [NAME]


# -- the guard


def test_wrong_passwords_are_forgotten_after_a_while() -> None:
    guard = Guard(SubmissionSettings(auth_failures=2))
    guard.failed("192.0.2.7", "a", 0)
    guard.failed("192.0.2.7", "a", 1)
    assert guard.is_shut("192.0.2.7", "a", 2)
    assert not guard.is_shut("192.0.2.7", "b", 2)
    assert not guard.is_shut("192.0.2.8", "a", 2)
    assert not guard.is_shut("192.0.2.7", "a", 601)


def test_the_right_password_forgives() -> None:
    guard = Guard(SubmissionSettings(auth_failures=2))
    guard.failed("192.0.2.7", "a", 0)
    guard.succeeded("192.0.2.7", "a")
    assert guard.failed("192.0.2.7", "a", 1) == 1.0
    assert not guard.is_shut("192.0.2.7", "a", 1)


@pytest.mark.parametrize(
    ("one", "other", "is_shut"),
    [
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_many_names_from_one_network_shut_it_out(one: str, other: str, is_shut: bool) -> None:
    guard = Guard(SubmissionSettings(auth_failures_per_client=3))
    for name in ("a", "b", "c"):
        guard.failed(one, name, 0)
    assert guard.is_shut(one, "d", 1)
    assert guard.is_shut(other, "d", 1) == is_shut


def test_a_million_names_cost_little() -> None:
    guard = Guard(SubmissionSettings())
    for number in range(25_000):
        guard.failed(f"2001:db8:{number % 65536:x}::1", str(number), 0)
    assert len(guard._failures) <= 10_000
