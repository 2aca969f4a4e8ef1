"""The bars: what a whole run is held to, what it reached, and which of them it met. Pure.

A bar that depends on the processor's speed is scaled by what one signature costs here; a ratio needs no scale.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from statistics import median
from typing import Final

from bench.audience import Audience
from bench.backlog import Backlog
from bench.campaign import Mailing
from bench.cells import Cell, Latency, Result
from bench.courtesy import Courtesy
from bench.flows import Flows
from bench.pages import ACTS, Pace
from bench.pages import WANTED as REQUESTS
from bench.people import People
from bench.priority import Priority
from bench.rendering import Cost
from bench.report import POSTHOUSE, percentile, ratios

SIGNATURES: Final = "RSA-2048 signatures/s"  # the calibration's name for it
SIGNATURE_MS: Final = 0.9  # of the machine on which the processor time was fixed
CPU_MS: Final = 2.0  # there


@dataclass(slots=True)
class Facts:
    """What was measured of Posthouse alone; nan where it was left out."""

    shares: float = nan
    wait_p50: float = nan
    wait_p99: float = nan
    letters: dict[int, float] = field(default_factory=dict)  # by octets
    rendering: Cost | None = None
    backlog: Backlog | None = None
    priority: Priority | None = None
    courtesy: Courtesy | None = None
    people: People | None = None
    audience: Audience | None = None
    campaign: Mailing | None = None
    flows: Flows | None = None
    pages: dict[str, Pace] = field(default_factory=dict)  # by what is asked for


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the table. `reached` is nan where nothing was measured."""

    name: str
    wanted: float
    reached: float
    unit: str
    is_least: bool = True  # at least `wanted`; else at most

    @property
    def word(self) -> str:
        if isnan(self.reached):
            return "not measured"
        return "met" if (self.reached >= self.wanted if self.is_least else self.reached <= self.wanted) else "**short**"

    @property
    def line(self) -> str:
        bound = "at least" if self.is_least else "at most"
        return f"| {self.name} | {bound} {_figure(self.wanted)} {self.unit} | {_figure(self.reached)} | {self.word} |"


def judged(figures: Mapping[str, float], results: Sequence[Result], latencies: Sequence[Latency], facts: Facts) -> str:
    """The table, as Markdown; above it what the machine does by itself."""
    signature = 1000 / figures[SIGNATURES]
    head = f"One RSA-2048 signature costs {signature:.2f} ms here; the bar on processor time is scaled by it."
    lines = [each.line for each in bars(signature, results, latencies, facts)]
    return "\n".join([head, "", "| bar | wanted | reached | |", "|---|---|---|---|", *lines])


def bars(signature_ms: float, results: Sequence[Result], latencies: Sequence[Latency], facts: Facts) -> list[Bar]:
    """All of them, in the order in which they are read."""
    found = [
        Bar(f"against Postfix + OpenDKIM, {cell.name}", wanted, _speed(results, cell, "postfix-dkim"), "times as fast")
        for cell in _cells(results)
        if (wanted := _WANTED.get((cell.size, cell.sessions)))
    ]
    burst = _cell(results, 2048, 50)
    scaled = CPU_MS * signature_ms / SIGNATURE_MS
    found += [
        Bar("signed, against Postfix unsigned, 50 sessions", 2, _speed(results, burst, "postfix"), "times as fast"),
        Bar("processor time a 2 KiB message", scaled, _median(results, burst, lambda run: run.cpu_ms), "ms", False),
        Bar("durable accept burst", 1500, _median(results, burst, lambda run: run.accept_rate), "/s"),
        Bar("private memory, all processes", 150, _worst(results, lambda run: run.private_mib), "MiB", False),
    ]
    return found + _latency(latencies) + _alone(facts)


_WANTED: Final = {(2048, 1): 3.0, (2048, 10): 3.5, (2048, 50): 4.0, (51200, 10): 3.0}


def _latency(latencies: Sequence[Latency]) -> list[Bar]:
    """Ours, and beside the peer's in the same run."""
    found = []
    for percent, wanted in ((50, 5.0), (99, 15.0)):
        ours, theirs = (_arrival(latencies, name, percent) for name in (POSTHOUSE, "postfix-dkim"))
        found.append(Bar(f"one at a time to the next hop, p{percent}", wanted, ours, "ms", False))
        found.append(Bar(f"the same, of Postfix + OpenDKIM's p{percent}", 1, ours / theirs, "times", False))
    return found


