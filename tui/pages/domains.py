"""Sending domains: the list, the change of keys as steps, a tick for every name server, the records to publish. Pure."""

from collections.abc import Sequence
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.domains import DomainAnswer, DomainRow, Domains, KeyRow, RecordRow, ServerRow, StepRow
from tui.columns import Column, table, tally
from tui.format import clock, cut, safe, span, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule
from tui.words import Mark

_STEPS: Final = {
    "done": Mark("✓", "done", Ink.GOOD),
    "now": Mark("►", "now", Ink.HORN),
    "waits": Mark("◔", "waits", Ink.WAIT),
    "next": Mark("○", "next", Ink.DIM),
}
_KEYS: Final = {
    "new": Mark("○", "new", Ink.TEXT),
    "published": Mark("◔", "published", Ink.CALM),
    "active": Mark("●", "signs", Ink.GOOD),
    "retiring": Mark("◑", "retiring", Ink.WAIT),
    "gone": Mark("–", "gone", Ink.DIM),
}
_TITLES: Final = {
    "make": "make", "publish": "publish", "seen": "every server", "remembered": "wait", "sign": "sign",
    "rest": "rest", "withdraw": "retire",
}  # fmt: skip


def _turn(row: DomainRow) -> Run:
    calm = Mark("–", "", Ink.DIM) if row.keys.startswith("no ") else Mark("●", "", Ink.TEXT)
    mark = _STEPS.get(row.turn, calm)
    return Run(f"{mark.glyph} {row.keys}", mark.ink)


DOMAINS: Final[tuple[Column[DomainRow], ...]] = (
    Column("domain", 18, lambda row, _: Run(row.readable, Ink.STRONG), flex=1),
    Column("✗ fail", 6, lambda row, _: tally(row.failed, Ink.BAD), right=True),
    Column("! warn", 6, lambda row, _: tally(row.warned, Ink.WAIT), right=True),
    Column("? open", 6, lambda row, _: tally(row.unknown, Ink.DOUBT), right=True, since=60),
    Column("✓ pass", 6, lambda row, _: tally(row.passed, Ink.GOOD), right=True, since=50),
    Column("keys", 24, lambda row, _: _turn(row), flex=2, since=64),
)

RECORDS: Final[tuple[Column[RecordRow], ...]] = (
    Column("type", 4, lambda row, _: Run(row.type)),
    Column("name", 20, lambda row, _: Run(row.name, Ink.STRONG), flex=1),
    Column("value", 16, lambda row, _: Run(row.value), flex=1, since=70),
    Column("what for", 16, lambda row, _: Run(_why(row), Ink.DIM), flex=1),
)


def _why(row: RecordRow) -> str:
    return f"{row.why}; only where {row.when}" if row.when else row.why


def keys(found: DomainAnswer, width: int) -> list[Line]:
    """The change of keys as steps, then each key with what every name server shows of it."""
    looked = f"asked {clock(found.looked_ms, found.now_ms)}" if found.looked_ms is not None else "not asked yet"
    if not found.keys:
        none = f"{found.readable} has no keys here: nothing signs its mail. K makes them."
        return [rule("Keys", width), *(line(each) for each in wrap(none, width))]
    return [
        rule("Change of keys", width, "the daemon signs with new keys by itself" if found.by_itself else "S signs"),
        *(each for step in found.steps for each in _step(step, found.now_ms, width)),
        BLANK,
        rule("Keys, and what each name server shows", width, looked),
        *(each for key in found.keys for each in _key(key, found, width)),
    ]


def _step(step: StepRow, now_ms: int, width: int) -> list[Line]:
    mark = _STEPS.get(step.at) or Mark("·", safe(step.at), Ink.TEXT)
    left = f" ({span(step.until_ms - now_ms)} more)" if step.until_ms is not None and step.until_ms > now_ms else ""
    ink = Ink.STRONG if step.at == "now" else Ink.DIM if step.at == "next" else Ink.TEXT
    first, *rest = wrap(step.words + left, width - 26)
    head = line(mark.run(9), (f"{_TITLES.get(step.step, step.step):<14}", Ink.DIM), (first, ink))
    return [head, *(line(" " * 23, (each, ink)) for each in rest)]


def _key(key: KeyRow, found: DomainAnswer, width: int) -> list[Line]:
    mark = _KEYS.get(key.state) or Mark("·", safe(key.state), Ink.TEXT)
    since = f"{key.algorithm}, since {clock(key.since_ms, found.now_ms)}"
    rests = ""
    if key.rests_until_ms is not None and key.rests_until_ms > found.now_ms:
        rests = f", rests for {span(key.rests_until_ms - found.now_ms)} more"
    head = line(mark.run(12), (f"{key.selector}  ", Ink.STRONG), (since + rests, Ink.DIM)).cropped(width)
    notes = [key.trouble] if key.trouble else list(key.advice)
    return [
        head.opens("record", f"{key.selector}._domainkey.{found.domain}"),
        *(line("  ", (text, Ink.WAIT)) for note in notes for text in wrap(note, width - 2)),
        *(each for server in key.servers for each in _server(server, width)),
    ]


def _server(server: ServerRow, width: int) -> list[Line]:
    mark = Mark("?", "silent", Ink.DOUBT) if server.silent else (
        Mark("✗", "differs", Ink.BAD) if server.fault else Mark("✓", "shows it", Ink.GOOD))  # fmt: skip
    told = f"{server.server}  {server.fault}" if server.fault else server.server
    first, *rest = wrap(told, width - 14)
    return [line("  ", mark.run(12), first), *(line(" " * 14, (each, Ink.DIM)) for each in rest[:3])]


def record(row: RecordRow, width: int) -> list[Line]:
    """One record in both forms."""
    return [
        rule(row.name, width, row.type),
        *(line(each) for each in wrap(_why(row), width)),
        BLANK,
        rule("For a zone file", width, "y copies it"),
        *(line((each, Ink.GOOD)) for each in wrap(row.zone, width)),
        BLANK,
        rule("For a provider's page", width, "t, then y copies it"),
        *(line((each, Ink.GOOD)) for part_ in row.provider for each in wrap(part_, width)),
    ]


def summary(found: DomainAnswer, row: DomainRow | None, width: int) -> list[Line]:
    """A domain beside the list."""
    counts = [] if row is None else [
        line((f"✗ {row.failed} fail", Ink.BAD if row.failed else Ink.DIM), "   ", (f"! {row.warned} warn", Ink.WAIT),
             "   ", (f"? {row.unknown} unknown", Ink.DOUBT), "   ", (f"✓ {row.passed} pass", Ink.GOOD)),
        BLANK,
    ]  # fmt: skip
    return [line((cut(found.readable, width), Ink.STRONG)), *counts, *keys(found, width)]


def plain_domains(control: Control, said: Sequence[str], width: int) -> list[Line]:
    found = control.get(Domains, "/v1/domains")
    return table("Domains", "domain", DOMAINS, found.rows, found.now_ms, width)


def plain_domain(control: Control, said: Sequence[str], width: int) -> list[Line]:
    found = control.get(DomainAnswer, f"/v1/domains/{part(said[0])}")
    lines = [line((found.readable, Ink.STRONG)), *keys(found, width)]
    for each in found.records:
        lines += [BLANK, *record(each, width)]
    return lines
