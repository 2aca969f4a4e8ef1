"""`posthouse coupon`: pools of coupon codes, and who has which code. Needs no daemon."""

import io
import json
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, TextIO
from zoneinfo import ZoneInfo

import typer

from engine.commands.common import ConfigPath, Json, clock, config, database, make_app, refuse
from engine.counts import counted
from mta.plain_file import open_plain
from mta.ports import Tx

app = make_app("Coupons: pools of codes, and who has which.")
pool_app = make_app("Pools of coupon codes.")
app.add_typer(pool_app, name="pool")

Name = Annotated[str, typer.Argument(help="The pool's name; flows say coupon: {pool: NAME}.")]


@pool_app.command()
def add(
    name: Name,
    pattern: Annotated[
        str, typer.Option(help="Make codes by it, such as SPRING-####-####; without it codes are loaded.")
    ] = "",
    expires: Annotated[
        str,
        typer.Option(
            help="How long a code lasts, such as 3d: from its step, or its mail if that is a day later or more."
        ),
    ] = "",
    low: Annotated[int, typer.Option(help="Warn when fewer codes are left.", min=0, max=1_000_000)] = 100,
    once: Annotated[
        bool,
        typer.Option("--once", help="One code for a person until they use it, and none after; else one for each run."),
    ] = False,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Make a pool, or give one that is there other rules."""
    from engine.catalogue.pools import SECRET_OCTETS, Pool, PoolError, put
    from engine.system import SystemChance

    store, secret = database(config(config_path)), SystemChance().octets(SECRET_OCTETS)
    now, pool = clock(store).now(), Pool(name, pattern, expires, low, once)
    try:
        is_new = store.write_now(lambda tx: put(tx, pool, secret, now))
    except PoolError as err:
        refuse(str(err), "nothing was changed", code=2)
    if as_json:
        print(
            json.dumps({"pool": name, "new": is_new, "pattern": pattern, "expires": expires, "low": low, "once": once})
        )
        return
    how = f"makes codes by {pattern}" if pattern else f"takes codes: `posthouse coupon pool load {name} FILE`"
    print(f"{name} {how}" if is_new else f"{name} has other rules")


@pool_app.command()
def load(
    name: Name,
    file: Annotated[
        Path, typer.Argument(help="A table with a code in each line, and perhaps until when; - reads stdin.")
    ],
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Load codes into a pool. What is known already is left as it is."""
    from engine.catalogue import pools

    settings = config(config_path)
    store, zone, known, new, over = database(settings), ZoneInfo(settings.mail.zone), 0, 0, 0
    now = clock(store).now()
    try:
        if str(file) != "-":  # a file is read twice, so that nothing of a faulty one is loaded
            with _opened(file) as lines:
                deque(pools.read_codes(lines, zone), maxlen=0)
        with _opened(file) as lines:
            codes = pools.read_codes(lines, zone)
            while part := list(islice(codes, pools.PART)):
                taken = store.write_now(lambda tx, part=part: pools.load(tx, name, part))  # type: ignore[misc]
                new, known = new + taken, known + len(part) - taken
                over += sum(each.until is not None and each.until <= now for each in part)
    except pools.PoolError as err:
        refuse(f"{file}: {err}", f"{new} codes were loaded; mend it and load it again: what is known is left", code=2)
    except (OSError, UnicodeDecodeError) as err:
        refuse(f"{file} can't be read: {getattr(err, 'strerror', None) or err}", code=2)
    if as_json:
        print(json.dumps({"pool": name, "loaded": new, "known": known, "over": over}))
        return
    print(f"{new} codes loaded into {name}" + (f", {known} known already" if known else ""))
    if over:
        print(
            f"{counted(over, 'code')} of {file} {'is' if over == 1 else 'are'} over already: nobody gets one that is over"
        )


@pool_app.command()
def show(
    name: Name,
    codes: Annotated[bool, typer.Option("--codes", help="Every code, and what became of it.")] = False,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """A pool's rules and figures, or all of its codes."""
    from engine.catalogue.pools import figures

    store = database(config(config_path))
    found = [each for each in store.read_now(figures) if each["name"] == name]
    if not found:
        refuse(f"there is no pool {name}", "`posthouse coupon pool list` shows them")
    if not codes:
        _print_figures(found, as_json)
        return
    from engine.catalogue.pools import listed

    after = 0
    while part := store.read_now(lambda tx, after=after: listed(tx, name, after, 1000)):  # type: ignore[misc]
        after = part[-1]["id"]
        for each in part:
            _print_code(each, as_json)


@pool_app.command("list")
def list_pools(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The pools there are, and how many codes of each stand where."""
    from engine.catalogue.pools import figures

    _print_figures(database(config(config_path)).read_now(figures), as_json)


@pool_app.command()
def drop(name: Name, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Take away a pool of which nobody has a code, and that no flow names."""
    from engine.catalogue.pools import PoolError
    from engine.catalogue.pools import drop as take_away
    from engine.running.naming import flows_taking

    def work(tx: Tx) -> list[str]:
        if not (named_by := flows_taking(tx, name)):
            take_away(tx, name)
        return named_by

    store = database(config(config_path))
    try:
        named_by = store.write_now(work)
    except PoolError as err:
        refuse(str(err), "nothing was changed")
    if named_by:
        refuse(
            f"{name} stays: {', '.join(named_by)} take{'s' if len(named_by) == 1 else ''} codes out of it",
            f"nothing was changed; archive what names it (`posthouse flow archive {named_by[0]} --end`), or apply a text"
            " without it (`posthouse flow apply FILE --move`)",
        )
    print(json.dumps({"pool": name, "dropped": True}) if as_json else f"{name} is gone")


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        yield sys.stdin
        return
    with io.TextIOWrapper(open_plain(file), "utf-8-sig", newline="") as lines:
        yield lines


def _print_figures(pools: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(pools, ensure_ascii=False, indent=2))
        return
    for each in pools:
        left = f"by {each['pattern']}" if each["pattern"] else f"{each['free']} free"
        warn = "" if each["pattern"] or int(str(each["free"])) >= int(str(each["low"])) else "  LOW"
        print(
            f"{each['name']:<24} {left}, {each['reserved']} set aside, {each['given']} given,"
            f" {each['redeemed']} redeemed, {each['over']} over{warn}"
        )


def _print_code(code: dict[str, object], as_json: bool) -> None:
    if as_json:
        print(json.dumps({name: value for name, value in code.items() if name != "id"}, ensure_ascii=False))
        return
    at = str(code["redeemed"] or code["given"] or "")[:16]
    ends = f" until {str(code['expires'] or code['until'])[:16]}" if code["expires"] or code["until"] else ""
    state = "set aside" if code["state"] == "reserved" else code["state"]
    print(f"{code['code']:<32} {state:<9} {at:<16} {code['address']} {code['order']}".rstrip() + ends)
