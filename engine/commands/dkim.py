"""`posthouse dkim`: whether the signatures of mails hold. Needs no daemon."""

import json
from pathlib import Path
from typing import Annotated

import typer

from deliverability.checks.dkim_verify import MAX_SIZE, MessageError, verify
from deliverability.text import clean
from engine.commands.common import Json, make_app
from engine.commands.dns import DnsFile, Resolver, answers
from engine.commands.files import read_files, tell_unread

app = make_app("Whether the signatures of mails hold.")


@app.callback()
def dkim() -> None:
    """Whether the signatures of mails hold."""


@app.command("verify")
def verify_files(
    files: Annotated[list[Path], typer.Argument(help="Mails, byte for byte as they came; - reads one from the input.")],
    dns: DnsFile = None,
    resolver: Resolver = "",
    as_json: Json = False,
) -> None:
    """Verify each DKIM signature of each file (RFC 6376, RFC 8463). Exit code 1 when a mail can't be read."""
    ask = answers(dns, resolver)
    is_whole = True
    for name, content in read_files(files, MAX_SIZE, as_json):
        try:
            found = verify(content, ask)
        except MessageError as err:
            is_whole = False
            tell_unread(name, str(err), as_json)
            continue
        if as_json:
            signatures = [
                {"domain": each.domain, "selector": each.selector, "result": each.result, "reason": each.reason or None}
                for each in found
            ]
            print(json.dumps({"file": name, "signatures": signatures}, ensure_ascii=False))
            continue
        print(f"{clean(name)}: {len(found) or 'no'} signature{'' if len(found) == 1 else 's'}")
        for each in found:
            print(f"  {each.domain} ({each.selector}): {each.result}" + (f": {each.reason}" if each.reason else ""))
    if not is_whole:
        raise SystemExit(1)
