"""A reply is judged once: its class, who is to blame, and what follows from it.

The rules are in rules.toml, most telling first; the first that matches wins. A rule may look at the provider, the stage
of the dialogue, the code, the enhanced code and the text. What no rule knows is judged by its enhanced code (RFC 3463),
then by its code. Queue, shaping, suppression and reports all read the same `Verdict`.

Two promises hold for every rule: only a class that blames the recipient suppresses, and nothing said before
RCPT is held against a recipient.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from deliverability.bounces.certain import is_certain
from deliverability.reply import Reply

_ADDRESS: Final = re.compile(r"[^\s<>@\"]{1,64}@[^\s<>@\"]{1,255}")
MAX_TEXT: Final = 2_000  # characters of a reply that are looked at
STRONG: Final = 0.5  # a reply of this slow-down that says "too much" acts by itself


class BounceClass(StrEnum):
    """What went wrong; the words of screens, events and reports."""

    INVALID_RECIPIENT = "invalid recipient"  # no such mailbox
    BAD_DOMAIN = "bad domain"  # no such domain, or one that takes no mail (RFC 7505)
    DISABLED = "disabled mailbox"  # it was there once
    MOVED = "moved"
    MAILBOX_FULL = "mailbox full"
    RECIPIENT_BUSY = "recipient busy"  # this mailbox gets too much at once; others do not suffer
    RECIPIENT_REFUSES = "refused by recipient"  # a rule of the recipient's own, or of the organisation
    GREYLISTED = "greylisted"
    RATE_LIMITED = "rate limited"
    TOO_MANY_CONNECTIONS = "too many connections"
    SESSION_LIMIT = "session limit"  # enough messages or recipients for one session or transaction
    IP_BLOCKED = "our ip blocked"
    DOMAIN_BLOCKED = "our domain blocked"
    AUTHENTICATION = "authentication"  # SPF, DKIM, DMARC, reverse DNS
    SENDER_REFUSED = "sender refused"  # the reverse-path or the From
    SPAM = "spam"  # the content looks like it
    CONTENT = "content refused"  # malware, a forbidden attachment, a malformed message
    TOO_LARGE = "too large"
    POLICY = "policy"  # refused without saying why
    RELAY_DENIED = "relay denied"  # that server does not serve the domain
    TLS = "tls"
    NO_UTF8 = "no utf-8"  # SMTPUTF8 is needed and not offered (RFC 6531)
    NETWORK = "network"
    LOOP = "loop"
    PROTOCOL = "protocol"
    SERVER_TROUBLE = "server trouble"
    UNKNOWN = "unknown"


class Blame(StrEnum):
    """Who would have to change something."""

    RECIPIENT = "recipient"
    SENDER = "sender"
    OUR_IP = "our ip"
    OUR_DOMAIN = "our domain"
    CONTENT = "content"
    THEIR_SERVER = "their server"
    NETWORK = "network"


class Suppress(StrEnum):
    """Whether the address is to be written to again."""

    NEVER = "never"  # this reply is no reason to stop
    AFTER = "after"  # a reason when it repeats over weeks
    NOW = "now"


class Then(StrEnum):
    """What is to be done with the delivery."""

    RETRY_RECIPIENT = "retry recipient"  # it waits by itself
    RETRY_SITE = "retry site"  # all that goes there waits
    OTHER_SOURCE = "other source"  # our address is refused, whatever it brings: another one of ours may get through
    FAIL = "fail"  # the same delivery will fail again, so it ends


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply means.

    then: what follows for the delivery. slow_down: how strongly the site's shaping reacts, from 0 (it is about one
    recipient or message) to 1. rule: the rule's id, "enhanced x.y.z", "code nnn", or "unclassified".
    """

    klass: BounceClass
    blame: Blame
    then: Then
    suppress: Suppress
    slow_down: float
    rule: str

    @property
    def hard(self) -> bool:
        return self.then is Then.FAIL

    @property
    def is_too_much(self) -> bool:
        """Whether it is, by itself, the site's word that it is too much: then everything to it stops at once."""
        return self.slow_down >= STRONG and self.klass in _TOO_MUCH


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of rules.toml, compiled."""

    id: str
    klass: BounceClass
    provider: str
    stages: frozenset[str]
    codes: tuple[str, ...]
    enhanced: frozenset[str]
    text: re.Pattern[str]
    blame: Blame
    hard: bool | None
    slow_down: float
    samples: tuple[str, ...]
    counter_samples: tuple[str, ...]
    before: frozenset[str]
    general: bool
    is_sure: bool = False  # a system's own form, which means nothing else

    def matches(self, code: str, enhanced: str, text: str, stage: str, provider: str) -> bool:
        """`enhanced` is "x.7.28", or "" when the reply has none; `text` is in lower case."""
        return (
            code.startswith(self.codes)
            and (not self.enhanced or enhanced in self.enhanced)
            and (not self.provider or provider == self.provider)
            and (not self.stages or stage in self.stages)
            and not (self.blame is Blame.RECIPIENT and stage not in ABOUT_RECIPIENT)
            and self.text.search(text) is not None
        )

    def begins(self, text: str) -> int:
        """Where in `text` the words begin that it looks for."""
        found = self.text.search(text)
        return found.start() if found else 0


# Where a reply can be about the recipient at all. "route" is before any dialogue: DNS says that there is no such domain.
ABOUT_RECIPIENT: Final = frozenset({"route", "rcpt", "data", "dot", ""})

_R, _T, _N = Blame.RECIPIENT, Blame.THEIR_SERVER, Blame.NETWORK
_CLASSES: Final[Mapping[BounceClass, tuple[Blame, Suppress, float]]] = {
    BounceClass.INVALID_RECIPIENT: (_R, Suppress.NOW, 0.0),
    BounceClass.BAD_DOMAIN: (_R, Suppress.NOW, 0.0),
    BounceClass.DISABLED: (_R, Suppress.AFTER, 0.0),
    BounceClass.MOVED: (_R, Suppress.NOW, 0.0),
    BounceClass.MAILBOX_FULL: (_R, Suppress.AFTER, 0.0),
    BounceClass.RECIPIENT_BUSY: (_R, Suppress.NEVER, 0.0),
    BounceClass.RECIPIENT_REFUSES: (_R, Suppress.NEVER, 0.0),
    BounceClass.GREYLISTED: (_T, Suppress.NEVER, 0.0),
    BounceClass.RATE_LIMITED: (Blame.OUR_IP, Suppress.NEVER, 1.0),
    BounceClass.TOO_MANY_CONNECTIONS: (Blame.OUR_IP, Suppress.NEVER, 0.5),
    BounceClass.SESSION_LIMIT: (_T, Suppress.NEVER, 0.0),
    BounceClass.IP_BLOCKED: (Blame.OUR_IP, Suppress.NEVER, 1.0),
    BounceClass.DOMAIN_BLOCKED: (Blame.OUR_DOMAIN, Suppress.NEVER, 0.5),
    BounceClass.AUTHENTICATION: (Blame.OUR_DOMAIN, Suppress.NEVER, 0.3),
    BounceClass.SENDER_REFUSED: (Blame.SENDER, Suppress.NEVER, 0.0),
    BounceClass.SPAM: (Blame.CONTENT, Suppress.NEVER, 0.5),
    BounceClass.CONTENT: (Blame.CONTENT, Suppress.NEVER, 0.0),
    BounceClass.TOO_LARGE: (Blame.CONTENT, Suppress.NEVER, 0.0),
    BounceClass.POLICY: (Blame.SENDER, Suppress.NEVER, 0.3),
    BounceClass.RELAY_DENIED: (_T, Suppress.NEVER, 0.0),
    BounceClass.TLS: (_T, Suppress.NEVER, 0.0),
    BounceClass.NO_UTF8: (_T, Suppress.NEVER, 0.0),
    BounceClass.NETWORK: (_N, Suppress.NEVER, 0.0),
    BounceClass.LOOP: (_N, Suppress.NEVER, 0.0),
    BounceClass.PROTOCOL: (_T, Suppress.NEVER, 0.0),
    BounceClass.SERVER_TROUBLE: (_T, Suppress.NEVER, 0.3),
    BounceClass.UNKNOWN: (_T, Suppress.NEVER, 0.2),
}


_own: tuple[Rule, ...] = ()
_all: tuple[Rule, ...] = ()  # with the shipped ones; empty until something was adopted
_TOO_MUCH: Final = {BounceClass.RATE_LIMITED, BounceClass.TOO_MANY_CONNECTIONS, BounceClass.IP_BLOCKED}


def classify(reply: Reply, stage: str, provider: str = "") -> Verdict:
    """What a reply that is not positive means.

    stage: "route", "connect", "greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot", ... or "" for a
    reply that a report quotes.
    provider: as shaping names the site, or "" when it is not known.
    """
    return _judge(str(reply.code), key_of(reply), searchable(reply), stage, provider)


def key_of(reply: Reply) -> str:
    """A reply's enhanced code as rules write it: "x.7.28", or "" when it has none."""
    status = reply.enhanced
    return f"x.{status.subject}.{status.detail}" if status else ""


