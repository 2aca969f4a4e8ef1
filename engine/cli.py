"""`posthoused`: the daemon's own command. serve runs it, check reads its configuration, migrate brings its database
up to date.

Exit codes: 0 done; 1 it failed; 2 something given is wrong (every fault is listed) and nothing was changed; 70 a
carrier lost its lease.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from engine import log as logs

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The Posthouse daemon.", pretty_exceptions_enable=False
)

ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", envvar="POSTHOUSE_CONFIG")]
DEFAULT = Path("/etc/posthouse/posthouse.toml")


@app.command()
def serve(
    config: ConfigPath = DEFAULT,
    log_format: Annotated[str, typer.Option(help="json, or text for people.")] = "text"
    if sys.stderr.isatty()
    else "json",
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run until told to stop (SIGTERM drains, SIGHUP reads the configuration again)."""
    from engine import daemon
    from engine.faults import ConfigFaults
    from engine.lock import AlreadyRunning
    from engine.sending.brand import BrandError
    from engine.sending.texts import TextError
    from engine.sockets import CannotListen
    from engine.store.migrate import SchemaMismatch
    from mta.ports import StoreTrouble

    logs.start(as_json=log_format == "json", level=log_level.upper())
    try:
        daemon.serve(config)
    except (ConfigFaults, BrandError, TextError) as err:
        _refuse(str(err))
    except (CannotListen, AlreadyRunning, SchemaMismatch, StoreTrouble, daemon.Broken) as err:
        _refuse(str(err), code=1)


@app.command()
def check(config: ConfigPath = DEFAULT) -> None:
    """Read the configuration, the files that it names, extractors and mail templates; list everything that is wrong."""
    from engine.config import check_machine, load
    from engine.faults import ConfigFaults
    from engine.intake.extractors.book import read_folder
    from engine.sending.checking import check_mails
    from engine.sending.resources import Resources

    try:
        settings = load(config)
        check_machine(settings, config)
    except ConfigFaults as err:
        _refuse(str(err))
    mails = check_mails(Resources([settings.templates] if settings.templates else []))
    if faults := [*map(str, mails), *map(str, read_folder(settings.intake.extractors).faults)]:
        _refuse("\n".join(faults))
    typer.echo(f"{config}: all right")


@app.command()
def migrate(config: ConfigPath = DEFAULT) -> None:
    """Bring the database up to date; a copy of an SQLite file is kept beside it before a change."""
    from engine.config import load
    from engine.faults import ConfigFaults
    from engine.house import ensure_state
    from engine.store.migrate import SchemaMismatch
    from engine.store.opening import store_at
    from engine.system import SystemClock
    from mta.ports import StoreTrouble

    try:
        settings = load(config)
        ensure_state(settings)
        database = store_at(settings.database_place, SystemClock()).open()
        applied = database.migrate()
        database.close()
    except ConfigFaults as err:
        _refuse(str(err))
    except (SchemaMismatch, StoreTrouble) as err:
        _refuse(str(err), code=1)
    typer.echo(f"{database.name}: " + (f"applied {', '.join(applied)}" if applied else "up to date"))


def _refuse(words: str, code: int = 2) -> None:
    typer.echo(words, err=True)
    raise SystemExit(code)


def main() -> None:
    app()
