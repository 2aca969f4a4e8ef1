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
    from engine.audience import batches, consent
    from engine.audience.contacts import find_contact
    from engine.audience.ledger import Link
    from mta.ports import Tx, from_ms

    who = parse_address(address)

    def look(tx: Tx) -> list[tuple[Link, dict[str, Any]]]:
        found = find_contact(tx, who)
        if found is None:
            return []
        own = [(each.link, each.told) for each in consent.history(tx, found)]
        return sorted(
            [*own, *((each.entry.link, each.told) for each in batches.history(tx, found))], key=lambda one: one[0].seq
        )

    entries = database(config(config_path)).read_now(look)
    rows = [
        {"entry": link.seq, "at": from_ms(link.at_ms).isoformat(), "act": link.act, **told} for link, told in entries
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
    from engine.audience import batches, consent, trials
    from engine.audience.ledger import Broken

    store = database(config(config_path))
    try:
        entries, erased, head = store.read_now(consent.check)
        whole = [each.id for each in store.read_now(lambda tx: trials.batches(tx, limit=100_000))]
        rows = sum(store.read_now(lambda tx, each=each: batches.check(tx, each)) for each in whole)  # type: ignore[misc]
    except Broken as err:
        refuse(
            f"the ledger does not verify: {err}", "restore it from a backup, and find out who writes to the database"
        )
    print(f"{entries} entries verify, the facts of {erased} were erased" + (f"; the last is {head}" if head else ""))
    if whole:
        print(f"{rows:,} rows of {len(whole)} imports verify")


def _words(row: dict[str, Any]) -> str:
    lines = [f"{row['entry']}  {row['at']}  {row['act']}  {_lists(row)}  by {row['source'] or '?'}"]
    lines += [
        f"    {name}: {row[name]}"
        for name in ("address", "wording", "locale", "ip", "agent", "evidence")
        if row.get(name)
    ]
    if batch := row.get("import"):
        lines.append(
            f"    import {batch['batch']}, row {row['row']} of {batch['file']}: {batch['how']} ({batch['who']})"
        )
    if mail := row.get("mail"):
        lines.append(f"    mail: {mail['message_id']} {mail['subject']}")
    return "\n".join(lines)


def _lists(row: dict[str, Any]) -> str:
    return (
        ", ".join(row["lists"]) if row.get("lists") else row["list"] or ("no list" if "import" in row else "all lists")
    )
