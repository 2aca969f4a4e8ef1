"""The proof of one person's consent over the control socket: the ledger's entries, gone over, and the file."""

import asyncio
from typing import Any, Final

from engine.audience import batches, consent
from engine.audience import proof as proofs
from engine.audience.contacts import find_contact
from engine.audience.ledger import Broken, Link, verify_facts
from engine.control.people import address_of, file_of
from engine.control.protocol.people import ConsentProof, ConsentRow, FileOctets
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted
from engine.house import House
from mta.ports import Tx, to_ms

CHAIN_MOST: Final = 25_000  # entries that a file in one answer may hold


async def of_person(house: House, office: Office, text: str) -> ConsentProof:
    """What an address was shown and answered, oldest first, and how far the ledger was gone over."""
    address, now = address_of(text), house.clock.now()
    walk = office.chain
    entries = await walk.go_on()

    def look(tx: Tx) -> tuple[int, list[ConsentRow], str]:
        found = find_contact(tx, address)
        if found is None:
            return 0, [], ""
        rows = [_own(each) for each in consent.history(tx, found)] + [_row(each) for each in batches.history(tx, found)]
        head = consent.head(tx)
        return found, sorted(rows, key=lambda each: each.entry), head.hash if head else ""

    contact_id, rows, head = await house.store.read(look)
    if not contact_id:
        raise Refusal(f"there is no contact {address}", "the ledger names people by their contact", 404)
    return ConsentProof(to_ms(now), str(address), contact_id, tuple(rows), walk.checked, entries, head, walk.fault)


async def file(house: House, text: str) -> FileOctets:
    """The file that anybody can verify, with no access to this installation."""
    address, now = address_of(text), house.clock.now()
    command = f"posthouse consent proof {address}"

    def build(tx: Tx) -> bytes | None:
        found = find_contact(tx, address)
        first = None if found is None else tx.one("SELECT min(seq) FROM consent_fact WHERE contact_id = ?", (found,))
        head = consent.head(tx)
        if first and first[0] and head and head.seq - first[0] > CHAIN_MOST:
            count = f"{head.seq - first[0]:,} entries"
            raise Refusal(f"the chain from their first entry on has {count}", f"`{command} --out FILE` writes it", 413)
        return proofs.build(tx, address, hostname=house.config.hostname, now=now)

    octets = await house.store.read(build)
    if octets is None:
        raise Refusal(f"the ledger holds nothing about {address}", "", 404)
    try:
        found = await asyncio.to_thread(proofs.verify, octets)
    except Broken as err:
        raise Refusal(
            f"the ledger does not verify, so there is no proof: {err}", "`posthouse consent check` goes over it", 500
        ) from None
    about = (
        f"{counted(len(found.entries), 'entry', 'entries')}; the chain's last is {found.head.seq}, {found.head.hash}"
    )
    return file_of(f"{address}.consent.json", octets, about, command)


def _own(each: consent.Entry) -> ConsentRow:
    told = each.told
    mail = told.get("mail") or {}
    return ConsentRow(
        *_link(each.link), told.get("list") or "all lists", told["source"], told["wording"], told["purpose"],
        told["locale"], told["ip"], told["agent"], told.get("evidence", ""), mail.get("message_id", ""),
        mail.get("subject", ""), mail.get("text", ""), is_true=_fits(each.link, each.salt, each.facts),
    )  # fmt: skip


def _row(each: batches.Imported) -> ConsentRow:
    told, batch = each.told, each.entry.told.get("import", {})
    stands = told.get("kept", told.get("lists"))
    lists = ", ".join(f"{name} {state}" for name, state in stands.items()) if isinstance(stands, dict) else ""
    said = [f"import {batch.get('batch')}, row {told.get('row')} of {batch.get('file')}", f"how: {batch.get('how')}"]
    said += [f"who: {batch.get('who')}", f"sha256 of the file: {batch.get('sha256')}"]
    said += [f"{name} {told[name]}" for name in ("asked", "asked_ip", "confirmed", "confirmed_ip") if told.get(name)]
    return ConsentRow(
        *_link(each.entry.link), lists or "no list", told.get("source", "import"), told.get("wording", ""),
        told.get("purpose", ""), said=tuple(said),
        is_true=_fits(each.entry.link, each.entry.salt, each.entry.facts) and _is_under(each, batch),
    )  # fmt: skip


def _link(link: Link) -> tuple[int, int, str, str]:
    return link.seq, link.at_ms, link.act, link.hash


def _fits(link: Link, salt: bytes, facts: bytes) -> bool:
    try:
        verify_facts(link, salt, facts)
    except Broken:
        return False
    return True


def _is_under(each: batches.Imported, batch: dict[str, Any]) -> bool:
    """Whether the row is among those that the import's entry committed to."""
    try:
        return each.root().hex() == batch.get("root")
    except Broken:
        return False
