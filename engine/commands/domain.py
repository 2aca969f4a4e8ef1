"""`posthouse domain`: the domains we sign for. Needs no daemon; a running one is told to read its keys again."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands import domain_life as life
from engine.commands.common import ConfigPath, Json, clock, config, database, make_app, prepare, refuse
from engine.commands.domain_records import Form, facts, key_facts, lines_of, print_records

if TYPE_CHECKING:
    from deliverability.signing.keys import Key
    from engine.config import Config
    from engine.domains.looking import Seen
    from engine.keys import KeptKey
    from engine.store.groups import GroupStore

app = make_app("Sending domains: make, publish, check and change keys.")

Domain = Annotated[str, typer.Argument(help="The domain in From.")]
Domains = Annotated[list[str], typer.Argument(metavar="DOMAIN...", help="Domains in From.")]
Wait = Annotated[
    bool, typer.Option("--wait", help="Ask every name server until it shows the keys, then sign with them.")
]
WaitFor = Annotated[str, typer.Option("--for", help="How long --wait waits.")]


@app.command()
def add(
    domains: Domains,
    key: Annotated[Path | None, typer.Option(help="Take this PEM file instead of making keys.")] = None,
    selector: Annotated[
        str, typer.Option(help="The selector of --key, or of the keys to make (a date otherwise).")
    ] = "",
    form: Form = "zone",
    wait: Wait = False,
    wait_for: WaitFor = "1 hour",
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Make an RSA-2048 and an Ed25519 key for each DOMAIN, or take the one given, and print every record to publish. A
    domain's first keys sign at once, unless a parent's keys sign for it; later ones once all name servers show them."""
    from engine.keys import KeyState

    settings = config(config_path)
    prepare(settings)
    if key is not None and (len(domains) != 1 or not selector):
        refuse("--key needs one domain, and --selector: the name that its record is published under", code=2)
    names = [life.name_of(each) for each in domains]
    store = database(settings, create=True)
    made: list[Key] = []
    for name in names:
        fresh = life.read_key(name, key, selector) if key else None
        its, state = life.make(settings, store, name, clock(store).now(), selector, fresh)
        made += its
        if state is KeyState.NEW and not as_json:
            print(f"What signs for {name} now goes on signing, until all name servers show the new keys.\n")
        elif not as_json:
            print(f"The keys of {name} sign at once: publish their records before you send.\n")
    life.tell(settings)
    print_records(settings, made, clock(store).now(), form, as_json)
    if wait:
        life.wait(settings, names, wait_for)


