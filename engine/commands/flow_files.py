"""What `posthouse flow` does with a file alone: draw it, give the schema that such files follow."""

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.common import refuse, refuse_faulty

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

    found = check(read_flow_file(file), str(file))
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


def read_flow_file(file: Path) -> str:
    """The text of a flow file; ends the command where there is none."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        refuse(f"{file} can't be read: {err}", code=2)
