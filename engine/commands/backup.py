"""`posthouse backup`: copies of everything, made while the daemon runs. Needs no daemon."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.common import ConfigPath, Json, config, installed_files, make_app, refuse

if TYPE_CHECKING:
    from engine.backup.folder import Backup

app = make_app("Copies of everything, made while the daemon runs.")


@app.command()
def make(
    into: Annotated[Path | None, typer.Option("--into", help="The folder; backup.folder otherwise.")] = None,
    keep: Annotated[int | None, typer.Option("--keep", min=1, help="How many stay; backup.keep otherwise.")] = None,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Copy the database as it is now, with keys, secret, configuration and templates; remove the oldest."""
    from engine.backup.folder import BackupError, prune
    from engine.backup.making import What
    from engine.backup.making import make as copy
    from engine.release import version
    from engine.store.migrate import schema
    from engine.system import SystemClock

    settings = config(config_path)
    folder = into.absolute() if into else settings.backups_path
    what = What(settings.database_place, installed_files(settings, config_path), settings.hostname, version(), schema())
    try:
        made = copy(what, folder, SystemClock().now())
        removed = prune(folder, keep or settings.backup.keep)
    except BackupError as err:
        refuse(str(err))
    if as_json:
        print(json.dumps(_plain(made) | {"removed": [str(each) for each in removed]}, indent=2))
        return
    print(f"{made.folder} is made: {_size(made.size)}, read through, as secret as this machine")
    if removed:
        print(f"{len(removed)} older removed")


@app.command("list")
def list_(
    folder: Annotated[Path | None, typer.Argument(help="backup.folder otherwise.")] = None,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """The backups that there are, the newest first."""
    from engine.backup.folder import BackupError, kept_in

    try:
        found = list(kept_in(folder or config(config_path).backups_path))
    except BackupError as err:
        refuse(str(err))
    if as_json:
        print(json.dumps([_plain(each) for each in found], indent=2))
        return
    for each in found:
        print(f"{each.made}  {_size(each.size):>10}  {each.version:<10}  {each.folder}")
    if not found:
        print("there are none: `posthouse backup make` makes one")


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="A backup.")], as_json: Json = False) -> None:
    """Read a backup again: is every file what was written, is the database whole."""
    from engine.backup.folder import BackupError, read
    from engine.backup.restoring import check as look
    from engine.store.migrate import schema

    try:
        found = read(folder)
        look(found, schema())
    except BackupError as err:
        refuse(str(err))
    print(json.dumps(_plain(found), indent=2) if as_json else f"{folder} is whole: {_size(found.size)} of {found.made}")


def _plain(backup: "Backup") -> dict[str, object]:
    return asdict(backup) | {"folder": str(backup.folder), "size": backup.size}


def _size(octets: int) -> str:
    return f"{octets / (1 << 20):,.1f} MiB"
