"""Questions about mails: what `posthouse mail` says over files, for whoever is at the control socket."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any, Final, TypeVar

from deliverability.address import Address, AddressError
from engine.audience.contacts import contact_facts, find_contact
from engine.control.asked import Asked
from engine.control.mail_room import CannotProve, MailRoom, files_of, shared_files
from engine.control.protocol.mails import (
    MailFinding,
    MailFindings,
    MailLanguage,
    MailProof,
    Mails,
    MailSheet,
)
from engine.control.refusal import Refusal
from engine.flow.definition import Definition, recall
from engine.house import House
from engine.proofs.differing import differences
from engine.proofs.finding_place import place_of
from engine.proofs.linting import lint
from engine.proofs.proving import Proof, Prover
from engine.proofs.rules import Finding
from engine.proofs.samples import Reader
from engine.proofs.spam import SpamTrouble, judge
from engine.sending.mail_files import MailFileError
from engine.sending.texts import TextError
from mta.ports import Tx, to_ms

T = TypeVar("T")
_PREHEADER: Final = re.compile(r"<div[^>]*display:\s*none[^>]*>(.*?)</div>", re.DOTALL)
_TAG: Final = re.compile(r"<[^>]*>")
_FILLER: Final = "\u2007\u034f\u00a0 \t\n"


async def every(house: House, room: MailRoom) -> Mails:
    """All mails, with the flows that send them."""
    applied = await house.store.read(_applied)
    try:
        rows = await room.rows(house, {name: mails for name, (_, mails) in applied.items()})
    except CannotProve as err:
        raise _cannot(err) from None
    titles = {**room.titles, **{name: title for name, (title, _) in applied.items()}}
    folder = str(house.config.templates or "")
    shared = shared_files(house.resources)
    return Mails(
        to_ms(house.clock.now()), rows, tuple(sorted(titles.items())), shared, folder, house.config.mail.locale
    )  # fmt: skip


def _applied(tx: Tx) -> dict[str, tuple[str, tuple[str, ...]]]:
    """(title, mails) of each flow that is applied."""
    rows = tx.query("SELECT f.name, v.source FROM flow f JOIN flow_version v ON v.id = f.version_id")
    read = {name: recall(source, f"{name}.yaml") for name, source in rows}
    return {
        name: (each.title, tuple(sorted(each.templates))) for name, each in read.items() if isinstance(each, Definition)
    }


async def one(house: House, room: MailRoom, name: str) -> MailSheet:
    """A mail: what it is for, its languages, its files."""
    row = next((each for each in (await every(house, room)).rows if each.name == name), None)
    if row is None:
        raise Refusal(f"there is no mail {name[:63]}", "`posthouse mail list` lists them", 404)

    def look(prover: Prover) -> MailSheet:
        words = [prover.texts.of(tag) for tag in row.languages]
        return MailSheet(
            to_ms(house.clock.now()), name, row.about or row.fault, row.stream, row.event,
            tuple(MailLanguage(each.tag, each.name, each.direction) for each in words), row.flows,
            files_of(house.resources, name), tuple(each.rstrip("\n") for each in differences(house.resources, [name])),
        )  # fmt: skip

    return await _ask(house, room, look)


async def proof(house: House, room: MailRoom, name: str, asked: Asked) -> MailProof:
    """The mail as a reader would get it: a made one, or with `address` a contact. Nothing is sent, kept or counted."""
    wanted = asked.text("locale") or house.config.mail.locale
    reader = Reader(asked.one_of("reader", [str(each) for each in Reader]))
    address = asked.text("address")
    contact = await _contact(house, address) if address else None
    now_ms = to_ms(house.clock.now())

    def prove(prover: Prover) -> MailProof:
        try:
            words = prover.texts.choose(wanted, wanted, f"mail.{name}")
            made = prover.proof(name, words.tag, reader, contact=contact, now=house.clock.now())
        except (MailFileError, TextError) as err:
            raise Refusal(str(err), "`posthouse mail list` lists the mails there are", 404) from None
        return _told(made, address or str(reader), now_ms)

    return await _ask(house, room, prove)


def _told(proof: Proof, reader: str, now_ms: int) -> MailProof:
    words, made = proof.words, proof.composed
    head = (now_ms, proof.mail, words.tag, words.name, words.direction, reader, proof.stream.word)
    if made is None:
        fault = proof.fault
        assert fault is not None
        return MailProof(*head, fault=fault.why, file=fault.template, line=fault.line)
    return MailProof(
        *head, made.header_from, made.subject, _preheader(made.html), made.text, made.html, len(made.content)
    )  # fmt: skip


def _preheader(html: str) -> str:
    """What a mailbox shows behind the subject."""
    found = _PREHEADER.search(html)
    return " ".join(unescape(_TAG.sub("", found[1])).strip(_FILLER).split()) if found else ""


async def _contact(house: House, address: str) -> dict[str, Any]:
    try:
        who = Address.parse(address)
    except AddressError as err:
        raise Refusal(f"address: {err}") from None

    def read(tx: Tx) -> dict[str, Any] | None:
        found = find_contact(tx, who)
        return None if found is None else contact_facts(tx, found)

    facts = await house.store.read(read)
    if facts is None:
        raise Refusal(f"{who} is no contact", "`posthouse contact list` lists them", 404)
    return facts


async def findings(house: House, room: MailRoom, name: str, asked: Asked) -> MailFindings:
    """What a lint finds in a mail, with file and line. `spam`: ask SpamAssassin or rspamd too, where one is installed."""
    who = judge() if asked.number("spam", 0, most=1) else None

    def look(prover: Prover) -> MailFindings:
        try:
            found = list(lint(prover, [name], who))
        except SpamTrouble as err:
            raise Refusal(str(err), "", 409) from None
        rows = tuple(_finding(prover, name, each) for each in found)
        return MailFindings(to_ms(house.clock.now()), name, rows, who.program if who else "")

    return await _ask(house, room, look)


def _finding(prover: Prover, name: str, found: Finding) -> MailFinding:
    file, line = place_of(prover.resources, name, found)
    return MailFinding(found.rule, file, line, found.where, found.problem)


async def _ask(house: House, room: MailRoom, question: Callable[[Prover], T]) -> T:
    try:
        return await room.ask(house, question)
    except CannotProve as err:
        raise _cannot(err) from None


def _cannot(err: CannotProve) -> Refusal:
    return Refusal(str(err), "mend this file: no mail can be written with it", 409)
