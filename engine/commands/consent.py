"""`posthouse consent`: what a person agreed to, and the proof of it. Needs no daemon."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.commands.common import ConfigPath, Json, clock, config, database, make_app, refuse
from engine.commands.common import address as parse_address
from mta.plain_file import read_plain, write_plain

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
    from engine.audience.ledger import Broken

    settings, who = config(config_path), parse_address(address)
    store = database(settings)
    now = clock(store).now()
    bundle = store.read_now(lambda tx: proofs.build(tx, who, hostname=settings.hostname, now=now))
    if bundle is None:
        refuse(f"the ledger holds nothing about {who}")
    try:
        found = proofs.verify(bundle)
    except Broken as err:
        refuse(f"the ledger does not verify, so no proof was written: {err}", "`posthouse consent check` goes over it")
    if out is None:
        sys.stdout.buffer.write(bundle)
        return
    try:
        write_plain(out, bundle)
    except OSError as err:
        refuse(f"{out} can't be written: {err.strerror}", code=2)
    print(f"{out}: {len(found.entries)} entries about {who}; the chain's last is {found.head.seq}, {found.head.hash}")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The file that `posthouse consent proof` wrote.")],
    entry_hash: Annotated[
        str | None, typer.Option("--hash", help="A hash from a mail's X-Consent-Entry that must be in the chain.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a proof, with nothing but the file. Exit status 1 where one octet of it was changed."""
    from engine.audience import proof as proofs
    from engine.audience.ledger import Broken

    wanted = (entry_hash or "").strip().lower().removeprefix("sha256=")
    if entry_hash is not None and not wanted:
        refuse("--hash is empty", "give the hash of a mail's X-Consent-Entry, or leave the option out", code=2)
    try:
        found = proofs.verify(read_plain(file), wanted)
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
    from engine.control.clean import clean_block

    lines = [f"{row['entry']}  {row['at']}  {row['act']}  {_lists(row)}  by {row.get('source') or '?'}"]
    lines += [
        f"    {name}: {row[name]}"
        for name in ("address", "wording", "locale", "ip", "agent", "evidence")
        if row.get(name)
    ]
    if isinstance(batch := row.get("import"), dict):
        number, file, how, who = (batch.get(each, "?") for each in ("batch", "file", "how", "who"))
        lines.append(f"    import {number}, row {row.get('row', '?')} of {file}: {how} ({who})")
        lines += [f"    {each}" for each in _of_row(row)]
    if isinstance(mail := row.get("mail"), dict):
        lines.append(f"    mail: {mail.get('message_id')} {mail.get('subject')}")
    return clean_block("\n".join(lines))  # a proof may come from anybody


def _lists(row: dict[str, Any]) -> str:
    if "import" not in row:
        return row.get("list") or "all lists"
    return _stands(row["kept"] if "kept" in row else row.get("lists")) or "no list"


def _of_row(row: dict[str, Any]) -> list[str]:
    """What the file says of a person, and what was done with it."""
    said = [_stands(row.get("lists")) or "no list", *(f"{name}: {row[name]}" for name in _THEIRS if row.get(name))]
    said += [_when(row, name) for name in ("asked", "confirmed") if row.get(name) or row.get(f"{name}_ip")]
    said += [f"{name} {row[name]}" for name in ("left", "cleaned", "why") if row.get(name)]
    lines = [f"the file says: {', '.join(said)}"]
    if "kept" in row:
        lines.append(f"what became of it: {_stands(row['kept']) or 'a contact on no list'}")
    if isinstance(reasons := row.get("suppressed"), list):
        lines.append(f"no marketing goes there: {', '.join(map(str, reasons))}")
    return lines


_THEIRS = ("mailchimp", "listmonk")  # what these call it


def _stands(lists: Any) -> str:
    return ", ".join(f"{name} {state}" for name, state in lists.items()) if isinstance(lists, dict) else ""


def _when(row: dict[str, Any], name: str) -> str:
    ip = row.get(f"{name}_ip")
    return " ".join(filter(None, (name, row.get(name), f"from {ip}" if ip else "")))
