"""One message to several recipients in one transaction: the session as conversations."""

from typing import Any

import pytest
from chat import CONTENT, MAIL, mail

from deliverability.reply import Reply
from mta.smtp.client import ClientSession
from mta.smtp.dialogue import Phase
from mta.smtp.outcome import Delivered, Failure, Scope, Stage, Unanswered
from mta.smtp.wire import wire_body

TO = ("ann@example.org", "bob@example.org", "carl@example.org")
GROUP = tuple(mail(forward_path=each) for each in TO)
ENVELOPE = [b"MAIL FROM:<b+41c9@out.example>", *(b"RCPT TO:<%s>" % each.encode() for each in TO), b"DATA"]


def ready(*, pipelining: bool = True, **policy: Any) -> ClientSession:
    """A session that waits for mail."""
    session = ClientSession("out.example", **policy)
    session.receive(b"220 mx\r\n")
    session.receive(b"250-mx\r\n250 PIPELINING\r\n" if pipelining else b"250 mx\r\n")
    session.bytes_to_send()
    return session


def lines(session: ClientSession) -> list[bytes]:
    return session.bytes_to_send().split(b"\r\n")[:-1]


def answered(*replies: str, **policy: Any) -> ClientSession:
    """The group offered by pipelining, with these answers; the dot is released where it is asked for."""
    session = ready(**policy)
    session.begin(*GROUP)
    assert lines(session) == ENVELOPE
    for reply in replies:
        if session.wants_dot_permission:
            session.release_dot()
            assert session.bytes_to_send() == wire_body(CONTENT)
        session.receive(reply.encode() + b"\r\n")
    return session


def test_each_recipient_has_an_outcome_of_its_own() -> None:
    session = answered("250 ok", "250 ok", "550 5.1.1 no such user", "250 ok", "354 go", "250 2.0.0 kept")
    gone = Failure(Scope.RECIPIENT, Reply.parse("550 5.1.1 no such user"), Stage.RCPT)
    kept = Delivered(Reply.parse("250 2.0.0 kept"))
    assert session.outcomes == [kept, gone, kept]
    assert session.is_ready


def test_permission_is_asked_for_those_that_were_taken() -> None:
    session = answered("250 ok", "450 4.2.0 later", "250 ok", "452 4.5.3 too many recipients", "354 go")
    assert session.wants_dot_permission
    assert session.taken == (1,)


def test_without_pipelining_recipients_are_offered_one_by_one() -> None:
    session = ready(pipelining=False)
    session.begin(*GROUP)
    for said, reply in zip(ENVELOPE, (b"250 ok", b"250 ok", b"550 no", b"250 ok", b"354 go"), strict=True):
        assert lines(session) == [said]
        session.receive(reply + b"\r\n")
    assert session.taken == (0, 2)


def test_without_pipelining_there_is_no_data_when_nobody_was_taken() -> None:
    session = ready(pipelining=False)
    session.begin(*GROUP)
    for reply in (b"250 ok", b"550 no", b"450 no", b"552 full"):
        session.bytes_to_send()
        session.receive(reply + b"\r\n")
    assert session.bytes_to_send() == b""
    assert session.is_ready
    codes = [each.reply.code for each in session.outcomes if isinstance(each, Failure)]
    assert codes == [550, 450, 452]


def test_a_refused_sender_is_everybodys_outcome() -> None:
    session = answered("550 5.7.1 not you", "503 no", "503 no", "503 no", "503 no")
    assert session.outcomes == [Failure(Scope.MESSAGE, Reply.parse("550 5.7.1 not you"), Stage.MAIL)] * 3


def test_a_refused_content_is_the_outcome_of_those_that_were_taken() -> None:
    session = answered("250 ok", "250 ok", "550 5.1.1 no", "250 ok", "354 go", "554 5.6.0 spam")
    assert [each.stage for each in session.outcomes if isinstance(each, Failure)] == [Stage.DOT, Stage.RCPT, Stage.DOT]


def test_a_lost_answer_leaves_in_doubt_only_those_that_were_taken() -> None:
    session = answered("250 ok", "250 ok", "550 5.1.1 no", "250 ok", "354 go")
    session.release_dot()
    session.bytes_to_send()
    session.receive(b"")
    assert [type(each) for each in session.outcomes] == [Unanswered, Failure, Unanswered]


def test_a_421_between_recipients_keeps_what_was_said_before_it() -> None:
    session = answered("250 ok", "550 5.1.1 no", "421 4.3.2 going down")
    assert session.is_done
    first, *rest = session.outcomes
    assert isinstance(first, Failure) and first.scope is Scope.RECIPIENT
    assert all(isinstance(each, Failure) and each.scope is Scope.ROUTE for each in rest)


def test_what_cannot_be_written_in_a_command_is_refused_alone() -> None:
    session = ready()
    session.begin(GROUP[0], mail(forward_path="a b>@example.org"), GROUP[2])
    assert lines(session) == [ENVELOPE[0], ENVELOPE[1], ENVELOPE[3], ENVELOPE[4]]
    for reply in (b"250 ok", b"250 ok", b"250 ok", b"354 go"):
        session.receive(reply + b"\r\n")
    assert session.taken == (0, 2)


def test_a_server_that_accepts_nobody_and_still_says_go_gets_a_lone_dot() -> None:
    session = answered("250 ok", "550 no", "550 no", "550 no", "354 go")
    assert session.bytes_to_send() == b".\r\n"
    session.receive(b"554 5.5.1 no valid recipients\r\n")
    assert session.is_ready


def test_lmtp_answers_for_each_that_was_taken() -> None:
    session = answered(
        "250 ok", "250 ok", "550 5.1.1 no", "250 ok", "354 go", "250 2.0.0 ann has it", "452 4.2.2 carl is full", is_lmtp=True
    )  # fmt: skip
    ann, bob, carl = session.outcomes
    assert ann == Delivered(Reply.parse("250 2.0.0 ann has it"))
    assert isinstance(bob, Failure) and bob.stage is Stage.RCPT
    assert carl == Failure(Scope.RECIPIENT, Reply.parse("452 4.2.2 carl is full"), Stage.DOT)
    assert session.is_ready


def test_lmtp_that_hangs_up_between_its_answers_leaves_the_rest_in_doubt() -> None:
    session = answered("250 ok", "250 ok", "250 ok", "250 ok", "354 go", "250 2.0.0 ann has it", is_lmtp=True)
    assert session.phase is Phase.BUSY
    session.receive(b"")
    assert [type(each) for each in session.outcomes] == [Delivered, Unanswered, Unanswered]


@pytest.mark.parametrize("count", [1, 2, 50])
def test_a_group_of_any_size_is_one_flight_and_one_content(count: int) -> None:
    session = ready()
    session.begin(*[MAIL] * count)
    assert len(lines(session)) == count + 2
    session.receive(b"250 ok\r\n" * (count + 1) + b"354 go\r\n")
    session.release_dot()
    assert session.bytes_to_send() == wire_body(CONTENT)
    session.receive(b"250 ok\r\n")
    assert session.outcomes == [Delivered(Reply.parse("250 ok"))] * count
