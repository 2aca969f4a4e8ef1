"""`posthouse domain`: the domains we sign for. Needs no daemon; a running one is told to read its keys again."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.common import ConfigPath, Json, clock, config, database, make_app, refuse
from engine.commands.domain_records import Checked, ask, facts, key_facts, lines_of, load, print_records
from engine.control.client import Control, ControlError

if TYPE_CHECKING:
    from deliverability.signing.keys import Key
    from engine.config import Config
    from engine.keys import KeptKey
    from engine.store.groups import GroupStore

app = make_app("Sending domains: make, publish, check and change keys.")

Domain = Annotated[str, typer.Argument(help="The domain in From.")]


@app.command()
def add(
    domain: Domain,
    key: Annotated[Path | None, typer.Option(help="Take this PEM file instead of making keys.")] = None,
    selector: Annotated[
        str, typer.Option(help="The selector of --key, or of the keys to make (a date otherwise).")
    ] = "",
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Make an RSA-2048 and an Ed25519 key for DOMAIN, or take the one given, and print the records to publish. The
    first keys of a domain sign at once; later ones wait for `posthouse domain switch`."""
    from deliverability.address import AddressError, parse_domain
    from deliverability.signing.keys import KeyTrouble
    from engine import keys
    from engine.house import ensure_state

    settings = config(config_path)
    ensure_state(settings)
    try:
        name = parse_domain(domain)
        store = database(settings, create=True)
        now = clock(store).now()
        taken = {each.selector for each in store.read_now(lambda tx: keys.kept(tx, name))}
        made = _make(name, key, selector, taken, now)
    except (AddressError, KeyTrouble, OSError) as err:
        refuse(str(err), "nothing was changed", code=2)
    files: list[str] = []
    try:
        for each in made:
            files.append(keys.write_file(settings.keys_path, each))
    except FileExistsError:
        _delete(settings, files)
        refuse(
            f"{made[0].domain} has a key with the selector {each.selector} already", "name another with --selector",
            code=2,
        )  # fmt: skip
    state = store.write_now(lambda tx: keys.add(tx, list(zip(made, files, strict=True)), now))
    _tell(settings)
    print_records(settings, made, as_json)
    if state is keys.KeyState.NEW and not as_json:
        print(f"The keys in use go on signing. When these are published: posthouse domain switch {made[0].domain}")


def _make(name: str, file: Path | None, selector: str, taken: set[str], now: datetime) -> "list[Key]":
    from deliverability.signing.keys import Algorithm, generate_key, load_key

    if file is not None:
        if not selector:
            refuse("--key needs --selector: the name that its record is published under", code=2)
        return [load_key(file.read_bytes(), name, selector)]
    stem = selector or _free_stem(taken, f"ph{now:%Y%m%d}")
    return [generate_key(name, f"{stem}r", Algorithm.RSA), generate_key(name, f"{stem}e", Algorithm.ED25519)]


def _free_stem(taken: set[str], day: str) -> str:
    """The day; with a number for a second pair made on it."""
    numbered = (day, *(f"{day}-{number}" for number in range(2, 1000)))
    return next(each for each in numbered if taken.isdisjoint({f"{each}r", f"{each}e"}))


