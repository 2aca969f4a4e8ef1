"""How mail that came back, and reports, are read, against answers that others gave.

A folder of corpora holds one folder for each source, with `expected.jsonl` as tests/data/corpora has it; what a source does
not have is not scored. Each score is (right, of how many) and the names of what went wrong.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from deliverability.bounces.classify import Suppress
from deliverability.bounces.conclude import Conclusion, Kind, conclude
from deliverability.checks.spf import check_host
from deliverability.checks.zone import Zone
from deliverability.reports.reading import read_any
from deliverability.reports.tlsrpt import TlsReport
from deliverability.reports.unpacking import UnreadableReport

Rows = list[dict[str, Any]]
_NO_BOUNCE = {"auto-reply", "delivered", "not-a-bounce"}
_HEEDED = {"abuse", "fraud", "opt-out"}


@dataclass(slots=True)
class Score:
    """right of all; wrong: what went wrong, by name."""

    right: int = 0
    all: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, held: bool, name: str) -> None:
        self.all += 1
        self.right += held
        if not held:
            self.wrong.append(name)

    @property
    def share(self) -> float:
        return self.right / self.all if self.all else 1.0

    def __str__(self) -> str:
        return f"{self.right} of {self.all} ({100 * self.share:.1f} %)"


@dataclass(slots=True)
class Scores:
    """Everything that answers are known for."""

    recognised: Score = field(default_factory=Score)
    people: Score = field(default_factory=Score)
    not_hard: Score = field(default_factory=Score)
    hard: Score = field(default_factory=Score)
    left_alone: Score = field(default_factory=Score)
    complaints: Score = field(default_factory=Score)
    reports: Score = field(default_factory=Score)
    spf: Score = field(default_factory=Score)


def score(folder: Path) -> Scores:
    """All scores of the corpora below `folder`."""
    scores = Scores()
    for source in sorted(path for path in folder.iterdir() if path.is_dir()):
        for path, rows in _answers(source):
            kind = rows[0].get("kind", "bounce" if "permanent" in rows[0] else "")
            if kind in ("dmarc-aggregate", "tls-rpt"):
                _score_report(scores, path, rows[0])
            elif kind in _NO_BOUNCE | {"bounce", "feedback", "dsn"}:
                _score_mail(scores, path, rows, kind, conclude(path.read_bytes()))
    _score_spf(scores, folder / "spf-rfc7208" / "data" / "rfc7208-tests.yml")
    return scores


def mails(folder: Path) -> Iterator[Path]:
    """Every mail below `folder`, with or without an answer."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.lower() in {".eml", ".txt", ".msg", ".message"}:
            yield path


def _answers(source: Path) -> Iterator[tuple[Path, Rows]]:
    expected = source / "expected.jsonl"
    if not expected.exists():
        return
    found: dict[str, Rows] = {}
    for line in expected.read_text("utf-8").splitlines():
        row = json.loads(line)
        if row.get("labelled", True):
            found.setdefault(row["file"], []).append(row)
    for name, rows in found.items():
        if (source / name).exists():
            yield source / name, rows


def _score_mail(scores: Scores, path: Path, rows: Rows, kind: str, found: Conclusion) -> None:
    if kind == "feedback":
        wanted = rows[0].get("feedback_type") or "abuse"
        heeded = Suppress.NOW if wanted in _HEEDED else Suppress.NEVER
        held = (found.kind, found.feedback) == (Kind.COMPLAINT, wanted)
        scores.complaints.add(held and {each.suppress for each in found.recipients} == {heeded}, path.name)
    elif kind in _NO_BOUNCE:
        scores.left_alone.add(all(each.suppress is Suppress.NEVER for each in found.recipients), path.name)
    elif "permanent" in rows[0]:
        _score_collected(scores, path, rows[0], found)
    else:
        _score_bounce(scores, path, rows, found)


def _score_collected(scores: Scores, path: Path, row: dict[str, Any], found: Conclusion) -> None:
    """The collection's answers: who failed, and who is late."""
    wanted = {(each, "failed") for each in row["permanent"]} | {(each, "delayed") for each in row["temporary"]}
    if wanted:
        scores.recognised.add(found.kind in (Kind.BOUNCE, Kind.DELAY), path.name)
    named = {(each.address.lower(), each.action) for each in found.recipients if each.address}
    scores.people.add(named == wanted, path.name)


def _score_bounce(scores: Scores, path: Path, rows: Rows, found: Conclusion) -> None:
    people = [row for entry in rows for row in entry.get("recipients") or [entry]]
    scores.recognised.add(found.kind in (Kind.BOUNCE, Kind.DELAY) and bool(found.recipients), path.name)
    if all(row.get("recipient") for row in people):
        wanted = sorted(row["recipient"].lower() for row in people)
        scores.people.add(wanted == sorted(each.address.lower() for each in found.recipients), path.name)
    for row, each in zip(people, found.recipients, strict=False):
        if row.get("hard") is True:
            scores.hard.add(each.hard is True, f"{path.name} ({each.klass})")
        elif row.get("hard") is False:
            scores.not_hard.add(each.hard is not True, f"{path.name} ({each.klass})")


def _score_report(scores: Scores, path: Path, row: dict[str, Any]) -> None:
    try:
        report = read_any(path.read_bytes())
    except UnreadableReport as err:
        if row.get("well_formed", True):
            scores.reports.add(False, f"{path.name}: {err}")
        return
    if isinstance(report, TlsReport):
        wanted = (sum(each["ok"] for each in row["policies"]), sum(each["failed"] for each in row["policies"]))
        scores.reports.add((report.successful, report.failed) == wanted, path.name)
    else:
        held = (report.report_id, report.messages, report.by_disposition)
        scores.reports.add(held == (row["report_id"], row["messages"], row["by_disposition"]), path.name)


def _score_spf(scores: Scores, suite: Path) -> None:
    if not suite.exists():
        return
    for document in YAML(typ="safe").load_all(suite.read_text("utf-8")):
        zone = Zone(document)
        for name, case in document["tests"].items():
            found = check_host(str(case["host"]), str(case["helo"] or ""), str(case["mailfrom"] or ""), zone)
            wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
            scores.spf.add(str(found.result) in wanted, name)
