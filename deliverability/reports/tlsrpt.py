"""TLS reports (RFC 8460): how often others could, and could not, reach us by TLS."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from deliverability.reports.unpacking import UnreadableReport
from deliverability.text import clean

MAX_SIZE: Final = 4_194_304  # octets of JSON; it is in memory whole
MAX_POLICIES: Final = 1_000


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """One policy of ours as a sender met it. failures: result types (RFC 8460 section 4.3) and their sessions."""

    type: str
    domain: str
    successful: int
    failed: int
    failures: dict[str, int]


@dataclass(frozen=True, slots=True)
class TlsReport:
    """One report. begin, end: seconds since 1970, UTC; None where the report gives no readable time."""

    org: str
    report_id: str
    begin: int | None
    end: int | None
    policies: tuple[PolicyResult, ...]

    @property
    def successful(self) -> int:
        return sum(each.successful for each in self.policies)

    @property
    def failed(self) -> int:
        return sum(each.failed for each in self.policies)

    @property
    def key(self) -> tuple[str, str, str]:
        """By what a report is known again."""
        return self.org, self.report_id, ",".join(sorted({each.domain for each in self.policies}))


def read_tls(pieces: Iterable[bytes]) -> TlsReport:
    """The report that the pieces of a JSON document are. UnreadableReport when they are none."""
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > MAX_SIZE:
            raise UnreadableReport(f"it is larger than {MAX_SIZE} octets")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise UnreadableReport("it is not JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("policies"), list):
        raise UnreadableReport("it is JSON, and no TLS report")
    span = _object(document.get("date-range"))
    return TlsReport(
        org=_text(document.get("organization-name")),
        report_id=_text(document.get("report-id")),
        begin=_seconds(span.get("start-datetime")),
        end=_seconds(span.get("end-datetime")),
        policies=tuple(_policy(each) for each in document["policies"][:MAX_POLICIES] if isinstance(each, dict)),
    )


def _policy(given: dict[str, Any]) -> PolicyResult:
    policy, summary = _object(given.get("policy")), _object(given.get("summary"))
    details = given.get("failure-details")
    failures: dict[str, int] = {}
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict):
            kind = _text(each.get("result-type"))
            failures[kind] = failures.get(kind, 0) + _count(each.get("failed-session-count", 0))
    return PolicyResult(
        type=_text(policy.get("policy-type")),
        domain=_text(policy.get("policy-domain")).lower().rstrip("."),
        successful=_count(summary.get("total-successful-session-count", 0)),
        failed=_count(summary.get("total-failure-session-count", 0)),
        failures=failures,
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return clean(value)[:500] if isinstance(value, str) else ""


def _count(value: object) -> int:
    """Sessions. Some reporters write numbers as texts."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UnreadableReport("a number of sessions is no number")
    return value


def _seconds(value: object) -> int | None:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
