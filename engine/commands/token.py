"""`posthouse token`: which applications may use the HTTP interface. Needs no daemon; a running one obeys at once."""

import json
from typing import Annotated, Any

import typer

from engine.commands.common import ConfigPath, Json, clock, config, database, make_app, refuse

app = make_app("Which applications may use the HTTP interface.")

Name = Annotated[str, typer.Argument(help="What you call it: small letters, digits and . _ -")]


@app.command()
def add(
    name: Name,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="events, contacts, products or flows (again for more; all of them without it)."),
    ] = None,
    rate: Annotated[int, typer.Option(help="Requests a minute.")] = 600,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Make a token. It is shown this once; only its hash is kept."""
    from engine.system import SystemChance
    from engine.web.bearer import SCOPES, Bearer, hash_of, new_token
    from engine.web.bearer import add as write_down

    token = new_token(SystemChance())
    bearer = Bearer(name, frozenset(scope or SCOPES), rate)
    _write(config_path, lambda tx, now: write_down(tx, bearer, hash_of(token), now))
    if as_json:
        print(json.dumps({"name": name, "token": token}))
        return
    print(f"{token}\n\nIt is shown this once. {name} sends it as: Authorization: Bearer {token[:6]}...")


@app.command()
def remove(name: Name, config_path: ConfigPath = None) -> None:
    """Take a token away: its next request is refused."""
    from engine.web.bearer import remove as take

    _write(config_path, lambda tx, now: take(tx, name))
    print(f"{name} may not use the HTTP interface any more")


@app.command("list")
def list_tokens(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The tokens there are, by name. None is shown: none is kept."""
    from engine.web.bearer import every

    found = database(config(config_path)).read_now(every)
    if as_json:
        rows = [{"name": each.name, "scopes": sorted(each.scopes), "rate": each.rate} for each in found]
        print(json.dumps(rows, indent=2))
        return
    for each in found:
        print(f"{each.name:<24} {', '.join(sorted(each.scopes))}, {each.rate}/min")


def _write(config_path: Any, work: Any) -> None:
    from engine.web.bearer import BearerError

    store = database(config(config_path), create=True)
    now = clock(store).now()
    try:
        store.write_now(lambda tx: work(tx, now))
    except BearerError as err:
        refuse(str(err), "`posthouse token list` lists them", code=2)
