"""Tables of medians and ratios, from results. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from statistics import median

from bench.cells import Cell, Latency, Result

POSTHOUSE = "posthouse"


def tables(results: Sequence[Result], latencies: Sequence[Latency]) -> str:
    """All that a run says, as Markdown."""
    parts = [_rows(results), _ratios(results)]
    if latencies:
        parts.append(_latency(latencies))
    return "\n\n".join(filter(None, parts))


def _rows(results: Sequence[Result]) -> str:
    lines = [
        "| messages | target | accepted/s | end to end/s (best) | CPU ms/message | private MiB, all (largest process)"
        " | others' CPU % | runs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (cell, target), runs in _grouped(results).items():
        whole = [each for each in runs if each.is_whole]
        if not whole:
            lines.append(
                f"| {cell.name} | {target} | - | - | - | - | - | none whole: {runs[0].trouble or 'not all arrived'} |"
            )
            continue
        broken = f", {len(runs) - len(whole)} not whole" if len(whole) < len(runs) else ""
        lines.append(
            f"| {cell.name} | {target} | {median(each.accept_rate for each in whole):.0f}"
            f" | {median(each.end_to_end_rate for each in whole):.0f} ({max(each.end_to_end_rate for each in whole):.0f})"
            f" | {median(each.cpu_ms for each in whole):.2f}"
            f" | {max(each.private_mib for each in whole):.0f} ({max(each.largest_mib for each in whole):.0f})"
            f" | {median(each.others_percent for each in whole):.0f} | {len(whole)}{broken} |"
        )
    return "\n".join(lines)


def _ratios(results: Sequence[Result]) -> str:
    """Posthouse against each peer, pair by pair within a round, so that a noisy minute hits both."""
    lines = []
    for (cell, peer), runs in _grouped(results).items():
        pairs = ratios(results, cell, peer) if not peer.startswith(POSTHOUSE) else []
        if pairs:
            ends, cpus = [end for end, _ in pairs], [cpu for _, cpu in pairs]
            lines.append(
                f"| {cell.name} | {peer} | **{median(ends):.2f}** ({min(ends):.2f} to {max(ends):.2f})"
                f" | {median(cpus):.2f} | {len(pairs)} of {len(runs)} |"
            )
    head = ["| messages | Posthouse against | end to end, times as fast (range) | CPU a message, times as much | pairs |",
            "|---|---|---|---|---|"]  # fmt: skip
    return "\n".join(head + lines) if lines else ""


def ratios(results: Iterable[Result], cell: Cell, peer: str) -> list[tuple[float, float]]:
    """(rate, CPU) of Posthouse over the peer's, for each round in which both were whole."""
    whole = {(each.target, each.round): each for each in results if each.cell == cell and each.is_whole}
    rounds = [number for target, number in whole if target == peer and (POSTHOUSE, number) in whole]
    return [
        (
            whole[POSTHOUSE, number].end_to_end_rate / whole[peer, number].end_to_end_rate,
            whole[POSTHOUSE, number].cpu_ms / whole[peer, number].cpu_ms,
        )
        for number in rounds
    ]


def _latency(latencies: Sequence[Latency]) -> str:
    lines = [
        "| one at a time | to arrival: p50 ms | p99 ms | to 250: p50 ms | p99 ms | signed | verified | lost |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for target in dict.fromkeys(each.target for each in latencies):
        runs = [each for each in latencies if each.target == target]
        arrivals = [one for each in runs for one in each.arrivals]
        replies = [one for each in runs for one in each.replies]
        unsigned = sum(each.unsigned for each in runs)
        lines.append(
            f"| {target} | {percentile(arrivals, 50):.1f} | {percentile(arrivals, 99):.1f}"
            f" | {percentile(replies, 50):.1f} | {percentile(replies, 99):.1f}"
            f" | {'all' if not unsigned else f'{unsigned} not'} | {', '.join(each.verified for each in runs)}"
            f" | {sum(each.lost for each in runs)} |"
        )
    return "\n".join(lines)


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that `percent` of them do not exceed; nan of none."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)] if ordered else float("nan")


def _grouped(results: Iterable[Result]) -> Mapping[tuple[Cell, str], list[Result]]:
    found: dict[tuple[Cell, str], list[Result]] = {}
    for each in results:
        found.setdefault((each.cell, each.target), []).append(each)
    return dict(sorted(found.items()))
