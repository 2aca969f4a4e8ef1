"""Every rule is proven by its own samples: none is dead, shadowed, or ambiguous without saying so."""

import re
import time
from dataclasses import replace
from typing import Any

import pytest

from deliverability.bounces.classify import Blame, BounceClass, Rule, Suppress, classify, rules
from deliverability.bounces.proving import explain, prove
from deliverability.reply import Reply

RULES = rules()


def test_no_rule_is_dead_shadowed_ambiguous_or_too_wide() -> None:
    assert prove() == []


def rule(**changes: Any) -> Rule:
    return replace(RULES[0], **{"provider": "", "stages": frozenset(), "enhanced": frozenset(), "before": frozenset(),
                               "general": False, "counter_samples": (), "codes": ("4", "5"), **changes})  # fmt: skip


def test_a_rule_that_does_not_match_its_own_sample_is_dead() -> None:
    dead = rule(id="dead", text=re.compile("never said"), samples=("450 4.7.1 slow down",))
    none = rule(id="none", text=re.compile("x"), samples=())
    assert [(each.rule, each.what) for each in prove([dead, none])] == [("dead", "dead"), ("none", "dead")]


def test_a_rule_whose_sample_an_earlier_one_wins_is_shadowed() -> None:
    first = rule(id="first", text=re.compile("slow"), samples=("450 4.7.1 slow",))
    later = rule(id="later", text=re.compile("slow down"), samples=("450 4.7.1 slow down",))
    assert [(each.rule, each.what) for each in prove([first, later])] == [("later", "shadowed")]


def test_a_rival_of_another_class_must_be_named_and_only_rivals_may_be() -> None:
    first = rule(id="first", klass=BounceClass.SPAM, text=re.compile("spam"), samples=("550 5.7.1 spam user",))
    later = rule(id="later", klass=BounceClass.DISABLED, text=re.compile("user"), samples=("550 5.7.1 no user",))
    assert [(each.rule, each.what) for each in prove([first, later])] == [("first", "ambiguous")]
    assert prove([replace(first, before=frozenset({"later"})), later]) == []
    said = prove([replace(first, before=frozenset({"later"})), replace(later, before=frozenset({"first"}))])
    assert [(each.rule, each.what) for each in said] == [("later", "ambiguous")]


def test_a_rule_that_matches_its_counter_sample_is_too_wide() -> None:
    wide = rule(id="wide", text=re.compile("a"), samples=("450 4.7.1 a",), counter_samples=("450 4.7.1 ab",))
    assert [(each.rule, each.what) for each in prove([wide])] == [("wide", "too wide")]


def test_a_reply_s_judgement_says_what_was_looked_at_and_what_lost() -> None:
    said = "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address"
    reason = explain(Reply.parse(said.replace("421-", "421 ")), "rcpt", "gmail")
    assert reason.verdict.rule == "google.unusual-rate"
    assert any("x.7.28" in each for each in reason.looked_at) and "spam" in reason.beaten
    assert explain(Reply.parse("499 never heard"), "rcpt").looked_at == ()


def test_rules_have_samples_and_names_of_their_own() -> None:
    assert all(rule.samples for rule in RULES)
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_patterns_are_written_for_text_in_lower_case() -> None:
    assert [rule.id for rule in RULES if rule.text.pattern != rule.text.pattern.lower()] == []


@pytest.mark.parametrize("stage", ["connect", "greeting", "ehlo", "starttls", "auth", "mail", "rset", "quit", "new"])
def test_nothing_said_before_rcpt_is_held_against_a_recipient(stage: str) -> None:
    for rule in RULES:
        for sample in rule.samples:
            verdict = classify(Reply.parse(sample), stage, rule.provider)
            assert verdict.blame is not Blame.RECIPIENT
            assert verdict.suppress is Suppress.NEVER


def test_the_worst_text_does_not_hold_up_the_relay() -> None:
    words = ("user ", "mailbox ", "your ip ", "sender ", "client", "1.1.1.1 ", "a@", "message ", "(", "quota ")
    replies = [Reply(code, None, (word * (4_000 // len(word)),)) for word in words for code in (450, 550)]
    began = time.perf_counter()
    for reply in replies:
        classify(reply, "rcpt")
    assert (time.perf_counter() - began) / len(replies) < 0.1
