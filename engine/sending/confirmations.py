"""The confirmation mail of a double opt-in: composed and queued in the transaction that records the asking."""

from datetime import datetime, timedelta
from typing import Final

from deliverability.address import Address
from engine.audience.consent import Shown
from engine.audience.lists import Asking, list_facts
from engine.audience.tokens import YES, Purpose
from engine.sending.compose import Composer
from mta.ports import Tx, from_ms
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient, enqueue
from mta.queue.settings import QueueSettings

TEMPLATE: Final = "confirm"
GOOD_FOR: Final = timedelta(days=7)


class Confirmations:
    """Asks people, for `lists.subscribe`. Made anew for each asking: `octets` are drawn before the transaction."""

    def __init__(self, composer: Composer, queue: QueueSettings, octets: bytes, now: datetime) -> None:
        self._composer = composer
        self._queue = queue
        self._octets = octets
        self._now = now

    def __call__(self, tx: Tx, asking: Asking) -> Shown:
        """Queue the mail; what it says. TemplateFault when it can't be written: then nobody was asked."""
        address = Address.parse(asking.contact["address"])
        mail = self._composer.compose(
            TEMPLATE, asking.contact, {"list": list_facts(asking.mailing_list), "expires": self._expires(asking).isoformat()},
            stream=Stream.TRANSACTIONAL, now=self._now, octets=self._octets, links=self._links(asking),
        )  # fmt: skip
        queued = enqueue(
            tx,
            NewMessage(
                reverse_path=str(self._composer.address), recipients=(Recipient(address),), content=mail.content,
                stream=Stream.TRANSACTIONAL, origin="confirmation",
                needs_utf8=mail.needs_utf8, has_8bit=mail.needs_utf8, subject=mail.subject,
                header_from=mail.header_from, message_id=mail.message_id,
            ),
            self._now,
            self._queue,
        )  # fmt: skip
        tx.execute(
            "INSERT INTO sending (message_id, contact_id, enrolment_id, flow, step, occurrence, template)"
            " VALUES (?,?,NULL,'','',1,?)",
            (queued.message_id, asking.contact["id"], TEMPLATE),
        )
        return Shown(queued.message_id, mail.message_id, mail.subject, mail.text)

    def _expires(self, asking: Asking) -> datetime:
        return max(from_ms(asking.asked_ms), self._now) + GOOD_FOR

    def _links(self, asking: Asking) -> dict[str, str]:
        """Two ways to say yes: the page, and an answer to the mail."""
        ids = (asking.contact["id"], asking.mailing_list.id, asking.asked_ms)
        tokens, expires = self._composer.tokens, self._expires(asking)
        links = {"confirm": f"{self._composer.base_url}/confirm/{tokens.make(Purpose.CONFIRM, ids, expires)}"}
        if self._composer.mail_domain:
            token = tokens.make_mailbox(Purpose.CONFIRM, ids, expires)
            links["answer"] = f"{YES}{token}@{self._composer.mail_domain}"
        return links
