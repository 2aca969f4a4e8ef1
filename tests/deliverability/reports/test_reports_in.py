"""DMARC and TLS reports: the totals of real ones, what they come in, and what is refused."""

import base64
import functools
import gzip
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from deliverability.reports.dmarc import AggregateReport, Sender
from deliverability.reports.reading import MAX_SIZE, read_any
from deliverability.reports.tlsrpt import TlsReport
from deliverability.reports.unpacking import UnreadableReport

CORPORA = Path(__file__).parents[2] / "data" / "corpora"
SOURCES = ("parsedmarc", "dmarc-report-viewer", "mox", "report-misc", "opendmarc", "stalwart-mail-auth")

REPORT = b"""<?xml version="1.0"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
 <report_metadata><org_name>Big Mail</org_name><report_id>7</report_id>
  <date_range><begin>100</begin><end>200</end></date_range></report_metadata>
 <policy_published><domain>Shop.Example</domain><p>none</p><np>reject</np><testing>y</testing></policy_published>
 <record><row><source_ip>192.0.2.1</source_ip><count>5</count>
  <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
  <identifiers><header_from>shop.example</header_from></identifiers></record>
 <record><row><source_ip>198.51.100.9</source_ip><count>2</count>
  <policy_evaluated><disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>
  <identifiers><header_from>shop.example</header_from></identifiers></record>
</feedback>
"""

TLS = {
    "organization-name": "Big Mail",
    "date-range": {"start-datetime": "2026-11-21T00:00:00Z", "end-datetime": "2026-11-21T23:59:59Z"},
    "report-id": "x",
    "policies": [
        {
            "policy": {"policy-type": "sts", "policy-domain": "Shop.Example"},
            "summary": {"total-successful-session-count": 5, "total-failure-session-count": "3"},
            "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 3}],
        }
    ],
}


packed = functools.partial(gzip.compress, mtime=0)  # the same octets whenever tests are collected


def zipped(content: bytes, *names: str) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("report.xml",):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)  # of no time of its own
    return into.getvalue()


def mailed(content: bytes, media_type: str) -> bytes:
    return (
        b"From: dmarc@big.example\r\nSubject: Report\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n"
        b"--b\r\nContent-Type: " + media_type.encode() + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(content) + b"--b--\r\n"
    )  # fmt: skip


