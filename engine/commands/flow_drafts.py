"""`posthouse flow draft` and `recipes`: flow texts that are being written, and those that one may begin with."""

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, ask, make_app, who
from engine.commands.files import text_of
from engine.commands.flow_files import File, moment, show_json
from engine.control.client import part
from engine.control.protocol.flows import Drafts, DraftText, Recipes, RecipeText

Draft = Annotated[str, typer.Argument(help="The draft's name.")]

app = make_app("Flow texts that are being written: the daemon keeps them until they are applied or dropped.")


@app.command("list")
def list_drafts(socket: Socket = None, as_json: Json = False) -> None:
    """The drafts, the last saved first."""
    found = ask(socket, lambda control: control.get(Drafts, "/v1/flow-drafts"))
    if as_json:
        return show_json(found)
    for row in found.rows:
        state = f"{row.faults} faults" if row.faults else "all right"
        print(f"{row.name:<28} {moment(row.at_ms)}  {row.operator:<12} {state:<10} {row.origin}".rstrip())
    return None


@app.command()
def show(name: Draft, socket: Socket = None, as_json: Json = False) -> None:
    """A draft's text as it was saved last; `> FILE` makes a flow file of it."""
    found = ask(socket, lambda control: control.get(DraftText, f"/v1/flow-drafts/{part(name)}"))
    if as_json:
        return show_json(found)
    print(found.source, end="" if found.source.endswith("\n") else "\n")
    return None


@app.command()
def save(
    file: File,
    name: Annotated[str, typer.Option(help="Under this name; the file's own without it.")] = "",
    revision: Annotated[int, typer.Option(help="It was read as this revision; another since is refused.", min=0)] = 0,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Keep a file as a draft, and say what is wrong with it."""
    body = {"name": name or Path(file).stem, "source": text_of(file), "revision": revision, "by": who()}
    done = act(socket, "flows/draft", body, as_json)
    for fault in () if as_json else done.facts.get("faults", ()):
        remedy = f"; {fault['remedy']}" if fault["remedy"] else ""
        print(f"{file}:{fault['line']}:{fault['column']}: {fault['key']}: {fault['message']}{remedy}")


@app.command()
def drop(name: Draft, socket: Socket = None, as_json: Json = False) -> None:
    """Forget a draft."""
    act(socket, "flows/draft/drop", {"name": name, "by": who()}, as_json)


def recipes(
    word: Annotated[str, typer.Argument(help="Only those with this in their name, title or description.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """The flows that one may begin with."""
    found = ask(socket, lambda control: control.get(Recipes, "/v1/recipes"))
    wanted = word.casefold()
    rows = tuple(row for row in found.rows if wanted in f"{row.name} {row.title} {row.about}".casefold())
    if as_json:
        return show_json(Recipes(found.now_ms, rows))
    for row in rows:
        print(f"{row.name:<28} {row.stream:<13} {row.trigger:<32} {row.title}")
    return None


def recipe(
    name: Annotated[str, typer.Argument(help="The recipe's name.")], socket: Socket = None, as_json: Json = False
) -> None:
    """A recipe's text; `> FILE` makes a flow file of it."""
    found = ask(socket, lambda control: control.get(RecipeText, f"/v1/recipes/{part(name)}"))
    if as_json:
        return show_json(found)
    print(found.source, end="" if found.source.endswith("\n") else "\n")
    return None
