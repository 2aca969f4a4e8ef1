"""The tables of flows: who stands where, what was done, recipes, where people would land; and what is said of one. Pure."""

from collections.abc import Iterator, Sequence
from difflib import unified_diff
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.flows import (
    DraftRow,
    Drafts,
    DraftText,
    FlowChangeRow,
    FlowFault,
    FlowHistory,
    FlowPeople,
    FlowPerson,
    Landing,
    RecipeRow,
    Recipes,
    Trial,
)
from engine.control.protocol.reasons import WhyNotAnswer
from engine.counts import counted
from tui.columns import Column, table
from tui.format import clock, number, span
from tui.ink import BLANK, Ink, Line, Run, line, rule

MORE: Final = "… there are more"


def _due(row: FlowPerson, now_ms: int) -> Run:
    if row.due_ms is None:
        return Run("somebody acts", Ink.BAD)
    left = row.due_ms - now_ms
    if left <= 0:
        return Run(f"{span(-left)} ago", Ink.BAD if row.is_stuck else Ink.CALM)
    return Run("in " + span(left), Ink.WAIT)


def _stands(row: FlowPerson, now_ms: int) -> Run:
    if row.trouble:
        return Run("✗ stuck", Ink.BAD)
    return Run("! late", Ink.BAD) if row.is_stuck else Run("◔ waits", Ink.WAIT)


PEOPLE: Final[tuple[Column[FlowPerson], ...]] = (
    Column("state", 8, _stands),
    Column("person", 20, lambda row, _: Run(row.address or "· gone ·", Ink.STRONG), flex=2),
    Column("at", 12, lambda row, _: Run(row.step or "the end"), flex=1),
    Column("next", 10, lambda row, _: Run(row.before, Ink.DIM), since=130),
    Column("since", 10, lambda row, now: Run(span(now - row.since_ms), Ink.DIM), right=True),
    Column("due", 13, _due, right=True),
    Column("key", 10, lambda row, _: Run(row.run_key, Ink.DIM), since=110),
    Column("version", 12, lambda row, _: Run(row.version, Ink.DIM), since=150),
)


def _when(at_ms: int, now_ms: int) -> Run:
    return Run(clock(at_ms, now_ms), Ink.DIM)


CHANGES: Final[tuple[Column[FlowChangeRow], ...]] = (
    Column("when", 12, lambda row, now: _when(row.at_ms, now)),
    Column("what", 9, lambda row, _: Run(row.what, Ink.STRONG)),
    Column("version", 12, lambda row, _: Run(row.version[:12], Ink.CALM)),
    Column("who", 10, lambda row, _: Run(row.operator or "·"), flex=1),
    Column("figures", 12, lambda row, _: Run(_figures(row), Ink.DIM), flex=2, since=60),
)


def _figures(row: FlowChangeRow) -> str:
    mapped = row.detail.get("map")
    if isinstance(mapped, dict) and mapped:
        return "with " + ", ".join(f"{old}={new}" for old, new in mapped.items())
    return ", ".join(f"{number(value)} {word}" for word, value in row.detail.items() if type(value) is int)


RECIPES: Final[tuple[Column[RecipeRow], ...]] = (
    Column("recipe", 20, lambda row, _: Run(row.name, Ink.STRONG), flex=1),
    Column("title", 14, lambda row, _: Run(row.title, Ink.DIM), flex=2, since=70),
    Column("begins with", 18, lambda row, _: Run(row.trigger), flex=1),
    Column("stream", 13, lambda row, _: Run(row.stream, Ink.DIM), since=90),
    Column("mails", 5, lambda row, _: Run(str(len(row.mails)), Ink.CALM), right=True),
    Column("here", 6, lambda row, _: Run("● runs" if row.is_applied else "", Ink.GOOD), since=56),
)

DRAFTS: Final[tuple[Column[DraftRow], ...]] = (
    Column("draft", 20, lambda row, _: Run(row.name, Ink.STRONG), flex=1),
    Column("saved", 12, lambda row, now: _when(row.at_ms, now)),
    Column("by", 10, lambda row, _: Run(row.operator)),
    Column("faults", 9, lambda row, _: _judged(row.faults), right=True),
    Column("from", 16, lambda row, _: Run(row.origin, Ink.DIM), flex=1, since=70),
)

_FATES: Final = {
    "moves": ("→ moves", Ink.GOOD), "stays": ("■ stays", Ink.WAIT), "leaves": ("✗ leaves", Ink.BAD),
}  # fmt: skip


def _goes(row: Landing) -> str:
    if row.fate != "moves":
        return row.why
    return f"{row.to or 'the end'}, {'until the same time' if row.keeps_wait else 'at once'}"


LANDINGS: Final[tuple[Column[Landing], ...]] = (
    Column("people", 7, lambda row, _: Run(number(row.people), Ink.STRONG), right=True),
    Column("stand before", 16, lambda row, _: Run(row.step or "the end"), flex=1),
    Column("fate", 9, lambda row, _: Run(*_FATES.get(row.fate, (row.fate, Ink.TEXT)))),
    Column("where, or why not", 20, lambda row, _: Run(_goes(row), Ink.DIM), flex=2),
    Column("version", 12, lambda row, _: Run(row.version, Ink.DIM), since=90),
)


