"""Sending a mail to an address of one's own, with a made reader and a made event: as it leaves this house, signed. The
templates are read as they lie there now: who changes one sees it before anybody else does."""

from typing import Any

from deliverability.address import Address, AddressError
from engine.control.asked import Asked
from engine.control.mail_room import CannotProve
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.house import House
from engine.proofs.proving import Proof, Prover
from engine.proofs.samples import Reader, person
from engine.sending.mail_files import MailFileError
from engine.sending.texts import TextError
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient, enqueue


async def send_test(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Queue it. It is no contact's: its links change nothing, it is counted nowhere, and no list knows of it."""
    asked = Asked(body)
    name, locale = asked.text("mail"), asked.text("locale") or house.config.mail.locale
    reader = Reader(asked.one_of("reader", [str(each) for each in Reader]))
    now, octets = house.clock.now(), house.chance.octets(16)
    if not house.composer.texts.has(locale):
        raise Refusal(f"there are no words in {locale[:20]}", f"there are {', '.join(house.composer.texts.tags)}")
    try:
        address = Address.parse(asked.text("address"))
        words = house.composer.texts.choose(locale, locale, f"mail.{name}")
        nobody = {**person(words.tag, reader), "id": 0, "address": str(address)}

        def prove(prover: Prover) -> Proof:
            return prover.proof(name, words.tag, reader, contact=nobody, now=now, octets=octets)

        proof = await office.mails.ask_to_send(house, prove)
    except (AddressError, TextError, MailFileError, CannotProve) as err:
        raise Refusal(str(err), "`posthouse mail check` reads all mails there are") from None
    mail = proof.composed
    if mail is None:
        raise Refusal(str(proof.fault), "`posthouse mail preview` shows it; nothing was sent", 422)
    message = NewMessage(
        reverse_path=str(house.composer.address), recipients=(Recipient(address),), content=mail.content,
        stream=Stream.TRANSACTIONAL, origin="test", needs_utf8=mail.needs_utf8, has_8bit=mail.needs_utf8,
        subject=mail.subject, header_from=mail.header_from, message_id=mail.message_id,
    )  # fmt: skip
    queued = await house.store.write(lambda tx: enqueue(tx, message, now, house.config.queue))
    office.tell(wake=[address.domain])
    return Done(f"{name} ({words.tag}, {reader}) goes to {address}", {"message": queued.message_id})
