"""`posthouse list`: lists, and asking people by double opt-in."""

from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.common import ConfigPath, Json, Socket, act, config, database, make_app, refuse

if TYPE_CHECKING:
    from engine.web.subscribing import Form
    from mta.ports import Tx

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


@app.command()
def form(
    name: Name,
    field: Annotated[list[str] | None, typer.Option(help="A declared field that it asks for (again for more).")] = None,
    no_fields: Annotated[bool, typer.Option("--no-fields", help="Ask for address and name alone.")] = False,
    config_path: ConfigPath = None,
) -> None:
    """Say what the list's form asks for beside address and name; without options, show it. Needs no daemon."""
    from engine.audience import forms
    from engine.audience.fields import FieldError

    settings = config(config_path)
    store = database(settings)
    if field or no_fields:
        try:
            store.write_now(lambda tx: forms.arrange(tx, _form(tx, name).mailing_list.id, field or ()))
        except FieldError as err:
            refuse(str(err), "nothing was changed", code=2)
    found = store.read_now(lambda tx: _form(tx, name))
    print(f"{settings.web.base_url}/subscribe/{name}")
    print(f"asks for address, name{''.join(f', {each.name} ({each.kind})' for each in found.fields)}")


@app.command()
def snippet(
    name: Name,
    locale: Annotated[str, typer.Option(help="The language it speaks, such as en or he.")] = "",
    config_path: ConfigPath = None,
) -> None:
    """Print the list's form as HTML for your own site. What it says is kept as evidence. Needs no daemon."""
    from engine.sending.compose import Composer
    from engine.sending.resources import Resources
    from engine.system import SystemClock
    from engine.web.pages import Pages
    from engine.web.snippet import make

    settings = config(config_path)
    store = database(settings)
    resources = Resources([settings.templates] if settings.templates else [])
    pages = Pages(Composer(settings.mail, resources, settings.secret_path.read_bytes(), settings.web.base_url))
    now = SystemClock().now()
    print(store.write_now(lambda tx: make(tx, pages, _form(tx, name), settings.web.base_url, locale, now)))


def _form(tx: "Tx", name: str) -> "Form":
    from engine.web.subscribing import form_of

    found = form_of(tx, name)
    if found is None:
        refuse(f"there is no list {name[:70]}", "`posthouse list create NAME` makes one")
    return found
