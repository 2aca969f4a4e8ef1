"""`posthouse contact import`: people out of a file, onto lists, with what was declared of their consent."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from deliverability.text import clean
from engine.commands.common import ConfigPath, Json, clock, config, database, refuse, who

if TYPE_CHECKING:
    from engine.exchange.importing import Progress
    from engine.exchange.opening import Opened
    from engine.exchange.preparing import Counted, Prepared, Wanted
    from engine.store.groups import GroupStore

T = TypeVar("T")

Sources = Annotated[
    str, typer.Option(help='How the addresses were come by, as you would tell a court: "fair in Leipzig, May 2026" ...')
]


def import_people(
    file: Annotated[Path, typer.Argument(help="CSV, JSON lines, Mailchimp's archive, or listmonk's CSV or dump.")],
    source: Sources = "",
    wording: Annotated[
        str, typer.Option(help="The words that people agreed to; without, the purpose of the lists stands for them.")
    ] = "",
    lists: Annotated[
        list[str] | None, typer.Option("--list", help="Subscribe them to this list (again for more).")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Give each of them this tag (again for more).")] = None,
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", help='What a column holds: "E-Mail=address", "Size=shoe_size"; "Notes=-" leaves it out.'),
    ] = None,
    list_map: Annotated[
        list[str] | None, typer.Option(help='Of listmonk: which list of yours is theirs, "Tea Letters=tea".')
    ] = None,
    kind: Annotated[
        str, typer.Option("--from", help="csv, jsonl, mailchimp or listmonk; without, the file says it.")
    ] = "",
    encoding: Annotated[
        str, typer.Option(help="UTF-8, UTF-16, GB18030, Windows-1251, Windows-1255 or Windows-1252; else it is found.")
    ] = "",
    separator: Annotated[str, typer.Option(help="What stands between cells; else it is found.")] = "",
    dates: Annotated[
        str, typer.Option(help="How days are written: iso (2026-03-31), dmy (31.03.2026) or mdy.")
    ] = "iso",
    locale: Annotated[str, typer.Option(help="The language of those whose row says none.")] = "",
    zone: Annotated[str, typer.Option(help="The time zone of those whose row says none.")] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write over what is kept; without, only what is empty is filled.")
    ] = False,
    asks: Annotated[
        bool,
        typer.Option("--ask", help="Believe nobody: each is asked by mail, and stands on the list when they say yes."),
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also where this very file was imported before.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read all of it, show what would be, write nothing.")
    ] = False,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Take people in from FILE. Rows that can't be taken go to a quarantine file beside it."""
    from engine.exchange.preparing import Wanted

    if not source.strip() and not dry_run:
        refuse(
            "--source says how these addresses were come by: it is the consent that every mail to them rests on",
            'such as --source "customers who ticked the box in our shop, 2024 to 2026"', code=2,
        )  # fmt: skip
    if lists and not wording.strip() and not dry_run and not asks:
        _want_purpose(config_path, lists)
    wanted = Wanted(
        source.strip(), wording.strip(), tuple(lists or ()), _tags(tag), _pairs(maps, "--map"),
        _pairs(list_map, "--list-map"), _tidy("locale", locale), _tidy("zone", zone), _one_of(dates, "--dates"), overwrite,
        asks,
    )  # fmt: skip
    store = database(config(config_path))
    with (
        tempfile.TemporaryDirectory(prefix="posthouse-import-") as folder,
        _opened(file, kind, encoding, separator) as it,
    ):
        prepared = _prepared(store, it, wanted, Path(folder))
        if dry_run:
            _show_dry(it, prepared, _guarded(prepared.try_out), as_json)
            return
        _run(store, file, prepared, wanted, again, as_json)


def _run(store: "GroupStore", file: Path, prepared: "Prepared", wanted: "Wanted", again: bool, as_json: bool) -> None:
    from engine.audience.ledger import SALT_OCTETS
    from engine.exchange.importing import Import
    from engine.exchange.quarantine import Quarantine
    from engine.system import SystemChance

    chance = SystemChance()
    declared = prepared.declare(who(), chance.octets(SALT_OCTETS))
    task = Import(store, clock(store), chance, wanted.overwrite, _tell)
    with Quarantine(file, is_json=prepared.is_json) as quarantine:
        done = _guarded(lambda: task.run(prepared.parts, declared, quarantine, again=again))
    if as_json:
        said = {name: getattr(done, name) for name in _SHOWN}
        said |= {"rows": done.taken + done.refused, "quarantine": [str(each) for each in quarantine.paths]}
        print(json.dumps(said, ensure_ascii=False, indent=2))
        return
    if done.resumed:
        print(f"it went on where it was interrupted, with {_rows(done.resumed)} taken")
    print(f"taken: {_rows(done.taken)}; {done.made:,} people are new, {done.taken - done.made:,} were known")
    if done.stopped:
        print(f"suppressed, and so they stay: {done.stopped:,} of them")
    if done.refused:
        print(f"not taken: {_rows(done.refused)}; see {' and '.join(map(str, quarantine.paths))} for the reasons")
    if done.seq is None:
        refuse("nothing was imported")
    print(f"import {done.batch_id} is entry {done.seq} of the consent ledger; its bounces are watched from now on")


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count != 1 else ''}"


_SHOWN = ("batch_id", "taken", "made", "refused", "stopped", "seq", "resumed")