def _alone(facts: Facts) -> list[Bar]:
    mailing = facts.campaign
    queue, urgent, polite, people = facts.backlog, facts.priority, facts.courtesy, facts.people
    return [
        *(
            bar
            for act in ACTS
            for pace in [facts.pages.get(act, Pace(nan, nan, 0))]
            for bar in (
                Bar(f"pages: {act}, one core", REQUESTS, pace.rate, "/s"),
                Bar(f"pages: {act}, p99 at half that", 50, pace.p99, "ms", False),
            )
        ),
        Bar("flow steps without mail", 5000, facts.flows.steps if facts.flows else nan, "/s"),
        Bar("flow steps that write a letter of 20 KiB", 800, facts.flows.letters if facts.flows else nan, "/s"),
        Bar("events matched to a hundred flows", 2000, facts.flows.events if facts.flows else nan, "/s"),
        Bar("due ones found among a million that wait", 20, facts.flows.due_ms if facts.flows else nan, "ms", False),
        Bar("a mail of 20 KiB, rendered", 1, facts.rendering.rendered_ms if facts.rendering else nan, "ms", False),
        Bar("letters of the engine, 2 KiB", 900, facts.letters.get(2048, nan), "/s"),
        Bar("letters of the engine, 20 KiB", 550, facts.letters.get(20480, nan), "/s"),
        Bar("a million queued: start", 10, queue.start_seconds if queue else nan, "s", False),
        Bar("a million queued: memory of a carrier", 300, queue.largest_mib if queue else nan, "MiB", False),
        Bar("a million queued: living domains' rate", 0.9, queue.speed if queue else nan, "of the usual"),
        Bar("a million queued: slowest view", 200, queue.view_ms if queue else nan, "ms", False),
        Bar("turnstile: smallest share of the largest", 0.9, facts.shares, ""),
        Bar("turnstile: wait for a commit, p99", 20, facts.wait_p99, "ms", False),
        Bar("priority: behind 100,000 bulk at 20/s, p99", 1000, urgent.p99 if urgent else nan, "ms", False),
        Bar("courtesy: rate of what is allowed, at least", 0.8, polite.rate if polite else nan, ""),
        Bar("courtesy: the same, at most", 1, polite.rate if polite else nan, "", False),
        Bar("courtesy: attempts after the site's word", 0.02, polite.waste if polite else nan, "of all", False),
        *_segments(facts.audience),
        Bar("campaign to a million: first mail", 2, mailing.first_seconds if mailing else nan, "s", False),
        Bar("campaign to a million: memory of a process", 300, mailing.private_mib if mailing else nan, "MiB", False),
        Bar(
            "campaign to a million: the last mail after a stop", 1, mailing.stop_seconds if mailing else nan, "s", False
        ),
        Bar("import of a million contacts", 120, people.seconds if people else nan, "s", False),
        Bar("import of a million: memory", 300, people.private_mib if people else nan, "MiB", False),
        Bar("import of a million: longest write lock", 30, people.longest_ms if people else nan, "ms", False),
    ]


def _segments(found: Audience | None) -> list[Bar]:
    return [
        Bar("segments of a million: kept figures of a hundred", 50, found.kept_ms if found else nan, "ms", False),
        Bar("segments of a million: three conditions counted", 1, found.exact_seconds if found else nan, "s", False),
        Bar("segments: an event asks a hundred, p95", 10, found.event_ms if found else nan, "ms", False),
    ]


def _cells(results: Sequence[Result]) -> list[Cell]:
    return sorted({each.cell for each in results})


def _cell(results: Sequence[Result], size: int, sessions: int) -> Cell | None:
    return next((each for each in _cells(results) if (each.size, each.sessions) == (size, sessions)), None)


def _ours(results: Sequence[Result], cell: Cell | None) -> list[Result]:
    return [each for each in results if each.target == POSTHOUSE and each.cell == cell and each.is_whole]


def _median(results: Sequence[Result], cell: Cell | None, figure: Callable[[Result], float]) -> float:
    runs = _ours(results, cell)
    return median(map(figure, runs)) if runs else nan


def _worst(results: Sequence[Result], figure: Callable[[Result], float]) -> float:
    return max((figure(each) for each in results if each.target == POSTHOUSE), default=nan)


def _speed(results: Sequence[Result], cell: Cell | None, peer: str) -> float:
    pairs = ratios(results, cell, peer) if cell else []
    return median(rate for rate, _ in pairs) if pairs else nan


def _arrival(latencies: Sequence[Latency], name: str, percent: int) -> float:
    return percentile([one for each in latencies if each.target == name for one in each.arrivals], percent)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
