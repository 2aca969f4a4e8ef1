"""`posthouse list`: lists, what is set about them, and asking people by double opt-in."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.commands.common import (
    ConfigPath,
    Json,
    Socket,
    act,
    ask,
    clock,
    config,
    database,
    make_app,
    print_more,
    refuse,
    who,
)
from engine.commands.pieces import Piece, taking

if TYPE_CHECKING:
    from engine.audience.lists import MailingList
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


@app.command("set")
def set_values(
    name: Name,
    values: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="Such as owner=tea@shop.example; KEY= takes it back.")
    ],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Change what is set about a list. `posthouse list show NAME` has the keys."""
    told = {}
    for each in values:
        key, equals, value = each.partition("=")
        if not equals:
            refuse(f'"{each[:60]}" is not KEY=VALUE', "such as expire_after=3d", code=2)
        told[key.strip()] = value.strip()
    act(socket, "lists/set", {"name": name, "set": told}, as_json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The list's name; all lists without one.")] = "",
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """The lists, or one with all that is set about it and how many stand where. Needs no daemon."""
    from engine.audience import lists

    def look(tx: "Tx") -> "list[tuple[MailingList, dict[str, int]]]":
        found = lists.every(tx) if not name else [each for each in (lists.get(tx, name),) if each is not None]
        return [(each, lists.counts(tx, each.id)) for each in found]

    found = database(config(config_path)).read_now(look)
    if name and not found:
        refuse(f"there is no list {name}", f"`posthouse list create {name}` makes it")
    if as_json:
        print(json.dumps([_said(*each) for each in found], ensure_ascii=False, indent=2))
    elif name:
        for key, value in _said(*found[0]).items():
            print(f"{key:<16} {_counted(value) if isinstance(value, dict) else value}".rstrip())
    else:
        for mailing_list, counts in found:
            print(f"{mailing_list.name:<20} {mailing_list.confirmation:<7} {_counted(counts)}  {mailing_list.title}")


def _said(mailing_list: "MailingList", counts: dict[str, int]) -> dict[str, Any]:
    from engine.audience.list_settings import shown

    return {
        "name": mailing_list.name, "subscriptions": counts, "confirmation": mailing_list.confirmation,
        "title": mailing_list.title, "purpose": mailing_list.purpose, **shown(mailing_list.settings),
    }  # fmt: skip


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "nobody"


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


State = Annotated[
    str, typer.Option(help="Only who stands so: unconfirmed, confirmed, unsubscribed, to ask, expired, taken off.")
]
Whom = Annotated[str, typer.Argument(metavar="[ADDRESS]", help="Whom; else --contact or --all says it.")]
Contacts = Annotated[list[int] | None, typer.Option("--contact", help="A contact's number (again for more).")]
All = Annotated[bool, typer.Option("--all", help="All that --state and --q leave, 10,000 at most.")]
Text = Annotated[str, typer.Option("--q", help="With this in address, name, source or reason.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say how many it would be, and change nothing.")]


@app.command()
def members(
    name: Name,
    state: State = "",
    q: Text = "",
    limit: Annotated[int, typer.Option(help="So many at most.", min=1)] = 100,
    after: Annotated[int, typer.Option(help="Go on behind this contact's number.")] = 0,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Who is on a list, by their numbers."""
    from engine.control.client import part
    from engine.control.protocol.lists import Standings
    from engine.control.protocol.wire import pretty

    asked: dict[str, str | int] = {"limit": limit, "after": after}
    asked |= {key: text for key, text in (("state", state), ("q", q)) if text}
    found = ask(socket, lambda control: control.get(Standings, f"/v1/lists/{part(name)}/members", asked))
    if as_json:
        print(pretty(found))
        return
    for each in found.rows:
        print(f"{each.contact_id:>9}  {each.address:<36} {each.state:<13} {each.name}  {each.why}".rstrip())
    print_more(found.after)


def _whom(
    address: Whom = "", contact: Contacts = None, everybody: All = False, state: State = "", q: Text = "",
    dry_run: DryRun = False,
) -> Piece:  # fmt: skip
    """Which people of a list a command is about."""
    body: Piece = {"address": address} if address else {"contacts": contact} if contact else {}
    if everybody:
        body |= {"all": True} | {key: text for key, text in (("state", state), ("q", q)) if text}
    return body | ({"dry_run": True} if dry_run else {})


@app.command()
@taking("whom", _whom)
def remove(
    name: Name,
    whom: Piece,
    why: Annotated[str, typer.Option(help="Why; it is kept in the ledger.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Take people off a list, as an operator. `posthouse undo` puts them back; nobody who left is brought back by that."""
    act(socket, "lists/remove", {"list": name, "why": why, "by": who(), **whom}, as_json)


@app.command()
@taking("whom", _whom, without=("everybody", "state", "q", "dry_run"))
def restore(name: Name, whom: Piece, socket: Socket = None, as_json: Json = False) -> None:
    """Put people back whom an operator took off; nobody who left by themselves."""
    act(socket, "lists/restore", {"list": name, "by": who(), **whom}, as_json)


@app.command("ask-again")
@taking("whom", _whom)
def ask_again(name: Name, whom: Piece, socket: Socket = None, as_json: Json = False) -> None:
    """Ask by mail once more who has not answered, or not in time."""
    act(socket, "lists/ask-again", {"list": name, "by": who(), **whom}, as_json)


@app.command()
def drop(name: Name, socket: Socket = None, as_json: Json = False) -> None:
    """Take away a list that nobody ever was on."""
    act(socket, "lists/drop", {"name": name, "by": who()}, as_json)


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
    from engine.web.pages import Pages
    from engine.web.snippet import make

    settings = config(config_path)
    store = database(settings)
    resources = Resources([settings.templates] if settings.templates else [])
    pages = Pages(Composer(settings.mail, resources, settings.secret_path.read_bytes(), settings.web.base_url))
    now = clock(store).now()
    print(store.write_now(lambda tx: make(tx, pages, _form(tx, name), settings.web.base_url, locale, now)))


def _form(tx: "Tx", name: str) -> "Form":
    from engine.web.subscribing import form_of

    found = form_of(tx, name)
    if found is None:
        refuse(f"there is no list {name[:70]}", "`posthouse list create NAME` makes one")
    return found