def searchable(reply: Reply) -> str:
    """What rules look at: the text in lower case, addresses left out, for <spam@example.org> is not about spam."""
    return _ADDRESS.sub("@", " ".join(reply.text[:MAX_TEXT].lower().split()))


def rules() -> tuple[Rule, ...]:
    """All rules, in the order they are tried: those of the house's own, then the shipped ones."""
    return (*_own, *shipped_rules())


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """Those of rules.toml. Compiled once, when first asked for."""
    return tuple(compiled(entry) for entry in _document()["rule"])


def adopt(own: tuple[Rule, ...]) -> None:
    """Try these before the shipped ones from now on. For the start of a process, and when a rule was made: for nobody else."""
    global _own, _all
    _own = own
    _all = (*own, *shipped_rules())
    _judge.cache_clear()


@lru_cache(maxsize=1_024)  # a site in trouble says the same thing thousands of times
def _judge(code: str, enhanced: str, text: str, stage: str, provider: str) -> Verdict:
    is_permanent = code.startswith("5")
    for rule in _all or shipped_rules():
        if rule.matches(code, enhanced, text, stage, provider):
            hard = is_permanent if rule.hard is None else rule.hard
            found = _verdict(rule.klass, rule.id, hard=hard, blame=rule.blame, slow_down=rule.slow_down)
            return found if rule.provider or rule.is_sure else _doubted(found, enhanced, text, rule.begins(text))
    klass, source = _fall_back(code, enhanced, stage)
    blame, _, slow_down = _CLASSES[klass]
    return _doubted(_verdict(klass, source, hard=is_permanent, blame=blame, slow_down=slow_down), enhanced, text)


