"""`posthouse doctor`: what a sender must publish and keep in order, judged, with what to publish. Needs no daemon."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.common import ConfigPath, Json, Socket, make_app, refuse
from engine.commands.dns import DnsFile
from engine.control import place
from engine.control.client import Control, ControlError
from engine.control.protocol.doctor import DoctorReport
from engine.control.protocol.wire import pretty

app = make_app("What a sender must publish and keep in order, judged, with what to publish.")

PATIENCE = 120.0  # seconds for the daemon to examine everything


@app.command()
def doctor(
    domains: Annotated[
        list[str] | None, typer.Argument(metavar="DOMAIN", help="From domains; those we sign for without any.")
    ] = None,
    dns: DnsFile = None,
    ip: Annotated[
        list[str] | None, typer.Option(help="As if mail left from this address (again for more); no daemon is asked.")
    ] = None,
    helo: Annotated[str, typer.Option(help="As if this name were said in EHLO; no daemon is asked.")] = "",
    bounces: Annotated[str, typer.Option(help="As if bounces came to this domain; no daemon is asked.")] = "",
    kept: Annotated[
        bool, typer.Option("--kept", help="Show what the daemon found last, without looking again.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Show the rules that pass, too.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="No colours, ASCII only.")] = False,
    socket: Socket = None,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Judge SPF, DKIM, DMARC, alignment, names, exchangers, TLS policies, blocklists, certificates, files, clock and doors,
    and what Gmail, Yahoo and Microsoft demand of bulk senders; say what to publish.

    Exit status 1 where a rule fails, 0 where none does (warnings and unknowns are none), 2 where what was typed is wrong.
    A running daemon is asked, which knows its doors and keeps the result; with --dns, --ip, --helo or --bounces, or without a
    daemon, the command looks for itself.
    """
    names = [_domain(each) for each in domains or ()]
    is_assumed = bool(dns or ip or helo or bounces)
    found = None if is_assumed else _from_daemon(names, kept, socket, config_path)
    if found is None:
        if kept:
            refuse("no daemon runs that could have kept a result", "without --kept the command looks for itself")
        from engine.commands.doctor_alone import Assumed, examine

        found = examine(names, Assumed(dns, tuple(ip or ()), helo, bounces), config_path)
    if as_json:
        print(pretty(found))
    else:
        from engine.commands.doctor_shown import lines

        colours = not plain and "NO_COLOR" not in os.environ and sys.stdout.isatty()
        print("\n".join(lines(found, shows_all=every, colours=colours, is_ascii=plain)))
    if found.verdict == "fail":
        raise SystemExit(1)


def _domain(text: str) -> str:
    from deliverability.address import AddressError, parse_domain

    try:
        return parse_domain(text)
    except AddressError as err:
        refuse(str(err), code=2)


def _from_daemon(names: list[str], kept: bool, socket: Path | None, config_path: Path | None) -> DoctorReport | None:
    """What the daemon says; None where none runs."""
    try:
        path = place.socket_path(socket, config_path)
    except place.NoPlace:
        return None
    if not path.exists() and socket is None:
        return None
    query = {"domains": ",".join(names)} | ({"kept": "1"} if kept else {})
    try:
        return Control(path, patience=PATIENCE).get(DoctorReport, "/v1/doctor", query)
    except ControlError as err:
        if err.refused or socket is not None:
            refuse(str(err), err.remedy, code=2 if err.senseless else 1)
        return None
