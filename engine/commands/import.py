"""`posthouse import`: the imports there were, and those that are held back. Needs no daemon."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from engine.commands.common import ConfigPath, Json, Socket, act, clock, config, database, make_app, refuse, who

if TYPE_CHECKING:
    from engine.audience.trials import Batch

app = make_app("Imports: what came in, and what is held back because it bounced.")

Number = Annotated[int, typer.Argument(help="The import's number.")]


@app.command("list")
def list_imports(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The imports, youngest first."""
    from engine.audience import trials

    found = database(config(config_path)).read_now(trials.batches)
    if as_json:
        print(json.dumps([_plain(each) for each in found], ensure_ascii=False, indent=2))
        return
    for each in found:
        print(
            f"{each.id:>4}  {each.started:%Y-%m-%d %H:%M}  {each.state:<8}  {each.taken:>9,} taken  {each.refused:>7,} refused"
            f"  {each.bounces:,} of {each.sendings:,} bounced  {each.file}"
        )


@app.command()
def show(number: Number, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """One import: who brought it, what became of it, how its addresses bounce."""
    from engine.audience import trials

    found = database(config(config_path)).read_now(lambda tx: trials.batch(tx, number))
    if found is None:
        refuse(f"there is no import {number}")
    for name, value in _plain(found).items() if not as_json else ():
        if value not in ("", None):
            print(f"{_LABELS.get(name, name):<10} {value}")
    if as_json:
        print(json.dumps(_plain(found), ensure_ascii=False, indent=2))


@app.command()
def release(
    number: Number,
    why: Annotated[str, typer.Option(help="Why its people may be written to after all; it is kept.")],
    config_path: ConfigPath = None,
) -> None:
    """Let marketing go to the people of an import again, and watch its bounces no more."""
    from engine.audience import trials

    if not why.strip():
        refuse("a reason is needed", "say why with --why", code=2)
    store, by = database(config(config_path)), who()
    now = clock(store).now()
    if not store.write_now(lambda tx: trials.release(tx, number, by=by, why=why.strip(), now=now)):
        refuse(f"there is no import {number} that could be released", "`posthouse import list` shows how each stands")
    print(f"import {number} is released")


@app.command()
def finish(number: Number, config_path: ConfigPath = None) -> None:
    """End an import that was interrupted as it is, with the rows that it has taken."""
    from engine.audience.ledger import SALT_OCTETS
    from engine.exchange import importing
    from engine.system import SystemChance

    store = database(config(config_path))
    seq = importing.finish(store, number, SystemChance().octets(SALT_OCTETS), clock(store).now())
    if seq is None:
        refuse(f"import {number} is not interrupted", "`posthouse import list` shows how each stands")
    print(
        f"import {number} is entry {seq} of the consent ledger"
        if seq
        else f"import {number} had taken nobody: it is gone"
    )


Errand = Annotated[
    str, typer.Argument(help="Its number at the desk, as the terminal and `posthouse --plain imports` show it.")
]


@app.command()
def start(number: Errand, socket: Socket = None, as_json: Json = False) -> None:
    """Import a file that is at the daemon's desk, with what was said of it; one that was stopped goes on."""
    act(socket, "imports/start", {"id": number, "by": who()}, as_json)


@app.command()
def cancel(number: Errand, socket: Socket = None, as_json: Json = False) -> None:
    """Stop an import that runs, between two commits; what was taken stays."""
    act(socket, "imports/cancel", {"id": number, "by": who()}, as_json)


@app.command()
def drop(number: Errand, socket: Socket = None, as_json: Json = False) -> None:
    """Take a file from the desk; what was imported stays."""
    act(socket, "imports/drop", {"id": number, "by": who()}, as_json)


_LABELS: Final = {"stopped": "suppressed"}  # as a dry run and the import itself call them


def _plain(found: "Batch") -> dict[str, Any]:
    return asdict(found) | {"state": str(found.state), "started": found.started.isoformat()}
