"""`posthouse list`: lists, and asking people by double opt-in."""

from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, make_app

app = make_app("Lists and their double opt-in.")

Name = Annotated[str, typer.Argument(help="The list's name: small letters, digits and hyphens.")]


@app.command()
def create(
    name: Name,
    title: Annotated[str, typer.Option(help="What readers see.")] = "",
    purpose: Annotated[str, typer.Option(help="The words people agree to; kept as evidence with each consent.")] = "",
    single: Annotated[
        bool, typer.Option("--single", help="Believe whoever adds an address (no confirmation mail).")
    ] = False,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Make a list. People confirm by mail, unless --single."""
    body = {"name": name, "title": title, "purpose": purpose, "confirmation": "single" if single else "double"}
    act(socket, "lists", body, as_json)


@app.command()
def subscribe(
    name: Name,
    address: Annotated[str, typer.Argument(help="Who asks for it.")],
    person: Annotated[str, typer.Option("--name", help="The person's name.")] = "",
    locale: Annotated[str, typer.Option(help="The language to write in, such as en or he.")] = "",
    zone: Annotated[str, typer.Option(help="The person's time zone, such as Asia/Jerusalem.")] = "",
    source: Annotated[str, typer.Option(help="How they asked: inquiry, call, site, brochure ...")] = "command",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Ask somebody by mail whether they want the list. Nothing else is sent until they say yes."""
    body = {"list": name, "address": address, "name": person, "locale": locale, "zone": zone, "source": source}
    act(socket, "lists/subscribe", body, as_json)
