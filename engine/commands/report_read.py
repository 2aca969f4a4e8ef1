"""`posthouse report read`: DMARC and TLS reports that others sent us. Needs no daemon."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from deliverability.reports.dmarc import AggregateReport, Sender
from deliverability.reports.reading import MAX_SIZE, Report, read_any
from deliverability.reports.tlsrpt import TlsReport
from deliverability.reports.unpacking import UnreadableReport
from deliverability.text import clean
from engine.commands.common import Json
from engine.commands.files import read_files, tell_unread

SHOWN: Final = 20  # senders of a report that people are shown


def read(
    files: Annotated[list[Path], typer.Argument(help="Reports: XML, JSON, gzip, zip, or the mails that carry them.")],
    as_json: Json = False,
) -> None:
    """Say of each file whose mail it counts, how much of it, and what became of it: DMARC aggregate reports and TLS
    reports. One that can't be read is said, and does not stop the others; the exit code is 1 then."""
    is_whole = True
    for name, content in read_files(files, MAX_SIZE + 1, as_json):
        try:
            report = read_any(content)
        except UnreadableReport as err:
            is_whole = False
            tell_unread(name, str(err), as_json)
            continue
        if as_json:
            print(json.dumps({"file": name, **as_data(report)}, ensure_ascii=False))
        else:
            print("\n".join(_shown(name, report)))
    if not is_whole:
        raise SystemExit(1)


def as_data(report: Report) -> dict[str, Any]:
    """A report's totals as plain data. Times are seconds since 1970, UTC."""
    common = {"org": report.org or None, "report_id": report.report_id}
    if isinstance(report, TlsReport):
        sessions = {"successful": report.successful, "failed": report.failed}
        return {"kind": "tls-rpt", **common, "begin": report.begin, "end": report.end, "sessions": sessions}
    return {
        "kind": "dmarc-aggregate",
        **common,
        "domain": report.domain,
        "begin": report.begin,
        "end": report.end,
        "messages": report.messages,
        "by_disposition": report.by_disposition,
    }


def _shown(name: str, report: Report) -> Iterator[str]:
    yield f"{clean(name)}: {report.org or 'somebody'}, report {report.report_id}, {_span(report.begin, report.end)}"
    if isinstance(report, TlsReport):
        for policy in report.policies:
            yield f"  {policy.domain} ({policy.type}): {policy.successful} sessions with TLS, {policy.failed} failed"
            yield from (f"    {count} {kind}" for kind, count in policy.failures.items())
    else:
        yield from _senders(report)


def _senders(report: AggregateReport) -> Iterator[str]:
    passed = sum(count for sender, count in report.senders.items() if sender.passes)
    became = ", ".join(f"{count} {name or 'not said'}" for name, count in report.by_disposition.items())
    yield f"  {report.domain}: {report.messages} messages ({became}); {passed} pass DMARC"
    for sender, count in sorted(report.senders.items(), key=lambda each: -each[1])[:SHOWN]:
        yield f"    {count:>8} {sender.source_ip:<39} {_verdict(sender)}"
    further = len(report.senders) - SHOWN
    if further > 0 or report.left_out:
        yield f"    and {max(further, 0)} further senders" + (
            f", {report.left_out} messages of others" if report.left_out else ""
        )


def _verdict(sender: Sender) -> str:
    state = "pass" if sender.passes else "FAIL"
    return f"{state} (dkim {sender.dkim or 'none'}, spf {sender.spf or 'none'}) as {sender.header_from or 'nobody'}"


def _span(begin: int | None, end: int | None) -> str:
    return f"{_day(begin)} to {_day(end)}"


def _day(seconds: int | None) -> str:
    try:
        return datetime.fromtimestamp(seconds or 0, UTC).strftime("%Y-%m-%d") if seconds is not None else "?"
    except (ValueError, OverflowError, OSError):
        return "?"
