"""The session as conversations: what we say to a server, and what we make of what it says."""

import math
from typing import Any

import pytest
from chat import CONTENT, mail, talk
from hypothesis import given
from hypothesis import strategies as st

from deliverability.reply import Reply
from mta.smtp.client import ClientSession
from mta.smtp.dialogue import Phase, Tls
from mta.smtp.outcome import Delivered, Failure, Scope, Stage, Unanswered
from mta.smtp.timeouts import Timeouts
from mta.smtp.wire import wire_body

OPENING = ("S: 220 mx", "C: EHLO out.example", "S: 250 mx")
ENVELOPE = (*OPENING, "C: MAIL FROM:<b+41c9@out.example>", "S: 250 ok", "C: RCPT TO:<ann@example.org>")
AT_DATA = (*ENVELOPE, "S: 250 ok", "C: DATA")
AT_THE_DOT = (*AT_DATA, "S: 354 go on", "C: (the message)")
PIPELINING = ("S: 220 mx", "C: EHLO out.example", "S: 250-mx", "S: 250 PIPELINING")
GROUP = (*PIPELINING, "C: MAIL FROM:<b+41c9@out.example>", "C: RCPT TO:<ann@example.org>", "C: DATA")


def reply(text: str) -> Reply:
    return Reply.parse(text)


# The straight road.


def test_a_message_is_delivered_one_command_at_a_time() -> None:
    session = talk(*AT_THE_DOT, "S: 250 2.0.0 queued as 1")
    assert session.outcome == Delivered(reply("250 2.0.0 queued as 1"))
    assert session.is_ready


def test_with_pipelining_the_envelope_is_one_flight() -> None:
    session = talk(*PIPELINING)
    assert session.bytes_to_send() == b"MAIL FROM:<b+41c9@out.example>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"


def test_with_pipelining_a_message_is_delivered() -> None:
    session = talk(*GROUP, "S: 250 ok", "S: 250 ok", "S: 354 go", "C: (the message)", "S: 250 ok")
    assert session.outcome == Delivered(reply("250 ok"))


def test_content_and_dot_leave_in_one_write_and_not_before_permission() -> None:
    session = talk(*AT_DATA, "S: 354 go", "C: (nothing)")
    assert session.wants_dot_permission
    session.release_dot()
    assert session.bytes_to_send() == wire_body(CONTENT)


def test_without_permission_we_hang_up_and_nothing_of_the_message_leaves() -> None:
    session = talk(*AT_DATA, "S: 354 go", "C: (no permission)", "C: (nothing)")
    assert session.is_done
    assert session.outcome is None


def test_a_second_message_follows_the_first_without_rset() -> None:
    session = talk(*AT_THE_DOT, "S: 250 ok", "C: (next message)", "C: MAIL FROM:<b+41c9@out.example>")
    assert session.transactions == 1


def test_we_leave_politely() -> None:
    assert talk(*AT_THE_DOT, "S: 250 ok", "C: (leaves)", "C: QUIT", "S: 221 bye").is_done


def test_the_null_reverse_path_is_two_brackets() -> None:
    talk(*OPENING, "C: MAIL FROM:<>", outgoing=mail(reverse_path=""))


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        (b"421 4.7.0 too many connections\r\n", "421 4.7.0 too many connections"),
        (b"250 extra\r\n", "451 4.5.0 the remote host broke the protocol: a reply to nothing: 250 extra"),
    ],
)
def test_a_session_that_ends_as_soon_as_it_is_ready_says_why(more: bytes, kept: str) -> None:
    session = ClientSession("out.example")
    session.receive(b"220 mx\r\n")
    session.receive(b"250-mx\r\n250 PIPELINING\r\n" + more)
    assert session.is_done
    assert isinstance(session.outcome, Failure)
    assert session.outcome.scope is Scope.ROUTE
    assert str(session.outcome.reply) == kept


