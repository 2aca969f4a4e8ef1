"""`python -m bench`: calibrate the machine, measure the targets side by side, print tables, keep the figures as JSON."""

import argparse
import contextlib
import datetime
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import (
    audience,
    backlog,
    campaign,
    courtesy,
    flows,
    latency,
    letters,
    pages,
    people,
    priority,
    rendering,
    turnstile,
)
from bench.bars import Facts, judged
from bench.calibrate import calibrate, machine
from bench.cells import FULL, QUICK, Cell, Latency, Result, parse_cells
from bench.keys import make_key
from bench.load import Run
from bench.report import tables
from bench.sinks import Sink
from bench.targets import ROOT, TARGETS, Target, end_politely

RESULTS: Final = ROOT / "bench" / "results"
WARM_UP: Final = Cell(2048, 10, 100)  # before the first cell of a round: starts processes, opens connections


def main() -> int:
    options = _options()
    end_politely()
    kinds = _installed(options.targets.split(","))
    if not kinds:
        return 1
    results: list[Result] = []
    latencies: list[Latency] = []
    with _workshop(options.work) as folder:
        figures = _calibrate(folder)
        key = make_key(folder)
        facts = _facts(folder, key, options)
        for number in range(options.rounds):
            ordered = kinds[number % len(kinds) :] + kinds[: number % len(kinds)]  # nobody is always first
            results += _round(ordered, options.cells, folder / f"round-{number}", key, number, options.limit)
            if options.latency:
                latencies += _latencies(ordered, folder / f"latency-{number}", key, options.latency, number)
    print("\n" + tables(results, latencies))
    print("\n" + judged(figures, results, latencies, facts))
    print(f"\nkept in {_keep(figures, results, latencies, facts)}")
    return 0 if all(each.is_whole for each in results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of small cells")
    parser.add_argument("--rounds", type=int, help="rounds over all cells (3; with --quick 1)")
    parser.add_argument("--cells", type=parse_cells, help="octets:sessions:messages, with commas between")
    parser.add_argument("--targets", default="postfix-dkim,posthouse,postfix", help=f"of {', '.join(TARGETS)}")
    parser.add_argument(
        "--deliveries", type=int, help="queued before a start (1,000,000; with --quick 100,000); 0: leave out"
    )
    parser.add_argument(
        "--letters", type=int, help="that the engine writes, of each size (3000; with --quick 800); 0: none"
    )
    parser.add_argument(
        "--audience", type=int, help="contacts with segments (1,000,000; with --quick 100,000); 0: leave out"
    )
    parser.add_argument(
        "--campaign", type=int, help="readers of a campaign (1,000,000; with --quick 100,000); 0: leave out"
    )
    parser.add_argument("--people", type=int, help="that are imported (1,000,000; with --quick 100,000); 0: leave out")
    parser.add_argument(
        "--waiting",
        type=int,
        help="enrolments that wait in flows (1,000,000; with --quick 100,000); 0: leave flows out",
    )
    parser.add_argument(
        "--latency", type=int, help="messages one at a time, each round (200; with --quick 60); 0 for none"
    )
    parser.add_argument(
        "--pages", type=int, help="seconds that each public page is asked for (6; with --quick 3); 0: leave out"
    )
    parser.add_argument("--no-shaping", dest="shaping", action="store_false", help="leave out priority and courtesy")
    parser.add_argument("--limit", type=float, default=180, help="seconds that one cell may take")
    parser.add_argument("--work", type=Path, default=Path("/var/tmp"), help="where queues are kept: a real disk")
    options = parser.parse_args()
    quick = options.quick
    options.rounds = options.rounds or (1 if quick else 3)
    options.cells = (QUICK if quick else FULL) if options.cells is None else options.cells
    options.latency = (60 if quick else 200) if options.latency is None else options.latency
    options.deliveries = (100_000 if quick else 1_000_000) if options.deliveries is None else options.deliveries
    options.audience = (100_000 if quick else 1_000_000) if options.audience is None else options.audience
    options.waiting = (100_000 if quick else 1_000_000) if options.waiting is None else options.waiting
    options.campaign = (100_000 if quick else 1_000_000) if options.campaign is None else options.campaign
    options.people = (100_000 if quick else 1_000_000) if options.people is None else options.people
    options.pages = (3 if quick else 6) if options.pages is None else options.pages
    options.letters = (800 if quick else 3000) if options.letters is None else options.letters
    if unknown := set(options.targets.split(",")) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    return options


def _installed(names: Sequence[str]) -> list[type[Target]]:
    """The targets that can run here; of the others it is said what they lack."""
    if missing := TARGETS["postfix"].missing():  # its smtp-source and smtp-sink are what everybody is measured with
        print(f"the bench can't run: {missing}", file=sys.stderr)
        return []
    kinds: list[type[Target]] = []
    for name in names:
        if lack := TARGETS[name].missing():
            print(f"{name} is left out: {lack}", file=sys.stderr)
        else:
            kinds.append(TARGETS[name])
    return kinds


@contextlib.contextmanager
def _workshop(parent: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="posthouse-bench-", dir=parent))
    folder.chmod(0o755)  # Postfix's processes run as another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _calibrate(folder: Path) -> dict[str, float]:
    print(f"machine: {machine()}")
    figures = calibrate(folder)
    for name, figure in figures.items():
        print(f"  {figure:8.0f}  {name}")
    return figures