def _doubted(found: Verdict, enhanced: str, text: str, at: int = 0) -> Verdict:
    """An address that is given up wrongly is lost: what says more than that it is not there counts when it repeats.

    at: where the words begin that the rule knows.
    """
    if found.suppress is not Suppress.NOW:
        return found
    words, codes, codes_of_recipient = _doubt()
    is_recipient = found.klass is BounceClass.INVALID_RECIPIENT
    says_more = enhanced.startswith(codes) or (is_recipient and enhanced.startswith(codes_of_recipient))
    if says_more or words.search(text) or not is_certain(text, at):
        return replace(found, suppress=Suppress.AFTER)
    return found


@cache
def _doubt() -> tuple[re.Pattern[str], tuple[str, ...], tuple[str, ...]]:
    entry = _document()["doubt"]
    return re.compile(entry["text"]), tuple(entry["enhanced"]), tuple(entry["recipient_only"])


def _verdict(klass: BounceClass, rule: str, *, hard: bool, blame: Blame, slow_down: float) -> Verdict:
    suppress = _CLASSES[klass][1]
    # "User unknown" with a 4xx is a server that could not look it up; a full mailbox counts either way.
    if blame is not Blame.RECIPIENT or (not hard and suppress is Suppress.NOW):
        suppress = Suppress.NEVER
    return Verdict(klass, blame, then(klass, slow_down, hard=hard), suppress, slow_down, rule)


def then(klass: BounceClass, slow_down: float, *, hard: bool) -> Then:
    """What follows from a class. A block of our address is no fate of the recipient's, however it is coded."""
    if klass is BounceClass.IP_BLOCKED:
        return Then.OTHER_SOURCE
    if hard:
        return Then.FAIL
    return Then.RETRY_SITE if klass in _TOO_MUCH and slow_down >= STRONG else Then.RETRY_RECIPIENT


def _fall_back(code: str, enhanced: str, stage: str) -> tuple[BounceClass, str]:
    tables = _document()["fall_back"]
    for source, key in (("enhanced", enhanced), ("code", code)):
        klass = BounceClass(tables[source].get(key, BounceClass.UNKNOWN))
        too_early = stage not in ABOUT_RECIPIENT and _CLASSES[klass][0] is Blame.RECIPIENT
        if klass is not BounceClass.UNKNOWN and not too_early:
            return klass, f"{source} {key}"
    return BounceClass.UNKNOWN, "unclassified"


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("rules.toml").read_text("utf-8"))


def compiled(entry: Mapping[str, Any]) -> Rule:
    """An entry of a file of rules. ValueError for a class or blame that is none, re.error for a pattern."""
    klass = BounceClass(entry["class"])
    blame, _, slow_down = _CLASSES[klass]
    return Rule(
        id=entry["id"],
        klass=klass,
        provider=entry.get("provider", ""),
        stages=frozenset(entry.get("stages", ())),
        codes=tuple(entry.get("codes", ("4", "5"))),
        enhanced=frozenset(entry.get("enhanced", ())),
        text=re.compile(entry.get("text", "")),
        blame=Blame(entry.get("blame", blame)),
        hard=entry.get("hard"),
        slow_down=entry.get("slow_down", slow_down),
        samples=tuple(entry["samples"]),
        counter_samples=tuple(entry.get("counter_samples", ())),
        before=frozenset(entry.get("before", ())),
        general=entry.get("general", False),
        is_sure=entry.get("sure", False),
    )