def test_a_421_behind_an_acceptance_takes_nothing_back() -> None:
    session = talk(*AT_THE_DOT, "S: 250 2.0.0 queued as 1\r\n421 bye")
    assert session.outcome == Delivered(reply("250 2.0.0 queued as 1"))
    assert session.is_done


# What the server offers is used.


def offered(*keywords: str, **changes: Any) -> list[bytes]:
    """The envelope said to a server that offers these."""
    lines = ["S: 220 mx", "C: EHLO out.example", "S: 250-mx", *(f"S: 250-{each}" for each in keywords)]
    session = talk(*lines, "S: 250 PIPELINING", outgoing=mail(**changes), tls=Tls.NEVER)
    return session.bytes_to_send().split(b"\r\n")[:2]


def test_size_is_declared_where_it_is_offered() -> None:
    assert offered("SIZE 1000")[0] == b"MAIL FROM:<b+41c9@out.example> SIZE=%d" % len(CONTENT)
    assert offered("size")[0].endswith(b"SIZE=%d" % len(CONTENT))


def test_the_time_to_deliver_by_is_handed_on_where_it_is_offered() -> None:
    assert offered("DELIVERBY", by_seconds=90, by_mode="R")[0].endswith(b"<b+41c9@out.example> BY=90;R")
    assert offered("DELIVERBY 60", by_seconds=-5, by_mode="N")[0].endswith(b" BY=-5;N")
    assert b"BY=" not in offered("SIZE 1000", by_seconds=90, by_mode="N")[0]
    assert b"BY=" not in offered("DELIVERBY")[0]


def test_8bit_content_is_declared() -> None:
    assert offered("8BITMIME", has_8bit=True)[0] == b"MAIL FROM:<b+41c9@out.example> BODY=8BITMIME"
    assert offered("8BITMIME")[0] == b"MAIL FROM:<b+41c9@out.example>"


def test_an_internationalised_address_is_said_in_utf8() -> None:
    said = offered("8BITMIME", "SMTPUTF8", forward_path="анна@example.org")
    assert said == [b"MAIL FROM:<b+41c9@out.example> SMTPUTF8", "RCPT TO:<анна@example.org>".encode()]


def test_a_wish_for_a_dsn_is_passed_on() -> None:
    wish = {"notify": frozenset({"SUCCESS", "DELAY"}), "orcpt": "rfc822;ann@example.org", "envid": "e1", "ret": "HDRS"}
    assert offered("DSN", **wish) == [
        b"MAIL FROM:<b+41c9@out.example> RET=HDRS ENVID=e1",
        b"RCPT TO:<ann@example.org> NOTIFY=DELAY,SUCCESS ORCPT=rfc822;ann@example.org",
    ]
    assert offered(**wish) == [b"MAIL FROM:<b+41c9@out.example>", b"RCPT TO:<ann@example.org>"]


def test_notify_never_stands_alone() -> None:
    assert offered("DSN", notify=frozenset({"NEVER"}))[1].endswith(b"NOTIFY=NEVER")


def test_a_dsn_parameter_that_would_break_out_of_its_command_is_left_out() -> None:
    assert offered("DSN", envid="a\r\nDATA", orcpt="x y", ret="ALL") == [
        b"MAIL FROM:<b+41c9@out.example>",
        b"RCPT TO:<ann@example.org>",
    ]


# What the server cannot take is refused without a word.


