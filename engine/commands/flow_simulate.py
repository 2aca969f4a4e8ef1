"""`posthouse flow simulate`: what a flow would have done. Needs no daemon; sends nothing and writes nothing."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.common import ConfigPath, Json, clock, config, database, refuse, refuse_faulty
from engine.commands.files import text_of
from engine.control import place

if TYPE_CHECKING:
    from engine.config import Config
    from engine.flow.model import Definition
    from engine.simulation.play import Rules
    from engine.simulation.playing import Simulated
    from engine.simulation.sources import Source
    from engine.store.groups import GroupStore

Which = Annotated[str, typer.Argument(metavar="FLOW|FILE", help="A flow's name, or a flow file.")]


def simulate(
    flow: Which,
    since: Annotated[str, typer.Option(help="Over our own events of so long: 90d, 12 weeks.")] = "90d",
    history: Annotated[
        Path | None,
        typer.Option(help="Over a folder that `posthouse history generate` or `posthouse export` wrote."),
    ] = None,
    version: Annotated[str, typer.Option(help="This version of the flow: its hash, or how it begins.")] = "",
    against: Annotated[
        str, typer.Option(help="And this one, mail by mail: a hash, a flow file, or another flow's name.")
    ] = "",
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--with", help="Play this flow beside it: a name or a file. Again for each more.", metavar="FLOW|FILE"
        ),
    ] = None,
    is_alone: Annotated[
        bool,
        typer.Option("--alone", help="Without the flows that it lets people into, which are played too otherwise."),
    ] = False,
    winner: Annotated[
        list[str] | None,
        typer.Option(help="Assume that a split has its winner: which-words=scarce.", metavar="SPLIT=WAY"),
    ] = None,
    rate: Annotated[
        list[str] | None,
        typer.Option(
            help="Assume what share of a way's people do what its split counts: which-words.scarce=9%.",
            metavar="SPLIT.WAY=RATE",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Other draws of splits and holdout; 0 are the living flow's own.")] = 0,
    limit: Annotated[int, typer.Option(help="Name so many mails of each kind that differ.", min=0)] = 10,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Play a flow over the past: who enters, mails a day, who gets three in a day, what comes after the purchase."""
    from engine.simulation import comparing, report
    from engine.simulation.playing import NotPlayable
    from engine.simulation.sources import NoHistory

    with _settings(config_path, history, flow, against) as (settings, store):
        first = _definition(flow, version, store)
        other = _other(against, first, store) if against else None
        try:
            past = _past(store, settings, since, history, seed)
            one = _play(first, past, store, beside or (), winner or (), rate or (), is_alone=is_alone)
            two = (
                _play(other, past, store, beside or (), winner or (), rate or (), is_alone=is_alone) if other else None
            )
        except (NotPlayable, NoHistory) as err:
            refuse(str(err), code=2)
    found = comparing.compare(one, two) if two else None
    if as_json:
        told = report.as_json(first, one)
        if other and two and found:
            told |= {"against": report.as_json(other, two), "difference": comparing.as_json(found, one.people)}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    print("\n".join(report.lines(first, one)))
    if other and two and found:
        print()
        print("\n".join(comparing.lines((first, one), (other, two), found, one.people, limit)))


@contextmanager
def _settings(
    given: Path | None, history: Path | None, *flows: str
) -> "Iterator[tuple[Config | None, GroupStore | None]]":
    """The configuration and the database, where they are needed: a file over a folder needs neither."""
    needs_store = history is None or any(each and not Path(each).is_file() for each in flows)
    is_there = given is not None or place.is_there(place.LOCAL_CONFIG) or place.is_there(place.SYSTEM_CONFIG)
    settings = config(given) if needs_store or is_there else None
    store = database(settings) if needs_store and settings is not None else None
    try:
        yield settings, store
    finally:
        if store is not None:
            store.close()


def _definition(which: str, version: str, store: "GroupStore | None") -> "Definition":
    """A flow file's, or a version of the flow of this name."""
    from engine.flow.definition import Definition, check

    file = Path(which)
    if file.is_file():
        found = check(text_of(file), which)
    else:
        assert store is not None
        found = check(_source(which, version, store), f"{which}.yaml")
    if not isinstance(found, Definition):
        refuse_faulty(found)
    return found


def _other(against: str, first: "Definition", store: "GroupStore | None") -> "Definition":
    """A flow file's, another version of the first one's flow, or another flow's."""
    if store is None or Path(against).is_file():
        return _definition(against, "", store)
    versions = store.read_now(
        lambda tx: tx.query(
            "SELECT 1 FROM flow f JOIN flow_version v ON v.flow_id = f.id WHERE f.name = ?"
            " AND substr(v.hash, 1, CAST(? AS INTEGER)) = ?",
            (first.name, len(against), against),
        )
    )
    return _definition(*((first.name, against) if versions else (against, "")), store)


def _source(name: str, version: str, store: "GroupStore") -> str:
    rows = store.read_now(
        lambda tx: tx.query(
            "SELECT v.source FROM flow f JOIN flow_version v ON v.flow_id = f.id WHERE f.name = ?"
            + (" AND substr(v.hash, 1, CAST(? AS INTEGER)) = ?" if version else " AND v.id = f.version_id"),
            (name, len(version), version) if version else (name,),
        )
    )
    if len(rows) != 1:
        which = f" and a version {version}" if version else ""
        refuse(
            f"{name} is no flow file, and no flow has this name{which}",
            "`posthouse flow list` and `posthouse flow history NAME` list them",
            code=2,
        )
    return str(rows[0][0])


@dataclass(frozen=True, slots=True)
class _Past:
    """What is played over, from when on, by which rules."""

    source: "Source"
    rules: "Rules"
    begins: datetime | None


def _past(
    store: "GroupStore | None", settings: "Config | None", since: str, history: Path | None, seed: int
) -> _Past:  # fmt: skip
    from zoneinfo import ZoneInfo

    from deliverability.settings import parse_duration
    from engine.sending.arbiter_settings import ArbiterSettings
    from engine.simulation.play import Rules
    from engine.simulation.sources import Database, Folder

    arbiter = settings.arbiter if settings else ArbiterSettings()
    zone = ZoneInfo(settings.mail.zone if settings else "UTC")
    rules = Rules(arbiter.policy, zone, str(seed) if seed else "")
    if history is not None:
        return _Past(Folder(history), rules, None)
    assert store is not None
    try:
        ago: timedelta = parse_duration(since)
        begins = clock(store).now() - ago
    except (ValueError, OverflowError) as err:
        refuse(f"--since: {err}", code=2)
    return _Past(Database(store), rules, begins)


def _play(
    definition: "Definition", past: _Past, store: "GroupStore | None", beside: Sequence[str], winner: Sequence[str],
    rate: Sequence[str], *, is_alone: bool,
) -> "Simulated":  # fmt: skip
    from engine.simulation.assumed import AssumedError, rates, winners
    from engine.simulation.beside import fed
    from engine.simulation.playing import simulate as play

    others = [_definition(each, "", store) for each in beside]
    if store is not None and not is_alone:
        others = fed(definition, others, store)
    others = [each for each in others if each.name != definition.name]
    try:
        rules = replace(past.rules, winners=winners(definition, winner), rates=rates(definition, rate))
    except AssumedError as err:
        refuse(str(err), code=2)
    return play(definition, past.source, rules, past.begins, others)
