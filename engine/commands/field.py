"""`posthouse field`: what you keep about contacts beside name and address. Needs no daemon."""

import json
from typing import Annotated

import typer

from engine.commands.common import ConfigPath, Json, clock, config, database, make_app, refuse

app = make_app("Custom fields of contacts.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Such as shoe_size; conditions say contact.fields.shoe_size.")],
    kind: Annotated[str, typer.Option(help="text, number, date, yes-no or choice.")] = "text",
    title: Annotated[str, typer.Option(help="What people read.")] = "",
    choice: Annotated[list[str] | None, typer.Option(help="One choice (again for more).")] = None,
    config_path: ConfigPath = None,
) -> None:
    """Declare a field, or give one that is there another title or more choices."""
    from engine.audience.fields import Field, FieldError, Kind, declare

    try:
        field = Field(name, Kind(kind), title, tuple(choice or ()))
    except ValueError:
        refuse(f'"{kind[:30]}" is no kind of field', f"the kinds are {', '.join(Kind)}", code=2)
    store = database(config(config_path))
    now = clock(store).now()
    try:
        store.write_now(lambda tx: declare(tx, field, now))
    except FieldError as err:
        refuse(str(err), "nothing was changed", code=2)
    print(f"contacts have a field {name} ({kind})")


@app.command("list")
def list_fields(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The declared fields."""
    from engine.audience.fields import declared

    found = database(config(config_path)).read_now(declared).values()
    if as_json:
        rows = [
            {"name": each.name, "kind": str(each.kind), "title": each.title, "choices": each.choices} for each in found
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for each in found:
        print(f"{each.name:<24} {each.kind:<8} {each.title} {', '.join(each.choices)}".rstrip())
