"""`posthouse db`: the database as a whole: carried over from SQLite to PostgreSQL, or back. Wants no daemon running."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.commands.common import ConfigPath, Json, alone, config, config_file, installed_files, make_app, refuse, who

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.config import Config
    from engine.moving.carrying import Moved
    from engine.store.groups import GroupStore
    from mta.ports import Tx

app = make_app("The database as a whole: carried over from SQLite to PostgreSQL, or back.")
_EVERY: int = 50_000  # rows between two lines of progress
_DIGITS: int = 12  # of a digest, that people compare


@app.callback()
def db() -> None:
    """The database as a whole: carried over from SQLite to PostgreSQL, or back."""


@app.command()
def move(
    to: Annotated[str, typer.Argument(help='"postgresql://user@host/name", or a file\'s path to go back to SQLite.')],
    check: Annotated[bool, typer.Option("--check", help="Move nothing; read both again and compare.")] = False,
    source: Annotated[
        str, typer.Option("--from", help="The old database, where the configuration names the new one already.")
    ] = "",
    secret: Annotated[
        Path | None,
        typer.Option("--secret", help="File with the password to the new one, as database.secret names it."),
    ] = None,
    into: Annotated[
        Path | None, typer.Option("--backup", help="Folder of the backup; backup.folder otherwise.")
    ] = None,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Carry everything over to a new, empty database: the queue, flows, people, consent, history, acts.

    First a backup is made. Every table is read again and compared by count and digest before the old database is left;
    it sends nothing afterwards. Killed in the middle, it is typed again. Keep the password out of the command line: put it
    into a file (--secret), or into ~/.pgpass.
    """
    from engine.moving.carrying import MoveError
    from mta.ports import StoreTrouble

    settings = config(config_path)
    ends = _ends(settings, source, to, secret)
    try:
        if check:
            _show(ends, _compare(ends), "", 0.0, as_json)
            return
        with alone(settings):
            _move(ends, settings, into, config_path, as_json)
    except MoveError as err:
        refuse(str(err))
    except (StoreTrouble, OSError) as err:
        refuse(f"the move broke off: {err}", "nothing was changed in the old database; type the same command again")


@dataclass(frozen=True, slots=True)
class _Ends:
    """From where to where: what a store is opened with, and how it is shown."""

    old: Path | str
    new: Path | str
    new_shown: str
    had_secret: bool  # it was typed in the address
    secret: Path | None  # the file that has it


def _with_password(to: Path | str, secret: Path | None) -> Path | str:
    """The address with the password that the file holds."""
    from urllib.parse import quote

    from mta.plain_file import why
    from mta.secret_file import read_secret

    if secret is None:
        return to
    if isinstance(to, Path):
        refuse("--secret is for an address of PostgreSQL: a file has no password", code=2)
    try:
        return f"{to}{'&' if '?' in to else '?'}password={quote(read_secret(secret), safe='')}"
    except (OSError, UnicodeDecodeError) as err:
        refuse(f"{secret} can't be read: {why(err)}", code=2)


def _ends(settings: "Config", source: str, to: str, secret: Path | None) -> _Ends:
    from engine.faults import ConfigFaults

    try:
        old = _place(source)[0] if source else settings.database_place
    except ConfigFaults as err:
        refuse(str(err), code=2)
    new, shown, had_secret = _place(to)
    if isinstance(old, Path) == isinstance(new, Path):
        kind = "files" if isinstance(old, Path) else "PostgreSQL databases"
        remedy = "if the configuration names the new one already, say --from OLD" if not source else ""
        refuse(f"both are {kind}: a move goes from one kind to the other", remedy, code=2)
    if isinstance(old, Path) and not old.exists():
        refuse(f"there is no database {old}", code=2)
    return _Ends(old, _with_password(new, secret), shown, had_secret, secret)


def _place(text: str) -> tuple[Path | str, str, bool]:
    """What was typed, what of it may be shown, and whether a secret was in it."""
    from engine.store.address import shown
    from engine.store.opening import POSTGRES, no_driver

    if not POSTGRES.match(text):
        if "://" in text or not text:
            refuse('that is no address of a database: try "postgresql://user@host/posthouse"', code=2)
        return Path(os.path.realpath(text)), str(Path(text).absolute()), False
    try:
        words, had_secret = shown(text)
    except ImportError as err:
        refuse(no_driver(err), code=2)
    except ValueError as err:
        refuse(f"that is {err}", code=2)
    return text, words, had_secret


def _move(ends: _Ends, settings: "Config", into: Path | None, config_path: Path | None, as_json: bool) -> None:
    from engine.backup.folder import BackupError
    from engine.backup.making import What, make
    from engine.moving.carrying import Move, make_ready
    from engine.release import version
    from engine.store.migrate import schema
    from engine.system import SystemChance, SystemClock

    clock = SystemClock()
    began = clock.monotonic()
    old, new = _open(ends.old), _open(ends.new, fresh=True)
    try:
        _want_ours(old)
        make_ready(new)
        run = Move(old, new, clock.now(), _teller(), _note(ends.new_shown))
        run.look()
        files = installed_files(settings, config_path)
        try:
            kept = make(
                What(ends.old, files, settings.hostname, version(), schema()),
                into or settings.backups_path,
                clock.now(),
            )
        except BackupError as err:
            refuse(
                f"no backup can be made, so nothing was moved: {err}",
                "mend that; where only the place is wrong, --backup FOLDER names another",
            )
        moved = run.run(settings.daemon.state_dir, SystemChance().octets)
    finally:
        old.close()
        new.close()
    _show(ends, moved, str(kept.folder), clock.monotonic() - began, as_json)
    if not as_json:
        _say_what_is_next(ends, settings, config_file(config_path))


