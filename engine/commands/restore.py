"""`posthouse restore`: an installation from a backup, or a new machine from an exported folder. Wants no daemon running."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from engine.commands.common import ConfigPath, alone, config, database, installed_files, make_app, refuse

if TYPE_CHECKING:
    from engine.config import Config

app = make_app("An installation from a backup, or a new machine from an exported folder.")
_LIFT: Final = '`posthouse fence lift --why "..."`'


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="What `posthouse backup make` or `posthouse export` wrote.")],
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Of an export: let flows go on, since the old machine writes to nobody any more."
        ),
    ] = False,
    config_path: ConfigPath = None,
) -> None:
    """Put a backup in the place of what is here, which is kept beside it; or fill an empty database from an export.

    Nothing is sent from a backup until `posthouse fence lift --why "..."`.
    """
    from engine.backup.folder import is_backup

    settings = config(config_path)
    if is_backup(folder):
        if resume:
            refuse(f"--resume is for an exported folder; a backup goes on after {_LIFT}", code=2)
        _from_backup(settings, folder, config_path)
    else:
        _from_export(settings, folder, resume=resume)


def _from_backup(settings: "Config", folder: Path, config_path: Path | None) -> None:
    from engine.backup.folder import BackupError, read
    from engine.backup.restoring import check, put_up_fence
    from engine.backup.restoring import restore as put_back
    from engine.store.migrate import schema
    from engine.system import SystemClock
    from mta.ports import StoreTrouble
    from mta.queue import queue

    now = SystemClock().now()
    places = {name: each for name, each in installed_files(settings, config_path).items() if name != "posthouse.toml"}
    try:
        with alone(settings):
            backup = read(folder)
            check(backup, schema())
            done = put_back(backup, settings.database_place, places, now)
            store = database(settings, upgrade=True)
            put_up_fence(store, backup, now)
            waiting = store.read_now(queue.count_waiting)
    except BackupError as err:
        refuse(str(err), "nothing was changed")
    except (OSError, StoreTrouble) as err:
        refuse(f"it can't be restored: {err}", "what was there is beside it, as NAME.replaced-TIME")
    for each in done.placed:
        print(f"restored  {each}")
    for each in done.moved:
        print(f"kept      {each}")
    print(f"{waiting:,} deliveries wait, as they did at {backup.made}. Nothing is sent until {_LIFT}:")
    print(
        "  look at `posthouse queue messages` and `posthouse campaign list` first; what left since then would leave again"
    )
    print(f"the configuration stays as it is; the backup's is {folder / 'posthouse.toml'}")


def _from_export(settings: "Config", folder: Path, *, resume: bool) -> None:
    from engine import fence
    from engine.audience.ledger import Broken
    from engine.campaigns.restored import settle
    from engine.exchange.folder import FolderError
    from engine.exchange.restoring import Folder, RowRefused
    from engine.exchange.restoring import restore as fill
    from engine.system import SystemClock
    from mta.ports import StoreTrouble

    try:
        with alone(settings):
            found = Folder.open(folder)
            store = database(settings, create=True, is_act=False)
            done = fill(store, found, SystemClock(), resume=resume, tell=lambda name, count: None)
            paused = store.write_now(lambda tx: settle(tx, resume=resume))
            fence.forget(settings.daemon.state_dir)
            places = {"keys": settings.keys_path, "secret": settings.secret_path}
            put = found.put_files(places | ({"templates": settings.templates} if settings.templates else {}))
    except RowRefused as err:
        refuse(str(err), "begin again with an empty database, and a folder as `posthouse export` wrote it")
    except FolderError as err:
        refuse(str(err), "nothing was written", code=2)
    except Broken as err:
        refuse(f"the ledger does not verify: {err}", "the folder was changed: do not use this database")
    except (OSError, StoreTrouble) as err:
        refuse(f"it can't be restored: {err}", "begin again with an empty database")
    print(f"{sum(done.rows.values()):,} rows are restored, {len(put)} files of the installation's own")
    print(f"{done.entries:,} entries of consent and {done.imported:,} imported rows verify")
    if done.paused:
        print(f"{done.paused} flows are paused: when the old machine is gone, `posthouse flow resume NAME`")
    if paused:
        print(
            f"{paused} campaigns are paused, those that come again do not: `posthouse campaign resume NAME`, or schedule"
        )
