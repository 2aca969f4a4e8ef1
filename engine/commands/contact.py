"""`posthouse contact`: the people that we know. Needs no daemon, but for `list`."""

import json
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.commands.common import (
    ConfigPath,
    Json,
    Socket,
    ask,
    clock,
    config,
    database,
    make_app,
    print_more,
    refuse,
    who,
)
from engine.commands.common import address as parse_address
from engine.commands.contact_import import import_people
from mta.plain_file import open_anew, write_plain

if TYPE_CHECKING:
    from datetime import datetime

    from engine.audience.contacts import Change
    from engine.store.groups import GroupStore
    from mta.ports import Tx

app = make_app("The people that we know: add, import, list, show, change, merge, export, erase.")

Who = Annotated[str, typer.Argument(help="The person's address.")]
Name = Annotated[str | None, typer.Option(help="The person's name.")]
Locale = Annotated[str | None, typer.Option(help="Language (BCP 47), such as he-IL.")]
Zone = Annotated[str | None, typer.Option(help="Time zone (IANA), such as Asia/Jerusalem.")]
Birthday = Annotated[str | None, typer.Option(help="1990-03-31, or --03-31 without the year.")]
ExternalId = Annotated[str | None, typer.Option(help="What your shop calls this person.")]
Fields = Annotated[list[str] | None, typer.Option("--field", help="NAME=VALUE of a declared field (again for more).")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag (again for more).")]


@app.command()
def add(
    address: Who,
    source: Annotated[str, typer.Option(help="How the address came to you: inquiry, call, site, brochure, fair ...")],
    name: Name = None,
    locale: Locale = None,
    zone: Zone = None,
    birthday: Birthday = None,
    external_id: ExternalId = None,
    field: Fields = None,
    tag: Tags = None,
    config_path: ConfigPath = None,
) -> None:
    """Write a person down. It is no consent: `posthouse list subscribe` asks for that."""
    from engine.audience.contacts import change, ensure_contact, find_contact
    from engine.audience.suppression import BACK, was_erased

    to = parse_address(address)
    if not source.strip():
        refuse("--source says how the address came to you", "such as --source inquiry", code=2)
    told = _change(name, locale, zone, birthday, external_id, source, field, tag, ())

    def work(tx: "Tx", now: "datetime") -> list[str] | None:
        if find_contact(tx, to) is not None:
            return None
        change(tx, ensure_contact(tx, to, now=now), told, now)
        return [BACK] if was_erased(tx, to.key) else []

    remarks = _write(config_path, work)
    if remarks is None:
        refuse(f"{to} is known already", f"`posthouse contact set {to}` changes what is kept")
    print("\n".join((f"{to} is written down", *remarks)))


@app.command("set")
def set_values(
    address: Who,
    name: Name = None,
    locale: Locale = None,
    zone: Zone = None,
    birthday: Birthday = None,
    external_id: ExternalId = None,
    field: Fields = None,
    tag: Tags = None,
    untag: Annotated[list[str] | None, typer.Option(help="Take a tag away (again for more).")] = None,
    config_path: ConfigPath = None,
) -> None:
    """Change what is kept about a person. An empty value takes it away."""
    from engine.audience.contacts import change

    told = _change(name, locale, zone, birthday, external_id, None, field, tag, untag)
    _write(config_path, lambda tx, now: change(tx, _find(tx, address), told, now))
    print(f"{parse_address(address)} is changed")


@app.command("list")
def list_people(
    text: Annotated[str, typer.Argument(help="In address, name or source; an address's beginning with its @.")] = "",
    limit: Annotated[int, typer.Option(help="So many at most.", min=1)] = 100,
    after: Annotated[int, typer.Option(help="Go on behind this contact's number.")] = 0,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """The people that we know, by their numbers. Asks the daemon."""
    from engine.control.protocol.lists import People
    from engine.control.protocol.wire import pretty

    asked: dict[str, str | int] = {"limit": limit, "after": after} | ({"q": text} if text else {})
    found = ask(socket, lambda control: control.get(People, "/v1/people", asked))
    if as_json:
        print(pretty(found))
        return
    for each in found.rows:
        print(f"{each.contact_id:>9}  {each.address:<36} {each.name}".rstrip())
    print_more(found.after)


@app.command()
def show(address: Who, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """What conditions and templates see of a person, where they stand with each list, and what stops mail to them."""
    from engine.audience.contacts import contact_facts
    from engine.audience.dossier import subscriptions
    from engine.audience.engagement import with_level
    from engine.audience.suppression import about

    def look(tx: "Tx", now: "datetime") -> dict[str, Any]:
        contact_id = _find(tx, address)
        facts = contact_facts(tx, contact_id)
        return facts | {
            "engagement": with_level(facts["engagement"], now),
            "subscriptions": subscriptions(tx, contact_id),
            "suppression": about(tx, parse_address(address).key),
        }

    facts = _read(config_path, look)
    if as_json:
        print(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    for each in facts.pop("subscriptions"):
        when = [f"{name} {each[name][:16]}" for name in ("asked", "reminded", "confirmed", "ended") if each[name]]
        why = f" ({each['why']})" if each["why"] else ""
        print(f"list {each['list']:<15} {each['state']:<13} by {each['source']}: {', '.join(when)}{why}")
    for each in facts.pop("suppression"):
        print(f"suppressed   {_stop(each)}")
    for key, value in facts.items():
        if value not in ("", None, [], {}):
            print(f"{key:<12} {json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value}")


def _stop(told: dict[str, Any]) -> str:
    """What one suppression stops, and why."""
    of = (
        f"mail of list {told['list']}"
        if told["list"]
        else "marketing mail"
        if told["scope"] != "all"
        else "mail at all"
    )
    until = f" until {told['until'][:16]}" if told["until"] else ""
    evidence = f" ({told['evidence']})" if told["evidence"] else ""
    return f"{told['reason']} since {told['at'][:16]}{until}: no {of}{evidence}"


@app.command()
def merge(
    address: Annotated[str, typer.Argument(help="The address that goes.")],
    into: Annotated[str, typer.Argument(help="The address that stays.")],
    config_path: ConfigPath = None,
) -> None:
    """Make two contacts one: events, orders, tags and fields pass over. Consent does not: it was given for one mailbox."""
    from engine.audience.dossier import merge as make_one

    if parse_address(address).key == parse_address(into).key:
        refuse("both are the same contact", code=2)
    _write(config_path, lambda tx, now: make_one(tx, _find(tx, address), _find(tx, into), by=who(), now=now))
    print(f"{parse_address(address)} is part of {parse_address(into)} now")


@app.command()
def export(
    address: Annotated[str, typer.Argument(help="The person's address; none with --csv.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Everybody, as a table for spreadsheets.")] = False,
    of_list: Annotated[str, typer.Option("--list", help="With --csv: only who is confirmed on this list.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write the file here (else to standard output).")] = None,
    config_path: ConfigPath = None,
) -> None:
    """Everything that is kept about a person, as JSON (GDPR articles 15 and 20); or everybody as a table."""
    from engine.audience import dossier

    if as_csv:
        _export_table(config_path, of_list, out)
        return
    if not address or of_list:
        refuse("whose data?", "name an address, or give --csv for everybody", code=2)
    text = json.dumps(
        _read(config_path, lambda tx, now: dossier.export(tx, _find(tx, address))), ensure_ascii=False, indent=2
    )
    if out is None:
        print(text)
        return
    try:
        write_plain(out, f"{text}\n".encode())
    except OSError as err:
        refuse(f"{out} can't be written: {err.strerror}", code=2)
    print(f"{out} is written")


def _export_table(config_path: Path | None, of_list: str, out: Path | None) -> None:
    from engine.audience import lists
    from engine.exchange.table import write

    store = database(config(config_path))
    found = store.read_now(lambda tx: lists.get(tx, of_list)) if of_list else None
    if of_list and found is None:
        refuse(f"there is no list {of_list}", code=2)
    which = found.id if found else None
    if out is None:
        write(store, sys.stdout, which)
        return
    try:
        with TextIOWrapper(open_anew(out), encoding="utf-8", newline="") as file:
            count = write(store, file, which)
    except OSError as err:
        refuse(f"{out} can't be written: {err.strerror}", code=2)
    print(f"{out}: {count:,} people")


@app.command()
def erase(
    address: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would go.")] = False,
    config_path: ConfigPath = None,
) -> None:
    """Forget a person (GDPR article 17). A salted hash of the address stays, so that no import writes to it again."""
    from engine.acts import keeping
    from engine.audience import dossier
    from engine.audience.contacts import find_contact
    from engine.audience.ledger import SALT_OCTETS
    from engine.reputation import forgetting
    from engine.system import SystemChance
    from mta.queue import erasing
    from mta.queue.operating import By

    to, store = parse_address(address), database(config(config_path))
    now = clock(store).now()
    found = store.read_now(lambda tx: find_contact(tx, to))
    theirs = [to] if found is None else store.read_now(lambda tx: dossier.mailboxes(tx, found))
    names = [str(each) for each in theirs]
    deliveries: list[int] = []
    after = 0
    while True:
        after, ids = store.read_now(lambda tx, after=after: erasing.find(tx, names, after))  # type: ignore[misc]
        deliveries += ids
        if not after:
            break
    if found is None and not deliveries:
        refuse(f"nothing is kept about {to}")
    if not yes:
        print(
            f"about {', '.join(names)}: {'a contact and all that hangs on it' if found else 'no contact'},"
            f" {len(deliveries)} deliveries"
        )
        print("nothing was changed; --yes erases it for good")
        return
    salt = SystemChance().octets(SALT_OCTETS)
    by = By(who(), "erased")
    if found is not None:
        store.write_now(lambda tx: dossier.erase(tx, found, to.key, salt=salt, now=now))
    else:
        store.write_now(lambda tx: keeping.forget(tx, names))
    blanked = 0
    for start in range(0, len(deliveries), _CHUNK):
        part = deliveries[start : start + _CHUNK]
        store.write_now(lambda tx, part=part: forgetting.forget(tx, part))  # type: ignore[misc]
        blanked += store.write_now(lambda tx, part=part: erasing.blank(tx, part, by, now))  # type: ignore[misc]
    print(f"{to} is forgotten")
    if blanked < len(deliveries):
        print(f"{len(deliveries) - blanked} deliveries are on their way this moment: run this again in a minute")


app.command("import")(import_people)

_CHUNK = 100


def _change(
    name: str | None, locale: str | None, zone: str | None, birthday: str | None, external_id: str | None,
    source: str | None, fields: list[str] | None, tags: list[str] | None, untags: Any,
) -> "Change":  # fmt: skip
    from engine.audience.contacts import Change

    pairs = {}
    for each in fields or ():
        key, equals, value = each.partition("=")
        if not equals:
            refuse(f'--field "{each[:60]}" is not NAME=VALUE', "such as --field shoe_size=38", code=2)
        pairs[key.strip()] = value.strip()
    return Change(
        name=name, locale=locale, zone=zone, birthday=birthday, external_id=external_id, source=source, fields=pairs,
        tags=frozenset(tags or ()), untags=frozenset(untags or ()),
    )  # fmt: skip


def _write(config_path: Path | None, work: Any) -> Any:
    store = database(config(config_path))
    return _said(store, store.write_now, work)


def _read(config_path: Path | None, work: Any) -> Any:
    store = database(config(config_path))
    return _said(store, store.read_now, work)


def _said(store: "GroupStore", do: Any, work: "Callable[[Tx, datetime], Any]") -> Any:
    from engine.audience.contacts import ContactError, UnknownContact
    from engine.audience.fields import FieldError

    now = clock(store).now()
    try:
        return do(lambda tx: work(tx, now))
    except (ContactError, FieldError) as err:
        refuse(str(err), "nothing was changed", code=2)
    except UnknownContact as err:
        refuse(str(err))


def _find(tx: "Tx", address: str) -> int:
    from engine.audience.contacts import UnknownContact, find_contact

    found = find_contact(tx, parse_address(address))
    if found is None:
        raise UnknownContact(f"there is no contact {parse_address(address)}")
    return found