def answered() -> list[tuple[Path, dict[str, Any]]]:
    rows = []
    for source in SOURCES:
        for line in (CORPORA / source / "expected.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            if row["kind"] in ("dmarc-aggregate", "tls-rpt"):
                rows.append((CORPORA / source / row["file"], row))
    return rows


@pytest.mark.parametrize(("path", "row"), answered(), ids=lambda each: each.name if isinstance(each, Path) else "")
def test_totals_of_real_reports_are_exact(path: Path, row: dict[str, Any]) -> None:
    if not row.get("well_formed", True):
        with pytest.raises(UnreadableReport):
            read_any(path.read_bytes())
        return
    report = read_any(path.read_bytes())
    if isinstance(report, TlsReport):
        assert (report.org, report.report_id) == (row["organization"], row["report_id"])
        assert report.successful == sum(each["ok"] for each in row["policies"])
        assert report.failed == sum(each["failed"] for each in row["policies"])
        return
    assert report.org == (row["org_name"] or "")
    assert (report.report_id, report.domain) == (row["report_id"], row["domain"])
    assert (report.begin, report.end) == (int(float(row["begin"])), int(float(row["end"])))
    assert (report.messages, report.by_disposition) == (row["messages"], row["by_disposition"])
    assert sum(report.senders.values()) + report.left_out == report.messages


@pytest.mark.parametrize(
    "content",
    [
        REPORT,
        b"\xef\xbb\xbf\r\n " + REPORT,
        REPORT.replace(b'xmlns="urn:ietf:params:xml:ns:dmarc-2.0"', b""),
        REPORT.replace(b"<", b"<d:").replace(b"<d:/", b"</d:").replace(b"<d:?", b"<?").replace(b"xmlns=", b"xmlns:d="),
        packed(REPORT),
        packed(packed(REPORT)),
        packed(REPORT[:99]) + packed(REPORT[99:]),
        REPORT.decode().replace("utf-8", "utf-16").replace("UTF-8", "utf-16").encode("utf-16"),
        zipped(REPORT),
        zipped(packed(REPORT), "report.xml.gz"),
        mailed(REPORT, "text/xml"),
        mailed(packed(REPORT), "application/octet-stream"),
        mailed(zipped(REPORT), "image/png"),
    ],
)
def test_a_report_is_read_in_whatever_it_comes(content: bytes) -> None:
    report = read_any(content)
    assert isinstance(report, AggregateReport)
    assert (report.org, report.domain, report.messages) == ("Big Mail", "shop.example", 7)
    assert report.by_disposition == {"none": 5, "reject": 2}
    assert report.policy == {"p": "none", "np": "reject", "testing": "y"}
    assert {sender.source_ip: (sender.passes, count) for sender, count in report.senders.items()} == {
        "192.0.2.1": (True, 5),
        "198.51.100.9": (False, 2),
    }


def test_the_same_report_sent_twice_has_one_key() -> None:
    assert read_any(REPORT).key == read_any(packed(REPORT)).key == ("Big Mail", "7", "shop.example")


def test_senders_beyond_the_limit_are_counted_together() -> None:
    row = REPORT[REPORT.index(b" <record>") : REPORT.index(b" <record>", REPORT.index(b"</record>"))]
    rows = b"".join(row.replace(b"192.0.2.1", b"10.%d.%d.1" % divmod(n, 250)) for n in range(6_000))
    report = read_any(REPORT.replace(b"</feedback>", rows + b"</feedback>"))
    assert isinstance(report, AggregateReport)
    assert (report.messages, len(report.senders), report.left_out) == (30_007, 5_000, 5 * 1_002)


def test_a_tls_report_counts_sessions_and_why_they_failed() -> None:
    report = read_any(mailed(packed(json.dumps(TLS).encode()), "application/tlsrpt+gzip"))
    assert isinstance(report, TlsReport)
    assert (report.successful, report.failed, report.begin, report.end) == (5, 3, 1795219200, 1795305599)
    assert report.policies[0].failures == {"certificate-expired": 3}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "neither a report nor a mail"),
        (b"\x00\x01\x02", "neither a report nor a mail"),
        (b"Subject: hello\r\n\r\nhello\r\n", "carries no report"),
        (REPORT[:-40], "not well-formed"),
        (REPORT.replace(b"<count>5<", b"<count>-5<"), "no number"),
        (REPORT.replace(b"<count>5<", b"<count>many<"), "no number"),
        (REPORT.replace(b"<count>5<", b"<count><"), "no number"),
        (REPORT.replace(b"<count>5</count>", b""), "a row's count"),
        (packed(REPORT[:99]) + packed(b"") * 20 + packed(REPORT[99:]), "more than 20 members"),
        (zipped(REPORT, "a.xml", "b.xml"), "holds 2 reports"),
        (REPORT.replace(b"<end>200<", b"<end><"), "no number"),
        (b"<html><body>hi</body></html>", "neither a report nor a mail"),
        (b"<?xml version='1.0'?><html><body>hi</body></html>", "no DMARC report"),
        (packed(REPORT)[:-30], "cut short"),
        (packed(REPORT)[:20] + b"\xff" * 50, "damaged"),
        (zipped(REPORT)[:-30], "damaged"),
        (b"PK\x03\x04" + b"\x00" * 100, "damaged"),
        (packed(packed(packed(packed(REPORT)))), "packed too many times"),
        (b"{" * 100_000, "not JSON"),
        (b'{"policies": 5}', "no TLS report"),
        (json.dumps(TLS).replace(": 5,", ": -5,").encode(), "no number"),
        (b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><feedback>&a;</feedback>", "declares an entity"),
        (b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><feedback>&a;</feedback>", "declares an entity"),
        (b"<feedback>" + b"<a>" * 200 + b"</a>" * 200 + b"</feedback>", "nested deeper"),
    ],
)
def test_what_is_no_good_report_is_refused_with_a_reason(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableReport, match=why):
        read_any(content)


def bomb(of: bytes) -> bytes:
    return packed(REPORT[:200] + of * 2_000_000 + REPORT[200:])


@pytest.mark.parametrize(
    "content",
    [
        bomb(b"                                "),
        packed(bomb(b"                        ")),
        zipped(b"<feedback>" + b" " * 60_000_000),
        packed(b"<feedback " + b"a" * 40_000_000),
        b"<feedback " + b"a" * (MAX_SIZE - 100),
        b"x" * (MAX_SIZE + 1),
        mailed(bomb(b"                                "), "application/gzip"),
    ],
    ids=["gzip", "twice", "zip", "tag", "tag, plain", "large", "mailed"],
)
def test_bombs_do_not_burst(content: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableReport):
            read_any(content)
        assert tracemalloc.get_traced_memory()[1] < 48 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_terminal_escapes_do_not_pass() -> None:
    report = read_any(REPORT.replace(b"Big Mail", b"Big \xc2\x9b31mMail"))
    assert isinstance(report, AggregateReport)
    assert report.org == "Big ?31mMail"


def test_a_sender_passes_by_either() -> None:
    assert Sender("192.0.2.1", "a.example", "fail", "pass", "none").passes
    assert not Sender("192.0.2.1", "a.example", "fail", "softfail", "none").passes
