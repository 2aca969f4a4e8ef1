"""`posthouse flow`: check, apply and list flows. check needs no daemon."""

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.common import ConfigPath, Json, Socket, act, ask, make_app, own_templates, refuse
from engine.control.protocol.flows import Flows

app = make_app("Check, apply and list flows.")

Name = Annotated[str, typer.Argument(help="The flow's name.")]
File = Annotated[Path, typer.Argument(help="A flow file.", exists=True, dir_okay=False)]


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Flow files.", exists=True, dir_okay=False)],
    config_path: ConfigPath = None,
) -> None:
    """Read flow files and the mails they send; list everything that is wrong, with place and remedy.

    Exit code 2 when anything is. Your own templates are looked at where --config names them.
    """
    from engine.flow.definition import Definition
    from engine.flow.definition import check as check_text
    from engine.sending.checking import check_mails, mail_names

    resources = own_templates(config_path)
    names = set(mail_names(resources))
    faults: list[object] = []
    for file in files:
        found = check_text(_read(file), str(file), names)
        if isinstance(found, Definition):
            faults += check_mails(resources, sorted(found.templates))
            print(f"{file}: all right, flow {found.name} version {found.short_version}")
        else:
            faults += found
    if faults:
        refuse(f"{len(faults)} faults\n" + "\n".join(map(str, faults)), code=2)


@app.command()
def apply(file: File, socket: Socket = None, as_json: Json = False) -> None:
    """Make this file the active version of its flow. People under way stay on the version they entered."""
    act(socket, "flows", {"source": _read(file), "file": str(file)}, as_json)


@app.command()
def pause(name: Name, socket: Socket = None, as_json: Json = False) -> None:
    """Keep everybody where they are; who triggers the flow meanwhile enters and waits."""
    act(socket, "flows/state", {"flow": name, "state": "paused"}, as_json)


@app.command()
def resume(name: Name, socket: Socket = None, as_json: Json = False) -> None:
    """Let a paused flow go on."""
    act(socket, "flows/state", {"flow": name, "state": "active"}, as_json)


@app.command("list")
def list_flows(socket: Socket = None) -> None:
    """The flows and their figures."""
    for row in ask(socket, lambda control: control.get(Flows, "/v1/flows")).rows:
        print(
            f"{row.name:<24} {row.state:<9} waiting {row.waiting:<6} mails {row.mails:<6} goals {row.goals:<6} {row.title}"
        )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        refuse(f"{file} can't be read: {err}", code=2)
