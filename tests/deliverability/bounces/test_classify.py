"""What a reply means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.bounces.classify import Blame, BounceClass, Suppress, Then, classify
from deliverability.reply import EnhancedStatus, Reply


def test_an_unknown_user_is_hard_and_suppresses_at_once() -> None:
    verdict = classify(Reply.parse("550 5.1.1 <ann@example.org>: User unknown"), "rcpt")
    assert verdict.klass is BounceClass.INVALID_RECIPIENT
    assert (verdict.blame, verdict.hard, verdict.suppress, verdict.slow_down) == (
        Blame.RECIPIENT,
        True,
        Suppress.NOW,
        0,
    )


def test_a_user_that_could_not_be_looked_up_is_not_an_unknown_user() -> None:
    verdict = classify(
        Reply.parse("450 4.1.1 <ann@example.org>: unverified address: Address verification in progress"), "rcpt"
    )
    assert (verdict.hard, verdict.suppress) == (False, Suppress.NEVER)


def test_a_full_mailbox_is_a_reason_only_when_it_repeats() -> None:
    for text in ("552 5.2.2 mailbox full", "452 4.2.2 over quota"):
        assert classify(Reply.parse(text), "rcpt").suppress is Suppress.AFTER


@pytest.mark.parametrize(
    "text",
    [
        "550 5.7.1 Sender domain shop.example is blocked by administrator",
        "554 5.7.1 Message rejected as spam",
        "550 5.7.26 Unauthenticated email from shop.example is not accepted due to domain's DMARC policy",
        "554 5.7.1 <ann@example.org>: Relay access denied",
        "550 5.1.1 RCP-P2 Refused due to recipient preferences",
        "554 5.4.6 Too many hops",
        "550 something we never saw",
        "554 transaction failed",
    ],
)
def test_what_is_ours_to_mend_never_suppresses(text: str) -> None:
    verdict = classify(Reply.parse(text), "rcpt")
    assert verdict.hard
    assert verdict.suppress is Suppress.NEVER


@pytest.mark.parametrize(
    "text",
    [
        "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent (S3150).",
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        "421 4.7.1 Your IP address 192.0.2.1 has been blocked",
    ],
)
@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "rcpt"])
def test_a_block_of_our_address_is_for_another_source_and_never_the_end(text: str, stage: str) -> None:
    verdict = classify(Reply.parse(text), stage)
    assert (verdict.then, verdict.hard, verdict.is_too_much) == (Then.OTHER_SOURCE, False, True)


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("421 4.7.28 Gmail has detected an unusual rate of unsolicited mail", Then.RETRY_SITE),
        ("450 4.2.0 Greylisted", Then.RETRY_RECIPIENT),
        ("550 5.1.1 no such user", Then.FAIL),
    ],
)
def test_each_verdict_says_what_then(text: str, then: Then) -> None:
    assert classify(Reply.parse(text), "rcpt").then is then


def test_some_5xx_are_soft() -> None:
    verdict = classify(Reply.parse("550 Ip frequency limited [abc 192.0.2.1]"), "rcpt", "qq")
    assert (verdict.klass, verdict.hard, verdict.slow_down) == (BounceClass.RATE_LIMITED, False, 1.0)


def test_a_busy_mailbox_does_not_slow_the_site() -> None:
    verdict = classify(
        Reply.parse("450 4.2.1 The user you are trying to contact is receiving mail too quickly."), "rcpt"
    )
    assert (verdict.klass, verdict.slow_down) == (BounceClass.RECIPIENT_BUSY, 0)


def test_a_domain_that_does_not_exist_is_the_recipients_also_before_any_dialogue() -> None:
    assert classify(Reply.parse("556 5.1.10 the domain takes no mail (null MX)"), "route").suppress is Suppress.NOW
    assert classify(Reply.parse("550 5.1.2 no such domain"), "route").klass is BounceClass.BAD_DOMAIN


def test_an_address_in_the_text_is_no_reason() -> None:
    verdict = classify(Reply.parse("550 5.1.1 <spam-virus.blacklist@dkim.example>: user unknown"), "rcpt")
    assert verdict.klass is BounceClass.INVALID_RECIPIENT


def test_what_no_rule_knows_is_judged_by_its_enhanced_code_and_then_its_code() -> None:
    assert classify(Reply.parse("550 5.1.1 nope"), "rcpt").rule == "enhanced x.1.1"
    assert classify(Reply.parse("550 5.0.0 nope"), "rcpt").rule == "unclassified"
    assert classify(Reply.parse("521 nope"), "rcpt").rule == "code 521"
    assert classify(Reply.parse("550 nope"), "rcpt").rule == "unclassified"


@given(
    st.integers(200, 599),
    st.none() | st.builds(EnhancedStatus, st.sampled_from([2, 4, 5]), st.integers(0, 10), st.integers(0, 30)),
    st.text(max_size=100),
    st.sampled_from(["connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot", "", "other"]),
)
def test_any_reply_has_a_verdict_and_only_blame_of_the_recipient_suppresses(
    code: int, enhanced: EnhancedStatus | None, text: str, stage: str
) -> None:
    verdict = classify(Reply(code, enhanced, (text,)), stage)
    assert 0 <= verdict.slow_down <= 1
    assert verdict.suppress is Suppress.NEVER or verdict.blame is Blame.RECIPIENT
    assert verdict.suppress is not Suppress.NOW or verdict.hard
