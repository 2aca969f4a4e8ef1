"""Every rule is proven by its own samples: none is dead, shadowed, or ambiguous without saying so."""

import time

import pytest

from deliverability.bounces.classify import Blame, Rule, Suppress, classify, rules, searchable
from deliverability.reply import Reply

RULES = rules()
SAMPLES = [pytest.param(rule, sample, id=f"{rule.id}-{n}") for rule in RULES for n, sample in enumerate(rule.samples)]
COUNTERS = [
    pytest.param(rule, text, id=f"{rule.id}-{n}") for rule in RULES for n, text in enumerate(rule.counter_samples)
]


def matches(rule: Rule, text: str, provider: str) -> bool:
    reply = Reply.parse(text)
    enhanced = f"x.{reply.enhanced.subject}.{reply.enhanced.detail}" if reply.enhanced else ""
    return rule.matches(str(reply.code), enhanced, searchable(reply), _stage(rule), provider)


def _stage(rule: Rule) -> str:
    return "rcpt" if not rule.stages or "rcpt" in rule.stages else min(rule.stages)


@pytest.mark.parametrize(("rule", "sample"), SAMPLES)
def test_a_sample_is_won_by_its_rule(rule: Rule, sample: str) -> None:
    verdict = classify(Reply.parse(sample), _stage(rule), rule.provider)
    assert (verdict.rule, verdict.klass) == (rule.id, rule.klass)


@pytest.mark.parametrize(("rule", "text"), COUNTERS)
def test_a_counter_sample_is_not_matched(rule: Rule, text: str) -> None:
    assert not matches(rule, text, rule.provider)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rules_of_other_classes_that_also_match_are_named(rule: Rule) -> None:
    rivals = {
        other.id
        for other in RULES
        if other is not rule
        and other.klass is not rule.klass
        and not other.general
        and any(matches(other, sample, rule.provider) for sample in rule.samples)
    }
    assert rivals == rule.before


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
