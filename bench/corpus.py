"""`python -m bench.corpus [FOLDER]`: reads real mail that came back, and reports, and prints how well, beside the bars.

FOLDER holds corpora as tests/data/corpora does, and that one by default (CORPUS= of `make corpus`). Mail without an answer is
read as well: with CRLF and LF, and cut at random places; and mail that is made to burst its reader. What no rule knows is listed.
The exit code is 1 when a bar is missed.
"""

import os
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from bench.hostile import Cost, measure
from bench.scores import Score, Scores, mails, score
from deliverability.bounces.conclude import conclude

DEFAULT: Final = Path("tests/data/corpora")
CUTS: Final = 10
SHOWN: Final = 10
SECONDS: Final = 1.0
MEMORY: Final = 64  # MiB
SPEED: Final = 2_000  # a second and core


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. held: whether the bar is reached."""

    what: str
    bar: str
    measured: str
    held: bool


@dataclass(slots=True)
class Strain:
    """What reading everything in every shape took."""

    reads: int = 0
    slowest: float = 0.0
    slowest_name: str = ""
    grown: int = 0  # MiB
    faults: int = 0


def strain(folder: Path) -> Strain:
    """Read each mail with both line ends and cut, and see what it costs."""
    found, chance, before = Strain(), Random(7208), _memory()
    for path in mails(folder):
        lf = path.read_bytes().replace(b"\r\n", b"\n")
        for whole in (lf, lf.replace(b"\n", b"\r\n")):
            for shape in [whole, *(whole[: chance.randrange(len(whole) + 1)] for _ in range(CUTS))]:
                began = time.perf_counter()
                try:
                    conclude(shape)
                except Exception as err:
                    found.faults += 1
                    print(f"FAULT {path}: {type(err).__name__}: {err}", file=sys.stderr)
                took, found.reads = time.perf_counter() - began, found.reads + 1
                if took > found.slowest:
                    found.slowest, found.slowest_name = took, path.name
    found.grown = _memory() - before
    return found


def speed(folder: Path) -> float:
    """How often a second the median mail is read and judged, on one core and by its own time."""
    sizes = sorted((path.stat().st_size, path) for path in mails(folder))
    if not sizes:
        return 0.0
    content = sizes[len(sizes) // 2][1].read_bytes()
    best = 0.0
    for _ in range(5):
        began, count = time.process_time(), 200
        for _ in range(count):
            conclude(content)
        best = max(best, count / max(time.process_time() - began, 1e-9))
    return best


def table(scores: Scores, strained: Strain, rate: float, hostile: list[Cost]) -> list[Row]:
    """The measured beside the bars."""
    return [
        _row("bounce recognised", 0.99, scores.recognised),
        _row("recipients equal where given", 0.98, scores.people),
        _row("not said hard where it is not", 0.99, scores.not_hard),
        _row("said hard where it is", 0.95, scores.hard),
        _row("no bounce: nobody suppressed", 1.0, scores.left_alone),
        _row("complaints: type and decision", 1.0, scores.complaints),
        _row("DMARC and TLS reports: totals exact", 1.0, scores.reports),
        _row("RFC 7208 suite", 1.0, scores.spf),
        Row(
            "every mail, LF and CRLF, cut",
            f"no exception, under {SECONDS:g} s, under {MEMORY} MiB",
            f"{strained.reads} reads, {strained.faults} exceptions, {strained.slowest:.2f} s ({strained.slowest_name}),"
            f" {strained.grown} MiB more",
            not strained.faults and strained.slowest < SECONDS and strained.grown < MEMORY,
        ),
        _hostile(hostile),
        Row("read and judged, the median mail", f"{SPEED} a second and core", f"{rate:.0f}", rate >= SPEED),
    ]


def unknown(folder: Path) -> Counter[str]:
    """What was said of recipients that no rule knows."""
    found: Counter[str] = Counter()
    for path in mails(folder):
        for each in conclude(path.read_bytes()).recipients:
            if each.rule == "unclassified":
                found[each.said[:120]] += 1
    return found


def main(words: list[str]) -> int:
    folder = Path(words[0] if words else os.environ.get("POSTHOUSE_CORPUS") or DEFAULT)
    if not folder.is_dir():
        print(f"{folder} is no folder: make corpus CORPUS=folder-of-corpora", file=sys.stderr)
        return 2
    scores = score(folder)
    rows = table(scores, strain(folder), speed(folder), measure())
    print("| | bar | measured | |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.bar} | {row.measured} | {'held' if row.held else 'MISSED'} |")
    for name, value in ((field, getattr(scores, field)) for field in Scores.__slots__):
        if value.wrong:
            print(f"\n{name}: {', '.join(value.wrong)}")
    if found := unknown(folder):
        print("\nNo rule knows:")
        print("\n".join(f"  {count} x {said}" for said, count in found.most_common(SHOWN)))
    return 0 if all(row.held for row in rows) else 1


def _row(what: str, bar: float, found: Score) -> Row:
    return Row(what, f"{100 * bar:g} %", str(found), found.share >= bar)


def _hostile(costs: list[Cost]) -> Row:
    slowest, largest = max(costs, key=lambda each: each.seconds), max(costs, key=lambda each: each.memory)
    bad = [f"{each.name} ({each.fault or 'suppresses'})" for each in costs if each.fault or each.suppresses]
    return Row(
        f"{len(costs)} mails made to burst their reader",
        f"nobody suppressed, under {SECONDS:g} s, under {MEMORY} MiB",
        f"{', '.join(bad) or 'nobody'}, {slowest.seconds:.2f} s ({slowest.name}), {largest.memory} MiB ({largest.name})",
        not bad and slowest.seconds < SECONDS and largest.memory < MEMORY,
    )


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
