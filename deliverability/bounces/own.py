"""Rules of one's own: tried before those that come with Posthouse, written as rules.toml is, proven before they count."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from deliverability.bounces.classify import BounceClass, Rule, compiled, shipped_rules
from deliverability.bounces.normal import STAND_INS, normalise
from deliverability.bounces.proving import Finding, prove
from deliverability.reply import Reply, ReplyError
from deliverability.text import clean
from deliverability.toml_text import TomlFault, read_toml

PREFIX: Final = "own."
_STANDS_IN: Final = re.compile("|".join(sorted(STAND_INS)))  # in capitals, which nothing else of a normal text has
MAX_PATTERN: Final = 300
_NAMES: Final = frozenset({
    "id", "class", "provider", "stages", "codes", "enhanced", "text", "blame", "hard", "slow_down", "samples",
    "counter_samples", "before", "general", "sure",
})  # fmt: skip
_TEXTS: Final = ("id", "class", "provider", "text", "blame")
_LISTS: Final = ("stages", "codes", "enhanced", "samples", "counter_samples", "before")


class RuleFault(ValueError):
    """Not a rule, or not a good one; says which and why."""


def read_rules(text: str, *, is_proven: bool = False) -> tuple[Rule, ...]:
    """The rules of a file. RuleFault for the first that is none, and for those that their samples do not prove; whoever
    has proven the same text just now need not do so again, which takes most of a second."""
    try:
        entries = read_toml(text).get("rule", [])
    except TomlFault as err:
        raise RuleFault(f"it is no TOML: {err}") from None
    if not isinstance(entries, list):
        raise RuleFault("rules stand under [[rule]]")
    rules = tuple(_rule(number, entry) for number, entry in enumerate(entries, 1))
    names = [rule.id for rule in rules]
    if twice := [name for name in names if names.count(name) > 1]:
        raise RuleFault(f"two rules are called {twice[0]}")
    if not is_proven and (found := faults(rules)):
        raise RuleFault(f"{found[0].rule}: {found[0].what}: {found[0].text}")
    return rules


def faults(own: Sequence[Rule]) -> list[Finding]:
    """What is wrong with rules that are tried first: with themselves, and where they take the samples of ours."""
    known = {(each.rule, each.what) for each in prove(shipped_rules())}
    found = prove((*own, *shipped_rules()))
    names = {rule.id for rule in own}
    return [
        each
        for each in found
        if (each.rule, each.what) not in known
        and each.what != "ambiguous"
        and (each.rule in names or each.what == "shadowed")
    ]


def propose(reply: str, klass: str, name: str = "") -> str:
    """A rule in TOML that judges replies of this kind so. RuleFault where it is no reply, no class, or not proven."""
    try:
        parsed = Reply.parse(reply)
    except ReplyError as err:
        raise RuleFault(str(err)) from None
    if klass not in {str(each) for each in BounceClass}:
        raise RuleFault(f'there is no class "{clean(klass)[:40]}"; there are: {", ".join(BounceClass)}')
    pattern = _pattern(normalise(parsed.text))
    entry: dict[str, Any] = {"id": PREFIX + (name or _slug(pattern)), "class": klass, "codes": [str(parsed.code)[0]]}
    if parsed.enhanced:
        entry["enhanced"] = [f"x.{parsed.enhanced.subject}.{parsed.enhanced.detail}"]
    entry |= {"text": pattern, "samples": [reply]}
    if found := faults([_rule(1, entry)]):
        raise RuleFault(f"{found[0].rule}: {found[0].what}: {found[0].text}")
    return "[[rule]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in entry.items())


def _rule(number: int, entry: Any) -> Rule:
    if not isinstance(entry, Mapping):
        raise RuleFault("rules stand under [[rule]]")
    name = str(entry.get("id", f"rule {number}"))
    if unknown := sorted(set(entry) - _NAMES):
        raise RuleFault(f"{name}: {unknown[0]} is no word of a rule")
    if missing := [word for word in ("id", "class", "samples") if word not in entry]:
        raise RuleFault(f"{name}: it has no {missing[0]}")
    if wrong := [word for word in _TEXTS if not isinstance(entry.get(word, ""), str)]:
        raise RuleFault(f"{name}: {wrong[0]} is no text")
    if wrong := [word for word in _LISTS if not _is_texts(entry.get(word, []))]:
        raise RuleFault(f"{name}: {wrong[0]} is no list of texts")
    if not name.startswith(PREFIX):
        raise RuleFault(f'{name}: a rule of your own is called "{PREFIX}..."')
    try:
        for sample in (*entry["samples"], *entry.get("counter_samples", ())):
            Reply.parse(sample)
        return compiled({"sure": True, **entry})  # whoever runs the house knows what its peers mean
    except (ValueError, re.error) as err:
        raise RuleFault(f"{name}: {clean(str(err))}") from None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _pattern(alike: str) -> str:
    """What all replies of a kind have: their words, with a gap where they differ, be it in a part of a word."""
    words = ("" if _STANDS_IN.search(word) else re.escape(word) for word in alike.split())
    return re.sub(r"(?:^| )\.\{0,80\} ?", ".{0,80}", " ".join(word or ".{0,80}" for word in words))[
        :MAX_PATTERN
    ].rstrip("\\")


def _slug(pattern: str) -> str:
    return "-".join(re.findall(r"[a-z]{3,}", pattern)[:4]) or "reply"


def _toml(value: str | Iterable[str]) -> str:
    if isinstance(value, str):
        return '"' + "".join(_ESCAPED.get(each, each) for each in value) + '"'
    return "[" + ", ".join(_toml(each) for each in value) + "]"


_ESCAPED: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