@pytest.mark.parametrize(
    ("keyword", "changes", "scope", "status"),
    [
        ("8BITMIME", {"needs_utf8": True}, Scope.MESSAGE, "553 5.6.7"),
        ("8BITMIME", {"forward_path": "анна@example.org"}, Scope.MESSAGE, "553 5.6.7"),
        ("SMTPUTF8", {"has_8bit": True}, Scope.MESSAGE, "554 5.6.3"),
        ("SIZE 10", {}, Scope.MESSAGE, "552 5.3.4"),
        ("DELIVERBY 600", {"by_seconds": 90, "by_mode": "R"}, Scope.MESSAGE, "550 5.4.7"),
        ("SIZE 1000", {"by_seconds": 90, "by_mode": "R"}, Scope.MESSAGE, "550 5.4.7"),
        ("DSN", {"reverse_path": "a@b\r\nRCPT TO:<x@y>"}, Scope.MESSAGE, "553 5.1.7"),
        ("DSN", {"reverse_path": "a@b> SIZE=0"}, Scope.MESSAGE, "553 5.1.7"),
        ("DSN", {"forward_path": "a@b>\n"}, Scope.RECIPIENT, "553 5.1.3"),
        ("DSN", {"forward_path": "a\0@b"}, Scope.RECIPIENT, "553 5.1.3"),
        ("DSN", {"forward_path": '"a"b"@c'}, Scope.RECIPIENT, "553 5.1.3"),
    ],
)
def test_what_the_server_cannot_take_is_not_offered(keyword: str, changes: Any, scope: Scope, status: str) -> None:
    session = talk("S: 220 mx", "C: EHLO out.example", "S: 250-mx", f"S: 250 {keyword}", outgoing=mail(**changes))
    assert isinstance(session.outcome, Failure)
    assert session.outcome.scope is scope
    assert session.outcome.is_ours
    assert str(session.outcome.reply).startswith(status)
    assert session.is_ready


def test_a_quoted_local_part_may_hold_what_an_unquoted_one_may_not() -> None:
    session = talk(*OPENING, 'C: MAIL FROM:<"a> b"@out.example>', outgoing=mail(reverse_path='"a> b"@out.example'))
    assert session.phase is Phase.BUSY


@pytest.mark.parametrize("size", ["0", "", "many", "-5", "9" * 40, "1e3"])
def test_a_size_that_says_nothing_limits_nothing(size: str) -> None:
    assert offered(f"SIZE {size}")[0].startswith(b"MAIL FROM")


# Opening.


@pytest.mark.parametrize("text", ["554 5.7.1 your address is listed", "450 4.7.1 try later", "421 4.3.2 busy"])
def test_a_refusal_at_the_greeting_is_the_hosts_and_not_the_recipients(text: str) -> None:
    session = talk(f"S: {text}", *(() if text.startswith("421") else ("C: QUIT",)))
    assert session.outcome == Failure(Scope.ROUTE, reply(text), Stage.GREETING)


def test_an_old_server_is_spoken_to_with_helo() -> None:
    talk("S: 220 mx", "C: EHLO out.example", "S: 500 what?", "C: HELO out.example", "S: 250 mx",
         "C: MAIL FROM:<b+41c9@out.example>")  # fmt: skip


def test_a_server_that_refuses_helo_too_condemns_the_route() -> None:
    session = talk("S: 220 mx", "C: EHLO out.example", "S: 502 no", "C: HELO out.example", "S: 550 no", "C: QUIT")
    assert session.outcome == Failure(Scope.ROUTE, reply("550 no"), Stage.EHLO)


def test_a_transient_refusal_of_ehlo_is_not_answered_with_helo() -> None:
    session = talk("S: 220 mx", "C: EHLO out.example", "S: 451 later", "C: QUIT")
    assert session.outcome == Failure(Scope.ROUTE, reply("451 later"), Stage.EHLO)


def test_a_host_that_greets_with_our_own_name_is_ourselves() -> None:
    session = talk("S: 220 OUT.example ESMTP", "C: QUIT")
    assert isinstance(session.outcome, Failure)
    assert session.outcome.scope is Scope.ROUTE
    assert "our own name" in session.outcome.reply.text


def test_a_host_that_the_administrator_named_may_bear_our_name() -> None:
    talk("S: 220 out.example ESMTP", "C: EHLO out.example", refuse_own_name=False)


# STARTTLS.

OFFERS_TLS = ("S: 220 mx", "C: EHLO out.example", "S: 250-mx", "S: 250-SIZE 1000", "S: 250 STARTTLS", "C: STARTTLS")


def test_after_tls_all_that_was_learnt_is_forgotten() -> None:
    session = talk(*OFFERS_TLS, "S: 220 go", "C: (TLS)", "C: EHLO out.example", "S: 250 mx",
                   "C: MAIL FROM:<b+41c9@out.example>")  # fmt: skip
    assert session.is_tls
    assert not session.extensions.has_size