@app.command()
def rotate(
    domains: Domains,
    form: Form = "zone",
    wait: Wait = False,
    wait_for: WaitFor = "1 hour",
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Change each DOMAIN's keys: make new ones, or go on with those that are under way, print what to publish, and switch once
    all name servers have shown them for their time to live. The daemon goes on with it by itself."""
    settings = config(config_path)
    store = database(settings)
    names = [_kept(settings, store, each)[0].domain for each in domains]
    made: list[Key] = []
    for name in names:
        under_way = [each for each in _kept(settings, store, name) if each.is_fresh]
        if under_way:
            made += [life.load(settings, each) for each in under_way]
        else:
            made += life.make(settings, store, name, clock(store).now())[0]
    life.tell(settings)
    print_records(settings, made, clock(store).now(), form, as_json, only_keys=True)
    if wait:
        life.wait(settings, names, wait_for)


@app.command()
def records(domain: Domain, form: Form = "zone", config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Print the DNS records that DOMAIN needs; those of keys that are gone withdraw them."""
    from engine.keys import KeyState

    settings = config(config_path)
    store = database(settings)
    rows = _kept(settings, store, domain)
    gone = [each for each in rows if each.state is KeyState.GONE]
    needed = [life.load(settings, each) for each in rows if each.state is not KeyState.GONE]
    print_records(settings, needed, clock(store).now(), form, as_json, gone=gone, domain=rows[0].domain)


@app.command()
def check(
    domains: Annotated[
        list[str] | None, typer.Argument(metavar="DOMAIN...", help="Domains in From; all otherwise.")
    ] = None,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Ask every name server of each DOMAIN's zone whether it shows the keys. Exit status 1 where one that signs is not
    shown by all. `posthouse doctor` looks at everything else that receivers ask for."""
    from engine.keys import KeyState

    settings = config(config_path)
    store = database(settings)
    names = [_kept(settings, store, each)[0].domain for each in domains or life.domains_of(store)]
    found = [each for name in names for each in life.look(settings, store, name)]
    now = clock(store).now()
    if as_json:
        print(json.dumps([facts(settings, each, now) for each in found], indent=2))
    else:
        _print_checked(settings, found, now)
    if not names and not as_json:
        print("there are no keys: `posthouse domain add DOMAIN` makes them")
    if any((each.faults or each.trouble) and each.key.state is KeyState.ACTIVE for each in found):
        raise SystemExit(1)


def _print_checked(settings: "Config", found: "Sequence[Seen]", now: datetime) -> None:
    from engine.domains.records import readable

    domain = ""
    for each in found:
        if each.key.domain != domain:
            domain = each.key.domain
            print(readable(domain))
        print("\n".join(lines_of(settings, each, now)))


@app.command()
def switch(
    domain: Domain,
    selector: Annotated[list[str] | None, typer.Option(help="Sign with this key only (again for more).")] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Do not wait until what resolvers may remember of the name is over.")
    ] = False,
    config_path: ConfigPath = None,
) -> None:
    """Sign with DOMAIN's new keys from now on. Refused while any server of its zone does not show them, or has not shown
    them for their time to live. The old ones retire: leave their records."""
    from engine import keys
    from engine.domains import changing

    settings = config(config_path)
    store = database(settings)
    rows = _kept(settings, store, domain)
    with life.refusing():
        chosen = [each.selector for each in changing.chosen(rows, selector or ())]
    seen = [each for each in life.look(settings, store, rows[0].domain) if each.key.selector in chosen]
    moment = clock(store).now()
    life.refuse_unseen(settings, seen, moment, may_haste=now)
    try:
        store.write_now(lambda tx: keys.switch(tx, rows[0].domain, chosen, moment))
    except keys.CannotSwitch as err:
        refuse(str(err), f"`posthouse domain check {rows[0].domain}` lists them; nothing was changed")
    life.tell(settings)
    print(f"{rows[0].domain} is signed with {' and '.join(chosen)} from now on")
    life.print_retiring(settings, _kept(settings, store, domain), [each.selector for each in rows if each.is_signing])


@app.command()
def drop(
    domain: Domain,
    selector: Annotated[str, typer.Argument(help="The key's selector.")],
    config_path: ConfigPath = None,
) -> None:
    """Forget a key that never signed, or that is gone."""
    from engine import keys
    from engine.domains import changing, making

    settings = config(config_path)
    store = database(settings)
    found = next((each for each in _kept(settings, store, domain) if each.selector == selector), None)
    if found is None:
        refuse(f"{domain} has no key {selector[:80]}", f"`posthouse domain check {domain}` lists them", code=2)
    with life.refusing():
        changing.require_useless(settings, found)
    if not store.write_now(lambda tx: keys.drop(tx, found)):
        refuse(f"{selector} was put to use meanwhile", f"`posthouse domain check {domain}` shows its state")
    making.delete(settings, [found.file])
    print(f"{selector} of {found.domain} is forgotten: its record can be removed")


@app.command("list")
def list_domains(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The domains we sign for, their keys, and where each key is in its life."""
    from engine import keys
    from engine.domains import making

    settings = config(config_path)
    store = database(settings)
    making.tidy(settings, store, clock(store).now())
    rows = store.read_now(keys.kept)
    if as_json:
        print(json.dumps([key_facts(each) for each in rows], indent=2))
        return
    for each in rows:
        print(
            f"{each.domain:<30} {each.selector:<16} {each.algorithm:<16} {each.state:<10} since {each.since:%Y-%m-%d}"
        )


def _kept(settings: "Config", store: "GroupStore", domain: str) -> "list[KeptKey]":
    """The keys of a domain, of which there must be some."""
    from engine import keys
    from engine.domains import making

    name = life.name_of(domain)
    making.tidy(settings, store, clock(store).now())
    rows = store.read_now(lambda tx: keys.kept(tx, name))
    return rows or refuse(f"there are no keys for {name}", f"`posthouse domain add {name}` makes them")
