"""`posthouse consent`: what a person agreed to, and the proof of it. Needs no daemon."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.commands.common import ConfigPath, Json, config, database, make_app, refuse
from engine.commands.common import address as parse_address

app = make_app("What people agreed to, and the proof of it.")

Who = Annotated[str, typer.Argument(help="The person's address.")]


@app.command()
def show(address: Who, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """All that ADDRESS was asked and answered, oldest first."""
    from engine.audience import consent
    from engine.audience.contacts import find_contact
    from mta.ports import Tx, from_ms

    who = parse_address(address)

    def look(tx: Tx) -> list[consent.Entry]:
        found = find_contact(tx, who)
        return [] if found is None else consent.history(tx, found)

    entries = database(config(config_path)).read_now(look)
    rows = [
        {"entry": each.link.seq, "at": from_ms(each.link.at_ms).isoformat(), "act": each.link.act, **each.told}
        for each in entries
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        print(_words(row))
    if not rows:
        refuse(f"the ledger holds nothing about {who}")


@app.command()
def proof(
    address: Who,
    out: Annotated[Path | None, typer.Option(help="Write the file here (else to standard output).")] = None,
    config_path: ConfigPath = None,
) -> None:
    """Write the proof of ADDRESS's consent: a file that `posthouse consent verify` checks anywhere, offline."""
    from engine.audience import proof as proofs
    from engine.system import SystemClock

    settings, who = config(config_path), parse_address(address)
    now = SystemClock().now()
    bundle = database(settings).read_now(lambda tx: proofs.build(tx, who, hostname=settings.hostname, now=now))
    if bundle is None:
        refuse(f"the ledger holds nothing about {who}")
    if out is None:
        sys.stdout.buffer.write(bundle)
        return
    try:
        out.write_bytes(bundle)
    except OSError as err:
        refuse(f"{out} can't be written: {err.strerror}", code=2)
    found = proofs.verify(bundle)
    print(f"{out}: {len(found.entries)} entries about {who}; the chain's last is {found.head.seq}, {found.head.hash}")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The file that `posthouse consent proof` wrote.")],
    entry_hash: Annotated[
        str, typer.Option("--hash", help="A hash from a mail's X-Consent-Entry that must be in the chain.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Check a proof, with nothing but the file. Exit status 1 where one octet of it was changed."""
    from engine.audience import proof as proofs
    from engine.audience.ledger import Broken

    try:
        found = proofs.verify(file.read_bytes(), entry_hash.strip().lower().removeprefix("sha256="))
    except OSError as err:
        refuse(f"{file} can't be read: {err.strerror}", code=2)
    except Broken as err:
        refuse(f"{file} does not verify: {err}")
    rows = [{"entry": each.seq, "at": each.at.isoformat(), "act": each.act, **each.facts} for each in found.entries]
    if as_json:
        print(
            json.dumps(
                {"address": found.address, "head": found.head.hash, "entries": rows}, ensure_ascii=False, indent=2
            )
        )
        return
    for row in rows:
        print(_words(row))
    print(
        f"\nIt verifies: {len(rows)} entries about {found.address}; entry {found.head.seq} is the chain's last, {found.head.hash}"
    )


@app.command()
def check(config_path: ConfigPath = None) -> None:
    """Go over the whole ledger: every hash, and the facts of every entry that has them. Exit status 1 at a fault."""
    from engine.audience import consent
    from engine.audience.ledger import Broken
    from mta.ports import Tx

    def look(tx: Tx) -> tuple[int, int, str]:
        return consent.check(tx)

    try:
        entries, erased, head = database(config(config_path)).read_now(look)
    except Broken as err:
        refuse(
            f"the ledger does not verify: {err}", "restore it from a backup, and find out who writes to the database"
        )
    print(f"{entries} entries verify, the facts of {erased} were erased" + (f"; the last is {head}" if head else ""))


def _words(row: dict[str, Any]) -> str:
    lines = [f"{row['entry']}  {row['at']}  {row['act']}  {row['list'] or 'all lists'}  by {row['source'] or '?'}"]
    lines += [
        f"    {name}: {row[name]}"
        for name in ("address", "wording", "locale", "ip", "agent", "evidence")
        if row.get(name)
    ]
    if mail := row.get("mail"):
        lines.append(f"    mail: {mail['message_id']} {mail['subject']}")
    return "\n".join(lines)