def test_a_second_starttls_inside_tls_is_not_asked_for() -> None:
    talk(*OFFERS_TLS, "S: 220 go", "C: (TLS)", "C: EHLO out.example", "S: 250-mx", "S: 250 STARTTLS",
         "C: MAIL FROM:<b+41c9@out.example>")  # fmt: skip


@pytest.mark.parametrize("injected", [b"250 mx\r\n", b"250", b"\r\n", b"\x16\x03\x01", b"2" * 5000])
@pytest.mark.parametrize("together", [True, False])
def test_octets_behind_the_220_condemn_the_connection(injected: bytes, together: bool) -> None:
    session = talk(*OFFERS_TLS)
    for part in [b"220 go\r\n" + injected] if together else [b"220 go\r\n", injected]:
        session.receive(part)
    assert session.is_done
    assert not session.wants_tls
    assert isinstance(session.outcome, Failure)
    assert session.outcome.scope is Scope.ROUTE


def test_a_refused_starttls_goes_on_in_clear_where_tls_is_only_wished() -> None:
    session = talk(*OFFERS_TLS, "S: 454 4.7.0 not now")
    assert session.bytes_to_send().startswith(b"MAIL FROM")
    assert not session.is_tls


def test_a_refused_starttls_ends_it_where_tls_is_required() -> None:
    session = talk(*OFFERS_TLS, "S: 454 4.7.0 not now", "C: QUIT", tls=Tls.REQUIRED)
    assert session.outcome == Failure(Scope.ROUTE, reply("454 4.7.0 not now"), Stage.STARTTLS)


def test_a_server_without_tls_gets_nothing_where_tls_is_required() -> None:
    session = talk(*OPENING, "C: QUIT", tls=Tls.REQUIRED)
    assert isinstance(session.outcome, Failure)
    assert session.outcome.stage is Stage.STARTTLS
    assert session.outcome.is_ours


def test_tls_is_not_asked_for_where_it_is_not_wanted() -> None:
    session = talk(*OFFERS_TLS[:-1], tls=Tls.NEVER)
    assert session.bytes_to_send().startswith(b"MAIL FROM")


# Refusals.


@pytest.mark.parametrize("text", ["550 5.7.1 no", "451 4.3.0 later", "599 strange", "432 stranger"])
def test_a_refused_sender_fails_the_message(text: str) -> None:
    session = talk(*ENVELOPE[:4], f"S: {text}")
    assert session.outcome == Failure(Scope.MESSAGE, reply(text), Stage.MAIL)
    assert session.is_ready


@pytest.mark.parametrize("text", ["550 5.1.1 no such user", "450 4.2.0 greylisted", "554 5.7.1 no"])
def test_a_refused_recipient_fails_the_recipient(text: str) -> None:
    session = talk(*ENVELOPE, f"S: {text}")
    assert session.outcome == Failure(Scope.RECIPIENT, reply(text), Stage.RCPT)
    assert session.is_ready


def test_552_to_rcpt_is_552_in_an_old_servers_mouth_and_452_in_ours() -> None:
    session = talk(*ENVELOPE, "S: 552 5.2.2 mailbox full")
    assert session.outcome == Failure(Scope.RECIPIENT, reply("452 4.2.2 mailbox full"), Stage.RCPT)


def test_after_a_refused_recipient_the_next_message_begins_with_rset() -> None:
    session = talk(*ENVELOPE, "S: 550 no", "C: (next message)", "C: RSET", "S: 250 ok",
                   "C: MAIL FROM:<b+41c9@out.example>", "S: 250 ok", "C: RCPT TO:<ann@example.org>", "S: 250 ok",
                   "C: DATA", "S: 354 go", "C: (the message)", "S: 250 ok", "C: (next message)",
                   "C: MAIL FROM:<b+41c9@out.example>")  # fmt: skip
    assert session.transactions == 2


