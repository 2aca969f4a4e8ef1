"""`posthouse mail preview`: a proof in the terminal and in a file, and again whenever something changes."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from engine.audience.contacts import contact_facts, find_contact
from engine.commands.common import address as parsed
from engine.commands.common import config, database, refuse
from engine.control.mail_room import times_of
from engine.proofs.proving import Proof, Prover
from engine.proofs.samples import Reader
from engine.sending.mail_files import MailFileError
from engine.sending.texts import TextError
from mta.plain_file import why, write_plain
from mta.ports import Tx

EVERY: Final = 0.3  # seconds between two looks at the files
_RELOAD: Final = '<meta http-equiv="refresh" content="1">'


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be shown."""

    name: str
    locale: str
    reader: str
    contact: str
    data: str
    html: Path | None


def show(asked: Asked, config_path: Path | None, prover: Prover, *, as_json: bool) -> None:
    """Print it, and write its HTML. Refuses what can't be written."""
    proof = _proof(asked, config_path, prover)
    if proof.composed is None:
        refuse(str(proof.fault), code=2)
    mail = proof.composed
    if asked.html is not None:
        _keep(asked.html, proof.html)
    if as_json:
        print(json.dumps({"subject": mail.subject, "from": mail.header_from, "language": proof.words.tag,
                          "text": mail.text, "html": proof.html}, ensure_ascii=False))  # fmt: skip
    else:
        print(_told(proof, asked.html))


def watched(asked: Asked, config_path: Path | None, make: Callable[[], Prover]) -> NoReturn:
    """The same whenever a file changes, until it is interrupted; the page in a browser loads itself anew."""
    page = asked.html or Path(f"{asked.name}.{asked.locale}.html")
    print(f"open {page.resolve().as_uri()}; Ctrl-C ends", flush=True)
    seen: Mapping[Path, float] = {}
    bell, resources = threading.Event(), make().resources
    while True:
        if (now := times_of(resources)) != seen:
            seen = now
            try:
                proof = _proof(asked, config_path, make())
                _write(page, proof)
                print(f"\n{_told(proof, page) if proof.composed else proof.fault}", flush=True)
            except (MailFileError, TextError) as err:
                print(f"\n{err}", flush=True)
        bell.wait(EVERY)


def _write(page: Path, proof: Proof) -> None:
    shown = proof.html or f"<!doctype html><html><head></head><pre>{proof.fault}</pre></html>"
    _keep(page, shown.replace("<head>", f"<head>{_RELOAD}", 1))


def _keep(page: Path, html: str) -> None:
    try:
        write_plain(page, html.encode())
    except OSError as err:
        refuse(f"{page} can't be written: {why(err)}", "--html names a file in a folder that is there", code=2)


def _proof(asked: Asked, config_path: Path | None, prover: Prover) -> Proof:
    known = prover.languages(asked.name)
    if not known:
        refuse(
            f"there is no mail {asked.name[:63]}, or its file is wrong",
            f"`posthouse mail check {asked.name[:63]}`",
            code=2,
        )
    if not prover.texts.has(asked.locale):
        refuse(f"there are no words in {asked.locale[:20]}", f"there are {', '.join(prover.texts.tags)}", code=2)
    words = prover.texts.choose(asked.locale, asked.locale, f"mail.{asked.name}")
    if asked.reader not in list(Reader):
        refuse(f"there is no made reader {asked.reader[:20]}", f"there are {', '.join(Reader)}", code=2)
    contact = _contact(asked.contact, config_path) if asked.contact else None
    return prover.proof(asked.name, words.tag, Reader(asked.reader), contact=contact, sample=_data(asked.data))


def _data(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as err:
        refuse(f"--data is no JSON: {err}", code=2)
    if not isinstance(found, dict):
        refuse('--data is no JSON object, such as {"number": "A-1"}', code=2)
    return found


def _contact(address: str, config_path: Path | None) -> dict[str, Any]:
    who = parsed(address)

    def read(tx: Tx) -> dict[str, Any] | None:
        contact_id = find_contact(tx, who)
        return None if contact_id is None else contact_facts(tx, contact_id)

    found = database(config(config_path)).read_now(read)
    if found is None:
        refuse(f"{who} is no contact", "`posthouse contact list` lists them", code=2)
    return found


def _told(proof: Proof, page: Path | None) -> str:
    mail = proof.composed
    assert mail is not None
    head = f"From: {mail.header_from}\nSubject: {mail.subject}\n({proof.words.name}, {proof.stream.word})"
    return f"{head}\n\n{mail.text}" + (f"\n\nHTML: {page}, {len(proof.html.encode()):,} octets" if page else "")