@app.command()
def records(domain: Domain, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Print the DNS records that DOMAIN needs."""
    from engine.keys import KeyState

    settings = config(config_path)
    rows = _kept(settings, database(settings), domain)
    needed = [load(settings, each) for each in rows if each.state is not KeyState.GONE]
    print_records(settings, needed, as_json)
    for each in rows if not as_json else ():
        if each.state is KeyState.GONE:
            print(
                f'{each.selector}._domainkey.{each.domain}. IN TXT "v=DKIM1; p="   (withdrawn; when that has been '
                f"public for a while: posthouse domain drop {each.domain} {each.selector})"
            )


@app.command()
def check(domain: Domain, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Ask every name server of DOMAIN's zone whether it shows the keys. Exit status 1 where one that signs is not
    shown by all."""
    from engine import keys

    settings = config(config_path)
    store = database(settings)
    now = clock(store).now()
    rows = [each for each in _kept(settings, store, domain) if each.state is not keys.KeyState.GONE]
    found = [ask(settings, each) for each in rows]
    fresh = [each.key for each in found if not each.faults and each.key.state is keys.KeyState.NEW]
    if fresh:
        store.write_now(lambda tx: keys.seen(tx, fresh, now))
        rows = [each for each in _kept(settings, store, domain) if each.state is not keys.KeyState.GONE]
        found = [Checked(row, old.answers, old.faults, old.advice) for row, old in zip(rows, found, strict=True)]
    if as_json:
        print(json.dumps([facts(each, now) for each in found], indent=2))
    for each in () if as_json else found:
        print("\n".join(lines_of(each, now)))
    if any(each.faults and each.key.state is keys.KeyState.ACTIVE for each in found):
        raise SystemExit(1)


@app.command()
def switch(
    domain: Domain,
    selector: Annotated[list[str] | None, typer.Option(help="Sign with this key only (again for more).")] = None,
    config_path: ConfigPath = None,
) -> None:
    """Sign with DOMAIN's new keys from now on. Refused while any server of its zone does not show them. The old ones
    retire: leave their records for a week."""
    from engine import keys

    settings = config(config_path)
    store = database(settings)
    now = clock(store).now()
    rows = _kept(settings, store, domain)
    chosen = _chosen(rows, selector)
    for found in [ask(settings, each) for each in chosen]:
        if found.faults:
            lines = [f"{server}: {fault}" for server, fault in found.faults.items()]
            refuse(
                f"the key {found.key.selector} is not shown by every name server, so mail signed with it would fail",
                "\n  ".join(
                    (*lines, f"`posthouse domain records {rows[0].domain}` prints what to publish; nothing was changed")
                ),
            )
        load(settings, found.key)
    names = [each.selector for each in chosen]
    store.write_now(lambda tx: keys.switch(tx, rows[0].domain, names, now))
    _tell(settings)
    print(f"{rows[0].domain} is signed with {' and '.join(names)} from now on")
    for each in rows:
        if each.state is keys.KeyState.ACTIVE and each.selector not in names:
            until = now + keys.RETIRE_AFTER
            print(f"leave the record of {each.selector} published until {until:%Y-%m-%d}")


def _chosen(rows: "Sequence[KeptKey]", selectors: list[str] | None) -> "list[KeptKey]":
    """The keys to switch to: those named, else all that are new."""
    from engine.keys import KeyState

    domain = rows[0].domain
    if not selectors:
        fresh = [each for each in rows if each.state in (KeyState.NEW, KeyState.PUBLISHED)]
        return fresh or refuse(f"{domain} has no new keys", f"`posthouse domain add {domain}` makes them")
    by_name = {each.selector: each for each in rows}
    for name in selectors:
        if name not in by_name:
            refuse(f"{domain} has no key {name[:80]}", f"it has {', '.join(by_name)}", code=2)
        if by_name[name].state is KeyState.GONE:
            refuse(f"the key {name} is gone: its private half was deleted", code=2)
    return [by_name[name] for name in dict.fromkeys(selectors)]


@app.command()
def drop(
    domain: Domain,
    selector: Annotated[str, typer.Argument(help="The key's selector.")],
    config_path: ConfigPath = None,
) -> None:
    """Forget a key that never signed, or that is gone."""
    from engine import keys

    settings = config(config_path)
    store = database(settings)
    found = next((each for each in _kept(settings, store, domain) if each.selector == selector), None)
    if found is None:
        refuse(f"{domain} has no key {selector[:80]}", f"`posthouse domain check {domain}` lists them", code=2)
    if found.state is keys.KeyState.ACTIVE:
        refuse(f"{selector} signs {domain}'s mail", f"`posthouse domain switch {domain}` puts another in its place")
    if found.state is keys.KeyState.RETIRING:
        gone = found.since + keys.RETIRE_AFTER
        refuse(
            f"mail signed with {selector} may still be under way",
            f"it can be dropped from {gone:%Y-%m-%d %H:%M} UTC on",
        )
    store.write_now(lambda tx: keys.drop(tx, found))
    _delete(settings, [found.file])
    print(f"the key {selector} of {found.domain} is forgotten; its record may be taken out of DNS")


@app.command("list")
def list_domains(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The domains we sign for, with their keys."""
    from engine import keys

    settings = config(config_path)
    store = database(settings)
    _end_retired(settings, store)
    rows = store.read_now(keys.kept)
    if as_json:
        print(json.dumps([key_facts(each) for each in rows], indent=2))
    for each in () if as_json else rows:
        print(f"{each.domain:<30} {each.selector:<16} {each.algorithm:<16} {each.state:<10} {each.since:%Y-%m-%d}")


# -- what they share


def _kept(settings: "Config", store: "GroupStore", domain: str) -> "list[KeptKey]":
    """The keys of a domain, of which there must be some."""
    from deliverability.address import AddressError, parse_domain
    from engine import keys

    try:
        name = parse_domain(domain)
    except AddressError as err:
        refuse(str(err), code=2)
    _end_retired(settings, store)
    rows = store.read_now(lambda tx: keys.kept(tx, name))
    return rows or refuse(f"there are no keys for {name}", f"`posthouse domain add {name}` makes them")


def _end_retired(settings: "Config", store: "GroupStore") -> None:
    """What has rested long enough is gone, private half first of all."""
    from engine import keys

    now = clock(store).now()
    if any(each.state is keys.KeyState.RETIRING for each in store.read_now(keys.kept)):
        over = store.write_now(lambda tx: keys.end_retired(tx, now))
        _delete(settings, [each.file for each in over])


def _delete(settings: "Config", files: Sequence[str]) -> None:
    for file in files:
        (settings.keys_path / file).unlink(missing_ok=True)


def _tell(settings: "Config") -> None:
    """Let a running daemon read its keys again; without one there is nothing to do."""
    try:
        Control(settings.socket_path).post("/v1/keys", {})
    except ControlError:
        return
