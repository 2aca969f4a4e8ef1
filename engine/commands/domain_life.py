"""What `posthouse domain` does with keys: make them, look for them, wait for DNS, let the daemon know."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.commands.common import clock, refuse
from engine.control.client import Control, ControlError
from mta.plain_file import read_plain

if TYPE_CHECKING:
    from deliverability.signing.keys import Key
    from engine.config import Config
    from engine.domains.looking import Seen
    from engine.keys import KeptKey, KeyState
    from engine.store.groups import GroupStore

AGAIN_SECONDS: Final = 5.0


def name_of(domain: str) -> str:
    """A domain as DNS has it; what is none ends the command with 2."""
    from deliverability.address import AddressError, parse_domain

    try:
        return parse_domain(domain)
    except AddressError as err:
        refuse(str(err), "nothing was changed", code=2)


def read_key(domain: str, file: Path, selector: str) -> "Key":
    """A key that somebody else made."""
    from deliverability.signing.keys import KeyTrouble, load_key

    try:
        return load_key(read_plain(file), domain, selector)
    except (KeyTrouble, OSError) as err:
        refuse(str(err), "nothing was changed", code=2)


def load(settings: "Config", key: "KeptKey") -> "Key":
    from deliverability.signing.keys import KeyTrouble

    try:
        return key.load(settings.keys_path)
    except (OSError, KeyTrouble) as err:
        refuse(f"the key {settings.keys_path / key.file} can't be used: {err}", "nothing was changed")


def make(
    settings: "Config", store: "GroupStore", domain: str, now: datetime, stem: str = "", given: "Key | None" = None
) -> "tuple[list[Key], KeyState]":
    """Make a domain's next keys, or take the one given, and write them down; they and their state."""
    from deliverability.signing.keys import KeyTrouble
    from engine import keys
    from engine.domains import making

    try:
        rows = store.read_now(lambda tx: keys.kept(tx, domain))
        made = [given] if given else making.pair(settings, domain, now, stem, rows)
        files = making.write_files(settings, made)
    except making.Taken as taken:
        name = f"{domain}.{taken}.pem"
        if any(each.selector == str(taken) for each in rows):
            refuse(f"{domain} has a key with the selector {taken} already", "name another with --selector", code=2)
        refuse(
            f"{settings.keys_path / name} is there, and no key: it was left by an `add` that was cut short",
            "remove the file, or name another --selector", code=2,
        )  # fmt: skip
    except (KeyTrouble, OSError) as err:
        refuse(str(err), "nothing was changed", code=2)
    return made, store.write_now(lambda tx: keys.add(tx, list(zip(made, files, strict=True)), now))


def domains_of(store: "GroupStore") -> list[str]:
    from engine import keys

    return list(dict.fromkeys(each.domain for each in store.read_now(keys.kept)))


def look(settings: "Config", store: "GroupStore", domain: str) -> "list[Seen]":
    """What DNS shows of a domain's keys, which is written down."""
    from engine import keys
    from engine.domains.looking import look_all
    from engine.keys import KeyState
    from mta.ports import Tx

    rows, now = store.read_now(lambda tx: keys.kept(tx, domain)), clock(store).now()
    seen = asyncio.run(look_all(settings, [each for each in rows if each.state is not KeyState.GONE]))

    def work(tx: Tx) -> "dict[str, KeptKey]":
        for each in seen:
            keys.see(tx, each.key, each.shown, each.ttl, now)
        return {each.selector: each for each in keys.kept(tx, domain)}

    known = store.write_now(work)
    return [each.of(known.get(each.key.selector, each.key)) for each in seen]


def refuse_unseen(settings: "Config", seen: "Sequence[Seen]", now: datetime, *, may_haste: bool) -> None:
    """End the command where keys can't sign yet, with what is wrong at which server."""
    from engine.domains import changing

    with refusing():
        changing.require_shown(settings, seen, now, may_haste=may_haste)


@contextmanager
def refusing() -> Iterator[None]:
    """What may not be done with keys ends the command."""
    from engine.domains.changing import CannotChange

    try:
        yield
    except CannotChange as err:
        refuse(str(err), err.remedy, code=2 if err.is_senseless else 1)


def wait(settings: "Config", domains: Sequence[str], patience: str) -> None:
    """Until every domain's keys are shown, and its new ones sign; what is missing is printed when it changes."""
    from deliverability.settings import parse_duration
    from engine.commands.common import database

    try:
        seconds = parse_duration(patience).total_seconds()
    except ValueError as err:
        refuse(f"--for: {err}", code=2)
    store = database(settings)
    begun, waits, said = clock(store).monotonic(), list(domains), dict[str, str]()
    while True:
        for domain in list(waits):
            words = _step(settings, store, domain)
            if not words:
                waits.remove(domain)
                print(f"{domain}: every name server shows the keys that sign", flush=True)
            elif said.get(domain) != words:
                said[domain] = words
                print(f"{domain}: {words}", flush=True)
        if not waits:
            return
        if clock(store).monotonic() - begun > seconds:
            refuse(f"{', '.join(waits)} after {patience}: not yet", "a running daemon goes on by itself")
        asyncio.run(asyncio.sleep(AGAIN_SECONDS))


def _step(settings: "Config", store: "GroupStore", domain: str) -> str:
    """One look, and the switch where it is time. What is still waited for; "" when nothing is."""
    from engine import keys
    from engine.domains.looking import ready_at

    seen, now = look(settings, store, domain), clock(store).now()
    fresh = [each for each in seen if each.key.is_fresh]
    at = ready_at(seen)
    if at is not None and now >= at:
        try:
            names = [each.key.selector for each in fresh]
            store.write_now(lambda tx: keys.switch(tx, domain, names, now))
        except keys.CannotSwitch as err:
            refuse(str(err), f"`posthouse domain check {domain}` lists its keys")
        tell(settings)
        return ""
    if at is not None:
        return f"shown by all; they sign from {at:%H:%M:%S} UTC on, when what resolvers remember is over"
    for each in fresh or [each for each in seen if each.key.is_signing]:
        if each.trouble:
            return each.trouble
        for server, fault in (each.faults or {}).items():
            return f"{each.key.selector} is not seen yet: {server}: {fault}"
    return ""


def print_retiring(settings: "Config", rows: "Sequence[KeptKey]", signed: Collection[str]) -> None:
    """Which records of keys that have just signed must stay, and until when."""
    from engine.domains import making
    from engine.keys import KeyState

    for each in rows:
        if each.selector in signed and each.state is KeyState.RETIRING:
            until = each.since + making.rest_of(settings) + each.ttl
            print(f"leave the record of {each.selector} published until {until:%Y-%m-%d}")


def tell(settings: "Config") -> None:
    """Let a running daemon read its keys again; without one there is nothing to do."""
    try:
        Control(settings.socket_path).post("/v1/keys", {})
    except ControlError:
        return
