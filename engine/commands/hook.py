"""`posthouse hook`: the calls to web addresses that flows make. Needs no daemon."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from engine.commands.common import ConfigPath, Json, clock, config, database, make_app, refuse

app = make_app("Webhooks that flows call: what came of them, and their key.")


@app.command("list")
def list_calls(
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=10_000)] = 50,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """The calls, the youngest first: to where, for which flow, how often tried, what was answered."""
    from engine.hooks.calls import listed

    store = database(config(config_path))
    rows = store.read_now(lambda tx: listed(tx, limit, only_failed=failed))
    if as_json:
        print(json.dumps([each.as_json() for each in rows], indent=2, ensure_ascii=False))
        return
    for each in rows:
        told = each.why or (f"answered {each.status}" if each.status else "")
        due = f"next {_time(each.due_ms)}" if each.due_ms else ""
        print(
            f"{each.id:>6}  {each.state:<6} {each.tries:>3} tries  {each.flow} {each.step}  {each.url}  {told} {due}".rstrip()
        )


@app.command()
def retry(
    number: Annotated[int | None, typer.Argument(help="The call's number; without it all that failed.")] = None,
    config_path: ConfigPath = None,
) -> None:
    """Try calls that failed again, with the same id. A flow that waited for one has gone on meanwhile."""
    from engine.hooks import calls

    settings = config(config_path)
    store = database(settings)
    now = clock(store).now()
    count = store.write_now(lambda tx: calls.retry(tx, now, now + settings.hooks.give_up, number))
    if number is not None and not count:
        refuse(f"there is no failed call {number}", "`posthouse hook list --failed` lists them")
    print(f"{count} calls will be tried again")


@app.command()
def secret(config_path: ConfigPath = None) -> None:
    """The key that signs all calls, as libraries for Standard Webhooks take it. Keep it secret."""
    from engine.hooks import signing

    print(signing.shown(signing.key_of(config(config_path).secret_path.read_bytes())))


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
