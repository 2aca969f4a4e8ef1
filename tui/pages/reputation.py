"""How our mail is taken: the index with its parts, alarms, by provider, source, domain and stream, and what was said. Pure."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from engine.control.client import Control
from engine.control.protocol.reputation import AlarmRow, PartRow, ReputationAnswer, ReputationRow, SaidRow
from tui.columns import Column, heading, layout, row, tally
from tui.format import clock, cut, fit, number, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule

_LEVELS: Final = "▁▂▃▄▅▆▇█"


def _share(value: float | None) -> Run:
    return Run("·", Ink.RULE) if value is None else Run(f"{value:.1%}" if value < 0.995 else "100%")


def _part(count: int, of: int) -> float | None:
    return count / of if of else None


def index_run(value: int | None) -> Run:
    """The index with a glyph and an ink; what is too little mail to judge says so."""
    if value is None:
        return Run("? few", Ink.DIM)
    if value >= 90:
        return Run(f"✓ {value}", Ink.GOOD)
    return Run(f"! {value}", Ink.WAIT) if value >= 70 else Run(f"✗ {value}", Ink.BAD)


GROUPS: Final[tuple[Column[ReputationRow], ...]] = (
    Column("name", 14, lambda each, _: Run(each.name, Ink.STRONG), flex=1),
    Column("index", 6, lambda each, _: index_run(each.index), right=True),
    Column("sent", 7, lambda each, _: tally(each.sent), right=True),
    Column("taken", 7, lambda each, _: _share(_part(each.accepted, each.sent)), right=True),
    Column("later", 7, lambda each, _: _share(_part(each.deferred, each.tried)), right=True, since=66),
    Column("nobody", 7, lambda each, _: _share(_part(each.hard, each.sent)), right=True),
    Column("spam", 7, lambda each, _: _share(_part(each.complaints, each.accepted)), right=True),
    Column("TLS", 6, lambda each, _: _share(each.tls), right=True, since=76),
)

PARTS: Final[tuple[Column[PartRow], ...]] = (
    Column("part", 14, lambda each, _: Run(each.name)),
    Column("count", 7, lambda each, _: tally(each.count), right=True),
    Column("of", 7, lambda each, _: Run("·", Ink.RULE) if each.of is None else tally(each.of), right=True),
    Column("share", 7, lambda each, _: _share(each.share), right=True),
    Column("limit", 7, lambda each, _: Run(f"{each.limit:.1%}" if each.limit else "any", Ink.DIM), right=True),
    Column("weighs", 6, lambda each, _: Run(str(each.weight), Ink.DIM), right=True),
    Column("lost", 5, lambda each, _: _lost(each), right=True),
    Column("", 4, lambda each, _: Run(each.why, Ink.DIM), flex=1),
)


def _lost(part: PartRow) -> Run:
    if part.lost is None:
        return Run("·", Ink.RULE)
    return (
        Run(f"{part.lost:.0f}", Ink.BAD if part.lost >= part.weight / 2 else Ink.WAIT)
        if part.lost
        else Run("0", Ink.GOOD)
    )


def reputation(found: ReputationAnswer, width: int) -> list[Line]:
    """The whole page."""
    return [
        *_alarms(found, width),
        *_index(found, width),
        *_days(found, width),
        *(each for part in _groups(found, width) for each in part),
        *_said(found.said, width),
    ]


def _alarms(found: ReputationAnswer, width: int) -> list[Line]:
    if not found.alarms:
        return [line(("✓ no alarm", Ink.GOOD)), BLANK]
    return [
        rule("Alarms", width),
        *(each for alarm in found.alarms for each in _alarm(alarm, found.now_ms, width)),
        BLANK,
    ]  # fmt: skip


def _alarm(alarm: AlarmRow, now_ms: int, width: int) -> list[Line]:
    over = alarm.ended_ms is not None
    ink = Ink.DIM if over else Ink.BAD if alarm.level == "alarm" else Ink.WAIT
    end = f" to {clock(alarm.ended_ms, now_ms)}" if alarm.ended_ms is not None else ""
    head = f"{'–' if over else '!'} {alarm.level} since {clock(alarm.began_ms, now_ms)}{end}"
    return [
        line((head, ink), ("  " + alarm.rule, Ink.DIM)).opens("message", str(alarm.message_id))
        if alarm.message_id else line((head, ink), ("  " + alarm.rule, Ink.DIM)),
        *(line("  ", (each, Ink.TEXT)) for each in wrap(alarm.text, width - 2)),
    ]  # fmt: skip


def _index(found: ReputationAnswer, width: int) -> list[Line]:
    there = layout(PARTS, width)
    words = "too little mail to judge" if found.index is None else "of 100"
    return [
        rule(f"Index of {found.about or 'all mail'}", width, f"{found.days} days"),
        line(index_run(found.index), (f" {words}; each part loses up to what it weighs", Ink.DIM)),
        heading(there),
        *(row(there, each, found.now_ms) for each in found.parts),
        BLANK,
    ]


def _days(found: ReputationAnswer, width: int) -> list[Line]:
    """A bar for each day."""
    days = found.by_day[-max(width - 24, 7) :]
    if not found.total.tried or not days:
        return []
    strips = (
        ("sent", [float(each.sent) for each in days], number(found.total.sent)),
        ("taken", [_part(each.accepted, each.sent) for each in days], _share(_part(found.total.accepted, found.total.sent)).text),
        ("nobody", [_part(each.hard, each.sent) for each in days], _share(_part(found.total.hard, found.total.sent)).text),
        ("spam", [_part(each.complaints, each.accepted) for each in days],
         _share(_part(found.total.complaints, found.total.accepted)).text),
    )  # fmt: skip
    return [
        rule("By day", width, f"{days[0].name} to {days[-1].name}"),
        *(
            line((f"{name:<8}", Ink.DIM), (_strip(values), Ink.CALM), (f"  {whole}", Ink.TEXT))
            for name, values, whole in strips
        ),
        BLANK,
    ]


def _strip(values: Sequence[float | None]) -> str:
    top = max((each for each in values if each is not None), default=0.0)
    return "".join(" " if each is None else _LEVELS[round(7 * each / top) if top else 0] for each in values)


def _groups(found: ReputationAnswer, width: int) -> list[list[Line]]:
    there = layout(GROUPS, width)
    parts = []
    for kind, rows in groupby(found.groups, key=lambda each: each.kind):
        ranked = sorted(rows, key=lambda each: (-each.sent, each.name))
        drawn = [row(there, each, found.now_ms).opens("reputation", f"{kind} {each.name}") for each in ranked]
        parts.append([rule(f"By {kind}", width), heading(there), *drawn, BLANK])
    return parts


def _said(said: Sequence[SaidRow], width: int) -> list[Line]:
    if not said:
        return []
    lines = [rule("What was said", width)]
    for each in said:
        head = line((f"{number(each.count):>7} ", Ink.STRONG), fit(each.what, 9), (cut(each.klass, 22), Ink.DIM))
        lines += [
            head.opens("message", str(each.message_id)) if each.message_id else head,
            *(line(" " * 8, (text, Ink.DIM)) for text in wrap(each.reply, width - 8)[:2]),
        ]
    return lines


def plain_reputation(control: Control, said: Sequence[str], width: int) -> list[Line]:
    asked: dict[str, str | int] = {"about": " ".join(said)} if said else {}
    return reputation(control.get(ReputationAnswer, "/v1/reputation", asked), width)
