"""`posthouse flow`: check, plan, apply and list flows. check needs no daemon."""

import json
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.common import (
    ConfigPath,
    Json,
    Socket,
    act,
    ask,
    make_app,
    own_config,
    own_templates,
    refuse,
    refuse_faulty,
    who,
)
from engine.commands.files import text_of
from engine.commands.flow_drafts import app as draft_app
from engine.commands.flow_drafts import recipe, recipes
from engine.commands.flow_files import (
    File,
    Leave,
    Mapped,
    Name,
    draw,
    mapping,
    moment,
    schema,
    show_json,
    version_in,
)
from engine.commands.flow_simulate import simulate
from engine.commands.flow_test import test
from engine.commands.flow_trials import app as trial_app
from engine.commands.flow_versions import diff, give_back, people
from engine.control import place
from engine.control.client import Control, ControlError, part
from engine.control.protocol.flows import FlowChangeRow, FlowHistory, Flows, FlowText, Names

LOOKED_UP = ("lists", "segments", "flows", "pools", "fields", "staff", "permits")

app = make_app("Check, plan, simulate, apply, move and list flows.")
app.command()(simulate)
app.command()(test)
app.command()(people)
app.command()(diff)
app.command("return")(give_back)
app.command()(recipes)
app.command()(recipe)
app.add_typer(draft_app, name="draft")
app.add_typer(trial_app, name="trial")


class Answer(StrEnum):
    """Of a late mail."""

    SEND = "send"
    SKIP = "skip"


@app.command()
def check(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Flow files.", exists=True, dir_okay=False)],
    config_path: ConfigPath = None,
    socket: Socket = None,
) -> None:
    """Read flow files and the mails they send; list everything that is wrong, with place and remedy.

    Exit code 2 when anything is. Your own templates are looked at where --config names them. Needs no daemon; one that runs
    is asked which lists, segments, flows, pools, fields and staff there are, as `plan` and `apply` do; without one the
    configuration says who is staff.
    """
    from engine.flow.definition import Definition
    from engine.flow.definition import check as check_text
    from engine.flow.known import Known, staff_keys
    from engine.sending.checking import check_mails, mail_names

    resources = own_templates(config_path)
    known = Known(templates=mail_names(resources))
    source = context.get_parameter_source("socket")
    there = _names(socket, config_path, must=source is not None and source.name == "COMMANDLINE")
    if there is not None:
        known = replace(known, **{name: getattr(there, name) for name in LOOKED_UP})
    elif (settings := own_config(config_path)) is not None:
        permits = tuple(map(str, settings.hooks.permit))
        known = replace(known, staff=staff_keys(settings.mail.staff), permits=permits)
    faults: list[object] = []
    for file in _flows_of(files):
        found = check_text(text_of(file), str(file), known)
        if isinstance(found, Definition):
            faults += check_mails(resources, sorted(found.templates))
            print(f"{file}: all right, flow {found.name} version {found.short_version}")
        else:
            faults += found
    if faults:
        refuse_faulty(faults)


def _flows_of(files: list[Path]) -> list[Path]:
    """Without their tests, as `templates/flows/*.yaml` brings them too; a refusal where nothing else is named."""
    flows = [each for each in files if not each.name.endswith(".test.yaml")]
    if not flows:
        refuse(f"{files[0]} is a flow's test, no flow", f"posthouse flow test {files[0]}", code=2)
    if left_out := len(files) - len(flows):
        print(f"posthouse: tests left out: {left_out} (`posthouse flow test` runs them)", file=sys.stderr)
    return flows


def _names(socket: Path | None, config_path: Path | None, *, must: bool) -> Names | None:
    """What the daemon says that there is. Where none answers: None and a line that says so, or the end if one `must`."""
    try:
        return Control(place.socket_path(socket, config_path)).get(Names, "/v1/names")
    except (ControlError, place.NoPlace) as err:
        told = f"{', '.join(LOOKED_UP[:-2])} that files name were not looked up: {err}"
        if must:
            refuse(told)
        print(f"posthouse: {told}", file=sys.stderr)
        return None


app.command()(draw)
app.command()(schema)


@app.command()
def plan(file: File, mapped: Mapped = None, leave: Leave = False, socket: Socket = None, as_json: Json = False) -> None:
    """What this file changes in its flow, and where everybody under way would go. Changes nothing."""
    act(socket, "flows/plan", version_in(file) | {"map": mapping(mapped), "leave": leave}, as_json)