def _judged(faults: int) -> Run:
    return Run(f"✗ {faults}", Ink.BAD) if faults else Run("✓ right", Ink.GOOD)


def judged(faults: int) -> str:
    """2 faults; all right"""
    return f"✗ {counted(faults, 'fault')}" if faults else "✓ all right"


def faults(found: Sequence[FlowFault]) -> list[Line]:
    """What is wrong, each with its line, which Enter goes to."""
    lines = [BLANK] * 0
    for fault in found:
        where = f"line {fault.line}  "
        words = f"{fault.key}: {fault.message}" if fault.key else fault.message
        remedy = [(f"  {fault.remedy}", Ink.CALM)] if fault.remedy else []
        drawn = line(("✗ ", Ink.BAD), (where, Ink.STRONG), (words, Ink.TEXT), *remedy)
        lines.append(drawn.opens("line", str(fault.line), (fault.line, fault.column, fault.key)))
    return lines or [line(("✓ nothing is wrong with it", Ink.GOOD))]


def reasons(found: WhyNotAnswer) -> list[Line]:
    """Why somebody got nothing: the first reason binds."""
    lines = [line((found.address, Ink.STRONG), (f" and the {found.kind} ", Ink.DIM), (found.name, Ink.STRONG)), BLANK]
    for index, row in enumerate(found.reasons):
        mark = ("► ", Ink.HORN) if index == 0 else ("  ", Ink.TEXT)
        lines.append(line(mark, (row.word, Ink.STRONG if index == 0 else Ink.TEXT), (f": {row.text}", Ink.TEXT)))
        if row.until_ms is not None:
            lines.append(line((f"    until {clock(row.until_ms, found.now_ms)}", Ink.WAIT)))
        for text, value in row.values.items():
            lines.append(line((f"    {text} = ", Ink.DIM), ("missing" if value is None else str(value), Ink.CALM)))
    return lines


def difference(old: str, new: str, names: tuple[str, str]) -> list[Line]:
    """From one text to another, line by line."""
    lines = list(unified_diff(old.splitlines(), new.splitlines(), *names, lineterm=""))
    return [_diff_line(each) for each in lines] or [line((f"{names[0]} and {names[1]} say the same", Ink.DIM))]


def _diff_line(text: str) -> Line:
    if text.startswith(("+++", "---", "@@")):
        return line((text, Ink.DIM))
    return line((text, {"+": Ink.GOOD, "-": Ink.BAD}.get(text[:1], Ink.TEXT)))


def trial(found: Trial, width: int) -> list[Line]:
    """A flow that is played over the past: how far, or what came of it."""
    title = f"{found.flow} over {found.since}"
    lines = [rule(title, width, f"trial {found.id}"), BLANK]
    if found.state == "running":
        share = found.done / found.of if found.of else 0.0
        told = f"{number(found.done)} of about {counted(found.of, 'event')}" if found.of else "it begins"
        return [*lines, _progress(share, min(width - 10, 50)), line((told, Ink.DIM))]
    if found.lines:
        return [*lines, *(line(each) for each in found.lines)]
    ink = Ink.WAIT if found.state == "cancelled" else Ink.BAD
    return [*lines, line((f"✗ {found.state}", ink)), *(line(each) for each in found.trouble.splitlines())]


def _progress(share: float, width: int) -> Line:
    done = round(share * width)
    return line(("█" * done, Ink.HORN), ("░" * (width - done), Ink.RULE), f" {share:4.0%}")


# -- as plain text


def plain_people(control: Control, names: Sequence[str], width: int) -> list[Line]:
    step = names[1] if len(names) > 1 else ""
    found = control.get(FlowPeople, f"/v1/flows/{part(names[0])}/people", {"step": step, "limit": 500})
    return [*table(f"{found.name} {step}".strip(), "run", PEOPLE, found.rows, found.now_ms, width), *_rest(found.after)]


def _rest(after: str) -> Iterator[Line]:
    if after:
        yield line((MORE, Ink.DIM))


def plain_recipes(control: Control, names: Sequence[str], width: int) -> list[Line]:
    found = control.get(Recipes, "/v1/recipes")
    return table("Recipes", "recipe", RECIPES, found.rows, found.now_ms, width)


def plain_drafts(control: Control, names: Sequence[str], width: int) -> list[Line]:
    found = control.get(Drafts, "/v1/flow-drafts")
    return table("Drafts", "draft", DRAFTS, found.rows, found.now_ms, width)


def plain_draft(control: Control, names: Sequence[str], width: int) -> list[Line]:
    found = control.get(DraftText, f"/v1/flow-drafts/{part(names[0])}")
    text = [line((f"{at:>4}  ", Ink.DIM), each) for at, each in enumerate(found.source.splitlines(), 1)]
    return [rule(f"Draft {found.name}", width, judged(len(found.faults))), *text, BLANK, *faults(found.faults)]


def plain_history(control: Control, names: Sequence[str], width: int) -> list[Line]:
    found = control.get(FlowHistory, f"/v1/flows/{part(names[0])}/history")
    return table(f"{found.name} is {found.state}", "change", CHANGES, found.rows, found.now_ms, width)


def plain_trial(control: Control, names: Sequence[str], width: int) -> list[Line]:
    return trial(control.get(Trial, f"/v1/flow-trials/{part(names[0])}"), width)