def test_with_pipelining_rset_leaves_in_the_same_flight() -> None:
    session = talk(*GROUP, "S: 250 ok", "S: 550 no", "S: 554 no recipient", "C: (next message)", "C: RSET",
                   "C: MAIL FROM:<b+41c9@out.example>", "C: RCPT TO:<ann@example.org>", "C: DATA",
                   "S: 250 reset", "S: 250 ok", "S: 250 ok", "S: 354 go", "C: (the message)", "S: 250 ok")  # fmt: skip
    assert session.outcome == Delivered(reply("250 ok"))


def test_after_a_refused_sender_mail_is_said_again_without_rset() -> None:
    talk(*ENVELOPE[:4], "S: 550 no", "C: (next message)", "C: MAIL FROM:<b+41c9@out.example>")


def test_a_refused_rset_ends_the_session_only() -> None:
    session = talk(*ENVELOPE, "S: 550 no", "C: (next message)", "C: RSET", "S: 500 what?")
    assert session.outcome == Failure(Scope.SESSION, reply("500 what?"), Stage.RSET)
    assert session.is_done


def test_a_refusal_of_data_fails_the_message() -> None:
    session = talk(*AT_DATA, "S: 451 4.7.1 later")
    assert session.outcome == Failure(Scope.MESSAGE, reply("451 4.7.1 later"), Stage.DATA)
    assert session.is_ready


@pytest.mark.parametrize("text", ["554 5.7.1 spam", "451 4.7.1 later", "552 5.3.4 too big"])
def test_a_refusal_at_the_dot_is_an_answer(text: str) -> None:
    session = talk(*AT_THE_DOT, f"S: {text}")
    assert session.outcome == Failure(Scope.MESSAGE, reply(text), Stage.DOT)
    assert session.is_ready


def test_with_pipelining_the_first_refusal_is_the_reason() -> None:
    session = talk(*GROUP, "S: 550 5.7.1 sender", "S: 503 mail first", "S: 503 mail first")
    assert session.outcome == Failure(Scope.MESSAGE, reply("550 5.7.1 sender"), Stage.MAIL)


def test_354_after_a_refused_recipient_gets_a_lone_dot_and_is_no_delivery() -> None:
    session = talk(*GROUP, "S: 250 ok", "S: 550 no", "S: 354 go", "C: .", "S: 250 queued, strangely")
    assert session.outcome == Failure(Scope.RECIPIENT, reply("550 no"), Stage.RCPT)
    assert session.is_ready


def test_354_after_a_refused_sender_and_a_taken_recipient_gets_no_dot_at_all() -> None:
    session = talk(*GROUP, "S: 550 no", "S: 250 ok", "S: 354 go", "C: (nothing)")
    assert session.outcome == Failure(Scope.MESSAGE, reply("550 no"), Stage.MAIL)
    assert session.is_done


# 421, ends and silence at every stage.

STAGES = [
    ((), Stage.GREETING),
    (OPENING[:2], Stage.EHLO),
    (OFFERS_TLS, Stage.STARTTLS),
    ((*OFFERS_TLS, "S: 220 go"), Stage.STARTTLS),
    (ENVELOPE[:4], Stage.MAIL),
    (ENVELOPE, Stage.RCPT),
    (AT_DATA, Stage.DATA),
    ((*AT_DATA, "S: 354 go"), Stage.DATA),
    (GROUP, Stage.MAIL),
    ((*GROUP, "S: 250 ok"), Stage.RCPT),
]


def test_a_421_after_data_defers_the_route_and_keeps_the_recipient() -> None:
    session = talk("S: 220 mx", "C: EHLO out.example", "S: 250 mx", "C: MAIL FROM:<b+41c9@out.example>", "S: 250 ok",
                   "C: RCPT TO:<ann@example.org>", "S: 250 ok", "C: DATA", "S: 421 4.3.2 down")  # fmt: skip
    assert session.outcome == Failure(Scope.ROUTE, reply("421 4.3.2 down"), Stage.DATA)


