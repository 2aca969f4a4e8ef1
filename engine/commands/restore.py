"""`posthouse restore`: a new machine from an exported folder. Needs no daemon, and wants none running."""

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.common import ConfigPath, alone, config, database, make_app, refuse

app = make_app("A new machine from an exported folder.")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="What `posthouse export` wrote.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Let flows go on: the old machine is gone and writes to nobody.")
    ] = False,
    config_path: ConfigPath = None,
) -> None:
    """Fill an empty database from FOLDER, and check all of it. Keys and secrets go to the state folder."""
    from engine import fence
    from engine.audience.ledger import Broken
    from engine.campaigns.restored import settle
    from engine.exchange.folder import FolderError
    from engine.exchange.restoring import Folder, RowRefused
    from engine.exchange.restoring import restore as fill
    from engine.system import SystemClock
    from mta.ports import StoreTrouble

    settings = config(config_path)
    try:
        with alone(settings):
            found = Folder.open(folder)
            store = database(settings, create=True)
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
