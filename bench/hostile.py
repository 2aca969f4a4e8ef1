"""Mail made to burst its reader: what each shape costs, measured in a process of its own."""

import base64
import gzip
import io
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from deliverability.bounces.classify import Suppress
from deliverability.bounces.conclude import conclude
from deliverability.reports.reading import carries_report, read_any
from deliverability.reports.unpacking import UnreadableReport

_REPORT: Final = (
    b"From: MAILER-DAEMON@mx.example\r\nSubject: failure notice\r\nContent-Type: multipart/report;"
    b" report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    b"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; ann@example.org\r\nAction: delayed\r\n\r\n"
)
_DAEMON: Final = b"From: MAILER-DAEMON@mx.example\r\nSubject: mail\r\n"


@dataclass(frozen=True, slots=True)
class Cost:
    """seconds, and MiB beside the mail itself; suppresses: whether anybody would be given up."""

    name: str
    seconds: float
    memory: int
    suppresses: bool
    fault: str = ""


def measure() -> list[Cost]:
    """Each shape, read once."""
    return [_apart(name) for name in SHAPES]


def _apart(name: str) -> Cost:
    """In a process that did nothing else, so that its memory is its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_read, (name,))


def _read(name: str) -> Cost:
    content = SHAPES[name]()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is counted from here (proc(5))
    before, began, fault, suppresses = _status("VmRSS"), time.perf_counter(), "", False
    try:
        found = conclude(content)
        suppresses = any(each.suppress is Suppress.NOW for each in found.recipients)
        if carries_report(content):
            read_any(content)
    except UnreadableReport:
        pass  # a reason in words is what is wanted
    except Exception as err:
        fault = f"{type(err).__name__}: {err}"
    return Cost(name, time.perf_counter() - began, (_status("VmHWM") - before) // 1024, suppresses, fault)


def _status(word: str) -> int:
    lines = Path(f"/proc/{os.getpid()}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(word))


def _nested() -> bytes:
    parts = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(1000))
    return _DAEMON + parts + b"\r\nhello"


def _carried(kind: bytes, octets: bytes) -> bytes:
    head = b"From: r@mx.example\r\nSubject: Report domain: shop.example\r\nContent-Type: " + kind
    return head + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(octets)


def _zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("r.xml", "w") as file:
        file.write(b"<feedback>")
        for _ in range(200):
            file.write(b" " * 1_000_000)
    return _carried(b"application/zip", packed.getvalue())


def _entities() -> bytes:
    names = "abcdefghij"
    declared = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise(names))
    text = f'<?xml version="1.0"?><!DOCTYPE f [<!ENTITY a "aaaaaaaaaa">{declared}]><feedback>&j;</feedback>'
    return _carried(b"text/xml", text.encode())


SHAPES: Final[Mapping[str, Callable[[], bytes]]] = {
    "a report of 50 MB": lambda: (
        _REPORT + b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + (b"y" * 76 + b"\r\n") * 640_000 + b"--b--\r\n"
    ),
    "MIME a thousand deep": _nested,
    "messages a thousand deep": lambda: _DAEMON + b"Content-Type: message/rfc822\r\n\r\n" * 1000,
    "half a million boundaries": lambda: (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 500_000
    ),
    "200,000 recipients": lambda: (
        _REPORT + b"Final-Recipient: rfc822; a@example.org\r\nAction: delayed\r\n\r\n" * 200_000
    ),
    "300,000 header fields": lambda: b"X-A: a\r\n" * 300_000 + b"\r\nhi",
    "NULs": lambda: _REPORT.replace(b"ann", b"a\0n\0n"),
    "charsets that are none": lambda: (
        _DAEMON + b"Content-Type: text/plain; charset=idna\r\n\r\nfailed:\r\n<a@b.example>: \xff\xfe unknown\r\n"
    ),
    "one line of 14 MB": lambda: _DAEMON + b"\r\nfailed: " + b"<a@b.example>: on hold " * 500_000,
    "a million @": lambda: _DAEMON + b"\r\nfailed:\r\n" + b"a@" * 1_000_000,
    "tags that never end": lambda: _DAEMON + b"Content-Type: text/html\r\n\r\n" + b"<div" * 800_000,
    "JSON half a million deep": lambda: _DAEMON + b'\r\n{"notificationType":' + b"[" * 500_000,
    "a zip bomb": _zip_bomb,
    "gzip in gzip": lambda: _carried(b"application/gzip", gzip.compress(gzip.compress(b"<a>" + b" " * 100_000_000))),
    "entities in entities": _entities,
}