def _round(
    kinds: Sequence[type[Target]], cells: Sequence[Cell], folder: Path, key: Path, number: int, limit: float
) -> list[Result]:
    """Each cell for one target after the other, so that what else the machine does hits all of them."""
    found = []
    with contextlib.ExitStack() as stack:
        pairs = []
        for kind in kinds if cells else ():
            sink = stack.enter_context(Sink(folder))
            pairs.append((stack.enter_context(kind(folder / kind.name, key, sink.port)), sink))
        for target, sink in pairs:
            Run(target, sink, WARM_UP, folder).measure(number, limit)
        for cell in cells:
            for target, sink in pairs:
                if not target.takes(cell):
                    continue
                result = Run(target, sink, cell, folder).measure(number, limit)
                _say(result)
                found.append(result)
    return found


def _latencies(kinds: Sequence[type[Target]], folder: Path, key: Path, count: int, number: int) -> list[Latency]:
    return [latency.measure(kind, folder / kind.name, key, count, number) for kind in kinds if kind.is_signing]


def _facts(folder: Path, key: Path, options: argparse.Namespace) -> Facts:
    """What is measured of Posthouse alone."""
    facts = Facts()
    facts.shares, facts.wait_p50, facts.wait_p99 = turnstile.measure(folder)
    print(
        f"turnstile: smallest share {facts.shares:.2f} of the largest, p50 {facts.wait_p50:.1f} ms, p99 {facts.wait_p99:.1f} ms"
    )
    if options.letters:
        facts.rendering = rendering.measure()
        print(f"a mail of 20 KiB: rendered in {facts.rendering.rendered_ms:.2f} ms of processor", flush=True)
    for size in (2048, 20480) if options.letters else ():
        facts.letters[size] = letters.measure(folder, key, size, options.letters, options.limit)
        print(f"letters of {size} octets: {facts.letters[size]:.0f}/s", flush=True)
    if options.pages:
        facts.pages = pages.measure(folder, key, options.pages)
        for act, pace in facts.pages.items():
            print(f"pages: {act} {pace.rate:.0f}/s, p99 {pace.p99:.0f} ms, {pace.wrong} wrong", flush=True)
    if options.deliveries:
        facts.backlog = backlog.measure(folder, key, options.deliveries)
        print(facts.backlog, flush=True)
    if options.audience:
        facts.audience = audience.measure(folder / "audience", options.audience)
        print(facts.audience, flush=True)
    if options.campaign:
        facts.campaign = campaign.measure(folder / "campaign", key, options.campaign)
        print(facts.campaign, flush=True)
    if options.people:
        facts.people = people.measure(folder / "people", options.people)
        print(facts.people, flush=True)
    if options.waiting:
        facts.flows = flows.measure(folder / "flows", waiting=options.waiting)
        print(facts.flows, flush=True)
    if not options.shaping:
        return facts
    facts.priority = priority.measure(folder / "priority", key)
    print(f"priority: p50 {facts.priority.p50:.0f} ms, p99 {facts.priority.p99:.0f} ms, {facts.priority.lost} lost")
    facts.courtesy = courtesy.measure(folder / "courtesy", key)
    print(f"courtesy: {facts.courtesy.rate:.0%} of what is allowed, {facts.courtesy.waste:.1%} in vain", flush=True)
    return facts


def _say(each: Result) -> None:
    print(
        f"round {each.round + 1}  {each.cell.name:20} {each.target:15} accepted {each.accept_rate:6.0f}/s  end to end"
        f" {each.end_to_end_rate:6.0f}/s  CPU {each.cpu_ms:5.2f} ms  private {each.private_mib:4.0f} MiB"
        f" (largest {each.largest_mib:.0f})  others {each.others_percent:2.0f} %  {each.trouble}",
        flush=True,
    )


def _keep(figures: dict[str, float], results: Sequence[Result], latencies: Sequence[Latency], facts: Facts) -> Path:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}.json"
    content = {
        "calibration": figures, "results": [asdict(each) for each in results],
        "latencies": [asdict(each) for each in latencies],
        "facts": asdict(facts),
    }  # fmt: skip
    path.write_text(json.dumps(content, indent=1))
    return path


if __name__ == "__main__":
    sys.exit(main())
