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
from engine import output, typed

app = typed.program("The Posthouse daemon.", no_args_is_help=False, invoke_without_command=True)

ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", envvar="POSTHOUSE_CONFIG")]
DEFAULT = Path("/etc/posthouse/posthouse.toml")


def _say_version(wanted: bool) -> None:
    if wanted:
        from engine.release import version

        print(version())
        raise typer.Exit


@app.callback()
def posthoused(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """The Posthouse daemon."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def serve(
    config: ConfigPath = DEFAULT,
    log_format: Annotated[str, typer.Option(help="json, or text for people.")] = "text"
    if sys.stderr.isatty()
    else "json",
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run until told to stop (SIGTERM drains, SIGHUP reads the configuration again)."""
    from engine import daemon, notify
    from engine.faults import ConfigFaults
    from engine.lock import AlreadyRunning
    from engine.own_folder import NoFolder
    from engine.sending.brand import BrandError
    from engine.sending.texts import TextError
    from engine.sockets import CannotListen
    from engine.store.migrate import SchemaMismatch
    from mta.ports import StoreTrouble

    logs.start(as_json=log_format == "json", level=log_level.upper())
    try:
        daemon.serve(config)
    except (ConfigFaults, BrandError, TextError) as err:
        notify.tell(STATUS=str(err).partition("\n")[0])
        _refuse(str(err))
    except (CannotListen, AlreadyRunning, NoFolder, SchemaMismatch, StoreTrouble, daemon.Broken) as err:
        notify.tell(STATUS=str(err).partition("\n")[0])  # what `systemctl status` shows beside "failed"
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
    named = "hostname" in settings.model_fields_set
    own = (
        ""
        if named
        else f", but no hostname is set: this machine would call itself {settings.hostname}. Is the file whole?"
    )
    typer.echo(f"{config}: all right{own}")


@app.command()
def migrate(
    config: ConfigPath = DEFAULT,
    no_copy: Annotated[
        bool, typer.Option("--no-copy", help="Of a PostgreSQL database, whose server has backups of its own.")
    ] = False,
) -> None:
    """Bring the database up to date. A copy is made before a change: of an SQLite file beside it, of a PostgreSQL database
    among the backups."""
    from engine.config import load
    from engine.faults import ConfigFaults
    from engine.house import ensure_state
    from engine.own_folder import NoFolder
    from engine.store.migrate import SchemaMismatch
    from engine.store.opening import store_at
    from engine.system import SystemClock
    from engine.upgrading import upgrade
    from mta.ports import StoreTrouble

    try:
        settings = load(config)
        ensure_state(settings)
        database = store_at(settings.database_place, SystemClock()).open()
        applied = upgrade(
            database, settings, SystemClock().now(), lambda folder: typer.echo(f"{folder} is made"), copy=not no_copy
        )
        database.close()
    except ConfigFaults as err:
        _refuse(str(err))
    except (NoFolder, SchemaMismatch, StoreTrouble) as err:
        _refuse(str(err), code=1)
    typer.echo(f"{database.name}: " + (f"applied {', '.join(applied)}" if applied else "up to date"))


def _refuse(words: str, code: int = 2) -> None:
    typer.echo(f"posthoused: {words}", err=True)
    raise SystemExit(code)


def main() -> None:
    sys.exit(output.printed(lambda: typed.run(app, sys.argv[1:], "posthoused"), "posthoused"))
