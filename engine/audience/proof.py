"""The proof of one person's consent: a file that anybody can verify, with no access to this installation.

It holds every entry about the person with its facts and salt, and the chain from the first of them to the youngest entry
of the ledger. To change one word somebody would have to change the commitment, the entry's hash, and the hash of every
later entry; and each marketing mail carries such a hash in a signed field (`X-Consent-Entry`), in the mailboxes of those
who got it. Of an import it holds the person's own rows, the batch's one entry, and the path of hashes from each
row to the root that this entry committed to: nothing of anybody else's rows. What the file can't show is that nothing was
added falsely at the time; that is what the words, the address and the mail in the facts are for.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from deliverability.address import Address, AddressError
from engine.audience import batches, consent, ledger, merkle
from engine.audience.contacts import find_contact
from engine.audience.ledger import Broken, Link
from mta.ports import Tx, from_ms

FORMAT: Final = "posthouse consent proof 1"
CHAIN: Final = ("seq", "at", "act", "commitment", "hash")  # a row of the chain in the file


@dataclass(frozen=True, slots=True)
class Told:
    """One verified entry, as a reader wants it."""

    seq: int
    at: datetime
    act: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verified:
    """What a file proves."""

    address: str
    entries: tuple[Told, ...]
    head: Link


def build(tx: Tx, address: Address, *, hostname: str, now: datetime) -> bytes | None:
    """The file for an address; None when the ledger holds nothing about it. What was said for another mailbox, which
    was merged into this contact, is not in it: that is no consent of this one's."""
    contact_id = find_contact(tx, address)
    if contact_id is None:
        return None
    entries = [each for each in consent.history(tx, contact_id) if _is_about(each.told, address)]
    rows = [each for each in batches.history(tx, contact_id) if _is_about(each.told, address)]
    if not entries and not rows:
        return None
    declared = {each.entry.link.seq: each.entry for each in rows}
    entries = sorted([*entries, *declared.values()], key=lambda each: each.link.seq)
    first = entries[0].link
    return seal({
        "format": FORMAT,
        "installation": hostname,
        "made": now.isoformat(timespec="seconds"),
        "address": str(address),
        "entries": [{"seq": each.link.seq, "salt": each.salt.hex(), "facts": each.facts.decode()} for each in entries],
        "rows": [_row(each) for each in rows],
        "previous": first.previous,
        "chain": [
            [each.seq, each.at_ms, each.act, each.commitment, each.hash] for each in consent.chain(tx, first.seq)
        ],
    })  # fmt: skip


def _is_about(told: Mapping[str, Any], address: Address) -> bool:
    try:
        return Address.parse(told["address"]).key == address.key
    except AddressError:
        return False


def _row(each: batches.Imported) -> dict[str, Any]:
    return {
        "seq": each.entry.link.seq, "place": each.place, "salt": each.salt.hex(), "facts": each.facts.decode(),
        "path": [one.hex() for one in each.path],
    }  # fmt: skip


def seal(values: dict[str, Any]) -> bytes:
    """The one way to write a file: its values, a line each, and the SHA-256 of them."""
    return _written(values | {"sha256": hashlib.sha256(_written(values)).hexdigest()})


