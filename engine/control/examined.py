"""An examination in the control socket's words."""

from dataclasses import asdict
from datetime import datetime
from typing import Final

from deliverability.doctor.model import Finding, Verdict
from deliverability.doctor.providers import Met
from engine.control.protocol.doctor import DemandRow, DoctorReport, FindingRow, MendRow
from engine.doctor.visit import Report
from mta.ports import to_ms

_GRAVEST_FIRST: Final = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN, Verdict.PASS)


def answer(report: Report, now: datetime) -> DoctorReport:
    verdicts = {each.verdict for each in report.findings}
    gravest = next((each for each in _GRAVEST_FIRST if each in verdicts), Verdict.UNKNOWN)
    return DoctorReport(
        to_ms(now), to_ms(report.at), str(gravest), report.domains, tuple(map(_finding, report.findings)),
        tuple(map(_demand, report.met)),
    )  # fmt: skip


def _finding(found: Finding) -> FindingRow:
    return FindingRow(
        found.rule, found.about, str(found.verdict), found.title, found.says, found.source, found.seen,
        tuple(MendRow(**asdict(each)) for each in found.mend), found.detail, found.waits_for,
    )  # fmt: skip


def _demand(found: Met) -> DemandRow:
    demand = found.demand
    return DemandRow(
        demand.id, demand.provider, found.about, str(found.verdict), demand.title, demand.source, found.because
    )  # fmt: skip
