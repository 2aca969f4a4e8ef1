"""Replies: parsed once, at the border."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.reply import EnhancedStatus, Reply, ReplyError


def test_a_reply_has_code_enhanced_code_and_text() -> None:
    reply = Reply.parse("550 5.1.1 no such user")
    assert reply == Reply(550, EnhancedStatus(5, 1, 1), ("no such user",))
    assert str(reply) == "550 5.1.1 no such user"


def test_lines_lose_their_codes_and_are_joined_by_a_space() -> None:
    reply = Reply.parse("550-5.1.1 The account that you tried\r\n550-5.1.1 to reach\r\n550 5.1.1 does not exist")
    assert reply.lines == ("The account that you tried", "to reach", "does not exist")
    assert reply.text == "The account that you tried to reach does not exist"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250", Reply(250)),
        ("250 ", Reply(250)),
        ("354 go on", Reply(354, None, ("go on",))),
        ("550 #5.1.0 Address rejected.", Reply(550, EnhancedStatus(5, 1, 0), ("Address rejected.",))),
        ("550 5.1.1: unknown", Reply(550, EnhancedStatus(5, 1, 1), ("unknown",))),
        ("450 4.2.1", Reply(450, EnhancedStatus(4, 2, 1), ("",))),
        ("550 5.1.1.1 is no enhanced code", Reply(550, None, ("5.1.1.1 is no enhanced code",))),
        ("550 5.7.1 a\n550 5.7.2 b", Reply(550, EnhancedStatus(5, 7, 1), ("a", "5.7.2 b"))),
        ("450-a\n550 b", Reply(550, None, ("a", "b"))),
        ("550 quoted in a report\n and folded there", Reply(550, None, ("quoted in a report", "and folded there"))),
    ],
)
def test_the_forms_that_servers_use_are_understood(text: str, expected: Reply) -> None:
    assert Reply.parse(text) == expected


@pytest.mark.parametrize("text", ["", "hello", "5500 no", "199 low", "600 high", "55", "٥٥٠ digits", "-550 x"])
def test_what_is_no_reply_is_refused_in_words(text: str) -> None:
    with pytest.raises(ReplyError, match="does not begin with a reply code"):
        Reply.parse(text)


@pytest.mark.parametrize(
    ("code", "kind"), [(250, "positive"), (354, "positive"), (421, "transient"), (550, "permanent")]
)
def test_the_first_digit_says_the_kind(code: int, kind: str) -> None:
    reply = Reply(code)
    assert [reply.is_positive, reply.is_transient, reply.is_permanent] == [
        kind == "positive",
        kind == "transient",
        kind == "permanent",
    ]


def test_a_terminal_escape_in_a_reply_does_not_reach_the_operator() -> None:
    assert str(Reply.parse("550 \x1b]0;owned\x07 no")) == "550 ?]0;owned? no"


def test_our_own_replies_are_checked_too() -> None:
    assert str(Reply.of(452, "4.3.1", "no room")) == "452 4.3.1 no room"
    with pytest.raises(ReplyError):
        Reply.of(99, None, "no such code")
    with pytest.raises(ReplyError):
        Reply.of(550, "5.1", "no such enhanced code")


@pytest.mark.parametrize("text", ["3.1.1", "5.1", "5.1.1.1", "5.1.1000", "x", ""])
def test_what_is_no_enhanced_code_is_none(text: str) -> None:
    assert EnhancedStatus.parse(text) is None


@given(
    st.integers(200, 599),
    st.none() | st.builds(EnhancedStatus, st.sampled_from([2, 4, 5]), st.integers(0, 999), st.integers(0, 999)),
    st.text("abc ÄÖ中,.()-", max_size=60).map(str.strip),
)
def test_a_reply_written_and_read_is_the_same(code: int, enhanced: EnhancedStatus | None, text: str) -> None:
    reply = Reply(code, enhanced, (text,))
    assert Reply.parse(str(reply)) == reply


@given(st.text(max_size=200))
def test_any_text_is_a_reply_or_refused(text: str) -> None:
    try:
        reply = Reply.parse(text)
    except ReplyError:
        return
    assert 200 <= reply.code <= 599
    assert reply.lines
    assert "\n" not in str(reply)