def _tell(progress: "Progress") -> None:
    if sys.stderr.isatty():
        print(f"\r{progress.taken:,} taken, {progress.refused:,} refused", end="", file=sys.stderr, flush=True)


def _show_dry(opened: "Opened", prepared: "Prepared", counted: "Counted", as_json: bool) -> None:
    if as_json:
        print(json.dumps(_dry(opened, prepared, counted), ensure_ascii=False, indent=2))
        return
    print(f"{opened.path.name}: {opened.kind}" + (f", {opened.encoding}" if opened.encoding else ""))
    for name, columns in prepared.tables:
        print(f"\n{clean(name)}")
        for column, target in columns:
            print(f"  {clean(column):<28} {'left out' if target == '-' else target}")
    print(f"\n{_rows(counted.rows)}: {counted.good:,} can be taken, {counted.rows - counted.good:,} can't")
    print(f"{counted.known:,} are known already, {counted.stopped:,} are suppressed and stay so")
    for reason, count in counted.reasons.most_common(10):
        table, number = counted.first[reason]
        print(f"  {count:,}: {clean(reason)} (first in row {number} of {clean(table)})")
    for person in counted.people:
        print(f"  e.g. {person.address}  {person.name}  {json.dumps(person.fields, ensure_ascii=False)}")
    print("nothing was written")


def _dry(opened: "Opened", prepared: "Prepared", counted: "Counted") -> dict[str, Any]:
    return {
        "kind": opened.kind, "encoding": opened.encoding,
        "columns": {name: dict(columns) for name, columns in prepared.tables}, "rows": counted.rows,
        "good": counted.good, "known": counted.known, "suppressed": counted.stopped, "refused": dict(counted.reasons),
    }  # fmt: skip


def _opened(file: Path, kind: str, encoding: str, separator: str) -> "Opened":
    from engine.exchange.encodings import CODECS
    from engine.exchange.opening import KINDS, open_file

    if kind and kind not in KINDS:
        refuse(f'--from "{kind[:20]}" is none of {", ".join(KINDS)}', code=2)
    names = {name.lower(): name for name in CODECS}
    if encoding and encoding.lower() not in names:
        refuse(f'--encoding "{encoding[:20]}" is none of {", ".join(CODECS)}', code=2)
    if len(separator) > 1 and separator not in ("\\t", "tab"):
        refuse(f'--separator "{separator[:20]}" is not one character', code=2)
    between = "\t" if separator in ("\\t", "tab") else separator
    return _guarded(lambda: open_file(file, kind=kind, encoding=names.get(encoding.lower(), ""), separator=between))


def _prepared(store: "GroupStore", opened: "Opened", wanted: "Wanted", folder: Path) -> "Prepared":
    from engine.exchange.preparing import Prepared

    return _guarded(lambda: Prepared(store, opened, wanted, folder))


def _guarded(do: Callable[[], T]) -> T:
    """What was done; what can't be ends the command in words."""
    from engine.audience.lists import ListError
    from engine.exchange.columns import MappingError
    from engine.exchange.encodings import NoText, Unclear
    from engine.exchange.importing import ImportedAlready
    from engine.exchange.rows import NoTable
    from mta.ports import StoreTrouble

    try:
        return do()
    except ImportedAlready as err:
        refuse(str(err), "--again imports it once more; `posthouse import list` shows what was imported")
    except Unclear as err:
        refuse(str(err), "nothing was written", code=2)  # several lines, each of which is clean
    except (ListError, MappingError, NoText, NoTable) as err:
        refuse(clean(str(err)), "nothing was written", code=2)
    except OSError as err:
        refuse(f"{err.filename or 'the file'} can't be read or written: {err.strerror}", code=2)
    except StoreTrouble as err:
        refuse(str(err), "give the same command again: it goes on where it stopped")


def _want_purpose(config_path: Path | None, names: list[str]) -> None:
    from engine.audience import lists

    found = [database(config(config_path)).read_now(lambda tx, name=name: lists.get(tx, name)) for name in names]  # type: ignore[misc]
    if all(each is not None and not each.purpose for each in found):
        refuse(
            "--wording says which words these people agreed to (the lists have no purpose that could stand for them)",
            'such as --wording "Yes, send me the monthly letter"', code=2,
        )  # fmt: skip


def _pairs(said: list[str] | None, option: str) -> dict[str, str]:
    found = {}
    for each in said or ():
        left, equals, right = each.rpartition("=")
        if not equals or not left:
            refuse(f'{option} "{each[:60]}" is not COLUMN=WHAT', code=2)
        found[left] = right.strip()
    return found


def _tags(said: list[str] | None) -> tuple[str, ...]:
    from engine.audience.contacts import ContactError, tidy_tag

    try:
        return tuple(tidy_tag(each) for each in said or ())
    except ContactError as err:
        refuse(str(err), code=2)


def _tidy(name: str, value: str) -> str:
    from engine.audience.contacts import tidy_locale, tidy_zone

    kept = (tidy_locale if name == "locale" else tidy_zone)(value)
    if value and not kept:
        refuse(f'--{name} "{value[:40]}" is none', code=2)
    return kept


def _one_of(value: str, option: str) -> str:
    if value not in ("iso", "dmy", "mdy"):
        refuse(f'{option} "{value[:20]}" is none of iso, dmy, mdy', code=2)
    return value