def _compare(ends: _Ends) -> "Moved":
    from engine.moving.carrying import compare

    old, new = _open(ends.old), _open(ends.new)
    try:
        for store in (old, new):
            _want_ours(store)
        return compare(old, new, _teller())
    finally:
        old.close()
        new.close()


def _open(place: Path | str, *, fresh: bool = False) -> "GroupStore":
    from engine.store.opening import store_at
    from engine.system import SystemClock

    if isinstance(place, Path) and not fresh and not place.exists():
        refuse(f"there is no database {place}", code=2)
    return store_at(place, SystemClock()).open()


def _want_ours(store: "GroupStore") -> None:
    from engine.store.migrate import SchemaMismatch

    try:
        store.check_schema()
    except SchemaMismatch as err:
        refuse(f"{store.name}: {err}")


def _note(target: str) -> "Callable[[Tx], None]":
    """The act, which both databases have afterwards. `telling.typed` would keep the address as it was typed."""
    from engine.acts import keeping
    from engine.own_folder import user_name
    from engine.store.lab_time import read_offset
    from engine.system import SystemClock

    def work(tx: "Tx") -> None:
        user, now = user_name(os.getuid()), SystemClock(read_offset(tx)).now()
        number = keeping.begin(tx, "posthouse db move", user=user, operator=who(), about=target, told="{}", now=now)
        keeping.complete(tx, number, f"moved to {target}", now, final="go back with `posthouse db move`")

    return work


def _teller() -> "Callable[[str, str, int], None]":
    """Progress, on the standard error: a line for a table that is long, every so many rows."""
    last = ("", "", 0)

    def tell(what: str, table: str, rows: int) -> None:
        nonlocal last
        if (what, table) != last[:2]:
            last = (what, table, 0)
        if rows - last[2] >= _EVERY:
            last = (what, table, rows)
            print(f"  {what} {rows:>12,}  {table}", file=sys.stderr, flush=True)

    return tell


def _show(ends: _Ends, moved: "Moved", kept: str, seconds: float, as_json: bool) -> None:
    """The closing table. Ends the command where the two differ."""
    if as_json:
        print(json.dumps(_plain(ends, moved, kept, seconds), indent=2))
    else:
        for each in moved.tables:
            if each.here.rows or each.there.rows:
                other = "same" if each.is_same else f"DIFFERS: {each.there.rows:,} rows, {each.there.digest[:_DIGITS]}"
                print(f"{each.here.rows:>12,}  {each.name:<20} {each.here.digest[:_DIGITS]}  {other}")
        empty = sum(not each.here.rows and not each.there.rows for each in moved.tables)
        print(f"{moved.rows:>12,}  rows in {len(moved.tables)} tables ({empty} of them empty)")
    if moved.differing:
        refuse(
            f"{len(moved.differing)} tables differ", "where a daemon has run on the new one since, they have to", code=1
        )


def _plain(ends: _Ends, moved: "Moved", kept: str, seconds: float) -> dict[str, Any]:
    tables = [
        {"name": each.name, "rows": each.here.rows, "sha256": each.here.digest, "is_same": each.is_same,
         "rows_there": each.there.rows, "sha256_there": each.there.digest}
        for each in moved.tables
    ]  # fmt: skip
    return {
        "to": ends.new_shown, "rows": moved.rows, "is_same": not moved.differing, "replaced_nul": moved.replaced,
        "seconds": round(seconds, 1), "backup": kept, "tables": tables,
    }  # fmt: skip


def _say_what_is_next(ends: _Ends, settings: "Config", path: Path) -> None:
    if isinstance(ends.new, Path):
        state = settings.daemon.state_dir.absolute()
        name = ends.new.relative_to(state) if ends.new.is_relative_to(state) else ends.new
        line = f'path = "{name}"'
    else:
        line = f'url = "{ends.new_shown}"'
    print(f"every table was read again and is the same. Now write into {path}, {_where(path)}:")
    print(f"  {line}")
    if ends.secret is not None:
        print(f'  secret = "{ends.secret.absolute()}"')
    if ends.had_secret:
        print(
            "the password does not belong there: put it into ~posthouse/.pgpass (mode 0600); change it, too, since the"
        )
        print("command line could be read by others of this machine")
    print(
        "and start the daemon. The old database sends nothing any more and is kept; docs/postgresql.md: how to go back."
    )


def _where(path: Path) -> str:
    """The place of the setting, in words."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    inside = 0
    for number, line in enumerate(lines, 1):
        word = line.strip()
        if word.startswith("["):
            inside = number if word.startswith("[database]") else 0
        elif inside and word.partition("=")[0].strip() in ("path", "url"):
            return f"in the place of line {number} ({word.partition('=')[0].strip()} = ...)"
    heads = [number for number, line in enumerate(lines, 1) if line.strip().startswith("[database]")]
    return f"below line {heads[0]} ([database])" if heads else "at its end, below a line [database]"