@pytest.mark.parametrize(("lines", "stage"), STAGES)
def test_421_at_any_stage_is_the_routes_failure(lines: tuple[str, ...], stage: Stage) -> None:
    session = talk(*lines, "S: 421 4.3.2 down")
    assert session.outcome == Failure(Scope.ROUTE, reply("421 4.3.2 down"), stage)
    assert session.is_done


@pytest.mark.parametrize("end", ["S: (hangs up)", "S: (silence)", "S: HTTP/1.1 400 Bad Request"])
@pytest.mark.parametrize(("lines", "stage"), STAGES)
def test_an_end_before_the_dot_is_the_routes_failure_and_transient(
    lines: tuple[str, ...], stage: Stage, end: str
) -> None:
    outcome = talk(*lines, end).outcome
    assert isinstance(outcome, Failure)
    assert (outcome.scope, outcome.stage, outcome.is_ours) == (Scope.ROUTE, stage, True)
    assert outcome.reply.is_transient


@pytest.mark.parametrize("end", ["S: (hangs up)", "S: (silence)", "S: gibberish", "S: 354 go on", "S: 150 wait"])
def test_an_end_after_the_dot_leaves_the_message_in_doubt(end: str) -> None:
    session = talk(*AT_THE_DOT, end)
    assert isinstance(session.outcome, Unanswered)
    assert session.outcome.stage is Stage.DOT
    assert session.outcome.why
    assert session.is_done


def test_a_421_at_the_dot_is_an_answer_and_no_doubt() -> None:
    session = talk(*AT_THE_DOT, "S: 421 4.3.2 shutting down")
    assert session.outcome == Failure(Scope.ROUTE, reply("421 4.3.2 shutting down"), Stage.DOT)


def test_a_connection_that_breaks_before_the_last_octet_left_leaves_no_doubt() -> None:
    session = talk(*AT_THE_DOT)
    session.all_sent = False
    session.lost("connection reset")
    assert isinstance(session.outcome, Failure)
    assert session.outcome.scope is Scope.ROUTE


def test_a_refusal_in_the_middle_of_the_content_is_an_answer_and_the_rest_does_not_follow() -> None:
    session = talk(*AT_THE_DOT)
    session.all_sent = False
    session.receive(b"552 5.3.4 too big\r\n")
    assert session.outcome == Failure(Scope.MESSAGE, reply("552 5.3.4 too big"), Stage.DOT)
    assert session.is_done


def test_an_acceptance_in_the_middle_of_the_content_is_not_believed() -> None:
    session = talk(*AT_THE_DOT)
    session.all_sent = False
    session.receive(b"250 2.0.0 fine\r\n")
    assert isinstance(session.outcome, Failure)
    assert session.outcome.scope is Scope.ROUTE
    assert session.is_done


def test_an_early_250_behind_354_is_never_an_acceptance() -> None:
    session = talk(*AT_DATA)
    session.receive(b"354 go\r\n250 2.0.0 accepted, really\r\n")
    assert isinstance(session.outcome, Failure)
    assert not session.wants_dot_permission


def test_a_2xx_to_data_is_never_an_acceptance() -> None:
    session = talk(*AT_DATA, "S: 250 accepted, really")
    assert isinstance(session.outcome, Failure)
    assert session.is_done


def test_more_replies_than_commands_condemn_the_connection() -> None:
    session = talk(*AT_THE_DOT, "S: 250 ok", "S: 250 ok")
    assert session.outcome == Delivered(reply("250 ok"))
    assert session.is_done


def test_a_used_connection_that_ends_before_it_answers_says_nothing_about_the_route() -> None:
    session = talk(*AT_THE_DOT, "S: 250 ok", "C: (next message)", "C: MAIL FROM:<b+41c9@out.example>", "S: (hangs up)")
    assert isinstance(session.outcome, Failure)
    assert session.outcome.scope is Scope.SESSION