@app.command()
def apply(
    file: File,
    mapped: Mapped = None,
    move: Annotated[
        bool, typer.Option("--move", help="Move whoever is under way: to the step of the same id, or as --map says.")
    ] = False,
    leave: Leave = False,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Make this file the active version of its flow. Without --move people under way stay on the version they entered."""
    if (mapped or leave) and not move:
        refuse("--map and --leave say where people under way go", "say --move too, or leave them out", code=2)
    body = version_in(file) | {"map": mapping(mapped), "move": move, "leave": leave, "by": who()}
    act(socket, "flows", body, as_json)


@app.command()
def pause(name: Name, socket: Socket = None, as_json: Json = False) -> None:
    """Keep everybody where they are; who triggers the flow meanwhile enters and waits."""
    act(socket, "flows/state", {"flow": name, "state": "paused", "by": who()}, as_json)


@app.command()
def resume(name: Name, socket: Socket = None, as_json: Json = False) -> None:
    """Let a paused or archived flow go on."""
    act(socket, "flows/state", {"flow": name, "state": "active", "by": who()}, as_json)


@app.command()
def start(
    name: Name,
    address: Annotated[str, typer.Argument(help="Of a contact that is known.")],
    data: Annotated[str, typer.Option(help='The run\'s data as JSON, such as \'{"number": "A-1"}\'.')] = "{}",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Let somebody into a flow by hand, whatever it begins with; its where and its rule of re-entry hold."""
    try:
        told = json.loads(data)
    except ValueError as err:
        refuse(f"the data is no JSON: {err}", code=2)
    if not isinstance(told, dict):
        refuse('the data is no JSON object, such as {"number": "A-1"}', code=2)
    act(socket, "flows/start", {"flow": name, "address": address, "data": told, "by": who()}, as_json)


@app.command()
def late(
    name: Name,
    answer: Annotated[
        Answer | None, typer.Argument(help="What becomes of them; without it, how many there are.")
    ] = None,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Say whether mails that are late, and whose flow asks, still go."""
    act(socket, "flows/late", {"flow": name, "answer": answer.value if answer else ""}, as_json)


@app.command()
def archive(
    name: Name,
    end: Annotated[bool, typer.Option("--end", help="Whoever is inside leaves now.")] = False,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Let nobody enter any more. Whoever is inside goes on to the end, unless --end."""
    act(socket, "flows/state", {"flow": name, "state": "archived", "by": who(), "end": end}, as_json)


@app.command()
def history(name: Name, socket: Socket = None, as_json: Json = False) -> None:
    """What was done to a flow, by whom and when, the newest first."""
    found = ask(socket, lambda control: control.get(FlowHistory, f"/v1/flows/{part(name)}/history"))
    if as_json:
        return show_json(found)
    print(f"{found.name} is {found.state}")
    for row in found.rows:
        print(
            f"{moment(row.at_ms)}  {row.what:<9} {row.version[:12]:<12}  {row.operator or '-':<12} {_detail(row)}".rstrip()
        )
    return None


@app.command()
def show(
    name: Name,
    version: Annotated[str, typer.Option(help="A version's hash, or how it begins; the active one without it.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """The text of a flow's version, as it was applied."""
    words: dict[str, str | int] = {"version": version} if version else {}
    found = ask(socket, lambda control: control.get(FlowText, f"/v1/flows/{part(name)}/text", words))
    if as_json:
        return show_json(found)
    state = "the active version" if found.is_active else "not active"
    print(f"# {found.name} version {found.version[:12]}, {state}, {found.waiting:,} under way")
    print(f"# applied {moment(found.applied_ms)} by {found.operator or 'nobody known'}")
    print(found.source, end="" if found.source.endswith("\n") else "\n")
    return None


@app.command("list")
def list_flows(socket: Socket = None, as_json: Json = False) -> None:
    """The flows and their figures."""
    found = ask(socket, lambda control: control.get(Flows, "/v1/flows"))
    if as_json:
        return show_json(found)
    for row in found.rows:
        print(
            f"{row.name:<24} {row.state:<9} waiting {row.waiting:<6} mails {row.mails:<6} goals {row.goals:<6} {row.title}"
        )
    return None


def _detail(row: FlowChangeRow) -> str:
    """The figures of a move; the steps that were mapped."""
    mapped = row.detail.get("map")
    if isinstance(mapped, dict) and mapped:
        return "with " + ", ".join(f"{old}={new}" for old, new in mapped.items())
    return ", ".join(f"{value:,} {word}" for word, value in row.detail.items() if type(value) is int)
