"""`posthouse check`: what DNS says of who may send. Needs no daemon."""

import json
from typing import Annotated

import typer

from deliverability.checks.spf import SpfResult, check_host
from deliverability.text import clean
from engine.commands.common import Json, make_app, refuse
from engine.commands.dns import DnsFile, Resolver, answers
from engine.system import SystemClock

app = make_app("What DNS says of who may send.")


@app.callback()
def check() -> None:
    """What DNS says of who may send."""


@app.command()
def spf(
    ip: Annotated[str, typer.Option(help="The address that connects.")],
    helo: Annotated[str, typer.Option(help="The name that it says in EHLO.")] = "",
    mail_from: Annotated[
        str, typer.Option(help="The reverse-path; empty for the null one, which is judged by EHLO.")
    ] = "",
    dns: DnsFile = None,
    resolver: Resolver = "",
    as_json: Json = False,
) -> None:
    """Whether a host may send with this reverse-path by SPF (RFC 7208), with every look-up that it takes. Exit code 0
    whatever the verdict."""
    seconds = int(SystemClock().now().timestamp())
    try:
        result = check_host(ip, helo, mail_from, answers(dns, resolver), seconds=seconds)
    except ValueError:
        refuse(f"{clean(ip)[:60]} is no IP address", code=2)
    if as_json:
        data = {
            "result": result.result,
            "mechanism": result.mechanism or None,
            "lookups": result.lookups,
            "explanation": result.explanation or None,
        }
        print(json.dumps(data, ensure_ascii=False))
    else:
        _show(result)


def _show(result: SpfResult) -> None:
    for step in result.steps:
        print(f"{'  ' * step.depth}{step.domain}: {clean(step.term)}: {step.outcome}")
    decided = f", by {clean(result.mechanism)}" if result.mechanism else ""
    print(f"{result.result}{decided}; {result.lookups} of 10 look-ups, {result.voids} of 2 without an answer")
    for words in (result.trouble, result.explanation):
        if words:
            print(clean(words))
