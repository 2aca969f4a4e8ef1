"""`posthouse domain`: the domains we sign for. Needs no daemon; a running one is told to read its keys again."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.common import ConfigPath, Json, config, database, make_app, refuse
from engine.control.client import Control, ControlError

if TYPE_CHECKING:
    from deliverability.signing.keys import Key
    from engine.config import Config

app = make_app("Sending domains: make or take keys, show the DNS records to publish.")


@app.command()
def add(
    domain: Annotated[str, typer.Argument(help="The domain in From.")],
    key: Annotated[Path | None, typer.Option(help="Take this PEM file instead of making keys.")] = None,
    selector: Annotated[
        str, typer.Option(help="The selector of --key, or of the keys to make (a date otherwise).")
    ] = "",
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Sign for DOMAIN, and print the records to publish. Makes an RSA-2048 and an Ed25519 key, or takes the one
    given."""
    from deliverability.address import AddressError, parse_domain
    from deliverability.signing.keys import Algorithm, KeyTrouble, generate_key, load_key
    from engine.house import add_key, ensure_state
    from engine.system import SystemClock

    settings = config(config_path)
    ensure_state(settings)
    try:
        name = parse_domain(domain)
        if key is not None:
            if not selector:
                refuse("--key needs --selector: the name that its record is published under", code=2)
            keys = [load_key(key.read_bytes(), name, selector)]
        else:
            stem = selector or f"ph{SystemClock().now():%Y%m%d}"
            keys = [
                generate_key(name, f"{stem}r", Algorithm.RSA), generate_key(name, f"{stem}e", Algorithm.ED25519)
            ]  # fmt: skip
    except (AddressError, KeyTrouble, OSError) as err:
        refuse(str(err), "nothing was changed", code=2)
    store = database(settings, create=True)
    for each in keys:
        try:
            add_key(store, settings.keys_path, each, SystemClock().now())
        except FileExistsError:
            refuse(
                f"{name} has a key with the selector {each.selector} already", "name another with --selector", code=2
            )
    _tell(settings)
    _print(settings, keys, as_json)


@app.command()
def records(
    domain: Annotated[str, typer.Argument(help="The domain in From.")],
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Print the DNS records that DOMAIN needs."""
    from deliverability.signing.keys import load_key

    settings = config(config_path)
    rows = database(settings).read_now(
        lambda tx: tx.query("SELECT selector, file FROM dkim_key WHERE domain = ? ORDER BY selector", (domain.lower(),))
    )
    if not rows:
        refuse(f"there are no keys for {domain}", f"`posthouse domain add {domain}` makes them")
    keys = [load_key((settings.keys_path / file).read_bytes(), domain.lower(), selector) for selector, file in rows]
    _print(settings, keys, as_json)


@app.command("list")
def list_domains(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The domains we sign for, with their keys."""
    rows = database(config(config_path)).read_now(
        lambda tx: tx.query("SELECT domain, selector, algorithm, state FROM dkim_key ORDER BY domain, selector")
    )
    if as_json:
        print(
            json.dumps(
                [dict(zip(("domain", "selector", "algorithm", "state"), row, strict=True)) for row in rows], indent=2
            )
        )
    for domain, selector, algorithm, state in () if as_json else rows:
        print(f"{domain:<30} {selector:<16} {algorithm:<16} {state}")


def _tell(settings: "Config") -> None:
    """Let a running daemon read its keys again; without one there is nothing to do."""
    try:
        Control(settings.socket_path).post("/v1/keys", {})
    except ControlError:
        return


def _print(settings: "Config", keys: "list[Key]", as_json: bool) -> None:
    from deliverability.signing.keys import dns_record

    found = [(dns_record(each), each) for each in keys]
    others = _other_records(settings, keys[0].domain)
    if as_json:
        rows = [{"name": record.name, "type": "TXT", "value": record.value} for record, _ in found]
        rows += [{"name": name, "type": kind, "value": value} for name, kind, value in others]
        print(json.dumps(rows, indent=2))
        return
    print(f"Publish these records for {keys[0].domain}:\n")
    for record, _ in found:
        print(record.zone_line + "\n")
    for name, kind, value in others:
        shown = f'"{value}"' if kind == "TXT" else value
        print(f"{name}. IN {kind} {shown}\n")
    for _, each in found:
        for warning in each.warnings:
            print(f"warning: {warning}")


def _other_records(settings: "Config", domain: str) -> list[tuple[str, str, str]]:
    """What else receivers look for: a DMARC policy to begin with, and where bounces come back."""
    rows = [(f"_dmarc.{domain}", "TXT", "v=DMARC1; p=none")]
    if settings.bounces.domain:
        rows.append((settings.bounces.domain, "MX", f"10 {settings.hostname}."))
        rows.append((settings.bounces.domain, "TXT", f"v=spf1 a:{settings.hostname} -all"))
    return rows
