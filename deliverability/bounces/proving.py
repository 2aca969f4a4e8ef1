"""Proof that the rules of rules.toml say what their samples say, and the reason why a reply is judged as it is.

A rule is **dead** when it does not match a sample of its own, **shadowed** when another rule wins one, **ambiguous** when
a later rule of another class also matches one and `before` does not say so (or says so wrongly). A counter-sample that
matches is a rule that is too wide.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deliverability.bounces.classify import Rule, Verdict, classify, key_of, rules, searchable
from deliverability.reply import Reply


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a rule."""

    rule: str
    what: str  # dead, shadowed, ambiguous, too wide
    text: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a reply is judged so. `looked_at`: what the rule asks for; `beaten`: rules that also match, and come later."""

    verdict: Verdict
    looked_at: tuple[str, ...]
    beaten: tuple[str, ...]


def prove(those: Sequence[Rule] | None = None) -> list[Finding]:
    """All that is wrong with the rules, in their order: nothing, where CI is green."""
    chosen = rules() if those is None else those
    return [finding for rule in chosen for finding in _findings(rule, chosen)]


def explain(reply: Reply, stage: str, provider: str = "") -> Reason:
    """What a reply means and which rule says so."""
    verdict = classify(reply, stage, provider)
    matching = [rule for rule in rules() if _matches(rule, reply, stage, provider)]
    winner = matching[0] if matching else None
    return Reason(verdict, _asks(winner) if winner else (), tuple(rule.id for rule in matching[1:]))


def stage_of(rule: Rule) -> str:
    """A stage at which a rule's samples are said."""
    return "rcpt" if not rule.stages or "rcpt" in rule.stages else min(rule.stages)


def _findings(rule: Rule, those: Sequence[Rule]) -> Iterator[Finding]:
    if not rule.samples:
        yield Finding(rule.id, "dead", "it has no sample")
    rivals = set()
    for sample in rule.samples:
        matching = [each for each in those if _matches(each, Reply.parse(sample), stage_of(rule), rule.provider)]
        if rule not in matching:
            yield Finding(rule.id, "dead", f"its own sample does not match: {sample!r}")
        elif matching[0] is not rule:
            yield Finding(rule.id, "shadowed", f"{matching[0].id} wins {sample!r}")
        rivals |= {each.id for each in matching if each.klass is not rule.klass and not each.general}
    rivals.discard(rule.id)
    for name in sorted(rivals - rule.before):
        yield Finding(rule.id, "ambiguous", f"{name} matches a sample too, and before does not say so")
    for name in sorted(rule.before - rivals):
        yield Finding(rule.id, "ambiguous", f"before names {name}, which matches no sample")
    for text in rule.counter_samples:
        if _matches(rule, Reply.parse(text), stage_of(rule), rule.provider):
            yield Finding(rule.id, "too wide", f"a counter-sample matches: {text!r}")


def _matches(rule: Rule, reply: Reply, stage: str, provider: str) -> bool:
    return rule.matches(str(reply.code), key_of(reply), searchable(reply), stage, provider)


def _asks(rule: Rule) -> tuple[str, ...]:
    """What a rule looks at, in words."""
    asked = [f"code begins with {' or '.join(rule.codes)}"]
    if rule.enhanced:
        asked.append(f"enhanced code is {' or '.join(sorted(rule.enhanced))}")
    if rule.text.pattern:
        asked.append(f"text has {rule.text.pattern}")
    if rule.provider:
        asked.append(f"provider is {rule.provider}")
    if rule.stages:
        asked.append(f"stage is {' or '.join(sorted(rule.stages))}")
    return tuple(asked)
