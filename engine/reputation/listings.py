"""Blocklists, as the doctor found them last: which of our addresses and domains are listed."""

from collections.abc import Set
from typing import Final

from deliverability.doctor.model import Finding, Verdict
from deliverability.reputation.alarms import ALL, Figure, Subject
from deliverability.reputation.index import LISTED, Share
from engine.doctor.keeping import kept
from mta.ports import Tx

_RULES: Final = ("block.address", "block.domain")
_KNOWN: Final = (Verdict.PASS, Verdict.FAIL)


def figures(tx: Tx, standing: Set[Subject]) -> dict[Subject, Figure]:
    """A figure for all our addresses together, and for each From domain. A list that gave no answer changes nothing."""
    found = {}
    for each in _findings(tx):
        subject = Subject(LISTED, domain=each.about or ALL)
        is_listed = each.verdict is Verdict.FAIL or (each.verdict not in _KNOWN and subject in standing)
        told = " ".join((each.says, *each.seen[:1]))
        found[subject] = Figure(int(is_listed), 1, float(is_listed), 0.0, 0.0, told, each.rule)
    return found


def share(tx: Tx, domain: str = "") -> Share:
    """How many of these are listed, of those that were asked about: our addresses, and this From domain or all of them."""
    told = [
        each
        for each in _findings(tx)
        if each.verdict in _KNOWN and (not each.about or not domain or each.about == domain)
    ]
    return Share(sum(each.verdict is Verdict.FAIL for each in told), len(told) or None)


def _findings(tx: Tx) -> list[Finding]:
    report = kept(tx)
    return [each for each in report.findings if each.rule in _RULES] if report else []