def test_503_to_mail_on_a_used_connection_is_about_the_connection() -> None:
    session = talk(*AT_THE_DOT, "S: 250 ok", "C: (next message)", GROUP[4], "S: 503 5.5.1 nested MAIL")
    assert session.outcome == Failure(Scope.SESSION, reply("503 5.5.1 nested MAIL"), Stage.MAIL)
    assert session.is_done
    assert talk(*ENVELOPE[:4], "S: 503 5.5.1 no").outcome == Failure(Scope.MESSAGE, reply("503 5.5.1 no"), Stage.MAIL)


@pytest.mark.parametrize("end", ["S: 421 idle for too long", "S: (hangs up)"])
def test_an_idle_connection_may_end_and_nobody_is_hurt(end: str) -> None:
    session = talk(*AT_THE_DOT, "S: 250 ok", end)
    assert session.outcome == Delivered(reply("250 ok"))
    assert session.is_done


def test_a_refused_recipient_stays_the_reason_when_the_connection_breaks_behind_it() -> None:
    session = talk(*GROUP, "S: 250 ok", "S: 550 5.1.1 no such user", "S: (hangs up)")
    assert session.outcome == Failure(Scope.RECIPIENT, reply("550 5.1.1 no such user"), Stage.RCPT)


def test_nothing_is_heard_after_the_end() -> None:
    session = talk(*AT_DATA, "S: 421 bye", "S: 354 go", "S: (hangs up)")
    assert session.outcome == Failure(Scope.ROUTE, reply("421 bye"), Stage.DATA)


# Patience.


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [((), 300), (OPENING[:2], 300), (ENVELOPE[:4], 300), (ENVELOPE, 300), (AT_DATA, 120), (AT_THE_DOT, 600),
     (OFFERS_TLS, 120), ((*OFFERS_TLS, "S: 220 go"), math.inf), ((*AT_DATA, "S: 354 go"), math.inf),
     ((*AT_THE_DOT, "S: 250 ok"), math.inf)],
)  # fmt: skip
def test_patience_is_what_rfc_5321_asks_for(lines: tuple[str, ...], seconds: float) -> None:
    assert talk(*lines).patience == seconds


def test_patience_can_be_scaled() -> None:
    assert talk(*AT_THE_DOT, timeouts=Timeouts(dot=60).scaled(0.5)).patience == 30


# Whatever a server says.

_LINES = st.sampled_from(
    ["220 mx", "250 ok", "250-mx", "250 PIPELINING", "250 STARTTLS", "354 go", "421 bye", "450 no", "550 no", "999", ""]
)


@given(st.lists(_LINES | st.text(max_size=8), max_size=30))
def test_no_server_can_make_the_session_stumble_or_believe_in_a_delivery_before_the_dot(lines: list[str]) -> None:
    session, released = ClientSession("out.example"), False
    for line in lines:
        if session.wants_tls:
            session.tls_started()
        if session.wants_dot_permission:
            session.release_dot()
            released = True
        if session.is_ready:
            session.begin(mail())
            released = False
        assert released or not isinstance(session.outcome, Delivered | Unanswered)
        content_left = b"hello" in session.bytes_to_send()
        assert released or not content_left
        session.receive(line.encode() + b"\r\n")
        assert session.is_done or session.patience > 0


# Logging in, and other protocols than SMTP.

OVER_TLS = ("C: (TLS)", "S: 220 mx", "C: EHLO out.example", "S: 250-mx")
SHOP = ("shop", "s3cret")


def smart_host(*lines: str, login: tuple[str, str] = SHOP) -> ClientSession:
    return talk(*OVER_TLS, *lines, tls=Tls.IMPLICIT, login=login)


def test_where_tls_comes_first_the_greeting_follows_the_handshake() -> None:
    session = talk(*OVER_TLS, "S: 250 ok", "C: MAIL FROM:<b+41c9@out.example>", tls=Tls.IMPLICIT)
    assert session.is_tls


def test_a_greeting_in_clear_where_tls_comes_first_condemns_the_connection() -> None:
    assert talk("S: 220 mx", tls=Tls.IMPLICIT).is_done


