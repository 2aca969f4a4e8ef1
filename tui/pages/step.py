"""One step of a flow in words: what it is, who stands there and since when, which way they went. Pure."""

from engine.control.protocol.flows import FlowNode, FlowPicture
from tui import words
from tui.format import number, span
from tui.ink import BLANK, Ink, Line, line, rule


def told_step(picture: FlowPicture, node: FlowNode) -> list[Line]:
    """All that the picture knows of it."""
    mark = words.step(node.kind)
    lines = [rule(node.id or "trigger", 60), line(mark.run(), f"  {node.label}"), BLANK]
    if node.mark:
        lines.append(line(words.change(node.mark).run(), (f"  was {node.was}" if node.was else "", Ink.DIM)))
    lines.append(line(("passed  ", Ink.DIM), number(node.passed), (f", {number(node.hour)} in the last hour", Ink.DIM)))
    if node.waiting:
        since = f", the longest for {span(picture.now_ms - node.since_ms)}" if node.since_ms else ""
        lines.append(line(("there   ", Ink.DIM), (f"● {number(node.waiting)}", Ink.WAIT), (since, Ink.DIM)))
    if node.stuck:
        told = f"! {number(node.stuck)} can't go on by themselves, or should have long ago"
        lines.append(line(("stuck   ", Ink.DIM), (told, Ink.BAD)))
    if node.is_bottleneck:
        lines.append(line(("narrow  ", Ink.DIM), (f"! {picture.bottleneck}", Ink.BAD)))
    if node.lands:
        lines.append(line(("lands   ", Ink.DIM), (f"⇣ {number(node.lands)} of those who are under way", Ink.HORN)))
    lines += [_way(node, index) for index in range(len(node.branches))]
    lines.append(line(("file    ", Ink.DIM), f"posthouse flow show {picture.name}", (f"  id: {node.id}", Ink.DIM)))
    return lines


def _way(node: FlowNode, index: int) -> Line:
    way = node.branches[index]
    share = f"  {way.passed / node.passed:.0%}" if node.passed else ""
    first = way.nodes[0].id if way.nodes else "what follows"
    return line(
        (f"{'ways' if not index else '':<8}", Ink.DIM), (f"{way.label:<10}", Ink.DOUBT), f"{number(way.passed):>9}",
        (share, Ink.DIM), (f"  {number(way.hour)}/h", Ink.DIM), (f"  → {first}", Ink.DIM),
    )  # fmt: skip