def _written(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")


def verify(octets: bytes, head: str = "") -> Verified:
    """Do all of the arithmetic again. Broken, with the place, where anything does not fit. `head`: the hash of an entry
    known from elsewhere (a mail's X-Consent-Entry), which must be among the chain's."""
    file = _read(octets)
    links = _links(file)
    who = _key(file["address"])
    last = ledger.verify_chain(links, links[0].seq, file["previous"])
    assert last is not None
    if head and head not in {each.hash for each in links}:
        raise Broken("no entry in the file has the hash that was given")
    by_seq = {each.seq: each for each in links}
    told, imports = [], {}
    for number, entry in enumerate(file["entries"], 1):
        found = _entry(number, entry, by_seq)
        if found.act == consent.Act.IMPORTED:
            imports[found.seq] = found  # about a batch, not about a person: their row says what is about them
        elif _key(found.facts["address"]) != who:
            raise Broken(f"entry {found.seq} is about another address than the file")
        else:
            told.append(found)
    told += [_imported(number, row, imports, who) for number, row in enumerate(file["rows"], 1)]
    told.sort(key=lambda each: each.seq)
    if not told:
        raise Broken("the file has no entry about the person")
    if seal({name: value for name, value in file.items() if name != "sha256"}) != octets:
        raise Broken("something around the entries was changed: the file is not as it was written")
    return Verified(file["address"], tuple(told), last)


def _imported(number: int, row: Any, imports: dict[int, Told], who: str) -> Told:
    """A row of an import, by its path to the root that the import's entry committed to."""
    try:
        seq, place, salt, facts = int(row["seq"]), int(row["place"]), bytes.fromhex(row["salt"]), str(row["facts"])
        way = [bytes.fromhex(each) for each in row["path"]]
    except (KeyError, TypeError, ValueError):
        raise Broken(f"row {number} of the file lacks its number, place, salt, facts or path") from None
    if seq not in imports:
        raise Broken(f"row {number} of the file rests on entry {seq}, which is no import in it")
    declared = imports[seq].facts
    batch = declared.get("import")
    if not isinstance(batch, dict) or type(batch.get("rows")) is not int:
        raise Broken(f"entry {seq} does not say how many rows it committed to")
    commitment = bytes.fromhex(ledger.commit_to(salt, facts.encode("utf-8", "surrogatepass")))
    if merkle.climb(commitment, place, batch["rows"], way).hex() != batch.get("root"):
        raise Broken(f"row {number} of the file is not among the rows that entry {seq} committed to")
    told = _facts(f"row {number} of the file", facts)
    if _key(told["address"]) != who:
        raise Broken(f"row {number} of the file is about another address than the file")
    return Told(seq, imports[seq].at, imports[seq].act, {**declared, **told})


def _entry(number: int, entry: Any, chain: dict[int, Link]) -> Told:
    try:
        seq, salt, facts = int(entry["seq"]), bytes.fromhex(entry["salt"]), str(entry["facts"])
    except (KeyError, TypeError, ValueError):
        raise Broken(f"entry {number} of the file lacks its number, salt or facts") from None
    if seq not in chain:
        raise Broken(f"entry {seq} is not in the chain")
    ledger.verify_facts(chain[seq], salt, facts.encode("utf-8", "surrogatepass"))
    return Told(seq, from_ms(chain[seq].at_ms), chain[seq].act, _facts(f"entry {seq}", facts))


def _facts(where: str, text: str) -> dict[str, Any]:
    """Facts that were committed to. Whoever makes a ledger of their own may commit to anything."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("address"), str):
        raise Broken(f"the facts of {where} name no address")
    return found


def _key(address: str) -> str:
    try:
        return Address.parse(address).key
    except AddressError as err:
        raise Broken(f'"address" is none: {err}') from None


def _read(octets: bytes) -> dict[str, Any]:
    try:
        file = json.loads(octets)
    except (ValueError, RecursionError):
        raise Broken("this is no JSON file, or not a whole one") from None
    if not isinstance(file, dict) or file.get("format") != FORMAT:
        raise Broken(f'this is no proof of consent: its "format" is not "{FORMAT}"')
    shapes = {"address": str, "previous": str, "entries": list, "rows": list, "chain": list}
    for key, kind in shapes.items():
        if not isinstance(file.get(key), kind):
            raise Broken(f'"{key}" is missing, or has another shape')
    return file


def _links(file: dict[str, Any]) -> list[Link]:
    """The chain's rows; each follows the one before it."""
    previous, links = file["previous"], []
    for number, row in enumerate(file["chain"], 1):
        if not (isinstance(row, list) and [type(each) for each in row] == [int, int, str, str, str]):
            raise Broken(f"row {number} of the chain is not {', '.join(CHAIN)}")
        seq, at_ms, act, commitment, own = row
        if not f"{act}{commitment}{own}{previous}".isascii():
            raise Broken(f"row {number} of the chain has letters that no entry has")
        links.append(Link(seq, at_ms, act, commitment, previous, own))
        previous = own
    if not links:
        raise Broken("the chain is empty")
    if links[0].seq == 1 and file["previous"] != ledger.GENESIS:
        raise Broken("the first entry of the ledger follows nothing")
    return links
