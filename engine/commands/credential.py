"""`posthouse credential`: who may submit mail with a password. Needs no daemon; a running one obeys at once."""

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.commands.common import ConfigPath, Json, clock, config, database, make_app, prepare, refuse

if TYPE_CHECKING:
    from mta.inbound.transaction import Grant
    from mta.ports import Tx

app = make_app("Who may submit mail with a password, and what it may send.")

Name = Annotated[str, typer.Argument(help="Its user name: small letters, digits and . _ @ -")]


@app.command()
def add(
    name: Name,
    from_domain: Annotated[list[str] | None, typer.Option(help="A domain it may send from (again for more).")] = None,
    stream: Annotated[str, typer.Option(help="transactional or marketing, whatever its mails say.")] = "",
    rate: Annotated[str, typer.Option(help="Deliveries a minute, such as 60/min.")] = "",
    max_size: Annotated[str, typer.Option(help="Its largest message, such as 10MiB.")] = "",
    no_dsn: Annotated[bool, typer.Option("--no-dsn", help="Do not report failures to its reverse-paths.")] = False,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Let NAME submit mail. Prints its password, which is shown this once."""
    from deliverability.address import AddressError, parse_domain
    from engine.credentials import NAME
    from engine.credentials import add as write_down
    from mta.inbound.transaction import Grant

    if not NAME.fullmatch(name):
        refuse(f"{name[:80]!r} is no name: small letters, digits and . _ @ -, at most 64", code=2)
    try:
        domains = frozenset(map(parse_domain, from_domain or ()))
        grant = Grant(name, domains, _stream(stream), _rate(rate), _size(max_size), not no_dsn)
    except (AddressError, ValueError) as err:
        refuse(str(err), "nothing was changed", code=2)
    prepare(config(config_path))
    _with_password(config_path, name, as_json, lambda tx, password_hash, now: write_down(tx, grant, password_hash, now))


@app.command()
def password(name: Name, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Give NAME a new password, shown this once; the old one is worthless at once."""
    from engine.credentials import set_password

    _with_password(config_path, name, as_json, lambda tx, password_hash, now: set_password(tx, name, password_hash))


@app.command()
def remove(name: Name, config_path: ConfigPath = None) -> None:
    """Take the right to submit away. It holds for the next message, also on a connection that is open."""
    from engine.credentials import CredentialTrouble
    from engine.credentials import remove as take

    try:
        database(config(config_path)).write_now(lambda tx: take(tx, name))
    except CredentialTrouble as err:
        refuse(str(err), "`posthouse credential list` lists them")
    print(f"{name} may not submit mail any more")


@app.command("list")
def list_credentials(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Who may submit mail with a password. No password is shown: none is kept."""
    from engine.credentials import every

    grants = database(config(config_path)).read_now(every)
    if as_json:
        print(json.dumps([_facts(each) for each in grants], indent=2))
        return
    for each in grants:
        facts = _facts(each)
        print(
            f"{each.name:<24} from {' '.join(facts['domains']) or 'any domain'}, {facts['stream'] or 'any stream'}, "
            f"{f'{each.rate}/min' if each.rate else 'no rate limit'}, "
            f"{f'{each.max_size} octets' if each.max_size else 'any size'}, dsn {'on' if each.dsn else 'off'}"
        )


def _facts(grant: "Grant") -> dict[str, Any]:
    return {
        "name": grant.name, "domains": sorted(grant.domains), "stream": grant.stream.word if grant.stream is not None else "",
        "rate": grant.rate, "max_size": grant.max_size, "dsn": grant.dsn,
    }  # fmt: skip


def _with_password(config_path: Any, name: str, as_json: bool, write: "Callable[[Tx, str, Any], None]") -> None:
    """Make a password, have its hash written, and show it."""
    from engine.credentials import CredentialTrouble, hash_of, new_password
    from engine.system import SystemChance

    fresh = new_password(SystemChance())
    hashed, store = hash_of(fresh), database(config(config_path), create=True)
    now = clock(store).now()
    try:
        store.write_now(lambda tx: write(tx, hashed, now))
    except CredentialTrouble as err:
        refuse(str(err), "`posthouse credential list` lists them")
    if as_json:
        print(json.dumps({"name": name, "password": fresh}))
    else:
        print(f"user name  {name}\npassword   {fresh}\n")
        print(f"The password is shown this once; `posthouse credential password {name}` makes another.")


def _stream(text: str) -> Any:
    from mta.queue.delivery import Stream

    found = next((each for each in Stream if each.word == text), None)
    if text and found is None:
        raise ValueError(f'"{text[:40]}" is no stream (try transactional or marketing)')
    return found


def _size(text: str) -> int:
    from deliverability.settings import parse_size

    octets = parse_size(text) if text else 0
    if text and not octets:
        raise ValueError(f'"{text[:40]}" lets no message through (try "10 MiB")')
    return octets


def _rate(text: str) -> int:
    from engine.credentials import MOST_RATE

    match = re.fullmatch(r"([0-9]{1,6})(?:/min)?", text)
    if text and (match is None or not 0 < int(match[1]) <= MOST_RATE):
        raise ValueError(f'"{text[:40]}" is no rate (try "60/min"; at most {MOST_RATE}/min)')
    return int(match[1]) if match else 0
