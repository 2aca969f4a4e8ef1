"""What Gmail, Yahoo and Microsoft demand of bulk senders, one by one, and which rules show it.

A demand is no rule of its own: it holds when its rules do. So one broken record turns one rule red, and the demands that it
breaks say so. A campaign that breaks one is refused (docs/doctor.md).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from deliverability.doctor.model import Finding, Verdict

GMAIL: Final = "https://support.google.com/a/answer/81126"
YAHOO: Final = "https://senders.yahooinc.com/best-practices/"
MICROSOFT: Final = "https://techcommunity.microsoft.com/blog/microsoftdefenderforoffice365blog/4399730"

_SPF: Final = ("spf.record", "spf.single", "spf.syntax", "spf.lookups", "spf.voids", "spf.sources")
_DKIM: Final = ("dkim.keys", "dkim.published", "dkim.single", "dkim.revoked", "dkim.match", "dkim.rsa")
_DMARC: Final = ("dmarc.single", "dmarc.syntax", "dmarc.record")
_ALIGNED: Final = ("align.spf", "align.dkim")
_REVERSE: Final = ("host.ptr", "host.forward")
_ONE_CLICK: Final = ("mail.one-click", "dkim.fields")


@dataclass(frozen=True, slots=True)
class Demand:
    """One of a provider's rules. `rules` all have to hold; of `either` one."""

    id: str
    title: str
    source: str
    rules: tuple[str, ...] = ()
    either: tuple[str, ...] = ()

    @property
    def provider(self) -> str:
        return self.id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Met:
    """How a demand stands for a domain. because: the rules that make it so."""

    demand: Demand
    about: str
    verdict: Verdict
    because: tuple[str, ...] = ()


DEMANDS: Final = (
    Demand("gmail.spf", "SPF passes", GMAIL, _SPF),
    Demand("gmail.dkim", "mail is signed with DKIM", GMAIL, _DKIM),
    Demand("gmail.dmarc", "there is a DMARC record, p=none at least", GMAIL, _DMARC),
    Demand("gmail.alignment", "From is aligned with SPF or DKIM", GMAIL, (), _ALIGNED),
    Demand("gmail.ptr", "addresses and their names lead to each other", GMAIL, _REVERSE),
    Demand("gmail.tls", "mail comes by TLS", GMAIL, ("tls.outbound",)),
    Demand("gmail.format", "mail has the form of RFC 5322", GMAIL, ("mail.format",)),
    Demand("gmail.from", "From is not a gmail.com address", GMAIL, ("mail.free",)),
    Demand("gmail.spam-rate", "fewer than 0.3 % of readers complain", GMAIL, ("rate.complaints",)),
    Demand("gmail.one-click", "marketing mail is left by one click", GMAIL, _ONE_CLICK),
    Demand("gmail.link", "marketing mail shows how to leave", GMAIL, ("mail.link",)),
    Demand("yahoo.spf", "SPF passes", YAHOO, _SPF),
    Demand("yahoo.dkim", "mail is signed with DKIM", YAHOO, _DKIM),
    Demand("yahoo.dmarc", "there is a valid DMARC record, p=none at least", YAHOO, _DMARC),
    Demand("yahoo.alignment", "From is aligned with SPF or DKIM", YAHOO, (), _ALIGNED),
    Demand("yahoo.ptr", "addresses and their names lead to each other", YAHOO, _REVERSE),
    Demand("yahoo.name", "the names are not generic ones", YAHOO, ("host.name",)),
    Demand("yahoo.format", "mail has the form of RFC 5321 and 5322", YAHOO, ("mail.format",)),
    Demand("yahoo.spam-rate", "fewer than 0.3 % of readers complain", YAHOO, ("rate.complaints",)),
    Demand("yahoo.one-click", "marketing mail is left by one click", YAHOO, _ONE_CLICK),
    Demand("yahoo.link", "marketing mail shows how to leave", YAHOO, ("mail.link",)),
    Demand("microsoft.spf", "SPF passes", MICROSOFT, _SPF),
    Demand("microsoft.dkim", "DKIM passes", MICROSOFT, _DKIM),
    Demand("microsoft.dmarc", "there is a DMARC record, p=none at least", MICROSOFT, _DMARC),
    Demand("microsoft.alignment", "From is aligned with SPF or DKIM", MICROSOFT, (), _ALIGNED),
    Demand("microsoft.from", "From and Reply-To are real and take answers", MICROSOFT, ("mx.from", "mail.free")),
    Demand("microsoft.unsubscribe", "there is a way out that works", MICROSOFT, ("mail.link", "mail.one-click")),
    Demand("microsoft.hygiene", "dead addresses are taken out", MICROSOFT, ("rate.bounces",)),
)


def met(findings: Iterable[Finding], domains: Sequence[str]) -> list[Met]:
    """Every demand for every domain. A rule of the house counts for all domains."""
    by_rule = {(each.rule, each.about): each for each in findings}
    found = []
    for domain in domains:
        for demand in DEMANDS:
            found.append(_met(demand, domain, by_rule))
    return found


def _met(demand: Demand, domain: str, by_rule: dict[tuple[str, str], Finding]) -> Met:
    def of(rules: tuple[str, ...], verdict: Verdict) -> tuple[str, ...]:
        found = ((rule, by_rule.get((rule, domain)) or by_rule.get((rule, ""))) for rule in rules)
        return tuple(rule for rule, each in found if each is not None and each.verdict is verdict)

    if failed := of(demand.rules, Verdict.FAIL):
        return Met(demand, domain, Verdict.FAIL, failed)
    if demand.either:
        failed = of(demand.either, Verdict.FAIL)
        if len(failed) == len(demand.either):
            return Met(demand, domain, Verdict.FAIL, failed)
        is_good = of(demand.either, Verdict.PASS)
        return Met(demand, domain, Verdict.PASS if is_good else Verdict.UNKNOWN, () if is_good else demand.either)
    for verdict in (Verdict.UNKNOWN, Verdict.WARN):
        if because := of(demand.rules, verdict):
            return Met(demand, domain, verdict, because)
    return Met(demand, domain, Verdict.PASS)
