"""One visit: a house and its domains, everything asked, every rule judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from deliverability.doctor.examine import RULES, Examination
from deliverability.doctor.facts import House
from deliverability.doctor.model import Finding, Verdict
from deliverability.doctor.providers import DEMANDS, Met, met
from deliverability.doctor.rule import Rule
from engine.doctor.asking import Ask, examine


def _demanded() -> tuple[Rule, ...]:
    """The rules that providers demand, with all that they need."""
    wanted = {name for each in DEMANDS for name in (*each.rules, *each.either)}
    for rule in reversed(RULES):  # what a rule needs comes before it, or is of the house
        if rule.id in wanted:
            wanted |= set(rule.needs)
    return tuple(rule for rule in RULES if rule.id in wanted)


DEMANDED: Final = _demanded()


@dataclass(frozen=True, slots=True)
class Report:
    """What a visit found, for these domains, at that time."""

    at: datetime
    domains: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def met(self) -> list[Met]:
        """How the demands of the providers stand."""
        return met(self.findings, self.domains)

    def red(self, verdict: Verdict = Verdict.FAIL) -> list[Finding]:
        return [each for each in self.findings if each.verdict is verdict]


async def visit(
    house: House, domains: Sequence[str], ask: Ask, seconds: float, rules: Sequence[Rule] = RULES
) -> Report:
    """Ask and judge, for so long at most."""
    patient = Examination(house, domains, rules)
    await examine(patient, ask, seconds)
    order = {rule.id: at for at, rule in enumerate(RULES)}
    findings = sorted(patient.findings, key=lambda each: (each.about, order[each.rule]))
    return Report(house.now, tuple(domains), tuple(findings))


def filled(report: Report, before: Report | None) -> Report:
    """A report in which what is unknown, and waits for nothing, is as it was found before."""
    known = {(each.rule, each.about): each for each in before.findings} if before else {}
    findings = [
        known.get((each.rule, each.about), each) if each.verdict is Verdict.UNKNOWN and not each.waits_for else each
        for each in report.findings
    ]
    return Report(report.at, report.domains, tuple(findings))
