"""`posthouse export`: everything as one folder, from which a new machine goes on. Needs no daemon, and wants none running."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.common import ConfigPath, alone, clock, config, database, installed_files, make_app, refuse

if TYPE_CHECKING:
    from engine.config import Config
    from engine.exchange.folder import Files

app = make_app("Everything as one folder.")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    running: Annotated[
        bool, typer.Option("--running", help="Also while the daemon runs: to look at, not to go on from.")
    ] = False,
    secrets: Annotated[
        bool, typer.Option("--secrets/--no-secrets", help="With the DKIM keys, and the secret of links in mail.")
    ] = True,
    config_path: ConfigPath = None,
) -> None:
    """Write contacts, lists, consent, suppressions, flows, events and the rest to FOLDER, as text."""
    from engine.exchange.folder import FolderError, remove, write
    from mta.ports import StoreTrouble
    from mta.queue import queue

    settings = config(config_path)
    store = database(settings)
    was_there = folder.exists()
    try:
        with nullcontext() if running else alone(settings, "--running does it all the same"):
            counts = write(
                store, folder, _files(settings, config_path, secrets), hostname=settings.hostname,
                now=clock(store).now(), tell=lambda name, count: None,
            )  # fmt: skip
            waiting = store.read_now(lambda tx: queue.count_waiting(tx))
    except FolderError as err:
        refuse(str(err), code=2)
    except (OSError, StoreTrouble) as err:
        if not was_there:
            remove(folder)
        refuse(f"{folder} can't be written: {err}", code=2)
    for name, count in counts.items():
        if count:
            print(f"{count:>12,}  {name}")
    print(f"{folder} is written" + (", and is as secret as this machine" if secrets else ""))
    if waiting:
        print(
            f"{waiting:,} deliveries wait in the queue here; they stay, and leave from here when the daemon starts again"
        )


def _files(settings: "Config", config_path: Path | None, secrets: bool) -> "Files":
    from engine.exchange.folder import Files

    places = installed_files(settings, config_path)
    return Files(places if secrets else {name: each for name, each in places.items() if name == "templates"})
