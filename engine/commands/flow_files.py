"""What the `posthouse flow` commands share, and what they do with a file alone: draw it, give the schema that such files
follow."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.common import refuse, refuse_faulty
from engine.commands.files import text_of
from engine.control.protocol.wire import pretty

Name = Annotated[str, typer.Argument(help="The flow's name.")]
File = Annotated[Path, typer.Argument(help="A flow file.", exists=True, dir_okay=False)]
Mapped = Annotated[
    list[str] | None,
    typer.Option("--map", help="OLD=NEW: whoever stands before step OLD goes on before step NEW. May be said again."),
]
Leave = Annotated[bool, typer.Option("--leave", help="Whoever can't be moved leaves the flow.")]

WIDTH = 100  # cells, where the terminal does not tell


def draw(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A flow file.", exists=True, dir_okay=False)],
    width: Annotated[
        int | None, typer.Option(min=20, max=1000, help="Cells in a line; else as wide as the terminal.")
    ] = None,
) -> None:
    """Draw a flow file. Needs no daemon; `posthouse --plain flow NAME` draws one that runs, with its people."""
    from engine.control.picture import drawing
    from engine.flow.definition import Definition, check

    found = check(text_of(file), str(file))
    if not isinstance(found, Definition):
        refuse_faulty(found)
    if context.obj is None:
        refuse("only `posthouse` draws", "run `posthouse flow draw`")
    print(context.obj(drawing(found), width or shutil.get_terminal_size((WIDTH, 24)).columns))


def schema(
    old: Annotated[
        bool, typer.Option("--yaml-1.1", help="For tools that read YAML 1.1 (PyYAML), to which `on` is a truth.")
    ] = False,
) -> None:
    """Print the JSON Schema of flow files, for editors: completion, and what is wrong while you write."""
    from engine.flow.schema import flow_schema, yaml_11

    print(json.dumps(yaml_11(flow_schema()) if old else flow_schema(), indent=2))


def version_in(file: Path) -> dict[str, object]:
    """A flow file as the daemon is told of it."""
    return {"source": text_of(file), "file": str(file)}


def mapping(mapped: list[str] | None) -> dict[str, str]:
    """Old step to new step, as --map says them."""
    found: dict[str, str] = {}
    for each in mapped or []:
        old, sign, new = (word.strip() for word in each.partition("="))
        if not (old and sign and new):
            refuse(f"--map {each}: OLD=NEW is expected, such as --map reminder=first-reminder", code=2)
        if found.setdefault(old, new) != new:
            refuse(f"--map says two things of {old}", code=2)
    return found


def moment(at_ms: int) -> str:
    """A time of the daemon's, to the minute."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def show_json(found: object) -> None:
    """An answer of the daemon's as it is."""
    print(pretty(found))
