"""`posthouse report day`: what whoever operates wants to know in the morning, printed or sent by mail."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from engine.commands.common import ConfigPath, Json, Socket, config, refuse
from engine.control import place
from engine.control.client import Control, ControlError
from engine.control.protocol.doctor import DoctorReport
from engine.control.protocol.health import Health
from engine.control.protocol.house import Overview
from engine.control.protocol.journal import ActRow, Acts
from engine.control.protocol.reputation import ReputationAnswer, ReputationRow
from mta.ports import from_ms

PATIENCE: Final = 60.0  # seconds for each answer
DAY_MS: Final = 86_400_000
MOST: Final = 10  # lines of one kind
EXAMINED: Final = ("fail", "warn")


@dataclass(frozen=True, slots=True)
class Morning:
    """What the daemon said."""

    health: Health
    house: Overview
    reputation: ReputationAnswer
    acts: Acts
    doctor: DoctorReport | None = None  # nothing was examined yet

    @property
    def subject(self) -> str:
        return f"Posthouse on {self.house.host}: {self.health.state}"


def day(
    mail: Annotated[
        bool, typer.Option("--mail", help="Send it to `report.to`, where somebody is named there.")
    ] = False,
    socket: Socket = None,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Health, yesterday's mail, what waits, rules that fail and what operators did in the last day.

    `posthouse-report.timer` has it made every morning. Without --mail, and without anybody in `report.to`, it is printed.
    """
    try:
        found = _asked(Control(_socket(socket, config_path), patience=PATIENCE))
    except ControlError as err:
        refuse(str(err), err.remedy)
    to = config(config_path).report.to if mail else ()
    if as_json:
        print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    elif to:
        from engine.commands.report_mailed import send

        print(f"{send(to, found.subject, list(lines(found)), config_path)} {', '.join(to)}")
    else:
        print("\n".join(lines(found)))


def _socket(given: Path | None, config_path: Path | None) -> Path:
    """As all commands; a unit names the configuration, and its socket may be systemd's."""
    try:
        if given is None and config_path is not None and not place.configured(config_path).exists():
            config_path = None
        return place.socket_path(given, config_path)
    except place.NoPlace as err:
        refuse(str(err), code=2)


def _asked(control: Control) -> Morning:
    try:
        doctor = control.get(DoctorReport, "/v1/doctor", {"kept": 1})
    except ControlError as err:
        if not err.refused:
            raise
        doctor = None
    return Morning(
        control.get(Health, "/v1/health"), control.get(Overview, "/v1/overview"),
        control.get(ReputationAnswer, "/v1/reputation", {"days": 30}), control.get(Acts, "/v1/acts", {"limit": 500}), doctor,
    )  # fmt: skip


def lines(found: Morning) -> Iterator[str]:
    """The report as text."""
    house = found.house
    yield f"{found.subject}, {from_ms(house.now_ms):%Y-%m-%d %H:%M} UTC"
    for each in found.health.reasons:
        yield f"  {each.state}: {each.reason}: {each.says}"
        yield f"    {each.remedy}"
    yield ""
    yield from _mail(found.reputation)
    yield f"Now: {house.queued:,} wait, {house.in_flight:,} under way, {house.in_doubt:,} in doubt, {house.held:,} held"
    in_trouble = [each for each in house.sites if each.retry_ms is not None]
    yield from (f"  {each.site}: {each.queued:,} wait: {each.last_reply[:100]}" for each in in_trouble[:MOST])
    yield from _more(len(in_trouble))
    yield ""
    yield from _doctor(found.doctor)
    yield from _acts([each for each in found.acts.rows if each.at_ms > house.now_ms - DAY_MS], found.acts.before)


def _mail(answer: ReputationAnswer) -> Iterator[str]:
    before = next((each for each in answer.by_day[-2:-1]), None)
    if before is not None:
        yield f"{before.name} (UTC): {_figures(before)}"
    yield f"Index over {answer.days} days: {'too few mails to say' if answer.index is None else f'{answer.index} of 100'}"
    standing = [each for each in answer.alarms if each.ended_ms is None]
    yield from (f"  {each.level}: {each.text}" for each in standing[:MOST])
    yield from _more(len(standing))


def _figures(row: ReputationRow) -> str:
    share = f" ({row.complaints / row.accepted:.2%})" if row.accepted else ""
    return (
        f"{row.tried:,} tries, {row.accepted:,} delivered, {row.deferred:,} put off, {row.bounced:,} refused,"
        f" {row.complaints:,} complaints{share}, {row.unsubscribes:,} left"
    )


def _doctor(report: DoctorReport | None) -> Iterator[str]:
    if report is None:
        yield "The doctor has not looked yet: `posthouse doctor`"
    else:
        rows = [each for each in report.rules if each.verdict in EXAMINED]
        yield f"The doctor on {from_ms(report.at_ms):%Y-%m-%d %H:%M} UTC: {report.verdict}"
        yield from (
            f"  {each.verdict}: {' '.join((each.rule, each.about)).strip()}: {each.says}" for each in rows[:MOST]
        )
        yield from _more(len(rows))
    yield ""


def _acts(rows: list[ActRow], goes_on: int) -> Iterator[str]:
    yield f"What operators did in a day: {len(rows)}{' and more' if goes_on and len(rows) == 500 else ''} acts"
    for each in rows[:MOST]:
        yield f"  {from_ms(each.at_ms):%H:%M} {each.user}: {each.what} {each.about}".rstrip()
    yield from _more(len(rows), "`posthouse acts`")


def _more(count: int, where: str = "") -> Iterator[str]:
    if count > MOST:
        yield f"  and {count - MOST} more" + (f": {where}" if where else "")
