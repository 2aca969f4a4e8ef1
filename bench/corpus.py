"""`python -m bench.corpus FOLDER`: reads every mail in a folder as if it had come back, and says how many were understood.

Each file is one message (.eml, .msg, .txt, or no suffix), read with CRLF and with LF line ends. Counted by sub-folder:
messages that are reports of the standard form (RFC 3464), the recipients that they tell of, what the rules make of each
reply, and what nobody has a rule for. A reader that raises is a fault: it is named, and the run fails.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deliverability.bounces.classify import classify
from deliverability.bounces.dsn import Report, read_report
from deliverability.rawmail import normalise_newlines

SUFFIXES: Final = frozenset({".eml", ".msg", ".txt", ""})
NO_MAIL: Final = ("README", "LICENSE", "COPYING")
DEFAULT: Final = Path("tests/data")
SHOWN: Final = 10  # replies without a rule that are printed


@dataclass(slots=True)
class Count:
    """What one folder's mail came to."""

    messages: int = 0
    reports: int = 0
    recipients: int = 0
    failures: int = 0
    judged: Counter[str] = field(default_factory=Counter)  # by what: rule, enhanced code, code, nothing
    classes: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")  # seconds, file

    def add(self, name: str, content: bytes) -> None:
        """Read one message, both ways."""
        self.messages += 1
        began = time.perf_counter()
        try:
            report = read_report(normalise_newlines(content))
            other = read_report(content.replace(b"\r\n", b"\n"))
        except Exception as err:
            self.faults.append(f"{name}: {type(err).__name__}: {err}")
            return
        self.slowest = max(self.slowest, (time.perf_counter() - began, name))
        if _told(report) != _told(other):
            self.faults.append(f"{name}: CRLF and LF line ends are not read alike")
        if report is not None and report.recipients:
            self._judge(report)

    def _judge(self, report: Report) -> None:
        self.reports += 1
        for each in report.recipients:
            self.recipients += 1
            self.failures += each.is_failure
            if each.reply is None:
                self.judged["no reply told"] += 1
                continue
            verdict = classify(each.reply, "")
            by = verdict.rule.partition(" ")[0] if verdict.rule.startswith(("enhanced ", "code ")) else "rule"
            by = "nothing" if verdict.rule == "unclassified" else by
            self.judged[by] += 1
            self.classes[str(verdict.klass)] += 1
            if by != "rule":
                self.unknown.append(str(each.reply))


def _told(report: Report | None) -> object:
    return None if report is None else report.recipients


def mails(folder: Path) -> Iterator[tuple[str, Path]]:
    """(sub-folder, file) of each message below `folder`, in order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith(NO_MAIL):
            place = path.relative_to(folder).parts
            yield place[0] if len(place) > 1 else ".", path


def read(folder: Path) -> dict[str, Count]:
    """What each sub-folder of `folder` came to."""
    found: dict[str, Count] = {}
    for place, path in mails(folder):
        found.setdefault(place, Count()).add(str(path.relative_to(folder)), path.read_bytes())
    return found


def shown(found: dict[str, Count]) -> str:
    """All of it, as Markdown."""
    lines = [
        "| folder | messages | reports | recipients | failures | by a rule | by enhanced code | by code | by nothing |"
        " no reply told | slowest |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for place, each in found.items():
        judged = [each.judged[by] for by in ("rule", "enhanced", "code", "nothing", "no reply told")]
        lines.append(
            f"| {place} | {each.messages} | {each.reports} | {each.recipients} | {each.failures} |"
            f" {' | '.join(map(str, judged))} | {1000 * each.slowest[0]:.1f} ms, {each.slowest[1]} |"
        )
    classes = sum((each.classes for each in found.values()), Counter[str]())
    lines += ["", "Classes: " + ", ".join(f"{name} {count}" for name, count in classes.most_common())]
    unknown = Counter(reply for each in found.values() for reply in each.unknown)
    if unknown:
        lines += ["", "Replies that no rule knows, the most frequent:"]
        lines += [f"  {count} x {reply[:150]}" for reply, count in unknown.most_common(SHOWN)]
    return "\n".join(lines)


def main(words: list[str]) -> int:
    folder = Path(words[0] if words else os.environ.get("POSTHOUSE_CORPUS") or DEFAULT)
    if not folder.is_dir():
        print(f"{folder} is no folder: make corpus CORPUS=folder-of-bounces", file=sys.stderr)
        return 2
    found = read(folder)
    if not found:
        print(f"there is no message in {folder}: make corpus CORPUS=folder-of-bounces", file=sys.stderr)
        return 2
    print(shown(found))
    faults = [fault for each in found.values() for fault in each.faults]
    for fault in faults:
        print(f"FAULT {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
