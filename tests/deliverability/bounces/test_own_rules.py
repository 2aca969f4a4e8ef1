"""Rules of one's own: made of a reply, proven before they count, tried first. And what they are made of: replies alike."""

from collections.abc import Iterator

import pytest

from deliverability.bounces.classify import BounceClass, adopt, classify
from deliverability.bounces.normal import groups, normalise
from deliverability.bounces.opened import Opened
from deliverability.bounces.own import RuleFault, propose, read_rules
from deliverability.bounces.traces import reverse_paths
from deliverability.reply import Reply

REPLY = "550 5.7.1 The gatekeeper at mx4.example.org dislikes ann@example.org (id 4f8Zx91kQ22)"


@pytest.fixture(autouse=True)
def nobodys_rules() -> Iterator[None]:
    yield
    adopt(())


def test_a_rule_made_of_a_reply_judges_its_kind() -> None:
    rules = read_rules(propose(REPLY, "refused by recipient"))
    alike = Reply.parse("550 5.7.1 The gatekeeper at mx9.example.net dislikes bob@example.net (id 77aPPk1QQ0)")
    assert classify(alike, "rcpt").klass is not BounceClass.RECIPIENT_REFUSES
    adopt(rules)
    verdict = classify(alike, "rcpt")
    assert (verdict.klass, verdict.rule) == (BounceClass.RECIPIENT_REFUSES, "own.the-gatekeeper-dislikes")


@pytest.mark.parametrize(
    ("reply", "klass", "why"),
    [
        ("550 5.1.1 User unknown", "policy", "no-such-user: shadowed"),
        ("hello", "policy", "does not begin with a reply code"),
        (REPLY, "bad mood", "there is no class"),
    ],
)
def test_a_rule_that_would_take_anothers_samples_or_means_nothing_is_refused(reply: str, klass: str, why: str) -> None:
    with pytest.raises(RuleFault, match=why):
        propose(reply, klass)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[rule]", "no TOML"),
        ("rule = 5", "under \\[\\[rule\\]\\]"),
        ("[[rule]]\nid = 'own.a'", "it has no class"),
        ("[[rule]]\nid = 'a'\nclass = 'spam'\nsamples = ['550 x']", "is called"),
        ("[[rule]]\nid = 'own.a'\nclass = 'spam'\nsamples = ['550 x']\ntext = '('", "own.a"),
        ("[[rule]]\nid = 'own.a'\nclass = 'span'\nsamples = ['550 x']\ntext = 'x'", "own.a"),
        ("[[rule]]\nid = 'own.a'\nclass = 'spam'\nsamples = ['550 x']\ntext = 'y'", "dead"),
        ("[[rule]]\nid = 'own.a'\nclass = 'spam'\nsamples = '550 x'\ntext = 'x'", "no list of texts"),
        ("[[rule]]\nid = 'own.a'\nclass = 'spam'\nsamples = ['550 x']\ntext = ''", "shadowed"),
        ("[[rule]]\nid = 'own.a'\nclas = 'spam'", "clas is no word of a rule"),
    ],
)
def test_a_file_that_is_not_right_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(RuleFault, match=why):
        read_rules(text)


def test_replies_that_say_the_same_fall_together() -> None:
    replies = [
        ("550 5.7.1 refused 192.0.2.1 for ann@example.org, see https://x.example/?id=1 at 10:11:12 (q4f8Zx91kQ22)", 2),
        (
            "550 5.7.1 refused 198.51.100.7 for bob@example.net, see https://x.example/?id=2 at 13:14:15 (q77aPPk1QQ0)",
            3,
        ),
        ("550 5.7.1 refused for another reason", 1),
    ]
    first, second = groups(replies)
    assert (first.count, first.text) == (5, "550 5.7.1 refused IP for ADDRESS, see URL at TIME (ID)")
    assert second.count == 1
    assert "\x1b" not in normalise("550 \x1b[31mred")


def test_only_what_looks_like_a_reverse_path_of_ours_is_a_trace() -> None:
    token = "b+" + "abcdefgh" * 5
    content = (
        f"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
        f"Return-Path: <{token.upper()}@bounce.example>\nX: b+short@bounce.example {token}x@bounce.example\n--b--\n"
    )
    assert reverse_paths(Opened.of(content.encode())) == (token,)


@pytest.mark.parametrize(
    "reply",
    [
        "550 Zorp glimmer wibble [/foo] [@click=app.quit] 4711",
        "550 Zorp glimmer (see=https://zorp.example/x?id=1),wibble of ann@zorp.example=now",
        "550 Zorp glimmer wibble at 10.0.0.1:25/x [ID9999999999=]",
    ],
)
def test_a_reply_with_an_address_in_the_middle_of_a_word_is_learnt_too(reply: str) -> None:
    adopt(read_rules(propose(reply, "refused by recipient", "zorp")))
    assert classify(Reply.parse(reply), "rcpt").rule == "own.zorp"
