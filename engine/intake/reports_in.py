"""Reports that others send us: read in the parser worker as plain data, and kept once each.

Anybody may send one, so a report is shown and nothing follows from it.
"""

import json
from datetime import datetime
from typing import Any, Final

from deliverability.reports.dmarc import AggregateReport, Sender
from deliverability.reports.reading import Report, carries_report, read_any
from deliverability.reports.unpacking import UnreadableReport
from mta.ports import Tx, to_ms

MOST_SENDERS: Final = 500  # of one report that are kept apart; the totals count all
MAX_SECONDS: Final = 253_402_300_799  # the end of the year 9999


def read_carried(content: bytes) -> dict[str, Any] | None:
    """The report that a mail carries, as plain data; {"unreadable": why}, or None where it carries none."""
    if not carries_report(content):
        return None
    try:
        return as_data(read_any(content))
    except UnreadableReport as err:
        return {"unreadable": str(err)}


def as_data(report: Report) -> dict[str, Any]:
    """{"kind", "org", "report_id", "domain", "begin", "end", "total", "failed", "details", "senders"}."""
    org, report_id, domain = report.key
    common = {
        "org": org[:300],
        "report_id": report_id[:300],
        "domain": domain[:255],
        "begin": report.begin,
        "end": report.end,
    }
    if isinstance(report, AggregateReport):
        passed = sum(count for sender, count in report.senders.items() if sender.passes)
        kept = sorted(report.senders.items(), key=lambda each: -each[1])[:MOST_SENDERS]
        senders = [_row(sender, count) for sender, count in kept]
        failed = report.messages - passed
        return {
            "kind": "dmarc-aggregate", **common, "total": report.messages, "failed": failed,
            "details": report.by_disposition, "senders": senders,
        }  # fmt: skip
    failures: dict[str, int] = {}
    for policy in report.policies:
        for name, count in policy.failures.items():
            failures[name] = failures.get(name, 0) + count
    total = report.successful + report.failed
    return {"kind": "tls-rpt", **common, "total": total, "failed": report.failed, "details": failures, "senders": []}


def keep(tx: Tx, report: dict[str, Any], now: datetime) -> str:
    """Keep it, unless it is here already. What was done, in words."""
    if why := report.get("unreadable"):
        return f"report that can't be read: {why}"
    words = f"{report['kind']} of {report['org'] or 'somebody'} about {report['domain'] or 'no domain'}"
    key = (report["kind"], report["org"], report["report_id"], report["domain"])
    sql = "SELECT id FROM received_report WHERE kind = ? AND org = ? AND report_id = ? AND domain = ?"
    if tx.one(sql + tx.for_update(), key) is not None:
        return f"{words}: known already"
    number = tx.insert(
        "INSERT INTO received_report (kind, org, report_id, domain, begin_ms, end_ms, total, failed, details, at_ms)"
        " VALUES (?,?,?,?,?,?,?,?,?,?)",
        (
            *key, _ms(report["begin"]), _ms(report["end"]), report["total"], report["failed"],
            json.dumps(report["details"], ensure_ascii=False), to_ms(now),
        ),
    )  # fmt: skip
    tx.executemany(
        "INSERT INTO reported_sender (report, source_ip, header_from, dkim, spf, disposition, count) VALUES (?,?,?,?,?,?,?)",
        [(number, *row) for row in report["senders"]],
    )
    return f"{words}: {report['total']}, of which {report['failed']} failed"


def _row(sender: Sender, count: int) -> tuple[str, str, str, str, str, int]:
    texts = (sender.source_ip, sender.header_from, sender.dkim, sender.spf, sender.disposition)
    return (*(text[:255] for text in texts), count)  # type: ignore[return-value]


def _ms(seconds: int | None) -> int | None:
    return seconds * 1000 if seconds is not None and 0 <= seconds <= MAX_SECONDS else None