def test_we_log_in_with_plain_in_one_flight() -> None:
    session = smart_host("S: 250 AUTH LOGIN PLAIN", "C: AUTH PLAIN AHNob3AAczNjcmV0", "S: 235 2.7.0 welcome",
                         "C: MAIL FROM:<b+41c9@out.example>")  # fmt: skip
    assert session.phase is Phase.BUSY


def test_we_log_in_with_login_where_there_is_no_plain() -> None:
    session = smart_host("S: 250 AUTH LOGIN CRAM-MD5", "C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: c2hvcA==",
                         "S: 334 UGFzc3dvcmQ6", "C: czNjcmV0", "S: 235 ok", "C: MAIL FROM:<b+41c9@out.example>")  # fmt: skip
    assert session.phase is Phase.BUSY


@pytest.mark.parametrize(
    "refusal",
    [
        ("S: 250 AUTH PLAIN", "C: AUTH PLAIN AHNob3AAczNjcmV0", "S: 535 5.7.8 wrong"),
        ("S: 250 AUTH LOGIN", "C: AUTH LOGIN", "S: 504 5.5.4 not that one"),
        ("S: 250 AUTH LOGIN", "C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: c2hvcA==", "S: 535 5.7.8 wrong"),
    ],
)
def test_a_refused_login_is_the_routes_trouble_and_nothing_is_sent(refusal: tuple[str, ...]) -> None:
    session = smart_host(*refusal, "C: QUIT")
    assert isinstance(session.outcome, Failure)
    assert (session.outcome.scope, session.outcome.stage) == (Scope.ROUTE, Stage.AUTH)


def test_a_server_that_asks_for_more_than_the_password_is_left() -> None:
    session = smart_host("S: 250 AUTH PLAIN", "C: AUTH PLAIN AHNob3AAczNjcmV0", "S: 334 eyJzY29wZSI6IiJ9")
    assert session.is_done


@pytest.mark.parametrize("offers", ["250 ok", "250 AUTH", "250 AUTH GSSAPI XOAUTH2"])
def test_a_server_that_knows_no_mechanism_of_ours_is_left(offers: str) -> None:
    session = smart_host(f"S: {offers}", "C: QUIT")
    assert isinstance(session.outcome, Failure)
    assert session.outcome.is_ours and session.outcome.stage is Stage.AUTH


def test_a_password_is_never_said_in_clear() -> None:
    session = talk("S: 220 mx", "C: EHLO out.example", "S: 250-mx", "S: 250 AUTH PLAIN LOGIN", "C: QUIT", login=SHOP)
    assert isinstance(session.outcome, Failure)
    assert "not said in clear" in session.outcome.reply.text


def test_mechanisms_that_were_offered_in_clear_are_forgotten() -> None:
    session = talk("S: 220 mx", "C: EHLO out.example", "S: 250-mx", "S: 250-AUTH PLAIN", "S: 250 STARTTLS", "C: STARTTLS",
                   "S: 220 go", "C: (TLS)", "C: EHLO out.example", "S: 250 mx", "C: QUIT", login=SHOP)  # fmt: skip
    assert isinstance(session.outcome, Failure)


def test_lmtp_begins_with_lhlo_and_has_no_older_greeting() -> None:
    talk("S: 220 store", "C: LHLO out.example", "S: 250 store", "C: MAIL FROM:<b+41c9@out.example>", is_lmtp=True)
    session = talk("S: 220 store", "C: LHLO out.example", "S: 500 what?", "C: QUIT", is_lmtp=True)
    assert isinstance(session.outcome, Failure)


@pytest.mark.parametrize("name", ["out.example", "mail.shop.example", "MAIL.shop.example"])
def test_a_host_that_greets_with_any_name_of_ours_is_left(name: str) -> None:
    session = talk(f"S: 220 {name} ESMTP", "C: QUIT", also="mail.shop.example")
    assert isinstance(session.outcome, Failure)
    assert session.outcome.reply.enhanced is not None and str(session.outcome.reply.enhanced) == "4.4.6"
