"""`posthouse report received` and `sources`: what others reported, from the database; needs no daemon."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from deliverability.settings import parse_duration
from engine.commands.common import ConfigPath, Json, clock, config, database, refuse
from engine.reputation.senders import Report, Sender, reports, senders
from mta.ports import Tx, from_ms

if TYPE_CHECKING:
    from engine.config import Config

T = TypeVar("T")
SHOWN: Final = 100
_FOREIGN: Final = "about domains that are none of ours; anybody may send such, and they say nothing of our mail"
Since = Annotated[str, typer.Option(help='How far back, such as "30 days".')]
Foreign = Annotated[bool, typer.Option("--foreign", help="Those about domains that are none of ours, instead.")]


def received(
    since: Since = "30 days", foreign: Foreign = False, config_path: ConfigPath = None, as_json: Json = False
) -> None:
    """The DMARC and TLS reports that came, each once. Those about foreign domains are listed apart."""
    rows = _read(config_path, since, reports)
    if as_json:
        print(json.dumps([_facts(row) for row in rows], ensure_ascii=False))
        return
    wanted = [row for row in rows if row.foreign is foreign]
    for row in wanted[:SHOWN]:
        who = f"{row.org or 'somebody'}: {row.domain}"
        print(f"{from_ms(row.at_ms).isoformat()}  {row.kind:<15} {who}: {row.total}, {row.failed} failed")
    print(f"{len(wanted)} reports" + _others(rows, wanted, foreign))


def sources(
    since: Since = "30 days", foreign: Foreign = False, config_path: ConfigPath = None, as_json: Json = False
) -> None:
    """Who sent under our domains' names, by the DMARC reports that came: which pass, which fail, and whom we do not know."""
    found = _read(config_path, since, senders)
    if as_json:
        print(json.dumps([asdict(each) for each in found], ensure_ascii=False))
        return
    wanted = [each for each in found if each.foreign is foreign]
    for each in wanted[:SHOWN]:
        counts = f"{each.messages:>9}  {each.passed:>9} pass  {each.failed:>9} FAIL"
        print(f"{counts}  {each.known:<8} {each.source_ip:<39} {each.header_from}")
    unknown = sum(each.known == "unknown" for each in wanted)
    print(f"{len(wanted)} senders, {unknown} unknown" + _others(found, wanted, foreign))


def _others(found: Sequence[Report | Sender], wanted: Sequence[Report | Sender], foreign: bool) -> str:
    left = len(found) - len(wanted)
    return f"; {left} more {_FOREIGN} (--foreign lists them)" if left and not foreign else ""


def _facts(row: Report) -> dict[str, Any]:
    told = asdict(row)
    return {"came": from_ms(told.pop("at_ms")).isoformat(), **told}


def _read(config_path: Any, since: str, question: "Callable[[Tx, datetime, Config], T]") -> T:
    try:
        span = parse_duration(since)
    except ValueError as err:
        refuse(str(err), code=2)
    settings = config(config_path)
    store = database(settings)
    begin = clock(store).now() - span
    return store.read_now(lambda tx: question(tx, begin, settings))
