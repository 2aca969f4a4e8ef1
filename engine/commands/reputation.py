"""`posthouse reputation`: how our mail is taken, with one index and its parts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Final

import typer

from engine.commands.common import Json, Socket, ask, make_app
from engine.control.protocol.reputation import AlarmRow, PartRow, ReputationAnswer, ReputationRow, SaidRow
from engine.control.protocol.wire import pretty

app = make_app("How our mail is taken: figures, one index with its parts, alarms.")

_LEVELS: Final = "▁▂▃▄▅▆▇█"
_STRIP: Final = 52  # columns of a strip of days: with its words a line has 80
_WIDTH: Final = 80


@app.command()
def reputation(
    about: Annotated[
        str, typer.Argument(help="A provider, a From domain, a source or a stream; all mail otherwise.")
    ] = "",
    days: Annotated[int, typer.Option(help="How many days, today's among them (UTC).", min=1, max=3660)] = 30,
    rows: Annotated[
        bool, typer.Option("--rows", help="With --json: the counts of each kind of mail by day, too.")
    ] = False,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """What was sent, accepted, deferred and bounced, complaints, TLS, the time to accept; the index with its parts, what
    was said, and the alarms."""
    words: dict[str, str | int] = {"about": about, "days": days, "rows": int(rows)}
    found = ask(socket, lambda control: control.get(ReputationAnswer, "/v1/reputation", words))
    if as_json:
        print(pretty(found))
        return
    print(f"{found.about or 'all mail'}, {found.days} days: {_index(found.index)}")
    _print_parts(found.parts)
    _print_strips(found)
    _print_groups(found.groups)
    _print_said(found.said)
    _print_alarms(found.alarms)


def _index(value: int | None) -> str:
    return "too few to say" if value is None else f"index {value} of 100"


def _print_parts(parts: Sequence[PartRow]) -> None:
    print(f"\n  {'part':<14}{'count':>10}{'of':>12}{'share':>10}{'limit':>9}{'weight':>8}{'lost':>7}")
    for each in parts:
        lost = each.why if each.lost is None else f"{each.lost:.1f}"
        of = "-" if each.of is None else f"{each.of:,}"
        limit = "any" if each.limit == 0 else _percent(each.limit)
        print(
            f"  {each.name:<14}{each.count:>10,}{of:>12}{_percent(each.share):>10}{limit:>9}{each.weight:>8}"
            + (f"{lost:>7}" if each.lost is not None else f"\n{'':16}{lost}")
        )


def _print_strips(found: ReputationAnswer) -> None:
    if not found.total.tried:
        return
    shown = found.by_day[-_STRIP:]
    print(f"\n  by day, {shown[0].name} to {shown[-1].name}")
    strips: tuple[tuple[str, list[float | None], str], ...] = (
        ("sent", [float(each.sent) for each in shown], f"{found.total.sent:,}"),
        ("deferred", [_share(each.deferred, each.tried) for each in shown],
         _percent(_share(found.total.deferred, found.total.tried))),
        ("bounced", [_share(each.bounced, each.sent) for each in shown],
         _percent(_share(found.total.bounced, found.total.sent))),
        ("complaints", [_share(each.complaints, each.accepted) for each in shown],
         _percent(_share(found.total.complaints, found.total.accepted))),
        ("TLS", [each.tls for each in shown], _percent(found.total.tls)),
        ("index", [None if each.index is None else each.index / 100 for each in shown],
         "-" if found.index is None else str(found.index)),
    )  # fmt: skip
    for name, values, whole in strips:
        top = 1.0 if name in ("TLS", "index") else max((each for each in values if each is not None), default=0.0)
        print(f"  {name:<12}{strip(values, top)}  {whole:>9}")
    took = found.total.took_s
    if took is not None:
        print(f"  half of what was accepted was accepted within {_span(took)} of being handed over")


def strip(values: Sequence[float | None], top: float) -> str:
    """A line of bars, a cell for each value; a blank where nothing is known, a floor where it is nought."""
    cells = []
    for value in values:
        level = 0 if not value or not top else max(1, min(7, round(7 * value / top)))
        cells.append(" " if value is None else _LEVELS[level])
    return "".join(cells)


def _print_groups(groups: Sequence[ReputationRow]) -> None:
    for kind, rows in groupby(groups, key=lambda each: each.kind):
        print(f"\n  {kind:<24}{'index':>6}{'sent':>9}{'taken':>8}{'defer':>8}{'hard':>8}{'compl.':>8}{'TLS':>7}")
        for each in sorted(rows, key=lambda row: (-row.sent, row.name)):
            shares = (
                (each.accepted, each.sent), (each.deferred, each.tried), (each.hard, each.sent),
                (each.complaints, each.accepted),
            )  # fmt: skip
            cells = "".join(f"{_percent(_share(*pair)):>8}" for pair in shares)
            index = "few" if each.index is None else str(each.index)
            print(f"  {each.name[:24]:<24}{index:>6}{each.sent:>9,}{cells}{_percent(each.tls):>7}")


def _print_said(said: Sequence[SaidRow]) -> None:
    if said:
        print("\n  what was said")
    for each in said:
        print(f"  {each.count:>8,} {each.what} ({each.klass}), message {each.message_id} [{each.rule}]")
        print(_cut(f"           {each.reply}"))


def _print_alarms(found: Sequence[AlarmRow]) -> None:
    if found:
        print("\n  alarms")
    for each in found:
        over = "" if each.ended_ms is None else f" to {_moment(each.ended_ms)}"
        print(f"  {each.level} since {_moment(each.began_ms)}{over}\n    {each.text}")


def _span(seconds: int) -> str:
    """A power of two of seconds, in words."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds} s"


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{100 * share:.2f}%" if 0 < share < 0.1 else f"{100 * share:.1f}%"


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
